"""Days that are over: closed by whoever asks, opened by what comes late, and never to be told from their hours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from trace_events import HOUR, PROJECT, SECOND, T, events, generation, price, span, trace
from trunkline.store.daily import DailyQuery, DayUsage, ModelUsage, UserOrder, UserQuery
from trunkline.store.metrics_query import DAY, Aggregation, Granularity, Measure, Metric, MetricsQuery, View
from trunkline.store.sqlite_days import Part, parts
from trunkline.store.sqlite_schema import open_connection
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.store.traces import ObservationQuery, TraceQuery
from trunkline.types import Change

COUNT = Metric(measure=Measure.COUNT, aggregation=Aggregation.COUNT)
BY_DAY = MetricsQuery(
    view=View.OBSERVATIONS, metrics=(COUNT,), since=T - 3 * DAY, until=T + 3 * DAY, granularity=Granularity.DAY
)
MIDNIGHT = T // DAY * DAY


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteTraceStore]:
    store = SQLiteTraceStore(tmp_path / "traces.db", pricer=price)
    yield store
    await store.close()


def rows(store: SQLiteTraceStore, sql: str) -> list[tuple[Any, ...]]:
    connection = apsw.Connection(str(store.path))
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def opened(store: SQLiteTraceStore) -> list[int]:
    return [row[0] for row in rows(store, "SELECT day FROM open_days ORDER BY day")]


async def counts(store: SQLiteTraceStore) -> list[int | float | object]:
    return [group.values[0] for group in await store.metrics(PROJECT, BY_DAY)]


async def test_a_late_event_opens_its_day_and_no_other(store: SQLiteTraceStore) -> None:
    await store.write(PROJECT, [generation(f"g{n}", "t", start=n * 86_400) for n in range(3)])
    day = T // DAY
    assert opened(store) == [day, day + 1, day + 2]
    await store.sum_up_days()
    assert opened(store) == []
    assert await counts(store) == [1, 1, 1]
    await store.write(PROJECT, [generation("late", "t", start=86_400)])
    assert opened(store) == [day + 1]
    assert await counts(store) == [1, 2, 1]
    await store.delete_traces(PROJECT, ["t"])
    await store.sum_up_days()
    for table in ("rollup_days", "day_totals", "day_models"):
        assert rows(store, f"SELECT count(*) FROM {table}") == [(0,)]
    assert await counts(store) == []


async def test_whoever_asks_has_the_days_summed_up(store: SQLiteTraceStore) -> None:
    await store.write(PROJECT, [generation(f"g{n}", "t", start=n * 86_400) for n in range(3)])
    assert await counts(store) == [1, 1, 1]
    end = time.monotonic() + 20
    while opened(store):
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
    assert await counts(store) == [1, 1, 1]


async def test_the_day_that_goes_on_stays_open(store: SQLiteTraceStore) -> None:
    now = time.time_ns() // 1000
    await store.write(PROJECT, [span("now", "t", start_time=now), span("soon", "t", start_time=now + DAY)])
    await store.sum_up_days()
    assert [day for day in opened(store) if day < now // DAY] == []
    assert opened(store)[-1] == now // DAY + 1


async def test_a_file_without_days_gets_them(store: SQLiteTraceStore, tmp_path: Path) -> None:
    await store.write(PROJECT, [generation("g", "t"), generation("old", "t", start=-60 * 365.25 * 86_400)])
    for table in ("rollup_days", "day_totals", "day_models", "open_days"):
        rows(store, f"DROP TABLE {table}")
    again = SQLiteTraceStore(store.path, pricer=price)
    day = T // DAY
    assert opened(again) == [int(T - 60 * 365.25 * DAY) // DAY, day]
    await again.sum_up_days()
    assert await counts(again) == [1]
    await again.close()


def test_parts_are_closed_days_and_the_hours_around_them(tmp_path: Path) -> None:
    connection = open_connection(tmp_path / "t.db", busy_ms=1000)

    def cut(first: int, end: int, *days: int) -> list[tuple[str, int, int]]:
        connection.execute("DELETE FROM open_days")
        connection.executemany("INSERT INTO open_days VALUES (1, ?)", [(day,) for day in days])
        found = list(parts(connection, 1, first, end))
        assert all(isinstance(part, Part) for part in found)
        return [(part.unit, part.first, part.end) for part in found]

    assert cut(1, 5) == [("hour", 1, 5)]
    assert cut(1, 24) == [("hour", 1, 24)]
    assert cut(0, 48) == [("day", 0, 2)]
    assert cut(1, 97) == [("hour", 1, 24), ("day", 1, 4), ("hour", 96, 97)]
    assert cut(1, 97, 2) == [("hour", 1, 24), ("day", 1, 2), ("hour", 48, 72), ("day", 3, 4), ("hour", 96, 97)]
    assert cut(0, 97, 0, 1, 3) == [("hour", 0, 48), ("day", 2, 3), ("hour", 72, 97)]
    assert cut(-49, -23, -2) == [("hour", -49, -23)]
    assert cut(-49, -23, -3) == [("hour", -49, -48), ("day", -2, -1), ("hour", -24, -23)]
    connection.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=events(),
    sizes=st.lists(st.integers(1, 5), min_size=8, max_size=8),
    closed=st.sets(st.integers(0, 8)),
    window=st.sampled_from([(None, None), (T, T + 2 * HOUR), (T + 1, T + DAY), (MIDNIGHT, MIDNIGHT + DAY)]),
    environments=st.sampled_from([(), ("e",), ("e", "default")]),
)
async def test_days_and_versions_are_those_of_the_rows(
    store: SQLiteTraceStore,
    changes: list[Change],
    sizes: list[int],
    closed: set[int],
    window: tuple[int | None, int | None],
    environments: tuple[str, ...],
) -> None:
    left: Sequence[Change] = [*changes, *changes[::2]]
    for number, size in enumerate(sizes):
        await store.write(PROJECT, left[:size])
        left = left[size:]
        if number in closed:
            await store.sum_up_days()
    query = DailyQuery(environments=environments, since=window[0], until=window[1])
    versions = await store.version_metrics(PROJECT, "p", since=window[0], until=window[1])
    expected = await _by_day(store, query)
    assert rounded((await store.daily_usage(PROJECT, query))[0]) == expected
    await store.sum_up_days()
    assert rounded((await store.daily_usage(PROJECT, query))[0]) == expected
    assert await store.version_metrics(PROJECT, "p", since=window[0], until=window[1]) == versions
    await store.delete_traces(PROJECT, ["t1", "t2"])
    await store.delete_scores(PROJECT, ["s1", "s2"])


def rounded(days: list[DayUsage]) -> list[DayUsage]:
    return [
        structs.replace(day, models=tuple(structs.replace(each, cost=round(each.cost, 9)) for each in day.models))
        for day in days
    ]


async def _by_day(store: SQLiteTraceStore, query: DailyQuery) -> list[DayUsage]:
    """The answer, from what reads give."""

    def counts(time: int, environment: str) -> bool:
        since, until = query.since, query.until
        inside = (since is None or since <= time) and (until is None or time < until)
        return inside and (not query.environments or environment in query.environments)

    observations, _ = await store.observations(PROJECT, ObservationQuery(limit=-1))
    observations = [each for each in observations if counts(each.start_time, each.environment)]
    traces = [
        each for each in (await store.traces(PROJECT, TraceQuery()))[0] if counts(each.timestamp, each.environment)
    ]
    days = {each.timestamp // DAY for each in traces} | {each.start_time // DAY for each in observations}
    found = []
    for day in sorted(days, reverse=True):
        of_day = [each for each in observations if each.start_time // DAY == day]
        models = []
        for model in sorted({each.model or "" for each in of_day}):
            used = [each for each in of_day if (each.model or "") == model]
            models.append(
                ModelUsage(
                    model=model or None,
                    observations=len(used),
                    traces=len({each.trace_id for each in used}),
                    input_tokens=sum(n for each in used for kind, n in each.usage.items() if kind.startswith("input")),
                    output_tokens=sum(
                        n for each in used for kind, n in each.usage.items() if kind.startswith("output")
                    ),
                    total_tokens=sum(each.usage.get("total", sum(each.usage.values())) for each in used),
                    cost=round(sum(each.cost.get("total", 0.0) for each in used), 9),
                )
            )
        begun = sum(each.timestamp // DAY == day for each in traces)
        found.append(DayUsage(day=day * DAY, traces=begun, models=tuple(models)))
    return found


async def test_days_of_some_traces(store: SQLiteTraceStore) -> None:
    await store.write(
        PROJECT,
        [
            trace("t1", timestamp=T, name="a", user_id="u", tags=["x", "y"]),
            trace("t2", timestamp=T + DAY, name="b", user_id="u", tags=["x"]),
            generation("g1", "t1"),
            generation("g2", "t1", model="other"),
            generation("g3", "t2", start=86_400),
        ],
    )

    async def days(**fields: Any) -> list[tuple[int, int, list[tuple[str | None, int, int]]]]:
        found, total = await store.daily_usage(PROJECT, DailyQuery(**fields))
        assert total == len(found) or "limit" in fields or "offset" in fields
        return [
            (day.day // DAY - T // DAY, day.traces, [(m.model, m.observations, m.traces) for m in day.models])
            for day in found
        ]

    first, second = (0, 1, [("gpt-4o", 1, 1), ("other", 1, 1)]), (1, 1, [("gpt-4o", 1, 1)])
    assert await days() == [second, first]
    assert await days(user_id="u") == [second, first]
    assert await days(trace_name="a") == [first]
    assert await days(tags=("x",)) == [second, first]
    assert await days(tags=("x", "y")) == [first]
    assert await days(user_id="nobody") == []
    assert await days(limit=1) == [second]
    assert await days(limit=1, offset=1) == [first]
    assert await days(offset=5) == []
    assert (await store.daily_usage("another", DailyQuery())) == ([], 0)


async def test_users(store: SQLiteTraceStore) -> None:
    await store.write(
        PROJECT,
        [
            trace("t1", timestamp=T, user_id="ada"),
            trace("t2", timestamp=T + HOUR, user_id="ada", environment="staging"),
            trace("t3", timestamp=T + 2 * HOUR, user_id="Bob \U0001f600"),
            trace("t4", timestamp=T + 3 * HOUR),
            generation("g1", "t1"),
            generation("g2", "t2", start=3600),
        ],
    )
    found, total = await store.users(PROJECT, UserQuery())
    assert total == 2
    assert [(user.user, user.traces, user.observations) for user in found] == [("Bob \U0001f600", 1, 0), ("ada", 2, 2)]
    ada = found[1]
    assert (ada.input_tokens, ada.output_tokens, ada.total_tokens) == (200, 20, 220)
    assert ada.cost == pytest.approx(0.24)
    assert (ada.first_seen, ada.last_seen) == (T, T + HOUR)

    async def names(**fields: Any) -> list[str]:
        return [user.user for user in (await store.users(PROJECT, UserQuery(**fields)))[0]]

    assert await names(order_by=UserOrder.TRACES) == ["ada", "Bob \U0001f600"]
    assert await names(order_by=UserOrder.USER, descending=False) == ["Bob \U0001f600", "ada"]
    assert await names(contains="\U0001f600") == ["Bob \U0001f600"]
    assert await names(environments=("staging",)) == ["ada"]
    assert await names(limit=1, offset=1) == ["ada"]
    staging, _ = await store.users(PROJECT, UserQuery(environments=("staging",)))
    assert [(user.traces, user.observations, user.first_seen) for user in staging] == [(1, 1, T + HOUR)]
    assert await names(since=T + SECOND, until=T + 2 * HOUR) == ["ada"]
    assert await store.users("another", UserQuery()) == ([], 0)
