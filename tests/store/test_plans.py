"""The ways into a list: whichever index it begins with, the same is found."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from trace_events import HOUR, PROJECT, SECOND, T, at, price, score, span, trace
from trunkline.errors import InvalidRequest
from trunkline.store.filters import Column, IsNull, TextIs, TextOperator
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.store.traces import ObservationQuery, ScoreQuery, TraceQuery
from trunkline.types import Change, ObservationType


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteTraceStore]:
    engine = SQLiteTraceStore(tmp_path / "traces.db", pricer=price)
    yield engine
    await engine.close()


async def test_every_way_in_finds_what_the_plain_one_finds(store: SQLiteTraceStore) -> None:
    """Which index a list begins with depends on what was asked and on how many traces a user has."""
    rows: list[Change] = []
    for number in range(1100):
        user = "busy" if number % 11 else f"user-{number % 5}"
        rows.append(trace(f"t{number}", timestamp=T + number, user_id=user, session_id=f"s{number % 7}", tags=("all",)))
        rows.append(span(f"o{number}", f"t{number}", at(number)))
        rows.append(score(f"x{number}", at(number), trace_id=f"t{number}"))
    rows += [trace(f"again-{number}", user_id="busy", timestamp=T) for number in range(100)]
    await store.write(PROJECT, rows)
    for user, traces in (("busy", 1100), ("user-0", 20), ("nobody", 0)):
        found, total = await store.traces(PROJECT, TraceQuery(user_id=user, limit=2000))
        assert (len(found), total) == (traces, traces)
        expected = [each.id.replace("t", "o") for each in found if each.id.startswith("t")]
        parts, total = await store.observations(PROJECT, ObservationQuery(user_id=user, limit=2000))
        assert ([each.id for each in parts], total) == (expected, len(expected))
        late, total = await store.observations(PROJECT, ObservationQuery(user_id=user, limit=3, since=T + 600 * SECOND))
        assert [each.id for each in late] == expected[: len(late)]
        judged, total = await store.scores(PROJECT, ScoreQuery(user_id=user, limit=2000))
        assert ([each.id.replace("x", "o") for each in judged], total) == (expected, len(expected))
    tagged, total = await store.traces(PROJECT, TraceQuery(tags=("all",), since=T + 5, until=T + 9, descending=False))
    assert ([each.id for each in tagged], total) == (["t5", "t6", "t7", "t8"], 4)


async def test_tags_follow_their_traces(store: SQLiteTraceStore) -> None:
    async def tagged(*tags: str) -> list[str]:
        found, total = await store.traces(PROJECT, TraceQuery(tags=tags))
        assert total == len(found)
        return [each.id for each in found]

    await store.write(PROJECT, [trace("a", tags=("x", "y"), timestamp=T), trace("b", tags=("x",), timestamp=T + 1)])
    assert (await tagged("x"), await tagged("x", "y"), await tagged("z")) == (["b", "a"], ["a"], [])
    await store.write(PROJECT, [trace("a", at(5), tags=("z",)), trace("c", at(9)), span("o", "c")])
    assert (await tagged("x"), await tagged("z", "x", "y")) == (["b", "a"], ["a"])
    await store.write(PROJECT, [trace("c", at(1), tags=("x",), timestamp=T + 9)])
    assert await tagged("x") == ["c", "b", "a"]
    await store.delete_traces(PROJECT, ["a"])
    assert (await tagged("x"), await tagged("z")) == (["c", "b"], [])
    assert await store.traces("another", TraceQuery(tags=("x",))) == ([], 0)


async def test_a_file_from_before_the_indexes_gets_them(tmp_path: Path) -> None:
    path = tmp_path / "traces.db"
    store = SQLiteTraceStore(path)
    await store.write(PROJECT, [trace("a", tags=("x",), name="n"), trace("b", tags=("x", "y"))])
    await store.close()
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.execute("DROP TABLE trace_tags")
        for trigger in ("new", "changed", "deleted"):
            connection.execute(f"DROP TRIGGER tags_of_{trigger}")
        connection.execute("DROP INDEX trace_by_name")
    store = SQLiteTraceStore(path)
    assert [each.id for each in (await store.traces(PROJECT, TraceQuery(tags=("x", "y"))))[0]] == ["b"]
    assert (await store.traces(PROJECT, TraceQuery(name="n")))[1] == 1
    await store.delete_traces(PROJECT, ["b"])
    assert (await store.traces(PROJECT, TraceQuery(tags=("x",))))[1] == 1
    await store.close()


async def test_a_read_that_takes_too_long_is_refused(store: SQLiteTraceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.write(PROJECT, [trace(f"t{n}", timestamp=T + n, metadata=b'{"k":"v"}') for n in range(3000)])
    rare = TextIs(column=Column.METADATA, key="k", operator=TextOperator.EQUAL, value="none")
    monkeypatch.setattr("trunkline.store.sqlite_reads.LONGEST_S", -1.0)
    with pytest.raises(InvalidRequest, match="time range"):
        await store.traces(PROJECT, TraceQuery(conditions=(rare,)))
    assert len((await store.traces(PROJECT, TraceQuery(limit=3, count=False)))[0]) == 3
    monkeypatch.undo()
    assert await store.traces(PROJECT, TraceQuery(conditions=(rare,))) == ([], 0)


async def test_what_is_counted_by_the_hour_is_what_the_rows_are(store: SQLiteTraceStore) -> None:
    rng = random.Random(11)
    types = [ObservationType.SPAN, ObservationType.GENERATION]
    await store.write(PROJECT, [
        span(f"o{n}", f"t{n % 9}", at(rng.randint(0, 5 * 3600), 0, n), type=rng.choice(types),
             name=rng.choice(["a", None]), environment=rng.choice(["default", "e"]), model=rng.choice([None, "gpt-4o"]))
        for n in range(300)
    ])  # fmt: skip
    await store.write(PROJECT, [span(f"o{n}", stamp=at(9, 1), name="renamed") for n in range(20)])
    await store.delete_traces(PROJECT, ["t1"])
    ends = [None, T, T - 5 * HOUR, *(T + rng.randint(0, 5 * 3600) * SECOND for _ in range(12)), T + HOUR - T % HOUR]
    conditions = (IsNull(column=Column.NAME), TextIs(column=Column.MODEL, operator=TextOperator.CONTAINS, value="4"))
    for _ in range(150):
        query = ObservationQuery(
            since=rng.choice(ends), until=rng.choice(ends), types=tuple(rng.sample(types, rng.randint(0, 2))),
            name=rng.choice([None, None, "a", "renamed"]), environments=rng.choice([(), ("e",), ("e", "default")]),
            conditions=tuple(rng.sample(conditions, rng.choice([0, 0, 1]))), limit=1000, texts=False,
        )  # fmt: skip
        found, total = await store.observations(PROJECT, query)
        assert total == len(found), query
    assert (await store.observations("another", ObservationQuery()))[1] == 0
