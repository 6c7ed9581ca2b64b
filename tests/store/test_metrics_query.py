"""Answers to metrics queries: from rollups, from rows, and from a plain model that sums up what reads give."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from trace_events import HOUR, PROJECT, SECOND, T, at, events, generation, price, score, span, trace
from trunkline.errors import InvalidRequest
from trunkline.store.filters import AnyOf, Column, Condition, TextIs, TextOperator
from trunkline.store.histogram import RELATIVE_ERROR
from trunkline.store.metrics_query import (
    DAY,
    QUANTILES,
    Aggregation,
    Dimension,
    Granularity,
    Group,
    Measure,
    Metric,
    MetricsQuery,
    Order,
    View,
    bucket,
    buckets,
    fitting_granularity,
)
from trunkline.store.sqlite_metrics_rollups import fits_rollups, metrics_from_rollups
from trunkline.store.sqlite_metrics_rows import bins_of, bucket_of, metrics_from_rows
from trunkline.store.sqlite_reads import Reader
from trunkline.store.sqlite_schema import open_connection
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.store.traces import ObservationQuery
from trunkline.types import Change, Level, Micros, Observation, ScoreType

CREATED = 1_699_999_200 * SECOND
"""The hour in which these tests take place begins here."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteTraceStore]:
    store = SQLiteTraceStore(tmp_path / "traces.db", pricer=price)
    yield store
    await store.close()


def metric(measure: str, aggregation: str) -> Metric:
    return Metric(measure=Measure(measure), aggregation=Aggregation(aggregation))


def ask(view: View = View.OBSERVATIONS, *metrics: Metric, **fields: Any) -> MetricsQuery:
    given = {"since": T - DAY, "until": T + 2 * DAY, "limit": 1000}
    return MetricsQuery(view=view, metrics=metrics or (metric("count", "count"),), **(given | fields))


def both(path: Path, query: MetricsQuery) -> tuple[list[Group], list[Group]]:
    """From rollups and from rows."""
    connection = open_connection(path, busy_ms=1000, read_only=True)
    try:
        reader = Reader(connection)
        project = reader.project(PROJECT)
        assert fits_rollups(query), query
        return metrics_from_rollups(connection, project, query), metrics_from_rows(connection, project, query)
    finally:
        connection.close()


# --- the plain model -------------------------------------------------------------------------------------------------

_DIMENSIONS: dict[Dimension, Callable[[Observation], object]] = {
    Dimension.TYPE: lambda o: o.type.value,
    Dimension.ENVIRONMENT: lambda o: o.environment,
    Dimension.NAME: lambda o: o.name,
    Dimension.MODEL: lambda o: o.model,
    Dimension.PROMPT_NAME: lambda o: o.prompt_name,
    Dimension.PROMPT_VERSION: lambda o: o.prompt_version,
}


def _tokens(kind: str) -> Callable[[Observation], float]:
    return lambda o: sum(count for name, count in o.usage.items() if name.startswith(kind))


_MEASURES: dict[Measure, Callable[[Observation], float | None]] = {
    Measure.COUNT: lambda o: 1,
    Measure.LATENCY: lambda o: None if o.end_time is None else max(o.end_time - o.start_time, 0) / 1000,
    Measure.INPUT_TOKENS: _tokens("input"),
    Measure.OUTPUT_TOKENS: _tokens("output"),
    Measure.TOTAL_TOKENS: lambda o: o.usage.get("total", sum(o.usage.values())),
    Measure.TOTAL_COST: lambda o: o.cost.get("total", sum(o.cost.values())) if o.cost else None,
}


def _summed(aggregation: Aggregation, values: Sequence[float]) -> float | None:
    if aggregation is Aggregation.COUNT:
        return len(values)
    if aggregation is Aggregation.SUM:
        return math.fsum(values)
    if not values:
        return None
    if aggregation is Aggregation.AVG:
        return math.fsum(values) / len(values)
    ordered, rank = sorted(values), QUANTILES[aggregation] * (len(values) - 1)
    low, high = ordered[int(rank)], ordered[math.ceil(rank)]
    return low + (high - low) * (rank - int(rank))


def modelled(query: MetricsQuery, observations: Iterable[Observation]) -> dict[tuple[Any, ...], Sequence[Any]]:
    rows = defaultdict[tuple[Any, ...], list[Observation]](list)
    if not query.dimensions and query.granularity is None:
        rows[(None,)] = []
    for each in observations:
        if query.since <= each.start_time < query.until and all(_holds(c, each) for c in query.conditions):
            time = None if query.granularity is None else bucket(each.start_time, query.granularity)
            rows[*(_DIMENSIONS[d](each) for d in query.dimensions), time].append(each)
    return {
        key: [
            _summed(m.aggregation, [v for o in group if (v := _MEASURES[m.measure](o)) is not None])
            for m in query.metrics
        ]
        for key, group in rows.items()
    }


