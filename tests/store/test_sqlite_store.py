"""What only the SQLite store promises: durable group commits, shared files, exact sums, clear errors."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest_forever import batch
from trace_events import PROJECT, at, events, generation, price, score, span
from trunkline.errors import InsufficientStorage, InvalidRequest, Unavailable
from trunkline.store.histogram import decode
from trunkline.store.rollups import SUMS, Cell, token_sums, total_cost
from trunkline.store.sqlite_rows import change_of_observation, cost_of, is_generation, start_of
from trunkline.store.sqlite_schema import SCHEMA_VERSION, open_connection
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.store.sqlite_tables import find_series
from trunkline.store.texts import NO_TEXTS
from trunkline.store.traces import ObservationQuery, TraceQuery
from trunkline.types import Change

INGEST = Path(__file__).parents[1] / "ingest_forever.py"
TESTS = Path(__file__).parents[1]
CRASH_ROUNDS = int(os.environ.get("TRUNKLINE_CRASH_ROUNDS", "5"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "traces.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SQLiteTraceStore]:
    store = SQLiteTraceStore(path, pricer=price)
    yield store
    await store.close()


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(path))
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


# --- exact sums ---


def stored_cells(path: Path) -> dict[tuple[object, ...], tuple[object, ...]]:
    rows = query(path, f"SELECT project, series, hour, {', '.join(SUMS)}, histogram FROM rollups")
    return {row[:3]: (*row[3:-1], decode(bytes(row[-1]))) for row in rows}


def recomputed_cells(path: Path) -> dict[tuple[object, ...], tuple[object, ...]]:
    """The sums over the rows as they stand."""
    connection = apsw.Connection(str(path))
    cells: dict[tuple[object, ...], Cell] = {}
    for row in connection.execute("SELECT * FROM observations"):
        change = change_of_observation(row, find_series(connection, row[3]), "", NO_TEXTS)
        cell = cells.setdefault((row[0], row[3], start_of(change) // 3_600_000_000), Cell())
        cost = cost_of(row)
        cell.add(
            1,
            change.level,
            None if change.end_time is None else change.end_time - start_of(change),
            token_sums(change.usage) if change.usage else None,
            total_cost(cost) if cost else None,
        )
    connection.close()
    return {key: (*cell.sums(), cell.histogram) for key, cell in cells.items()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=events(), sizes=st.lists(st.integers(1, 4), min_size=10, max_size=10))
async def test_sums_are_those_of_the_rows_after_any_history(
    store: SQLiteTraceStore, path: Path, changes: list[Change], sizes: list[int]
) -> None:
    left: Sequence[Change] = [*changes, *changes[::2]]
    for size in sizes:
        await store.write(PROJECT, left[:size])
        left = left[size:]
    assert stored_cells(path) == recomputed_cells(path)
    await store.delete_traces(PROJECT, ["t1"])
    assert stored_cells(path) == recomputed_cells(path)
    await store.delete_traces(PROJECT, ["t1", "t2"])
    await store.delete_scores(PROJECT, ["s1", "s2"])
    for table in ("observations", "traces", "rollups", "texts", "scores", "score_links"):
        assert query(path, f"SELECT count(*) FROM {table}") == [(0,)]


async def test_a_busy_hour_has_a_compact_histogram(store: SQLiteTraceStore, path: Path) -> None:
    for part in range(20):
        changes = [generation(f"g{part}-{n}", f"t{n}", seconds=1 + n % 30) for n in range(100)]
        await store.write(PROJECT, changes)
        for change in changes[:3]:
            await store.write(PROJECT, [change, span(change.id, change.trace_id, stamp=at(9, 1), output=b"1")])
    assert stored_cells(path) == recomputed_cells(path)
    assert query(path, "SELECT max(length(histogram)) FROM rollups")[0][0] < 4000


# --- the file ---


async def test_the_file_is_in_wal_mode_and_synced_at_each_commit(store: SQLiteTraceStore, path: Path) -> None:
    await store.write(PROJECT, [span()])
    connection = open_connection(path, busy_ms=100)
    assert (connection.pragma("journal_mode"), connection.pragma("synchronous")) == ("wal", 2)
    assert connection.pragma("integrity_check") == "ok"
    connection.close()


async def test_it_is_there_after_closing_and_opening(path: Path) -> None:
    for n in range(3):
        store = SQLiteTraceStore(path)
        await store.write(PROJECT, [span(f"s{n}")])
        await store.close()
    store = SQLiteTraceStore(path)
    assert (await store.observations(PROJECT, ObservationQuery()))[1] == 3
    await store.close()
    assert not path.with_name("traces.db-wal").exists()


def test_a_newer_file_is_refused_in_one_line(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", SCHEMA_VERSION + 1)
    connection.close()
    with pytest.raises(InvalidRequest) as refused:
        SQLiteTraceStore(path)
    assert "\n" not in refused.value.message
    assert f"format {SCHEMA_VERSION + 1}" in refused.value.message


def test_what_is_no_database_is_said(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(Unavailable, match="damaged"):
        SQLiteTraceStore(path)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read or written"):
        SQLiteTraceStore(tmp_path / "none" / "traces.db")


async def test_no_statement_scans_a_table(store: SQLiteTraceStore, path: Path) -> None:
    """With thousands of rows each lookup of the writer goes by an index; a scan would cost seconds."""
    changes: list[Change] = []
    for n in range(1500):
        changes += [generation(f"g{n}", f"t{n}", start=n), score(f"s{n}", trace_id=f"t{n}")]
    await store.write(PROJECT, changes)
    steps = 0
    # every row that a scan of a table or of an index steps over is seen as virtual machine steps
    connection = store._writer._connection

    def counted() -> bool:
        nonlocal steps
        steps += 1
        return False

    connection.set_progress_handler(counted, 100)
    await store.write(PROJECT, [generation("new", "t7", start=7), score("s7", at(5), trace_id="t7")])
    await store.write(PROJECT, [span("g3", "t3", stamp=at(9, 1), output=b"1"), score("s3", at(5), trace_id="t3")])
    connection.set_progress_handler(None)
    assert steps * 100 < 12_000


# --- group commit, limits, errors ---


async def test_concurrent_writes_share_transactions(store: SQLiteTraceStore, path: Path) -> None:
    commits = 0

    def committed(*_: object) -> bool:
        nonlocal commits
        commits += 1
        return False

    store._writer._connection.set_commit_hook(committed)
    await asyncio.gather(*(store.write(PROJECT, [span(f"s{n}")]) for n in range(200)))
    store._writer._connection.set_commit_hook(None)
    assert commits < 20
    assert query(path, "SELECT count(*) FROM observations") == [(200,)]


async def test_a_full_queue_pushes_back(path: Path) -> None:
    store = SQLiteTraceStore(path, most_bytes=100_000, busy_ms=20_000)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")  # the writer waits, so that writes queue up
    text = b'"' + b"x" * 30_000 + b'"'
    writes = [asyncio.create_task(store.write(PROJECT, [span(f"s{n}", input=text)])) for n in range(30)]
    await asyncio.wait(writes, timeout=0.3)
    refused = [write for write in writes if write.done()]
    assert len(refused) >= 24
    for write in refused:
        error = write.exception()
        assert isinstance(error, Unavailable)
        assert error.retry_after > 0
    other.execute("ROLLBACK")
    other.close()
    await asyncio.gather(*(write for write in writes if write not in refused))
    assert query(path, "SELECT count(*) FROM observations") == [(30 - len(refused),)]
    await store.close()


async def test_a_store_held_beyond_the_bound_is_unavailable_and_recovers(path: Path) -> None:
    store = SQLiteTraceStore(path, busy_ms=100)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as held:
        await store.write(PROJECT, [span()])
    assert held.value.retry_after > 0
    other.execute("ROLLBACK")
    other.close()
    await store.write(PROJECT, [span()])
    assert await store.observation(PROJECT, "span-1") is not None
    await store.close()


async def test_a_full_disk_is_said_and_nothing_half_stored(store: SQLiteTraceStore, path: Path) -> None:
    await store.write(PROJECT, [span("before")])
    pages = store._writer._connection.pragma("page_count")
    assert isinstance(pages, int)
    store._writer._connection.pragma("max_page_count", pages + 20)
    incompressible = b'"' + random.Random(1).randbytes(300_000).hex().encode() + b'"'
    with pytest.raises(InsufficientStorage) as full:
        await store.write(PROJECT, [span("a"), span("b", input=incompressible)])
    assert full.value.retry_after > 0
    assert [o.id for o in (await store.observations(PROJECT, ObservationQuery()))[0]] == ["before"]
    store._writer._connection.pragma("max_page_count", 1 << 30)
    await store.write(PROJECT, [span("a"), span("b", input=incompressible)])
    assert (await store.observations(PROJECT, ObservationQuery()))[1] == 3
    assert stored_cells(path) == recomputed_cells(path)


async def test_a_caller_that_goes_away_harms_nobody(store: SQLiteTraceStore) -> None:
    gone = asyncio.create_task(store.write(PROJECT, [span("gone")]))
    await asyncio.sleep(0)
    gone.cancel()
    await store.write(PROJECT, [span("stays")])
    assert await store.observation(PROJECT, "stays") is not None


async def test_closing_writes_what_was_accepted_and_takes_no_more(path: Path) -> None:
    store = SQLiteTraceStore(path)
    writes = [asyncio.create_task(store.write(PROJECT, [span(f"s{n}")])) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writes)
    with pytest.raises(Unavailable):
        await store.write(PROJECT, [span("late")])
    assert query(path, "SELECT count(*) FROM observations") == [(50,)]


# --- several processes, crashes ---


def ingest(path: Path, name: str, *more: str, before: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    command = [*before, sys.executable, str(INGEST), str(path), name, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)


def acknowledged(output: bytes) -> set[int]:
    """Whole lines only: the last one may be cut by the kill."""
    return {int(line.split()[1]) for line in output.decode().split("\n")[:-1]}


async def test_two_processes_share_the_file(path: Path) -> None:
    children = [ingest(path, name, "150") for name in ("one", "two")]
    for child in children:
        output, _ = child.communicate(timeout=100)
        assert child.returncode == 0
        assert acknowledged(output) == set(range(150))
    store = SQLiteTraceStore(path)
    assert (await store.traces(PROJECT, TraceQuery(limit=1)))[1] == 300
    (metrics,) = await store.version_metrics(PROJECT, "support/triage")
    assert metrics.generations == metrics.trace_scores["helpful"].count == 300
    await store.close()
    assert stored_cells(path) == recomputed_cells(path)


@pytest.mark.crash
@pytest.mark.timeout(60 + 10 * CRASH_ROUNDS)
async def test_kill_9_loses_and_doubles_nothing(path: Path) -> None:
    rng = random.Random(11)
    for crash in range(CRASH_ROUNDS):
        name = f"round-{crash}"
        child = ingest(path, name)
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(rng.uniform(0, 0.4))
        child.send_signal(signal.SIGKILL)
        done = acknowledged(first + child.stdout.read())
        child.wait(timeout=10)
        child.stdout.close()
        began = time.monotonic()
        store = SQLiteTraceStore(path, pricer=price)
        assert time.monotonic() - began < 2
        for number in done:
            detail = await store.trace(PROJECT, f"trace-{name}-{number}")
            assert detail is not None
            assert (len(detail.observations), len(detail.scores)) == (2, 1)
        await store.write(PROJECT, [change for number in range(max(done) + 5) for change in batch(name, number)])
        page, total = await store.traces(PROJECT, TraceQuery(name=name, limit=1))
        assert page
        assert max(done) + 5 <= total < max(done) + 10
        await store.close()
        if crash < 5 or crash % 100 == 0:  # the whole file: its cost grows with the rounds
            assert query(path, "PRAGMA integrity_check") == [("ok",)]
            assert stored_cells(path) == recomputed_cells(path)
            traces, observations = query(
                path, "SELECT (SELECT count(*) FROM traces), (SELECT count(*) FROM observations)"
            )[0]
            assert observations == 2 * traces


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt-get install strace")
def test_the_log_is_synced_before_the_acknowledgement(path: Path, tmp_path: Path) -> None:
    trace = tmp_path / "calls"
    calls = "trace=write,pwrite64,fsync,fdatasync"
    child = ingest(path, "traced", "5", "1", before=["strace", "-f", "-y", "-e", calls, "-s", "40", "-o", str(trace)])
    output, _ = child.communicate(timeout=100)
    if child.returncode != 0 and not trace.read_text():
        pytest.skip("strace may not trace here")
    assert acknowledged(output) == set(range(5))
    unsynced, said = None, 0
    for line in trace.read_text().splitlines():
        if re.search(r"pwrite64\(\d+<[^>]*-wal>", line):
            unsynced = line
        elif re.search(r"f(data)?sync\(\d+<[^>]*-wal>", line):
            unsynced = None
        elif "ACKNOWLEDGED" in line:
            said += 1
            assert unsynced is None, f"acknowledged before the sync of {unsynced}"
    assert said == 5


async def test_generations_are_indexed_as_they_are_counted(store: SQLiteTraceStore, path: Path) -> None:
    """The partial index spells the bit of `GENERATION` as a number."""
    changes = [generation("g"), generation("no-version", prompt_version=None), span("s", prompt_name="p")]
    await store.write(PROJECT, changes)
    (row,) = query(path, "SELECT count(*) FROM observations INDEXED BY generation_by_series WHERE flags & 64")
    assert row == (sum(map(is_generation, changes)),) == (1,)
