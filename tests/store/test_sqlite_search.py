"""The search index of the SQLite store: its file, its blocks, crashes, and who keeps it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from store.test_search_conformance import caught_up, doc, hits, ids
from trace_events import PROJECT, T, at, span, trace
from trunkline.errors import InvalidRequest, NotFound
from trunkline.store import sqlite_indexer, sqlite_search
from trunkline.store.search import SearchQuery, parse_search
from trunkline.store.sqlite_index import IndexLock, ask_for_rebuild, index_path, open_index
from trunkline.store.sqlite_indexer import Indexer, run_to_the_end
from trunkline.store.sqlite_schema import open_connection
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.types import Observation


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteTraceStore]:
    """Nobody keeps its index but the test."""
    opened = SQLiteTraceStore(tmp_path / "traces.db")
    yield opened
    await opened.close()


def index(store: SQLiteTraceStore) -> int:
    """Brings the index up to date; returns how many documents were written."""
    with closing(Indexer(store.path, index_path(store.path))) as indexer:
        return sum(step.documents for step in run_to_the_end(indexer))


def rows(path: Path, sql: str) -> list[tuple[apsw.SQLiteValue, ...]]:
    with closing(open_index(index_path(path), busy_ms=1000, read_only=True)) as connection:
        return connection.execute(sql).fetchall()


async def test_what_was_there_before_the_index_is_read(store: SQLiteTraceStore) -> None:
    await store.write(PROJECT, [span(f"s{n}", f"t{n}", input=doc("word")) for n in range(1200)])
    assert index(store) == 1200
    assert index(store) == 0
    index_path(store.path).unlink()
    assert index(store) == 1200


async def test_only_what_differs_is_written(store: SQLiteTraceStore) -> None:
    await store.write(PROJECT, [trace(name="t"), span("a", input=doc("one")), span("b", input=doc("one"))])
    assert index(store) == 3
    await store.write(PROJECT, [span("b", stamp=at(1, rank=1), input=doc("two")), span("c", input=doc("three"))])
    assert index(store) == 2
    await store.write(PROJECT, [span("b", stamp=at(2, rank=1), end_time=T + 5)])
    assert index(store) == 0
    assert await ids(store, "one OR two OR three") == ["a", "b", "c"]


async def test_what_a_trace_has_from_its_root_is_indexed_once(store: SQLiteTraceStore) -> None:
    said: dict[str, Any] = {"input": doc("question"), "output": doc("answer")}
    await store.write(PROJECT, [trace(name="t", **said), span("root", **said), span("child", parent_id="root", **said)])
    assert index(store) == 3
    assert await ids(store, "question") == ["child", "root"]
    assert await ids(store, "t") == ["trace-1"]
    await store.write(PROJECT, [span("root", stamp=at(1, rank=1), output=doc("another"))])
    assert index(store) == 2
    assert await ids(store, "answer") == ["child", "trace-1"]
    await store.write(PROJECT, [trace(stamp=at(1, rank=1), output=doc("another"))])
    assert await ids(store, "answer") == ["child"]
    assert index(store) == 1
    assert await ids(store, "another") == ["root"]


async def test_a_step_that_was_cut_off_is_done_again(store: SQLiteTraceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.write(PROJECT, [span(f"s{n}", f"t{n}", input=doc("word")) for n in range(10)])
    index(store)
    await store.write(PROJECT, [span(f"s{n}", f"t{n}", input=doc("word")) for n in range(10, 300)])
    with monkeypatch.context() as patch:
        patch.setattr(sqlite_indexer, "set_state", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            index(store)
    assert len(await hits(store, "word")) == 10
    assert index(store) == 290
    assert len(await hits(store, "word")) == 300


async def test_documents_go_on_in_the_next_block(store: SQLiteTraceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_indexer, "BLOCK_DOCUMENTS", 100)
    for start in range(0, 500, 50):
        changes = [span(f"s{n}", f"t{n}", stamp=at(n * 60), input=doc(f"word n{n}")) for n in range(start, start + 50)]
        await store.write(PROJECT, changes)
        index(store)
    assert len(rows(store.path, "SELECT * FROM blocks")) == 5
    found = [hit.observation_id for hit in await hits(store, "word", limit=7)]
    assert len(found) == len(set(found)) == 500
    assert found[0] in {f"s{n}" for n in range(400, 500)}
    assert await ids(store, "n7") == ["s7"]
    assert len(await hits(store, "word", since=T, until=T + 60_000_000 * 100)) == 100
    await store.delete_traces(PROJECT, [f"t{n}" for n in range(100)])
    index(store)
    assert len(rows(store.path, "SELECT * FROM blocks")) == 4, "an empty block is dropped"
    assert len(await hits(store, "word")) == 400


async def test_a_page_ends_when_it_took_long(store: SQLiteTraceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_indexer, "BLOCK_DOCUMENTS", 100)
    monkeypatch.setattr(sqlite_search, "ENOUGH_S", -1.0)
    for start in (0, 100):
        await store.write(PROJECT, [span(f"s{n}", f"t{n}", input=doc("word")) for n in range(start, start + 100)])
        index(store)
    page = await store.search(PROJECT, SearchQuery(expression=parse_search("word")))
    assert page.cursor is not None
    assert len(page.hits) < 50


async def test_a_search_that_takes_much_too_long_is_refused(
    store: SQLiteTraceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_search, "TOO_LONG_S", -1.0)
    monkeypatch.setattr(sqlite_search, "_STEPS", 1)
    await store.write(PROJECT, [span("a", input=doc("word"))])
    index(store)
    with pytest.raises(InvalidRequest, match="rarer word"):
        await store.search(PROJECT, SearchQuery(expression=parse_search("word")))


async def test_a_rebuild_that_was_asked_for(store: SQLiteTraceStore) -> None:
    await store.write(PROJECT, [span("a", input=doc("word")), span("b", input=doc("word"))])
    assert index(store) == 2
    ask_for_rebuild(index_path(store.path))
    assert index(store) == 2
    assert await ids(store, "word") == ["a", "b"]


async def test_an_index_of_another_store_is_made_again(store: SQLiteTraceStore, tmp_path: Path) -> None:
    for n in range(5):
        await store.write(PROJECT, [span(f"s{n}", input=doc("word"))])
    index(store)
    (tmp_path / "restored").mkdir()
    other = SQLiteTraceStore(tmp_path / "restored" / "traces.db")
    await other.write(PROJECT, [span("x", input=doc("other"))])
    index_path(store.path).rename(index_path(other.path))
    index(other)
    assert await ids(other, "word OR other") == ["x"]
    await other.close()


async def test_what_was_written_without_a_log_is_read(tmp_path: Path) -> None:
    first = SQLiteTraceStore(tmp_path / "traces.db")
    await first.write(PROJECT, [span("a", input=doc("word"))])
    index(first)
    await first.close()
    off = SQLiteTraceStore(tmp_path / "traces.db", search=False)
    await off.write(PROJECT, [span("b", "t2", input=doc("word"))])
    with pytest.raises(NotFound, match="TRUNKLINE_SEARCH"):
        await off.search(PROJECT, SearchQuery(expression=parse_search("word")))
    assert await off.search_status() is None
    await off.keep_search()
    await off.close()
    on = SQLiteTraceStore(tmp_path / "traces.db")
    assert index(on) == 2
    assert await ids(on, "word") == ["a", "b"]
    await on.close()


def test_one_process_at_a_time_keeps_it(tmp_path: Path) -> None:
    first, second = IndexLock(tmp_path / "search.db"), IndexLock(tmp_path / "search.db")
    assert first.take()
    assert not second.take()
    first.close()
    assert second.take()
    second.close()


async def test_the_log_is_pruned_as_far_as_it_was_followed(store: SQLiteTraceStore) -> None:

    keeping = asyncio.create_task(store.keep_search())
    await store.write(PROJECT, [span("a", input=doc("word"))])
    await caught_up(store)
    await store.write(PROJECT, [span("b", input=doc("word"))])
    await caught_up(store)
    with closing(open_connection(store.path, busy_ms=1000, read_only=True)) as connection:
        async with asyncio.timeout(10):
            while connection.execute("SELECT count(*) FROM changed_traces").get:
                await asyncio.sleep(0.05)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping


async def test_any_order_of_writes_and_steps_comes_to_what_is_stored(store: SQLiteTraceStore) -> None:
    draw = random.Random(5)
    for n in range(120):
        what = draw.randrange(10)
        if what == 0:
            await store.delete_traces(PROJECT, [f"t{draw.randrange(6)}"])
        else:
            id = f"s{draw.randrange(30)}"
            text = doc(f"word w{draw.randrange(20)}") if what < 8 else None
            change = span(
                id, f"t{draw.randrange(6)}", stamp=at(n, rank=1), input=text, name=draw.choice([None, "n1", "n2"])
            )
            await store.write(PROJECT, [change])
        if draw.randrange(4) == 0:
            index(store)
    index(store)
    for number in range(20):
        expected = [
            o.id for t in range(6) for o in await observations(store, f"t{t}") if f"w{number}" in words(o.input)
        ]
        assert await ids(store, f"w{number}") == sorted(expected)
    stored = [o for t in range(6) for o in await observations(store, f"t{t}") if o.input or o.name]
    assert len(rows(store.path, "SELECT * FROM documents")) == len(stored)


async def observations(store: SQLiteTraceStore, trace_id: str) -> tuple[Observation, ...]:
    detail = await store.trace(PROJECT, trace_id)
    return detail.observations if detail else ()


def words(text: bytes | None) -> list[str]:
    return (text or b"").decode().strip('"').split()
