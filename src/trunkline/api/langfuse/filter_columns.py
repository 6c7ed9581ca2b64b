"""By which columns each list of the compatible API can be filtered, under the names that its description has."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from trunkline.store.filters import Column
from trunkline.types import Struct


class Kind(StrEnum):
    """What a column holds, which says the types of condition that it takes."""

    TEXT = "text"
    ID = "id"
    CONTENT = "content"
    NUMBER = "number"
    TIME = "time"
    FLAG = "flag"
    TAGS = "tags"
    METADATA = "metadata"
    SCORE_NUMBERS = "score numbers"
    SCORE_CATEGORIES = "score categories"
    SCORE_FLAGS = "score flags"


class Filterable(Struct, frozen=True, kw_only=True):
    """A column by the name that the API has for it."""

    column: Column
    kind: Kind


class Filters(Struct, frozen=True, kw_only=True):
    """What one list can be filtered by. `matches` says whether texts can be searched for literally."""

    columns: Mapping[str, Filterable]
    matches: bool = False


def columns_of(kind: Kind, **names: Column) -> dict[str, Filterable]:
    return {name: Filterable(column=column, kind=kind) for name, column in names.items()}


_AMOUNTS = columns_of(
    Kind.NUMBER,
    latency=Column.LATENCY,
    inputTokens=Column.INPUT_TOKENS,
    outputTokens=Column.OUTPUT_TOKENS,
    totalTokens=Column.TOTAL_TOKENS,
    tokens=Column.TOTAL_TOKENS,
    inputCost=Column.INPUT_COST,
    outputCost=Column.OUTPUT_COST,
    totalCost=Column.TOTAL_COST,
)
_METADATA = columns_of(Kind.METADATA, metadata=Column.METADATA)
_SCORES = {
    **columns_of(Kind.SCORE_NUMBERS, scores_avg=Column.SCORE_NUMBERS, scores=Column.SCORE_NUMBERS),
    **columns_of(Kind.SCORE_CATEGORIES, score_categories=Column.SCORE_CATEGORIES),
    **columns_of(Kind.SCORE_FLAGS, score_booleans=Column.SCORE_FLAGS),
}

TRACE_FILTERS = Filters(
    columns={
        **columns_of(Kind.ID, id=Column.ID),
        **columns_of(
            Kind.TEXT,
            name=Column.NAME,
            userId=Column.USER_ID,
            sessionId=Column.SESSION_ID,
            environment=Column.ENVIRONMENT,
            version=Column.VERSION,
            release=Column.RELEASE,
            level=Column.LEVEL,
        ),
        **columns_of(Kind.TIME, timestamp=Column.TIMESTAMP),
        **columns_of(Kind.TAGS, tags=Column.TAGS),
        **columns_of(Kind.FLAG, bookmarked=Column.BOOKMARKED, public=Column.PUBLIC),
        **_METADATA,
        **_AMOUNTS,
        **columns_of(
            Kind.NUMBER,
            warningCount=Column.WARNING_COUNT,
            errorCount=Column.ERROR_COUNT,
            defaultCount=Column.DEFAULT_COUNT,
            debugCount=Column.DEBUG_COUNT,
        ),
        **_SCORES,
    }
)

OBSERVATION_FILTERS = Filters(
    columns={
        **columns_of(Kind.ID, id=Column.ID, traceId=Column.TRACE_ID, parentObservationId=Column.PARENT_ID),
        **columns_of(
            Kind.TEXT,
            type=Column.TYPE,
            name=Column.NAME,
            environment=Column.ENVIRONMENT,
            level=Column.LEVEL,
            statusMessage=Column.STATUS_MESSAGE,
            version=Column.VERSION,
            model=Column.MODEL,
            providedModelName=Column.MODEL,
            promptName=Column.PROMPT_NAME,
            userId=Column.USER_ID,
            sessionId=Column.SESSION_ID,
            traceName=Column.TRACE_NAME,
            traceEnvironment=Column.TRACE_ENVIRONMENT,
        ),
        **columns_of(Kind.TIME, startTime=Column.START_TIME, endTime=Column.END_TIME),
        **columns_of(Kind.TAGS, traceTags=Column.TAGS, tags=Column.TAGS),
        **columns_of(Kind.FLAG, isRootObservation=Column.IS_ROOT, hasParentObservation=Column.HAS_PARENT),
        **_METADATA,
        **_AMOUNTS,
        **columns_of(
            Kind.NUMBER,
            timeToFirstToken=Column.TIME_TO_FIRST_TOKEN,
            tokensPerSecond=Column.TOKENS_PER_SECOND,
            promptVersion=Column.PROMPT_VERSION,
        ),
        **_SCORES,
    }
)

OBSERVATION_FILTERS_V2 = Filters(
    columns={**OBSERVATION_FILTERS.columns, **columns_of(Kind.CONTENT, input=Column.INPUT, output=Column.OUTPUT)},
    matches=True,
)

SCORE_FILTERS = Filters(
    columns={
        **columns_of(Kind.ID, id=Column.ID, traceId=Column.TRACE_ID, observationId=Column.OBSERVATION_ID),
        **columns_of(
            Kind.TEXT,
            name=Column.NAME,
            sessionId=Column.SESSION_ID,
            datasetRunId=Column.RUN_ID,
            environment=Column.ENVIRONMENT,
            source=Column.SOURCE,
            dataType=Column.DATA_TYPE,
            stringValue=Column.STRING_VALUE,
            comment=Column.COMMENT,
            authorUserId=Column.AUTHOR_ID,
            configId=Column.CONFIG_ID,
            queueId=Column.QUEUE_ID,
            userId=Column.USER_ID,
            traceName=Column.TRACE_NAME,
        ),
        **columns_of(Kind.NUMBER, value=Column.VALUE),
        **columns_of(Kind.TIME, timestamp=Column.TIMESTAMP),
        **columns_of(Kind.TAGS, traceTags=Column.TAGS, trace_tags=Column.TAGS),
        **_METADATA,
    }
)

EXPERIMENT_FILTERS = Filters(
    columns={
        **columns_of(Kind.ID, id=Column.ID, datasetId=Column.DATASET_ID),
        **columns_of(Kind.TEXT, name=Column.NAME),
    }
)

EXPERIMENT_ITEM_FILTERS = Filters(
    columns={
        **columns_of(Kind.ID, experimentId=Column.ID, datasetId=Column.DATASET_ID),
        **columns_of(Kind.ID, experimentItemId=Column.DATASET_ITEM_ID),
        **columns_of(Kind.TEXT, experimentName=Column.NAME),
    }
)
