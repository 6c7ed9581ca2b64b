"""What the metrics endpoints call views, dimensions and measures, and by what each view can be filtered."""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.api.langfuse.filter_columns import (
    OBSERVATION_FILTERS,
    SCORE_FILTERS,
    TRACE_FILTERS,
    Filters,
    Kind,
    columns_of,
)
from trunkline.store.filters import Column
from trunkline.store.metrics_query import Dimension, Measure, View
from trunkline.types import Struct


class ViewNames(Struct, frozen=True, kw_only=True):
    """One view as one endpoint offers it. `costly` are dimensions of too many values to be grouped by."""

    dimensions: Mapping[str, Dimension]
    measures: Mapping[str, Measure]
    filters: Filters
    costly: Mapping[str, str] = {}


_TRACE_MEASURES = {
    "count": Measure.COUNT,
    "observationsCount": Measure.COUNT_OBSERVATIONS,
    "scoresCount": Measure.COUNT_SCORES,
    "uniqueUserIds": Measure.UNIQUE_USERS,
    "uniqueSessionIds": Measure.UNIQUE_SESSIONS,
    "latency": Measure.LATENCY,
    "totalTokens": Measure.TOTAL_TOKENS,
    "totalCost": Measure.TOTAL_COST,
}
_OBSERVATION_MEASURES = {
    "count": Measure.COUNT,
    "latency": Measure.LATENCY,
    "streamingLatency": Measure.STREAMING_LATENCY,
    "inputTokens": Measure.INPUT_TOKENS,
    "outputTokens": Measure.OUTPUT_TOKENS,
    "totalTokens": Measure.TOTAL_TOKENS,
    "outputTokensPerSecond": Measure.OUTPUT_TOKENS_PER_SECOND,
    "tokensPerSecond": Measure.TOKENS_PER_SECOND,
    "inputCost": Measure.INPUT_COST,
    "outputCost": Measure.OUTPUT_COST,
    "totalCost": Measure.TOTAL_COST,
    "timeToFirstToken": Measure.TIME_TO_FIRST_TOKEN,
    "countScores": Measure.COUNT_SCORES,
}
_VALUES = {"count": Measure.COUNT, "value": Measure.VALUE}

_TRACE_DIMENSIONS = {
    "id": Dimension.ID,
    "name": Dimension.NAME,
    "tags": Dimension.TAGS,
    "userId": Dimension.USER_ID,
    "sessionId": Dimension.SESSION_ID,
    "release": Dimension.RELEASE,
    "version": Dimension.VERSION,
    "environment": Dimension.ENVIRONMENT,
    "timestampMonth": Dimension.MONTH,
}
_OBSERVATION_DIMENSIONS = {
    "id": Dimension.ID,
    "traceId": Dimension.TRACE_ID,
    "traceName": Dimension.TRACE_NAME,
    "environment": Dimension.ENVIRONMENT,
    "parentObservationId": Dimension.PARENT_ID,
    "type": Dimension.TYPE,
    "name": Dimension.NAME,
    "level": Dimension.LEVEL,
    "version": Dimension.VERSION,
    "tags": Dimension.TAGS,
    "providedModelName": Dimension.MODEL,
    "promptName": Dimension.PROMPT_NAME,
    "promptVersion": Dimension.PROMPT_VERSION,
    "userId": Dimension.USER_ID,
    "sessionId": Dimension.SESSION_ID,
    "traceRelease": Dimension.TRACE_RELEASE,
    "traceVersion": Dimension.TRACE_VERSION,
    "startTimeMonth": Dimension.MONTH,
}
_SCORE_DIMENSIONS = {
    "id": Dimension.ID,
    "environment": Dimension.ENVIRONMENT,
    "name": Dimension.NAME,
    "source": Dimension.SOURCE,
    "dataType": Dimension.DATA_TYPE,
    "traceId": Dimension.TRACE_ID,
    "configId": Dimension.CONFIG_ID,
    "timestampMonth": Dimension.MONTH,
    "timestampDay": Dimension.DAY,
    "observationId": Dimension.OBSERVATION_ID,
    "traceName": Dimension.TRACE_NAME,
    "tags": Dimension.TAGS,
    "userId": Dimension.USER_ID,
    "sessionId": Dimension.SESSION_ID,
    "traceRelease": Dimension.TRACE_RELEASE,
    "traceVersion": Dimension.TRACE_VERSION,
    "observationName": Dimension.OBSERVATION_NAME,
    "observationModelName": Dimension.OBSERVATION_MODEL,
    "observationPromptName": Dimension.OBSERVATION_PROMPT_NAME,
    "observationPromptVersion": Dimension.OBSERVATION_PROMPT_VERSION,
}