def _holds(condition: Condition, observation: Observation) -> bool:
    assert isinstance(condition, AnyOf)
    said = _DIMENSIONS[Dimension(condition.column.value)](observation) or ""
    return (said in condition.values) != condition.negated


def close(metric: Metric, one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    error = RELATIVE_ERROR + 1e-6 if metric.aggregation in QUANTILES else 1e-9
    return math.isclose(one, other, rel_tol=error, abs_tol=1e-9)


Answer = dict[tuple[Any, ...], Sequence[Any]]


def keyed(groups: list[Group]) -> Answer:
    found: Answer = {(*group.dimensions, group.time): group.values for group in groups}
    assert len(found) == len(groups)
    return found


def assert_equal(query: MetricsQuery, one: Answer, other: Answer) -> None:
    assert one.keys() == other.keys()
    for key, values in one.items():
        for metric, a, b in zip(query.metrics, values, other[key], strict=True):
            assert close(metric, a, b), (key, metric, a, b)


# --- both engines and the model agree --------------------------------------------------------------------------------

_SUMMABLE = st.sampled_from(
    [metric("count", "count"), metric("count", "sum")]
    + [metric("latency", a) for a in ("sum", "avg", "count", "p50", "p75", "p90", "p95", "p99")]
    + [metric(f"{kind}_tokens", a) for kind in ("input", "output", "total") for a in ("sum", "avg", "count")]
    + [metric("total_cost", a) for a in ("sum", "avg", "count")]
)
_VALUES = {
    Column.TYPE: ["SPAN", "GENERATION"],
    Column.ENVIRONMENT: ["default", "e", "f"],
    Column.MODEL: ["gpt-4o", "other", ""],
    Column.PROMPT_NAME: ["p", ""],
    Column.NAME: ["", "x"],
}
_CONDITIONS = st.one_of(
    [
        st.builds(
            AnyOf,
            column=st.just(column),
            values=st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True).map(tuple),
            negated=st.booleans(),
        )
        for column, values in _VALUES.items()
    ]
)
_EDGES = st.integers(-3 * HOUR, 5 * HOUR) | st.integers(-3, 5).map(lambda hours: hours * HOUR)
_QUERIES = st.builds(
    lambda metrics, begin, length, **fields: ask(
        View.OBSERVATIONS, *metrics, since=CREATED + begin, until=CREATED + begin + length, **fields
    ),
    metrics=st.lists(_SUMMABLE, min_size=1, max_size=4, unique=True),
    begin=_EDGES,
    length=st.integers(2 * HOUR, 30 * HOUR) | st.integers(2, 60).map(lambda hours: hours * HOUR),
    dimensions=st.lists(st.sampled_from(list(_DIMENSIONS)), max_size=3, unique=True).map(tuple),
    conditions=st.lists(_CONDITIONS, max_size=2).map(tuple),
    granularity=st.sampled_from([None, Granularity.HOUR, Granularity.DAY, Granularity.WEEK, Granularity.MONTH]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=events(),
    sizes=st.lists(st.integers(1, 5), min_size=12, max_size=12),
    queries=st.lists(_QUERIES, min_size=3, max_size=3),
    deleted=st.sampled_from([[], ["t1"], ["t2"]]),
    closed=st.sets(st.integers(0, 12)),
)
async def test_rollups_rows_and_the_model_agree_after_any_history(
    store: SQLiteTraceStore,
    changes: list[Change],
    sizes: list[int],
    queries: list[MetricsQuery],
    deleted: list[str],
    closed: set[int],
) -> None:
    """`closed`: after which writes the days are summed up; what comes later opens them again."""
    left: Sequence[Change] = [*changes, *changes[::2]]  # some of it again
    for number, size in enumerate(sizes):
        await store.write(PROJECT, left[:size])
        left = left[size:]
        if number in closed:
            await store.sum_up_days()
    await store.delete_traces(PROJECT, deleted)
    if 12 in closed:
        await store.sum_up_days()
    observations, _ = await store.observations(PROJECT, ObservationQuery(limit=-1))
    for query in queries:
        rollups, rows = both(store.path, query)
        model = modelled(query, observations)
        assert_equal(query, keyed(rows), model)
        assert_equal(query, keyed(rollups), model)
    await store.delete_traces(PROJECT, ["t1", "t2"])
    await store.delete_scores(PROJECT, ["s1", "s2"])


@pytest.mark.parametrize("granularity", [None, *Granularity], ids=str)
async def test_the_order_of_both_is_the_same(store: SQLiteTraceStore, granularity: Granularity | None) -> None:
    await store.write(
        PROJECT,
        [
            generation(f"g{n}", "t", start=n * 7000, seconds=1 + n % 5, model=["gpt-4o", "other", None][n % 3])
            for n in range(30)
        ],
    )
    for order in ((), (Order(by=Dimension.MODEL, descending=True),), (Order(by=metric("latency", "sum")),)):
        query = ask(
            View.OBSERVATIONS,
            *(metric("latency", "sum"), metric("total_cost", "avg")),
            dimensions=(Dimension.MODEL,),
            granularity=granularity,
            order_by=order,
            limit=7,
        )
        if granularity is Granularity.MINUTE:
            assert not fits_rollups(query)
            continue
        rollups, rows = both(store.path, query)
        assert [(g.dimensions, g.time) for g in rollups] == [(g.dimensions, g.time) for g in rows]
        assert len(rows) == min(7, len(await store.metrics(PROJECT, structs.replace(query, limit=1000))))
        if granularity is None and order[:1] == (Order(by=Dimension.MODEL, descending=True),):
            assert [g.dimensions for g in rows] == [("other",), ("gpt-4o",), (None,)]


# --- what only rows know ---------------------------------------------------------------------------------------------


@pytest.fixture
async def filled(store: SQLiteTraceStore) -> SQLiteTraceStore:
    """Two traces of a user and one of nobody, with generations, an error, and scores of every kind."""
    await store.write(
        PROJECT,
        [
            trace("t1", timestamp=T, name="chat", user_id="ada", session_id="s", tags=["b", "a"], release="r1"),
            trace("t2", timestamp=T + HOUR, name="chat", user_id="ada", version="2"),
            trace("t3", timestamp=T + DAY, name="other", environment="staging"),
            generation("g1", "t1", seconds=2, completion_start_time=T + SECOND // 2, level=Level.ERROR),
            generation("g2", "t1", start=3600, seconds=4, parent_id="g1", is_root=True),
            generation("g3", "t2", start=3600, seconds=6, model="other", prompt_version=4, parent_id="g1"),
            span("o4", "t3", start_time=T + DAY),
            score("n1", trace_id="t1", observation_id="g1", value=0.25),
            score("n2", trace_id="t2", value=0.75, stamp=at(3600)),
            score("b1", name="ok", data_type=ScoreType.BOOLEAN, trace_id="t1", value=1, string_value="True"),
            score("c1", name="topic", data_type=ScoreType.CATEGORICAL, trace_id="t1", value=None, string_value="x"),
            score("x1", name="note", data_type=ScoreType.TEXT, session_id="s", value=None, string_value="long"),
        ],
    )
    return store


async def answer(store: SQLiteTraceStore, view: View, *metrics: Metric, **fields: Any) -> list[tuple[Any, ...]]:
    groups = await store.metrics(PROJECT, ask(view, *metrics, **fields))
    return [(*group.dimensions, *([group.time] if group.time is not None else []), *group.values) for group in groups]


async def test_traces_are_measured_with_what_hangs_on_them(filled: SQLiteTraceStore) -> None:
    measures = ("count_observations", "count_scores", "latency", "total_tokens", "total_cost")
    found = await answer(
        filled, View.TRACES, *(metric(m, "sum") for m in measures), dimensions=(Dimension.ID,),
        order_by=(Order(by=Dimension.ID),),
    )  # fmt: skip
    assert found == [
        ("t1", 2, 3, 3_604_000.0, 220, pytest.approx(0.24)),
        ("t2", 1, 1, 6000.0, 110, 0),
        ("t3", 1, 0, 0.0, 0, 0),
    ]


async def test_unique_users_and_sessions(filled: SQLiteTraceStore) -> None:
    metrics = [metric(f"unique_{who}", how) for who in ("users", "sessions") for how in ("count", "uniq", "avg")]
    assert await answer(filled, View.TRACES, *metrics) == [(1, 1, pytest.approx(2 / 3), 1, 1, pytest.approx(1 / 3))]


async def test_observations_are_measured_token_by_token(filled: SQLiteTraceStore) -> None:
    one = (TextIs(column=Column.ID, operator=TextOperator.EQUAL, value="g1"),)
    measures = ("time_to_first_token", "streaming_latency", "output_tokens_per_second", "tokens_per_second")
    costs = ("input_cost", "output_cost", "total_cost", "count_scores")
    found = await answer(
        filled, View.OBSERVATIONS, *(metric(m, "max") for m in (*measures, *costs)), conditions=one
    )  # fmt: skip
    assert found == [(500.0, 1500.0, pytest.approx(10 / 1.5), 55.0, *map(pytest.approx, (0.1, 0.02, 0.12)), 1)]


@pytest.mark.parametrize(
    ("dimension", "expected"),
    [
        (Dimension.TRACE_NAME, {"chat": 3, "other": 1}),
        (Dimension.TAGS, {("a", "b"): 2, (): 2}),
        (Dimension.RELEASE, {"r1": 2, None: 2}),
        (Dimension.TRACE_VERSION, {"2": 1, None: 3}),
        (Dimension.USER_ID, {"ada": 3, None: 1}),
        (Dimension.SESSION_ID, {"s": 2, None: 2}),
        (Dimension.TRACE_ID, {"t1": 2, "t2": 1, "t3": 1}),
        (Dimension.PARENT_ID, {None: 2, "g1": 2}),
        (Dimension.LEVEL, {"ERROR": 1, "DEFAULT": 3}),
        (Dimension.IS_ROOT, {True: 3, False: 1}),
        (Dimension.MONTH, {"2023-11": 4}),
        (Dimension.PROMPT_VERSION, {3: 2, 4: 1, None: 1}),
    ],
    ids=str,
)
async def test_observations_by_each_dimension(
    filled: SQLiteTraceStore, dimension: Dimension, expected: dict[Any, int]
) -> None:
    assert dict(await answer(filled, View.OBSERVATIONS, dimensions=(dimension,))) == expected


@pytest.mark.parametrize(
    ("view", "dimension", "expected"),
    [
        (View.SCORES_NUMERIC, Dimension.NAME, {"helpful": 2, "ok": 1}),
        (View.SCORES_NUMERIC, Dimension.VALUE, {0.25: 1, 0.75: 1, 1.0: 1}),
        (View.SCORES_NUMERIC, Dimension.OBSERVATION_NAME, {"answer": 1, None: 2}),
        (View.SCORES_NUMERIC, Dimension.OBSERVATION_PROMPT_VERSION, {3: 1, None: 2}),
        (View.SCORES_NUMERIC, Dimension.TRACE_NAME, {"chat": 3}),
        (View.SCORES_NUMERIC, Dimension.DAY, {"2023-11-14": 3}),
        (View.SCORES_BOOLEAN, Dimension.BOOLEAN_VALUE, {True: 1}),
        (View.SCORES_CATEGORICAL, Dimension.STRING_VALUE, {"x": 1, "long": 1}),
        (View.SCORES_CATEGORICAL, Dimension.USER_ID, {"ada": 1, None: 1}),
        (View.SCORES_CATEGORICAL, Dimension.SESSION_ID, {"s": 2}),
        (View.SCORES_CATEGORICAL, Dimension.DATA_TYPE, {"CATEGORICAL": 1, "TEXT": 1}),
    ],
)
async def test_scores_by_each_dimension(
    filled: SQLiteTraceStore, view: View, dimension: Dimension, expected: dict[Any, int]
) -> None:
    assert dict(await answer(filled, view, dimensions=(dimension,))) == expected


async def test_conditions_on_what_only_metrics_know(filled: SQLiteTraceStore) -> None:
    def is_(column: Column, value: str) -> tuple[Condition, ...]:
        return (AnyOf(column=column, values=(value,)),)

    numeric, seen = View.SCORES_NUMERIC, View.OBSERVATIONS
    assert await answer(filled, numeric, conditions=is_(Column.OBSERVATION_MODEL, "gpt-4o")) == [(1,)]
    assert await answer(filled, numeric, conditions=is_(Column.DAY, "2023-11-14")) == [(3,)]
    assert await answer(filled, numeric, conditions=is_(Column.TRACE_VERSION, "2")) == [(1,)]
    assert await answer(filled, seen, conditions=is_(Column.TRACE_VERSION, "2")) == [(1,)]
    assert await answer(filled, seen, conditions=is_(Column.MONTH, "2023-10")) == [(0,)]
    assert await answer(filled, seen, conditions=is_(Column.PROMPT_NAME, "support/triage")) == [(3,)]


async def test_spans_that_name_a_prompt_are_not_forgotten(filled: SQLiteTraceStore) -> None:
    """An index knows the generations of a prompt only."""
    await filled.write(PROJECT, [span("o5", "t1", start_time=T, prompt_name="support/triage", prompt_version=3)])
    conditions = (TextIs(column=Column.PROMPT_NAME, operator=TextOperator.EQUAL, value="support/triage"),)
    metrics = (metric("count", "count"), metric("latency", "max"))
    assert await answer(filled, View.OBSERVATIONS, *metrics, conditions=conditions) == [(4, 6000.0)]


async def test_a_histogram_has_bins_of_equal_width(filled: SQLiteTraceStore) -> None:
    found = await answer(filled, View.OBSERVATIONS, metric("latency", "histogram"), bins=2)
    assert found == [(((2000.0, 4000.0, 1), (4000.0, 6000.0, 2)),)]
    assert bins_of([], 3) == ()
    assert bins_of([1.0, 1.0], 3) == ((1.0, 1.0, 2),)
    assert bins_of([-1.7e308, 1.7e308], 3) == ((-1.7e308, 1.7e308, 2),)


async def test_a_window_is_half_open_and_nothing_is_nought(filled: SQLiteTraceStore) -> None:
    metrics = (metric("count", "count"), metric("total_cost", "sum"), metric("latency", "avg"))
    assert await answer(filled, View.OBSERVATIONS, *metrics, since=T, until=T + 1) == [(1, pytest.approx(0.12), 2000.0)]
    assert await answer(filled, View.OBSERVATIONS, *metrics, since=T - 5 * HOUR, until=T) == [(0, 0, None)]
    assert await answer(filled, View.OBSERVATIONS, since=T - HOUR, until=T, dimensions=(Dimension.NAME,)) == []


async def test_another_project_sees_nothing(filled: SQLiteTraceStore) -> None:
    for view in View:
        groups = await filled.metrics("another", ask(view))
        assert [group.values for group in groups] == [(0,)]
        assert await filled.metrics("another", ask(view, dimensions=(Dimension.NAME,))) == []


async def test_a_view_refuses_what_it_does_not_have(store: SQLiteTraceStore) -> None:
    for query in (
        ask(View.TRACES, dimensions=(Dimension.MODEL,)),
        ask(View.SCORES_CATEGORICAL, metric("latency", "sum")),
        ask(View.TRACES, conditions=(AnyOf(column=Column.MODEL, values=("x",)),)),
    ):
        with pytest.raises(InvalidRequest):
            await store.metrics(PROJECT, query)


async def test_absurd_numbers_do_not_overflow(store: SQLiteTraceStore) -> None:
    """Both engines bound what one observation adds, alike."""
    far = 250_000_000_000_000_000
    for part in range(4):
        changes = [
            generation(
                f"g{part}-{n}", "t", end_time=far, usage={"input": 2**62, "output": 2**62}, cost={"total": 1e300}
            )
            for n in range(20)
        ]
        await store.write(PROJECT, changes)
    query = ask(View.OBSERVATIONS, *(metric(m, "sum") for m in ("latency", "input_tokens", "total_cost")))
    rollups, rows = both(store.path, query)
    assert_equal(query, keyed(rollups), keyed(rows))


# --- time ------------------------------------------------------------------------------------------------------------


@given(time=st.integers(-60 * 366 * DAY, 8000 * 366 * DAY), granularity=st.sampled_from(list(Granularity)))
def test_sql_and_python_cut_time_alike(time: Micros, granularity: Granularity) -> None:
    connection = apsw.Connection(":memory:")
    (found,) = connection.execute(f"SELECT {bucket_of('?1', granularity)}", (time,)).fetchall()
    assert found == (bucket(time, granularity),)
    assert next(iter(buckets(time, time + 1, granularity))) == bucket(time, granularity)


def test_weeks_begin_on_monday_and_months_on_their_first() -> None:
    def days(since: int, until: int, granularity: Granularity) -> list[int]:
        return [time // DAY for time in buckets(since * DAY, until * DAY, granularity)]

    assert days(0, 12, Granularity.WEEK) == [-3, 4, 11]  # 1970-01-01 was a Thursday
    assert days(0, 60, Granularity.MONTH) == [0, 31, 59]
    assert days(-1, 1, Granularity.DAY) == [-1, 0]


def test_a_fitting_granularity_gives_about_fifty_buckets() -> None:
    windows = {HOUR: "minute", 2 * HOUR: "hour", 2 * DAY: "hour", 3 * DAY: "day", 59 * DAY: "day", 60 * DAY: "week"}
    for window, granularity in {**windows, 365 * DAY: "month"}.items():
        assert fitting_granularity(0, window) == granularity
