"""The registry's tables: one transaction an advance, shared by processes, nothing counted twice."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from trunkline.errors import InvalidRequest, Unavailable
from trunkline.registry.memory_tables import MemoryTables
from trunkline.registry.tables import Tables
from trunkline.rows import CommitRow, FetchCount, IndexBatch, Served, TouchRow, VersionRow
from trunkline.store.registry_tables import SQLiteTables


@pytest.fixture(params=["sqlite", "memory"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tables]:
    """Both implementations answer alike."""
    if request.param == "memory":
        yield MemoryTables()
        return
    made = SQLiteTables(tmp_path / "registry.db")
    yield made
    made.close()


def sha(number: int) -> str:
    return f"{number:040x}"


def batch(old: int, new: int) -> IndexBatch:
    """Each commit makes a version of `a` and sets its label."""
    numbers = range(old + 1, new + 1)
    return IndexBatch(
        old_head=sha(old) if old else "",
        head=sha(new),
        seq=new,
        commits=[CommitRow(n, sha(n), n * 1_000_000, "Ada <ada@example.com>", f"commit {n}") for n in numbers],
        versions=[VersionRow("a", n, n, sha(1000 + n)) for n in numbers],
        touches=[
            touch
            for n in numbers
            for touch in (TouchRow("a", n, "prompt", "", sha(1000 + n)), TouchRow("a", n, "label", "production", None))
        ],
        records=[("a", b"state %d" % new)],
        strays=b"s",
    )


def test_an_advance_is_read_back(tables: Tables) -> None:
    assert tables.versions.load("p") is None
    assert tables.versions.head("p") is None
    assert tables.versions.advance("p", batch(0, 3))
    assert tables.versions.advance("p", batch(3, 5))
    assert tables.versions.head("p") == (sha(5), 5)
    loaded = tables.versions.load("p")
    assert loaded is not None
    assert (loaded.head, loaded.seq, loaded.strays, loaded.records) == (sha(5), 5, b"s", [b"state 5"])
    found = tables.versions.version("p", "a", 4)
    assert found is not None
    row, commit = found
    assert row == VersionRow("a", 4, 4, sha(1004))
    assert commit == CommitRow(4, sha(4), 4_000_000, "Ada <ada@example.com>", "commit 4")
    assert [row.version for row, _ in tables.versions.versions("p", "a")] == [5, 4, 3, 2, 1]
    assert tables.versions.commit("p", 2) == CommitRow(2, sha(2), 2_000_000, "Ada <ada@example.com>", "commit 2")
    assert tables.versions.commit("p", 9) is None
    assert tables.versions.version("p", "a", 9) is None
    assert tables.versions.load("another") is None


def test_touches_are_newest_first_by_label_and_bounded(tables: Tables) -> None:
    tables.versions.advance("p", batch(0, 4))
    everything = tables.versions.touches("p", "a", label=None, limit=3, before=None)
    assert [(row.seq, row.kind) for row, _ in everything] == [(4, "label"), (4, "prompt"), (3, "label")]
    label = tables.versions.touches("p", "a", label="production", limit=10, before=3)
    assert [(row.seq, row.label, row.blob) for row, _ in label] == [(2, "production", None), (1, "production", None)]
    assert [commit.sha for _, commit in label] == [sha(2), sha(1)]


def test_an_advance_from_another_head_writes_nothing(tables: Tables) -> None:
    tables.versions.advance("p", batch(0, 2))
    assert not tables.versions.advance("p", batch(0, 2))
    assert not tables.versions.advance("p", batch(1, 3))
    assert [row.version for row, _ in tables.versions.versions("p", "a")] == [2, 1]


def test_entries_are_replaced_and_read_many_at_once(tables: Tables) -> None:
    tables.entries.put({sha(n): b"%d" % n for n in range(1200)})
    tables.entries.put({sha(7): b"new"})
    tables.entries.put({})
    found = tables.entries.get([sha(n) for n in range(1300)])
    assert len(found) == 1200
    assert (found[sha(7)], found[sha(1199)]) == (b"new", b"1199")


def test_served_heads_are_appended_once(tables: Tables) -> None:
    tables.served.append("p", Served(head=sha(1), since=100))
    tables.served.append("p", Served(head=sha(2), since=200, held=("production/a: broken",)))
    tables.served.append("p", Served(head=sha(1), since=300))
    assert tables.served.served("p", limit=10) == [
        Served(head=sha(2), since=200, held=("production/a: broken",)),
        Served(head=sha(1), since=100),
    ]
    assert [row.head for row in tables.served.served("p", limit=1, at=150)] == [sha(1)]
    assert tables.served.served("q", limit=1) == []


def test_fetches_add_up(tables: Tables) -> None:
    one = FetchCount("p", "a", 3, "production", "pk-1", hour=500_000, count=2)
    tables.fetches.add([one, FetchCount("p", "a", 3, "", "pk-1", hour=500_001, count=1)])
    tables.fetches.add([one])
    tables.fetches.add([])
    found = {(row.label, row.hour): row.count for row in tables.fetches.fetches("p", "a")}
    assert found == {("production", 500_000): 4, ("", 500_001): 1}
    assert [row.count for row in tables.fetches.fetches("p", "a", since_hour=500_001)] == [1]
    assert tables.fetches.fetches("p", "b") == []


RACER = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_registry_tables import batch
from trunkline.store.registry_tables import SQLiteTables
tables = SQLiteTables(Path({path!r}))
won = 0
for number in range(60):
    won += tables.versions.advance("p", batch(number, number + 1))
print(won)
"""


def test_processes_that_index_the_same_commits_do_not_double(tmp_path: Path) -> None:
    script = RACER.format(here=str(Path(__file__).parent), path=str(tmp_path / "registry.db"))
    racers = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    won = [int(racer.communicate(timeout=60)[0]) for racer in racers]
    assert sum(won) == 60
    tables = SQLiteTables(tmp_path / "registry.db")
    assert [row.version for row, _ in tables.versions.versions("p", "a")] == list(range(60, 0, -1))
    tables.close()


def test_reads_go_on_during_a_write(tmp_path: Path) -> None:
    tables = SQLiteTables(tmp_path / "registry.db")
    tables.versions.advance("p", batch(0, 1))
    found: list[object] = []
    with tables.versions._connections.writing(synced=True):
        reader = threading.Thread(target=lambda: found.append(tables.versions.version("p", "a", 1)))
        reader.start()
        reader.join(5)
    assert found
    assert found[0] is not None
    tables.close()


def test_a_file_of_a_later_release_or_no_database_is_named(tmp_path: Path) -> None:
    later = tmp_path / "later.db"
    SQLiteTables(later).close()
    connection = apsw.Connection(str(later))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(InvalidRequest, match="has format 99"):
        SQLiteTables(later)
    nonsense = tmp_path / "nonsense.db"
    nonsense.write_bytes(b"nonsense" * 1000)
    with pytest.raises(Unavailable, match="is damaged"):
        SQLiteTables(nonsense)
