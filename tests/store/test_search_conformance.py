"""What every engine must find, and must not find any more: the conformance suite's part on searches."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from store.test_traces import ENGINES
from trace_events import HOUR, PROJECT, SECOND, T, at, generation, score, span, trace
from trunkline.store.search import SearchField, SearchHit, SearchQuery, parse_search
from trunkline.store.traces import TraceStore
from trunkline.types import JSON, ObservationType


@pytest.fixture(params=sorted(ENGINES))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TraceStore]:
    """With somebody who keeps the index."""
    engine = await ENGINES[request.param](tmp_path)
    keeping = asyncio.create_task(engine.keep_search())
    yield engine
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
    await engine.close()


def doc(value: JSON) -> bytes:
    return json.dumps(value).encode()


async def caught_up(store: TraceStore) -> None:
    async with asyncio.timeout(20):
        while (status := await store.search_status()) is None or status.lag or status.unread_traces:
            await asyncio.sleep(0.01)


async def hits(store: TraceStore, text: str, project: str = PROJECT, **query: JSON) -> list[SearchHit]:
    """All of them, page by page."""
    asked = SearchQuery(expression=parse_search(text), **query)
    found: list[SearchHit] = []
    for _ in range(1000):
        page = await store.search(project, asked)
        assert len(page.hits) <= asked.limit
        found += page.hits
        if page.cursor is None:
            return found
        asked = msgspec.structs.replace(asked, after=page.cursor)
    raise AssertionError("the pages have no end")


async def ids(store: TraceStore, text: str, project: str = PROJECT, **query: JSON) -> list[str]:
    return sorted(hit.observation_id or hit.trace_id for hit in await hits(store, text, project, **query))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_words_phrases_prefixes(store: TraceStore) -> None:
    await store.write(
        PROJECT,
        [
            trace(name="simple-query", input=doc("Where is my refund?")),
            span("a", name="draft-answer", input=doc({"question": "the Ticket was closed"})),
            span("b", output=doc([{"role": "user", "content": "closed the ticket,\nÉtienne"}])),
            span("c"),
        ],
    )
    await caught_up(store)
    assert await ids(store, "ticket closed") == ["a", "b"]
    assert await ids(store, '"ticket was closed"') == ["a"]
    assert await ids(store, '"closed the ticket"') == ["b"]
    assert await ids(store, "tick* -question") == ["b"]
    assert await ids(store, "etienne") == ["b"]
    assert await ids(store, '"user closed"') == [], "a phrase does not go from one value on into the next"
    assert await ids(store, "draft-answer OR refund") == ["a", "trace-1"]
    assert await ids(store, "name:simple") == ["trace-1"]
    assert await ids(store, "input:simple") == []
    assert await ids(store, "-ticket") == ["trace-1"]
    assert await ids(store, "nothing") == []


async def test_a_hit_says_what_and_where(store: TraceStore) -> None:
    text = "word " * 100 + "the needle here " + "more " * 100
    await store.write(
        PROJECT,
        [
            trace(name="query", timestamp=T, environment="staging"),
            generation("g", start=2, environment="staging", name="answer", output=doc({"content": text})),
        ],
    )
    await caught_up(store)
    (hit,) = await hits(store, "needle")
    assert (hit.trace_id, hit.observation_id, hit.type) == ("trace-1", "g", ObservationType.GENERATION)
    assert (hit.name, hit.environment, hit.time, hit.field) == ("answer", "staging", T + 2 * SECOND, SearchField.OUTPUT)
    assert hit.snippet.startswith("… word word ")
    assert "word the needle here more" in hit.snippet
    assert hit.snippet.endswith(" more …")
    assert len(hit.snippet) < 250
    (of_trace,) = await hits(store, "query")
    assert (of_trace.trace_id, of_trace.observation_id, of_trace.type) == ("trace-1", None, None)
    assert (of_trace.name, of_trace.time, of_trace.field, of_trace.snippet) == ("query", T, SearchField.NAME, "query")


async def test_what_was_replaced_is_not_found(store: TraceStore) -> None:
    await store.write(PROJECT, [span("a", input=doc("first")), trace(name="old")])
    await caught_up(store)
    assert await ids(store, "first OR old") == ["a", "trace-1"]
    await store.write(
        PROJECT, [span("a", stamp=at(1, rank=1), input=doc("second")), trace(stamp=at(1, rank=1), name="new")]
    )
    assert await ids(store, "first OR old") == [], "at once, even if the index has it still"
    await caught_up(store)
    assert await ids(store, "first OR old") == []
    assert await ids(store, "second OR new") == ["a", "trace-1"]


async def test_what_was_renamed_is_found_by_its_new_name(store: TraceStore) -> None:
    await store.write(PROJECT, [span("a", name="before", input=doc("same"))])
    await caught_up(store)
    await store.write(PROJECT, [span("a", stamp=at(1, rank=1), name="after")])
    assert await ids(store, "before") == []
    await caught_up(store)
    assert await ids(store, "after same") == ["a"]
    assert await ids(store, "before") == []


async def test_what_was_deleted_is_not_found(store: TraceStore) -> None:
    await store.write(PROJECT, [span("a", "t1", input=doc("word")), span("b", "t2", input=doc("word")), score()])
    await caught_up(store)
    await store.delete_traces(PROJECT, ["t2"])
    assert await ids(store, "word") == ["a"], "at once"
    await store.write(PROJECT, [span("b", "t2", input=doc("other"))])  # which may get the numbers of the deleted one
    await caught_up(store)
    assert await ids(store, "word") == ["a"]
    assert await ids(store, "other") == ["b"]
    status = await store.search_status()
    assert status is not None
    assert status.documents == 2


async def test_projects_see_nothing_of_one_another(store: TraceStore) -> None:
    await store.write(PROJECT, [span("a", input=doc("shared"))])
    await store.write("project-2", [span("b", input=doc("shared"))])
    await caught_up(store)
    assert await ids(store, "shared") == ["a"]
    assert await ids(store, "shared", "project-2") == ["b"]
    assert await ids(store, "-nothing", "project-2") == ["b"]
    assert await ids(store, "shared", "project-3") == []
    assert await ids(store, "p1 OR p2 OR p1espan") == []


async def test_filters(store: TraceStore) -> None:
    await store.write(
        PROJECT,
        [
            generation("g", start=0, name="x", environment="production"),
            span("s", stamp=at(3600), name="x", environment="my-env_1"),
            span("u", stamp=at(7200), name="x", environment="my-env"),
            trace("t", timestamp=T + HOUR, name="x"),
        ],
    )
    await caught_up(store)
    assert await ids(store, "x", types=(ObservationType.GENERATION,)) == ["g"]
    assert await ids(store, "x", types=(ObservationType.GENERATION, ObservationType.SPAN)) == ["g", "s", "u"]
    assert await ids(store, "x", environments=("my-env_1",)) == ["s"]
    assert await ids(store, "x", environments=("my-env", "production")) == ["g", "u"]
    assert await ids(store, "x", since=T + 1) == ["s", "t", "u"]
    assert await ids(store, "x", since=T, until=T + 2 * HOUR) == ["g", "s", "t"]
    assert await ids(store, "x", since=T + HOUR, until=T + HOUR + 1) == ["s", "t"]
    assert await ids(store, "x", until=T) == []


async def test_pages_follow_on_one_another_and_the_latest_comes_first(store: TraceStore) -> None:
    changes = [span(f"s{n}", f"t{n % 7}", stamp=at(n * 1800), input=doc("word")) for n in range(25)]
    await store.write(PROJECT, changes)
    await caught_up(store)
    found = await hits(store, "word", limit=4)
    assert sorted(hit.observation_id or "" for hit in found) == sorted(change.id for change in changes)
    hours = [hit.time // HOUR for hit in found]
    assert hours == sorted(hours, reverse=True)
    page = await store.search(PROJECT, SearchQuery(expression=parse_search("word"), limit=25))
    assert (len(page.hits), page.cursor) == (25, None)


@pytest.mark.parametrize(
    "document", ["\x00nul", "𝔘nicode ﷽ e\u0301", "x" * 100_000, {"k": ["deep", {"er": 1e300}]}, ""]
)
async def test_odd_texts_are_no_fault(store: TraceStore, document: JSON) -> None:
    await store.write(PROJECT, [span("a", name="findme", input=doc(document)), span("b", name="日本語のテスト")])
    await caught_up(store)
    assert await ids(store, "findme") == ["a"]
    assert await ids(store, "本語") == ["b"]
