"""How a list is read: from which table outwards, by which index, under which conditions.

SQLite chooses well between indexes only where it has statistics; without them it reads a project from its newest row on
whenever a page is limited, even to find the eight observations of one trace. So the way in is said here: the most
selective thing that was asked first, by its index, else the newest rows first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apsw
import msgspec

from trunkline.store.filters import (
    AnyOf,
    Column,
    Condition,
    FlagIs,
    Members,
    NumberIs,
    TextIs,
    TextOperator,
)
from trunkline.store.sqlite_columns import OBSERVATIONS, SCORES, TRACES
from trunkline.store.sqlite_counts import OF_SERIES
from trunkline.store.sqlite_filters import fault_of
from trunkline.store.sqlite_rows import encode_id
from trunkline.store.sqlite_where import Where
from trunkline.store.traces import ObservationQuery, ScoreQuery, TraceQuery
from trunkline.types import Struct

Few = Callable[[Column, str], bool]
"""Whether few traces of the project have this user or session, so that to begin with them is quicker."""


class Plan(Struct, frozen=True, kw_only=True):
    """`source` and `where` of a page, by the aliases t (traces), o, s; `counted` and `count_where` of its total."""

    source: str
    where: Where
    counted: str
    count_where: Where
    time: str
    """What a page in the order of time is ordered by."""


# --- traces ----------------------------------------------------------------------------------------------------------

MANY = 1_000_000
_TRACE_INDEXES = (
    (Column.ID, "trace_by_id", MANY),
    (Column.SESSION_ID, "trace_by_session", 1),
    (Column.USER_ID, "trace_by_user", 1),
    (Column.NAME, "trace_by_name", 1),
    (Column.RELEASE, "trace_by_release", 1),
    (Column.VERSION, "trace_by_version", 1),
    (Column.ENVIRONMENT, "trace_by_environment", 1),
)
"""Indexes by column, and how many values may be asked for: several would have to be sorted by time."""


def plan_traces(project: int, query: TraceQuery) -> Plan:
    conditions = (*_asked_of_traces(query), *query.conditions)
    tag = next(filter(None, map(_tag_of, conditions)), None) if not query.ids else None
    if tag is not None:
        return _plan_of_tag(project, query, tag, conditions)
    if query.ids:
        ids = tuple(encode_id(id) for id in dict.fromkeys(query.ids))
        source = "carray(?) AS c CROSS JOIN traces AS t ON t.id = c.value"
        where = Where("t.project = ?", apsw.carray(ids), project)
    else:
        index = _index_of(conditions, _TRACE_INDEXES)
        source = f"traces AS t INDEXED BY {index}" if index else "traces AS t"
        where = Where("t.project = ?", project)
    where.between("t.timestamp", query.since, query.until)
    count_where = where.copy()
    where.hold(TRACES, project, conditions)
    count_where.hold(TRACES, project, conditions, counting=True)
    order = "t.timestamp {0}, t.trace {0}"
    return Plan(source=source, where=where, counted=source, count_where=count_where, time=order)


def _plan_of_tag(project: int, query: TraceQuery, tag: str, conditions: Sequence[Condition]) -> Plan:
    """Begins with the traces that have the tag; where only tags were asked, they are counted without being read."""
    where = Where("g.project = ? AND g.tag = ?", project, tag)
    where.between("g.timestamp", query.since, query.until)
    rest: list[Condition] = []
    for condition in conditions:
        match condition:
            case Members(operator="all of", values=values) if len(values) <= FEW_TAGS:
                for other in set(values) - {tag}:
                    where.add(_ALSO_TAGGED, other)
            case _:
                rest.append(condition)
    where.hold(TRACES, project, rest)
    source = "trace_tags AS g CROSS JOIN traces AS t ON t.trace = g.trace"
    counted = source if rest else "trace_tags AS g"
    order = "g.timestamp {0}, g.trace {0}"
    return Plan(source=source, where=where, counted=counted, count_where=where, time=order)


FEW_TAGS = 10
_ALSO_TAGGED = (
    "EXISTS (SELECT 1 FROM trace_tags AS h WHERE h.project = g.project AND h.tag = ? AND h.timestamp = g.timestamp "
    "AND h.trace = g.trace)"
)


def _asked_of_traces(query: TraceQuery) -> list[Condition]:
    found: list[Condition] = _equal(
        {
            Column.NAME: query.name,
            Column.USER_ID: query.user_id,
            Column.SESSION_ID: query.session_id,
            Column.VERSION: query.version,
            Column.RELEASE: query.release,
        }
    )
    found += _among(Column.ENVIRONMENT, query.environments)
    return found + _tagged(query.tags)


def _tag_of(condition: Condition) -> str | None:
    """A tag without which no trace meets the condition."""
    match condition:
        case Members(operator="all of", values=values) if values:
            return values[0]
        case Members(operator="any of", values=[value]):
            return value
    return None


# --- observations ----------------------------------------------------------------------------------------------------

_SERIES = " CROSS JOIN series AS s ON s.series = o.series"
_TRACE = " CROSS JOIN traces AS t ON t.trace = o.trace"
_NEWEST = "observations AS o INDEXED BY observation_by_time" + _SERIES
_BY_ID = "observations AS o INDEXED BY observation_by_id" + _SERIES
_BY_FAULT = "observations AS o INDEXED BY observation_by_fault"
_BY_TRACE = "traces AS t INDEXED BY {} CROSS JOIN observations AS o ON o.project = t.project AND o.trace = t.trace"
_BY_GENERATION = (
    "series AS s CROSS JOIN observations AS o INDEXED BY generation_by_series ON s.project = o.project "
    "AND s.series = o.series"
)
_OBSERVATION_INDEXES = ((Column.ID, "observation_by_id", MANY),)
_TRACES_FIRST = (
    (Column.TRACE_ID, "trace_by_id"),
    (Column.SESSION_ID, "trace_by_session"),
    (Column.USER_ID, "trace_by_user"),
)


def plan_observations(project: int, query: ObservationQuery, few: Few) -> Plan:
    conditions = (*asked_of_observations(query), *query.conditions)
    first = next(filter(None, (_traces_first(conditions, each) for each in _TRACES_FIRST)), None)
    if query.prompt_name is not None or first is None or _index_of(conditions, _OBSERVATION_INDEXES):
        return _plan_of_observations(project, query, conditions)
    column, index, values = first
    source = _BY_TRACE.format(index) + _SERIES
    # The unary plus keeps the index in the order of time from being chosen over the clustering by trace.
    where = _where_observations(project, query, conditions, "+o.start_time")
    where.add("t.project = ?", project)
    if column is Column.TRACE_ID or all(few(column, value) for value in values):
        order = "+o.start_time {0}, o.trace {0}, o.id {0}"
        return Plan(source=source, where=where, counted=source, count_where=where, time=order)
    newest = _plan_of_observations(project, query, conditions)
    return msgspec.structs.replace(newest, counted=source, count_where=where)


def _plan_of_observations(project: int, query: ObservationQuery, conditions: Sequence[Condition]) -> Plan:
    """From the newest on, or by what is closer to an observation than its trace."""
    where = _where_observations(project, query, conditions, "o.start_time")
    source, counted = _NEWEST, "observations AS o" + (_SERIES if conditions else "")
    if query.prompt_name is not None:
        source = counted = _BY_GENERATION
        where.add("s.project = ? AND o.flags & 64 AND s.prompt_name = ?", project, query.prompt_name)
    elif _index_of(conditions, _OBSERVATION_INDEXES):
        source = counted = _BY_ID
    elif any(fault_of(condition) is not None for condition in conditions):
        source = _BY_FAULT + _SERIES
        counted = source if any(condition.column in OF_SERIES for condition in conditions) else _BY_FAULT
    if any(condition.column in OBSERVATIONS.of_trace for condition in conditions):
        counted += _TRACE
    order = "o.start_time {0}, o.trace {0}, o.id {0}"
    return Plan(source=source + _TRACE, where=where, counted=counted, count_where=where, time=order)


def _where_observations(project: int, query: ObservationQuery, conditions: Sequence[Condition], time: str) -> Where:
    where = Where("o.project = ?", project)
    where.between(time, query.since, query.until)
    where.hold(OBSERVATIONS, project, conditions)
    return where


def _traces_first(conditions: Sequence[Condition], way: tuple[Column, str]) -> tuple[Column, str, Sequence[str]] | None:
    """The index of traces by which a condition can be met, and the values that it asks for."""
    column, index = way
    values = [value for condition in conditions for value in _values_of(condition, column)]
    return (column, index, values) if values else None


def asked_of_observations(query: ObservationQuery) -> list[Condition]:
    """The plain fields of a query as conditions, but for the time and the prompt."""
    found = _equal(
        {
            Column.NAME: query.name,
            Column.TRACE_ID: query.trace_id,
            Column.PARENT_ID: query.parent_id,
            Column.USER_ID: query.user_id,
            Column.SESSION_ID: query.session_id,
            Column.LEVEL: None if query.level is None else query.level.value,
            Column.VERSION: query.version,
            Column.MODEL: query.model,
        }
    )
    found += _among(Column.TYPE, [type.value for type in query.types])
    found += _among(Column.ENVIRONMENT, query.environments)
    if query.is_root is not None:
        found.append(FlagIs(column=Column.IS_ROOT, value=query.is_root))
    if query.prompt_version is not None:
        found.append(NumberIs(column=Column.PROMPT_VERSION, operator="=", value=query.prompt_version))
    return found


_AFTER = (
    "(o.start_time, o.trace, o.id) {} "
    "(?, coalesce((SELECT trace FROM observations WHERE project = ? AND id = ?), ?), ?)"
)


def after_cursor(where: Where, project: int, query: ObservationQuery) -> None:
    """Goes on behind the cursor's observation. Where that was deleted: behind all that started with it."""
    if query.after is not None:
        start, key = query.after.start_time, encode_id(query.after.id)
        last = -1 if query.descending else 1 << 62
        where.add(_AFTER.format("<" if query.descending else ">"), start, project, key, last, key)


