"""Days by model, and users, from SQLite."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import apsw
import msgspec

from trunkline.store.daily import DailyQuery, DayUsage, ModelUsage, UserQuery, UserSummary
from trunkline.store.filters import AnyOf, Column, Condition, Members, TextIs, TextOperator
from trunkline.store.metrics_query import (
    DAY,
    Aggregation,
    Dimension,
    Granularity,
    Measure,
    Metric,
    MetricsQuery,
    View,
)
from trunkline.store.rollups import HOUR
from trunkline.store.sqlite_columns import TRACES
from trunkline.store.sqlite_days import END_HOUR, FIRST_HOUR, parts
from trunkline.store.sqlite_measures import OBSERVATION_SOURCE
from trunkline.store.sqlite_metrics_rollups import metrics
from trunkline.store.sqlite_metrics_rows import bucket_of
from trunkline.store.sqlite_rows import Row
from trunkline.store.sqlite_where import Where
from trunkline.types import Micros

_KINDS = (Measure.INPUT_TOKENS, Measure.OUTPUT_TOKENS, Measure.TOTAL_TOKENS, Measure.TOTAL_COST)
_METRICS = (
    Metric(measure=Measure.COUNT, aggregation=Aggregation.COUNT),
    *(Metric(measure=measure, aggregation=Aggregation.SUM) for measure in _KINDS),
)
_SUMS = ", ".join(f"coalesce(sum({OBSERVATION_SOURCE.measures[measure]}), 0)" for measure in _KINDS)
_BY_DAY = f"{bucket_of('o.start_time', Granularity.DAY)}, nullif(s.model, '')"
_BY_TRACE = (
    "traces AS t CROSS JOIN observations AS o ON o.project = t.project AND o.trace = t.trace "
    "CROSS JOIN series AS s ON s.series = o.series"
)
_MODELS_OF_DAYS = (
    "SELECT day, nullif(model, ''), traces FROM day_models "
    "WHERE project = ? AND environment = ? AND day >= ? AND day < ?"
)
_ALL_ROWS = 1 << 40
Key = tuple[Micros, str | None]
"""Day and model."""


def daily_usage(connection: apsw.Connection, project: int, query: DailyQuery) -> tuple[list[DayUsage], int]:
    """A page of days, and how many days there are."""
    traces = _traces_by_day(connection, project, query)
    used = _by_trace(connection, project, query) if query.of_traces() else _of_all(connection, project, query)
    days = sorted({*traces, *(day for day, _ in used)}, reverse=True)
    shown = days[query.offset : query.offset + query.limit]
    counted = None if query.of_traces() else _traces_by_model(connection, project, query, shown)
    models: dict[Micros, list[ModelUsage]] = defaultdict(list)
    for (day, model), row in sorted(used.items(), key=lambda each: each[0][1] or ""):
        models[day].append(_usage(model, row, counted.get((day, model), 0) if counted is not None else row[-1]))
    return [DayUsage(day=day, traces=traces.get(day, 0), models=tuple(models[day])) for day in shown], len(days)


def _usage(model: str | None, row: Row, traces: int) -> ModelUsage:
    observations, given, made, total, cost = row[:5]
    return ModelUsage(
        model=model,
        observations=observations,
        traces=traces,
        input_tokens=given,
        output_tokens=made,
        total_tokens=total,
        cost=cost,
    )


def _traces_by_day(connection: apsw.Connection, project: int, query: DailyQuery) -> dict[Micros, int]:
    where = _of_traces(project, query, window=True)
    sql = f"SELECT {bucket_of('t.timestamp', Granularity.DAY)}, count(*) FROM traces AS t WHERE {where} GROUP BY 1"  # noqa: S608
    return {row[0]: row[1] for row in connection.execute(sql, where.values)}


def _of_traces(project: int, query: DailyQuery, *, window: bool) -> Where:
    where = Where("t.project = ?", project)
    asked: list[Condition] = []
    for column, value in ((Column.NAME, query.trace_name), (Column.USER_ID, query.user_id)):
        if value is not None:
            asked.append(TextIs(column=column, operator=TextOperator.EQUAL, value=value))
    if query.tags:
        asked.append(Members(column=Column.TAGS, operator="all of", values=query.tags))
    if window:
        where.between("t.timestamp", query.since, query.until)
        asked += _in_environments(query)
    where.hold(TRACES, project, asked)
    return where


def _by_trace(connection: apsw.Connection, project: int, query: DailyQuery) -> dict[Key, Row]:
    """Observations, sums and distinct traces by day and model, from the rows of the traces that are asked for."""
    where = _of_traces(project, query, window=False)
    where.between("o.start_time", query.since, query.until)
    where.among("s.environment", query.environments)
    sql = f"SELECT {_BY_DAY}, count(*), {_SUMS}, count(DISTINCT o.trace) FROM {_BY_TRACE} WHERE {where} GROUP BY 1, 2"  # noqa: S608
    return {(row[0], row[1]): row[2:] for row in connection.execute(sql, where.values)}


def _of_all(connection: apsw.Connection, project: int, query: DailyQuery) -> dict[Key, Row]:
    """The same of all traces but for the distinct ones, from rollups."""
    asked = MetricsQuery(
        view=View.OBSERVATIONS,
        metrics=_METRICS,
        since=FIRST_HOUR * HOUR if query.since is None else query.since,
        until=END_HOUR * HOUR if query.until is None else query.until,
        dimensions=(Dimension.MODEL,),
        conditions=_in_environments(query),
        granularity=Granularity.DAY,
        limit=_ALL_ROWS,
    )
    found: dict[Key, Row] = {}
    for group in metrics(connection, project, asked):
        (model,) = group.dimensions
        assert group.time is not None
        assert model is None or isinstance(model, str)
        found[group.time, model] = (*group.values, 0)
    return found


def _in_environments(query: DailyQuery) -> tuple[Condition, ...]:
    return (AnyOf(column=Column.ENVIRONMENT, values=query.environments),) if query.environments else ()


def _traces_by_model(
    connection: apsw.Connection, project: int, query: DailyQuery, days: list[Micros]
) -> dict[Key, int]:
    """Distinct traces of each model on each of some days: of closed days as they were counted, of others from rows."""
    if not days:
        return {}
    since = days[-1] if query.since is None else max(days[-1], query.since)
    until = days[0] + DAY if query.until is None else min(days[0] + DAY, query.until)
    first, end = -(-since // HOUR), until // HOUR
    found: dict[Key, int] = {}
    rest = [(since, min(first * HOUR, until)), (max(end * HOUR, since), until)] if first < end else [(since, until)]
    environment = query.environments[0] if query.environments else ""
    for part in parts(connection, project, first, end) if first < end else ():
        if part.days and len(query.environments) <= 1:
            values = (project, environment, part.first, part.end)
            for day, model, traces in connection.execute(_MODELS_OF_DAYS, values):
                found[day * DAY, model] = traces
        else:
            rest.append((part.first * part.step, part.end * part.step))
    for stretch in _joined(rest):
        found.update(_count_traces(connection, project, query, stretch))
    return found


def _joined(stretches: Iterable[tuple[Micros, Micros]]) -> list[tuple[Micros, Micros]]:
    """Stretches of time in order, those that touch as one: a day's traces must be counted at once."""
    joined: list[tuple[Micros, Micros]] = []
    for begin, end in sorted(each for each in stretches if each[0] < each[1]):
        if joined and joined[-1][1] >= begin:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return joined