_OF_TRACE = columns_of(Kind.TEXT, traceRelease=Column.RELEASE, traceVersion=Column.TRACE_VERSION)
_TRACE_FILTERS = Filters(columns={**TRACE_FILTERS.columns, **columns_of(Kind.TEXT, timestampMonth=Column.MONTH)})
_OBSERVATION_FILTERS = Filters(
    columns={
        **OBSERVATION_FILTERS.columns,
        **_OF_TRACE,
        **columns_of(Kind.TEXT, release=Column.RELEASE, startTimeMonth=Column.MONTH),
        **columns_of(Kind.TIME, start_time=Column.START_TIME),
    }
)
_SCORE_FILTERS = Filters(
    columns={
        **SCORE_FILTERS.columns,
        **_OF_TRACE,
        **columns_of(
            Kind.TEXT,
            scoreName=Column.NAME,
            timestampMonth=Column.MONTH,
            timestampDay=Column.DAY,
            observationName=Column.OBSERVATION_NAME,
            observationModelName=Column.OBSERVATION_MODEL,
            observationPromptName=Column.OBSERVATION_PROMPT_NAME,
        ),
        **columns_of(Kind.NUMBER, observationPromptVersion=Column.OBSERVATION_PROMPT_VERSION),
        **columns_of(Kind.TAGS, tags=Column.TAGS),
        **columns_of(Kind.FLAG, booleanValue=Column.BOOLEAN_VALUE),
    }
)
_CATEGORIES = {"count": Measure.COUNT}
_BY_CATEGORY = {**_SCORE_DIMENSIONS, "stringValue": Dimension.STRING_VALUE}
_BY_FLAG = {**_SCORE_DIMENSIONS, "booleanValue": Dimension.BOOLEAN_VALUE}
_BY_VALUE = {**_SCORE_DIMENSIONS, "value": Dimension.VALUE}


def _scores(measures: Mapping[str, Measure], dimensions: Mapping[str, Dimension]) -> ViewNames:
    return ViewNames(dimensions=dimensions, measures=measures, filters=_SCORE_FILTERS)


VIEWS: Mapping[View, ViewNames] = {
    View.TRACES: ViewNames(dimensions=_TRACE_DIMENSIONS, measures=_TRACE_MEASURES, filters=_TRACE_FILTERS),
    View.OBSERVATIONS: ViewNames(
        dimensions=_OBSERVATION_DIMENSIONS, measures=_OBSERVATION_MEASURES, filters=_OBSERVATION_FILTERS
    ),
    View.SCORES_NUMERIC: _scores(_VALUES, _BY_VALUE),
    View.SCORES_BOOLEAN: _scores(_VALUES, _BY_FLAG),
    View.SCORES_CATEGORICAL: _scores(_CATEGORIES, _BY_CATEGORY),
}

_COSTLY = {
    "id": "traceId",
    "traceId": "traceId",
    "userId": "userId",
    "sessionId": "sessionId",
    "parentObservationId": "parentObservationId",
    "observationId": "observationId",
}
"""What to filter by instead."""


def _v2(view: View, **added: Dimension) -> ViewNames:
    names = VIEWS[view]
    costly = {name: other for name, other in _COSTLY.items() if name in names.dimensions}
    dimensions = {name: dimension for name, dimension in names.dimensions.items() if name not in costly}
    return ViewNames(dimensions=dimensions | added, measures=names.measures, filters=names.filters, costly=costly)


VIEWS_V2: Mapping[View, ViewNames] = {
    View.OBSERVATIONS: _v2(View.OBSERVATIONS, release=Dimension.RELEASE, isRootObservation=Dimension.IS_ROOT),
    **{view: _v2(view) for view in (View.SCORES_NUMERIC, View.SCORES_BOOLEAN, View.SCORES_CATEGORICAL)},
}
