"""The log of touched traces that the search index follows."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from trace_events import PROJECT, at, span, trace
from trunkline.errors import InvalidRequest
from trunkline.store.sqlite_changes import Changed, ChangeLog, changes_after, last_change, prune_changes
from trunkline.store.sqlite_schema import open_connection, transaction
from trunkline.store.sqlite_store import SQLiteTraceStore


def read(path: Path, place: int = 0) -> Changed | None:
    connection = open_connection(path, busy_ms=1000, read_only=True)
    try:
        return changes_after(connection, place, 1000)
    finally:
        connection.close()


async def test_a_transaction_leaves_the_traces_that_it_touched(tmp_path: Path) -> None:
    store = SQLiteTraceStore(tmp_path / "traces.db")
    await store.write(PROJECT, [trace(), span(), span("b", "trace-2")])
    first = read(store.path)
    assert first is not None
    assert (sorted(first.touched), sorted(first.gone), first.unknown) == ([1, 2], [], False)
    await store.write(PROJECT, [span("b", "trace-1", stamp=at(-1))])
    moved = read(store.path, first.last)
    assert moved is not None
    assert sorted(moved.touched) == [1, 2]
    await store.delete_traces(PROJECT, ["trace-1"])
    after = read(store.path, moved.last)
    assert after is not None
    assert (sorted(after.touched), sorted(after.gone)) == ([], [1])
    await store.close()


async def test_what_is_refused_leaves_nothing(tmp_path: Path) -> None:
    store = SQLiteTraceStore(tmp_path / "traces.db")
    with pytest.raises(InvalidRequest):
        await store.write(PROJECT, [span(usage={"input": 1 << 70})])
    assert read(store.path) is None
    await store.close()


async def test_places_go_on_after_the_log_was_pruned(tmp_path: Path) -> None:
    store = SQLiteTraceStore(tmp_path / "traces.db")
    await store.write(PROJECT, [span()])
    connection = open_connection(store.path, busy_ms=1000)
    with transaction(connection):
        prune_changes(connection, 1)
    assert (read(store.path), last_change(connection)) == (None, 1)
    await store.write(PROJECT, [span("b")])
    after = read(store.path, 1)
    assert after is not None
    assert after.last == 2
    connection.close()
    await store.close()


def test_a_process_that_keeps_no_log_says_so(tmp_path: Path) -> None:
    connection: apsw.Connection = open_connection(tmp_path / "traces.db", busy_ms=1000)
    log = ChangeLog(connection)
    with transaction(connection):
        log.skip()
    log.touch([1])
    log.flush()
    found = read(tmp_path / "traces.db")
    assert found is not None
    assert found.unknown
    assert (sorted(found.touched), found.last) == ([], 1)
    connection.close()