# --- scores ----------------------------------------------------------------------------------------------------------

_SCORE_INDEXES = (
    (Column.OBSERVATION_ID, "score_by_observation", MANY),
    (Column.TRACE_ID, "score_by_trace", MANY),
    (Column.SESSION_ID, "score_by_session", MANY),
    (Column.NAME, "score_by_name", 1),
)


def plan_scores(project: int, query: ScoreQuery, few: Few) -> Plan:
    conditions = (*_asked_of_scores(query), *query.conditions)
    where = Where("s.project = ?", project)
    where.between("s.timestamp", query.since, query.until)
    if query.operator is not None and query.value is not None:
        where.add(f"s.value {query.operator} ?", query.value)
    where.hold(SCORES, project, conditions)
    source, counted, order = "scores AS s", "scores AS s", "+s.timestamp {0}, s.id {0}"
    if not any(_values_of(each, Column.ID) for each in conditions):
        index = _score_index(conditions, few)
        source, order = f"scores AS s INDEXED BY {index or 'score_by_time'}", "s.timestamp {0}, s.id {0}"
        counted = source if index else counted
    return Plan(source=source, where=where, counted=counted, count_where=where, time=order)


def _score_index(conditions: Sequence[Condition], few: Few) -> str | None:
    users = [value for each in conditions for value in _values_of(each, Column.USER_ID)]
    by_user = bool(users) and all(few(Column.USER_ID, user) for user in users)
    return _index_of(conditions, _SCORE_INDEXES) or ("score_by_trace" if by_user else None)


