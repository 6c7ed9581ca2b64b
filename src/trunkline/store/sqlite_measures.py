"""What each view of a metrics query measures and is grouped by, in SQL over rows.

Aliases as in `trunkline.store.sqlite_columns`: traces are ``t``, observations ``o`` with their series ``s``, scores
``s``. Numbers are bounded as the hours' sums bound them, so that both add up to the same and no sum overflows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import structs

from trunkline.errors import InvalidRequest
from trunkline.store.filters import Column
from trunkline.store.metrics_query import Dimension, Measure, Value, View
from trunkline.store.rollups import DEAREST, LONGEST, MOST_TOKENS
from trunkline.store.sqlite_columns import OBSERVATIONS, SCORES, TRACES, Columns
from trunkline.store.sqlite_rows import LEVELS, ROOT, decode_id, decode_tags
from trunkline.types import Struct


class Source(Struct, frozen=True, kw_only=True):
    """One view. `with_trace` is `table` with the traces of its rows, which may be missing."""

    table: str
    with_trace: str
    time: str
    columns: Columns
    where: str = ""
    dimensions: Mapping[Dimension, str]
    measures: Mapping[Measure, str]


def _bounded(amount: str, most: float) -> str:
    return f"min(max({amount}, -{most}), {most})"


def _tokens(row: str, kind: str) -> str:
    return _bounded(f"coalesce({row}.{kind}_tokens, 0)", MOST_TOKENS)


def _total_tokens(row: str) -> str:
    """A total that was not given is the sum, as the hours have it."""
    parts = f"coalesce({row}.input_tokens, 0) + coalesce({row}.output_tokens, 0)"
    return _bounded(f"coalesce({row}.total_tokens, {parts})", MOST_TOKENS)


def _cost(row: str) -> str:
    return _bounded(f"{row}.cost_total", DEAREST)


def _kind_cost(kind: str) -> str:
    given = f"CASE WHEN o.cost IS NULL THEN o.cost_{kind} ELSE kind_sum(o.cost, '{kind}') END"
    return f"coalesce({_bounded(given, DEAREST)}, 0.0)"


def _month(time: str) -> str:
    return f"strftime('%Y-%m', floor({time} / 1e6), 'unixepoch')"


def _day(time: str) -> str:
    return f"strftime('%Y-%m-%d', floor({time} / 1e6), 'unixepoch')"


_DURATION = f"min(max(o.duration, 0), {LONGEST})"
_TO_END = "(o.duration - o.completion)"
_LEVEL = " ".join(f"WHEN {number} THEN '{level}'" for number, level in enumerate(LEVELS))


def _with_texts(columns: Columns, **texts: str) -> Columns:
    """Columns that only metrics are filtered by."""
    added = {Column(name): text for name, text in texts.items()}
    return structs.replace(columns, texts={**columns.texts, **added})


OBSERVATION_SOURCE = Source(
    table="observations AS o CROSS JOIN series AS s ON s.series = o.series",
    with_trace="observations AS o CROSS JOIN series AS s ON s.series = o.series "
    "CROSS JOIN traces AS t ON t.trace = o.trace",
    time="o.start_time",
    columns=structs.replace(
        _with_texts(OBSERVATIONS, month=_month("o.start_time")),
        trace="traces AS t WHERE t.trace = o.trace",
        among_traces="o.trace IN (SELECT t.trace FROM traces AS t WHERE t.project = ? AND ",
        of_trace={**OBSERVATIONS.of_trace, Column.TRACE_VERSION: Column.VERSION},
    ),
    dimensions={
        Dimension.ID: "o.id",
        Dimension.TRACE_ID: "t.id",
        Dimension.TRACE_NAME: "t.name",
        Dimension.ENVIRONMENT: "s.environment",
        Dimension.PARENT_ID: "o.parent_id",
        Dimension.TYPE: "s.type",
        Dimension.NAME: "nullif(s.name, '')",
        Dimension.LEVEL: f"CASE coalesce(o.level, 0) {_LEVEL} END",
        Dimension.VERSION: "o.version",
        Dimension.TAGS: "coalesce(t.tags, '[]')",
        Dimension.RELEASE: "t.release",
        Dimension.MODEL: "nullif(s.model, '')",
        Dimension.PROMPT_NAME: "nullif(s.prompt_name, '')",
        Dimension.PROMPT_VERSION: "nullif(s.prompt_version, 0)",
        Dimension.USER_ID: "t.user_id",
        Dimension.SESSION_ID: "t.session_id",
        Dimension.TRACE_RELEASE: "t.release",
        Dimension.TRACE_VERSION: "t.version",
        Dimension.MONTH: _month("o.start_time"),
        Dimension.IS_ROOT: f"(o.parent_id IS NULL OR (o.flags & {ROOT}) != 0)",
    },
    measures={
        Measure.COUNT: "1",
        Measure.LATENCY: f"{_DURATION} / 1000.0",
        Measure.STREAMING_LATENCY: f"{_TO_END} / 1000.0",
        Measure.TIME_TO_FIRST_TOKEN: "o.completion / 1000.0",
        Measure.INPUT_TOKENS: _tokens("o", "input"),
        Measure.OUTPUT_TOKENS: _tokens("o", "output"),
        Measure.TOTAL_TOKENS: _total_tokens("o"),
        Measure.OUTPUT_TOKENS_PER_SECOND: f"{_tokens('o', 'output')} / nullif({_TO_END} / 1e6, 0)",
        Measure.TOKENS_PER_SECOND: f"{_total_tokens('o')} / nullif({_DURATION} / 1e6, 0)",
        Measure.INPUT_COST: _kind_cost("input"),
        Measure.OUTPUT_COST: _kind_cost("output"),
        Measure.TOTAL_COST: _cost("o"),
        Measure.COUNT_SCORES: "(SELECT count(*) FROM scores AS v INDEXED BY score_by_observation "
        "WHERE v.project = o.project AND v.observation_id = o.id)",
    },
)


def _parts(what: str) -> str:
    return f"(SELECT {what} FROM observations AS p WHERE p.project = t.project AND p.trace = t.trace)"  # noqa: S608


_SUM_OF_TOKENS = f"sum({_total_tokens('p')})"
TRACE_SOURCE = Source(
    table="traces AS t",
    with_trace="traces AS t",
    time="t.timestamp",
    columns=_with_texts(TRACES, month=_month("t.timestamp")),
    dimensions={
        Dimension.ID: "t.id",
        Dimension.NAME: "t.name",
        Dimension.TAGS: "coalesce(t.tags, '[]')",
        Dimension.USER_ID: "t.user_id",
        Dimension.SESSION_ID: "t.session_id",
        Dimension.RELEASE: "t.release",
        Dimension.VERSION: "t.version",
        Dimension.ENVIRONMENT: "t.environment",
        Dimension.MONTH: _month("t.timestamp"),
    },
    measures={
        Measure.COUNT: "1",
        Measure.COUNT_OBSERVATIONS: _parts("count(*)"),
        Measure.COUNT_SCORES: "(SELECT count(*) FROM scores AS v INDEXED BY score_by_trace "
        "WHERE v.project = t.project AND v.trace_id = t.id)",
        Measure.UNIQUE_USERS: "t.user_id",
        Measure.UNIQUE_SESSIONS: "t.session_id",
        Measure.LATENCY: _parts(
            f"min(max(p.start_time + max(coalesce(p.duration, 0), 0)) - min(p.start_time), {LONGEST}) / 1000.0"
        ),
        Measure.TOTAL_TOKENS: f"coalesce({_parts(_SUM_OF_TOKENS)}, 0)",
        Measure.TOTAL_COST: _parts(f"sum({_cost('p')})"),
    },
)


def _of_observation(what: str) -> str:
    return (
        f"(SELECT {what} FROM observations AS q CROSS JOIN series AS p ON p.series = q.series "  # noqa: S608
        "WHERE q.project = s.project AND q.id = s.observation_id)"
    )


_SCORE_COLUMNS = structs.replace(
    _with_texts(
        SCORES,
        month=_month("s.timestamp"),
        day=_day("s.timestamp"),
        observation_name=_of_observation("p.name"),
        observation_model=_of_observation("p.model"),
        observation_prompt_name=_of_observation("p.prompt_name"),
    ),
    numbers={
        **SCORES.numbers,
        Column.OBSERVATION_PROMPT_VERSION: _of_observation("nullif(p.prompt_version, 0)"),
    },
    flags={**SCORES.flags, Column.BOOLEAN_VALUE: "(s.value != 0)"},
    of_trace={**SCORES.of_trace, Column.RELEASE: Column.RELEASE, Column.TRACE_VERSION: Column.VERSION},
)
_SCORE_DIMENSIONS = {
    Dimension.ID: "s.id",
    Dimension.ENVIRONMENT: "s.environment",
    Dimension.NAME: "s.name",
    Dimension.SOURCE: "s.source",
    Dimension.DATA_TYPE: "s.data_type",
    Dimension.TRACE_ID: "s.trace_id",
    Dimension.CONFIG_ID: "s.config_id",
    Dimension.MONTH: _month("s.timestamp"),
    Dimension.DAY: _day("s.timestamp"),
    Dimension.OBSERVATION_ID: "s.observation_id",
    Dimension.TRACE_NAME: "t.name",
    Dimension.TAGS: "coalesce(t.tags, '[]')",
    Dimension.USER_ID: "t.user_id",
    Dimension.SESSION_ID: "coalesce(s.session_id, t.session_id)",
    Dimension.TRACE_RELEASE: "t.release",
    Dimension.TRACE_VERSION: "t.version",
    Dimension.OBSERVATION_NAME: _of_observation("nullif(p.name, '')"),
    Dimension.OBSERVATION_MODEL: _of_observation("nullif(p.model, '')"),
    Dimension.OBSERVATION_PROMPT_NAME: _of_observation("nullif(p.prompt_name, '')"),
    Dimension.OBSERVATION_PROMPT_VERSION: _of_observation("nullif(p.prompt_version, 0)"),
}


def _score_source(types: str, dimension: Dimension, expression: str, measures: Mapping[Measure, str]) -> Source:
    return Source(
        table="scores AS s",
        with_trace="scores AS s LEFT JOIN traces AS t ON t.project = s.project AND t.id = s.trace_id",
        time="s.timestamp",
        columns=_SCORE_COLUMNS,
        where=f"s.data_type IN ({types})",
        dimensions={**_SCORE_DIMENSIONS, dimension: expression},
        measures={Measure.COUNT: "1", **measures},
    )


TRACE_DIMENSIONS = frozenset(
    {Dimension.TRACE_ID, Dimension.TRACE_NAME, Dimension.TAGS, Dimension.RELEASE, Dimension.USER_ID}
    | {Dimension.SESSION_ID, Dimension.TRACE_RELEASE, Dimension.TRACE_VERSION}
)
"""Those that need the rows' traces."""
_VALUE = {Measure.VALUE: "s.value"}
SOURCES: Mapping[View, Source] = {
    View.TRACES: TRACE_SOURCE,
    View.OBSERVATIONS: OBSERVATION_SOURCE,
    View.SCORES_NUMERIC: _score_source("'NUMERIC', 'BOOLEAN'", Dimension.VALUE, "s.value", _VALUE),
    View.SCORES_BOOLEAN: _score_source("'BOOLEAN'", Dimension.BOOLEAN_VALUE, "s.value != 0", _VALUE),
    View.SCORES_CATEGORICAL: _score_source("'CATEGORICAL', 'TEXT'", Dimension.STRING_VALUE, "s.string_value", {}),
}

_IDS = frozenset({Dimension.ID, Dimension.TRACE_ID, Dimension.PARENT_ID, Dimension.OBSERVATION_ID})
_FLAGS = frozenset({Dimension.IS_ROOT, Dimension.BOOLEAN_VALUE})


def reader_of(dimension: Dimension) -> Callable[..., Value] | None:
    """What makes the value of a dimension out of what SQL gives; None where that is the value."""
    if dimension in _IDS:
        return decode_id
    if dimension in _FLAGS:
        return bool
    return decode_tags if dimension is Dimension.TAGS else None


def expression(view: View, dimension: Dimension) -> str:
    """Raises InvalidRequest where the view has no such dimension."""
    try:
        return SOURCES[view].dimensions[dimension]
    except KeyError:
        raise InvalidRequest(f"The view {view} is not grouped by {dimension}.") from None


def measure(view: View, measured: Measure) -> str:
    """Raises InvalidRequest where the view does not measure it."""
    try:
        return SOURCES[view].measures[measured]
    except KeyError:
        raise InvalidRequest(f"The view {view} does not measure {measured}.") from None
