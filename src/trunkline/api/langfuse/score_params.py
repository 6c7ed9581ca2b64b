"""From the query parameters of both score lists to queries of the store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, cast

from trunkline.api.langfuse.cursors import decode_cursor
from trunkline.api.langfuse.filter_columns import SCORE_FILTERS
from trunkline.api.langfuse.filters import leave_out, read_filter
from trunkline.api.langfuse.params import Params
from trunkline.store.filters import AnyNumber, AnyOf, Column, Condition, NumberIs
from trunkline.store.traces import ScoreCursor, ScoreQuery
from trunkline.types import ScoreSource, ScoreType

OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
Operator = Literal["=", "!=", "<", "<=", ">", ">="]

SIMPLE_FILTERS = {
    "name": Column.NAME,
    "userId": Column.USER_ID,
    "traceTags": Column.TAGS,
    "environment": Column.ENVIRONMENT,
    "source": Column.SOURCE,
    "dataType": Column.DATA_TYPE,
    "value": Column.VALUE,
    "operator": Column.VALUE,
    "scoreIds": Column.ID,
    "configId": Column.CONFIG_ID,
    "queueId": Column.QUEUE_ID,
    "sessionId": Column.SESSION_ID,
    "datasetRunId": Column.RUN_ID,
    "traceId": Column.TRACE_ID,
    "observationId": Column.OBSERVATION_ID,
    "fromTimestamp": Column.TIMESTAMP,
    "toTimestamp": Column.TIMESTAMP,
}
"""The columns that parameters of the second form ask about."""
OF_THE_TRACE = frozenset({Column.USER_ID, Column.TAGS, Column.TRACE_NAME})

LISTS: Mapping[str, Column] = {
    "id": Column.ID,
    "name": Column.NAME,
    "environment": Column.ENVIRONMENT,
    "configId": Column.CONFIG_ID,
    "queueId": Column.QUEUE_ID,
    "authorUserId": Column.AUTHOR_ID,
    "traceId": Column.TRACE_ID,
    "sessionId": Column.SESSION_ID,
    "observationId": Column.OBSERVATION_ID,
    "experimentId": Column.RUN_ID,
}
"""Parameters of the third form that take several texts with commas between them."""
MAX_LISTED = 500
FLAGS = {"true": 1.0, "false": 0.0}


def query_v2(params: Params, *, limit: int, offset: int, with_trace: bool) -> ScoreQuery:
    """`with_trace`: the answer shows something of the trace, without which upstream filters by none of it."""
    conditions = read_filter(params, SCORE_FILTERS)
    leave_out(params, SIMPLE_FILTERS, conditions)
    operator, value = params.text("operator"), params.number("value")
    if (operator is None) != (value is None):
        params.fault("operator", "operator and value go together")
    elif operator is not None and operator not in OPERATORS:
        params.fault("operator", f"expected one of {', '.join(OPERATORS)}")
    user_id, tags = params.text("userId"), params.several("traceTags")
    if not with_trace and (user_id or tags or any(each.column in OF_THE_TRACE for each in conditions)):
        params.fault("fields", "filters by userId or traceTags need the field group `trace`")
    return ScoreQuery(
        limit=limit,
        offset=offset,
        conditions=(*conditions, *_among(params, {"observationId": Column.OBSERVATION_ID})),
        ids=params.listed("scoreIds"),
        name=params.text("name"),
        trace_id=params.text("traceId"),
        session_id=params.text("sessionId"),
        run_id=params.text("datasetRunId"),
        source=params.choice("source", ScoreSource),
        data_type=params.choice("dataType", ScoreType),
        operator=cast("Operator | None", operator),
        value=value,
        config_id=params.text("configId"),
        queue_id=params.text("queueId"),
        environments=params.several("environment"),
        user_id=user_id,
        trace_tags=tags,
        since=params.time("fromTimestamp"),
        until=params.time("toTimestamp"),
    )


def query_v3(params: Params, *, limit: int) -> ScoreQuery:
    sources, types = params.choices("source", ScoreSource), params.choices("dataType", ScoreType)
    _check_subjects(params)
    conditions = [*_among(params, LISTS), *_values(params, types), *_bounds(params, types)]
    for column, values in ((Column.SOURCE, sources), (Column.DATA_TYPE, types)):
        if values:
            conditions.append(AnyOf(column=column, values=tuple(each.value for each in values)))
    place = params.read("cursor", decode_cursor, "expected the cursor of an earlier answer")
    return ScoreQuery(
        limit=limit,
        after=ScoreCursor(timestamp=place[0], id=place[1]) if place else None,
        conditions=tuple(conditions),
        since=params.time("fromTimestamp"),
        until=params.time("toTimestamp"),
        count=False,
    )


def _among(params: Params, columns: Mapping[str, Column]) -> list[Condition]:
    found: list[Condition] = []
    for name, column in columns.items():
        values = params.listed(name)
        if len(values) > MAX_LISTED:
            params.fault(name, f"expected at most {MAX_LISTED} values", "too_big")
        elif values:
            found.append(AnyOf(column=column, values=values))
    return found


def _check_subjects(params: Params) -> None:
    """A score hangs on one thing; ids of observations belong to a trace."""
    subjects = [name for name in ("traceId", "sessionId", "experimentId") if params.listed(name)]
    if len(subjects) > 1:
        params.fault(subjects[1], f"{' and '.join(subjects)} exclude each other")
    if params.listed("observationId") and "traceId" not in subjects:
        params.fault("observationId", "needs traceId: ids of observations belong to a trace")


def _values(params: Params, types: tuple[ScoreType, ...]) -> list[Condition]:
    given = params.listed("value")
    if not given:
        return []
    if len(given) > MAX_LISTED:
        params.fault("value", f"expected at most {MAX_LISTED} values", "too_big")
        return []
    match types:
        case [ScoreType.CATEGORICAL]:
            return [AnyOf(column=Column.STRING_VALUE, values=given)]
        case [ScoreType.BOOLEAN]:
            if not FLAGS.keys() >= set(given):
                params.fault("value", "expected true or false")
            return [AnyNumber(column=Column.VALUE, values=tuple(FLAGS.get(each, 0.0) for each in given))]
        case [ScoreType.NUMERIC]:
            numbers = tuple(map(_number, given))
            if not all(map(math.isfinite, numbers)):
                params.fault("value", "expected finite numbers")
            return [AnyNumber(column=Column.VALUE, values=numbers)]
    params.fault("value", "needs dataType, one of NUMERIC, BOOLEAN and CATEGORICAL")
    return []


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _bounds(params: Params, types: tuple[ScoreType, ...]) -> list[Condition]:
    least, most = params.number("valueMin"), params.number("valueMax")
    for name, bound in (("valueMin", least), ("valueMax", most)):
        if bound is not None and types != (ScoreType.NUMERIC,):
            params.fault(name, "needs dataType=NUMERIC")
    found: list[Condition] = []
    if least is not None:
        found.append(NumberIs(column=Column.VALUE, operator=">=", value=least))
    if most is not None:
        found.append(NumberIs(column=Column.VALUE, operator="<=", value=most))
    return found
