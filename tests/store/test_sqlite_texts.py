"""What a store keeps of texts: shared where a trace says what its root says, and gone when nothing refers to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from trace_events import PROJECT, at, span, trace
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.store.sqlite_texts import TextBlocks
from trunkline.store.texts import MOST_PARTS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "traces.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SQLiteTraceStore]:
    store = SQLiteTraceStore(path)
    yield store
    await store.close()


def kept(path: Path) -> list[bytes]:
    """The inputs in the file, in order."""
    connection = apsw.Connection(str(path))
    unpack = TextBlocks(connection).unpack
    blocks = [unpack(row[0]) for row in connection.execute("SELECT content FROM texts ORDER BY text")]
    connection.close()
    return [part[1] or b"" for block in blocks for part in block if part is not None]


async def test_a_trace_shares_the_texts_of_its_root(store: SQLiteTraceStore, path: Path) -> None:
    said: dict[str, Any] = {"input": b'"question"', "output": b'"answer"', "metadata": b'{"a":1}'}
    await store.write(PROJECT, [trace(**said), span(**said), span("child", parent_id="span-1", input=b'"child"')])
    assert kept(path) == [b'"question"', b'"child"']
    detail = await store.trace(PROJECT, "trace-1")
    assert detail is not None
    root = next(each for each in detail.observations if each.id == "span-1")
    for each in (detail.trace, root):
        assert (each.input, each.output, each.metadata) == tuple(said.values())


async def test_a_root_that_changes_leaves_its_trace_the_shared_texts(store: SQLiteTraceStore, path: Path) -> None:
    await store.write(PROJECT, [trace(input=b'"first"'), span(input=b'"first"')])
    await store.write(PROJECT, [span(stamp=at(1, 1), input=b'"second"')])
    assert kept(path) == [b'"first"', b'"second"']
    await store.write(PROJECT, [trace(stamp=at(2, 1), input=b'"third"')])
    assert kept(path) == [b'"second"', b'"third"']


async def test_a_text_that_was_replaced_is_gone_from_its_block(store: SQLiteTraceStore, path: Path) -> None:
    await store.write(PROJECT, [span(input=b'"old"'), span("other", input=b'"other"')])
    await store.write(PROJECT, [span(stamp=at(1, 1), input=b'"new"')])
    assert kept(path) == [b'"other"', b'"new"']


async def test_the_texts_of_a_deleted_trace_are_gone_from_shared_blocks(store: SQLiteTraceStore, path: Path) -> None:
    await store.write(PROJECT, [span(input=b'"secret"'), span("other", "trace-2", input=b'"public"')])
    await store.delete_traces(PROJECT, ["trace-1"])
    assert kept(path) == [b'"public"']
    await store.delete_traces(PROJECT, ["trace-2"])
    assert kept(path) == []


async def test_an_observation_takes_its_text_along_to_another_trace(store: SQLiteTraceStore, path: Path) -> None:
    await store.write(PROJECT, [span(trace_id="late", stamp=at(5), input=b'"text"')])
    await store.write(PROJECT, [span(trace_id="early", stamp=at(1), name="moved")])
    await store.delete_traces(PROJECT, ["late"])
    found = await store.observation(PROJECT, "span-1")
    assert found is not None
    assert (found.trace_id, found.input) == ("early", b'"text"')
    assert kept(path) == [b'"text"']


async def test_many_and_large_texts_fill_several_blocks(store: SQLiteTraceStore) -> None:
    texts = {f"span-{n}": b'"%s"' % (b"x" * (100_000 if n % 100 == 7 else n + 1)) for n in range(MOST_PARTS + 50)}
    await store.write(PROJECT, [span(id, input=text) for id, text in texts.items()])
    detail = await store.trace(PROJECT, "trace-1")
    assert detail is not None
    assert {each.id: each.input for each in detail.observations} == texts