def _asked_of_scores(query: ScoreQuery) -> list[Condition]:
    found = _equal(
        {
            Column.NAME: query.name,
            Column.SESSION_ID: query.session_id,
            Column.RUN_ID: query.run_id,
            Column.SOURCE: query.source,
            Column.DATA_TYPE: query.data_type,
            Column.CONFIG_ID: query.config_id,
            Column.QUEUE_ID: query.queue_id,
            Column.TRACE_ID: query.trace_id,
            Column.OBSERVATION_ID: query.observation_id,
            Column.USER_ID: query.user_id,
        }
    )
    found += [*_among(Column.ID, query.ids), *_among(Column.ENVIRONMENT, query.environments)]
    return found + _tagged(query.trace_tags)


# --- conditions ------------------------------------------------------------------------------------------------------


def _equal(fields: dict[Column, str | None]) -> list[Condition]:
    return [
        TextIs(column=column, operator=TextOperator.EQUAL, value=value)
        for column, value in fields.items()
        if value is not None
    ]


def _among(column: Column, values: Sequence[str]) -> list[Condition]:
    return [AnyOf(column=column, values=tuple(values))] if values else []


def _tagged(tags: Sequence[str]) -> list[Condition]:
    return [Members(column=Column.TAGS, operator="all of", values=tuple(tags))] if tags else []


def _values_of(condition: Condition, column: Column) -> Sequence[str]:
    """The few values of which the column has one under this condition; none where it says no such thing."""
    match condition:
        case TextIs(operator=TextOperator.EQUAL, value=value) if condition.column is column:
            return (value,) if value else ()
        case AnyOf(negated=False, key=None, values=values) if condition.column is column:
            return () if "" in values else values
    return ()


def _index_of(conditions: Sequence[Condition], indexes: Sequence[tuple[Column, str, int]]) -> str | None:
    """The first of `indexes` whose column must have one of few enough values."""
    for column, index, most in indexes:
        if any(1 <= len(_values_of(each, column)) <= most for each in conditions):
            return index
    return None