def _count_traces(
    connection: apsw.Connection, project: int, query: DailyQuery, window: tuple[Micros, Micros]
) -> dict[Key, int]:
    where = Where("o.project = ?", project)
    where.between("o.start_time", *window)
    where.among("s.environment", query.environments)
    table = OBSERVATION_SOURCE.table
    sql = f"SELECT {_BY_DAY}, count(DISTINCT o.trace) FROM {table} WHERE {where} GROUP BY 1, 2"  # noqa: S608
    return {(row[0], row[1]): row[2] for row in connection.execute(sql, where.values)}


# --- users -----------------------------------------------------------------------------------------------------------

_USERS = "SELECT t.user_id AS user, count(*) AS traces, min(t.timestamp) AS first_seen, max(t.timestamp) AS last_seen"
_OF_USERS = (
    f"SELECT t.user_id, count(*), {_SUMS} FROM json_each(?) AS u "  # noqa: S608
    "CROSS JOIN traces AS t INDEXED BY trace_by_user ON t.user_id = u.value "
    "CROSS JOIN observations AS o ON o.project = t.project AND o.trace = t.trace WHERE {} GROUP BY 1"
)


def users(connection: apsw.Connection, project: int, query: UserQuery) -> tuple[list[UserSummary], int]:
    """A page of users, and how many there are. Of the users on the page alone observations are summed up."""
    where = Where("t.project = ? AND t.user_id IS NOT NULL", project)
    where.between("t.timestamp", query.since, query.until)
    where.among("t.environment", query.environments)
    found = Where(str(where), *where.values)
    if query.contains is not None:
        found.add("instr(t.user_id, ?) > 0", query.contains)
    total: int = connection.execute(
        f"SELECT count(DISTINCT t.user_id) FROM traces AS t WHERE {found}",  # noqa: S608
        found.values,
    ).get
    direction = "DESC" if query.descending else "ASC"
    sql = (
        f"{_USERS} FROM traces AS t WHERE {found} GROUP BY 1 ORDER BY {query.order_by} {direction}, 1 LIMIT ? OFFSET ?"
    )
    rows = connection.execute(sql, (*found.values, query.limit, query.offset)).fetchall()
    names = msgspec.json.encode([row[0] for row in rows]).decode()
    did = {row[0]: row[1:] for row in connection.execute(_OF_USERS.format(where), (names, *where.values))}
    return [_summary(row, did.get(row[0], (0, 0, 0, 0, 0.0))) for row in rows], total


def _summary(seen: Row, did: Row) -> UserSummary:
    return UserSummary(
        user=seen[0],
        traces=seen[1],
        observations=did[0],
        input_tokens=did[1],
        output_tokens=did[2],
        total_tokens=did[3],
        cost=did[4],
        first_seen=seen[2],
        last_seen=seen[3],
    )
