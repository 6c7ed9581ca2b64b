"""How the columns that can be filtered by are said in SQL, table by table.

Every text here is a constant of this program: values are bound where conditions are compiled
(`trunkline.store.sqlite_filters`). What hangs on a row (observations of a trace, scores, texts) is asked for by a
correlated query on its index, so that a page of the newest rows reads no further than the page goes.
"""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.store.filters import Column
from trunkline.store.sqlite_rows import LEVELS, ROOT
from trunkline.types import Struct

SECONDS = 1_000_000.0


class Columns(Struct, frozen=True, kw_only=True):
    """The expressions of one table by column, apart by what they give."""

    texts: Mapping[Column, str]
    """Text; NULL and the empty text are the same."""
    ids: Mapping[Column, str]
    """Encoded ids."""
    numbers: Mapping[Column, str]
    times: Mapping[Column, str]
    flags: Mapping[Column, str]
    content: str = ""
    """The packed input, output and metadata of a row."""
    metadata: str
    """The value of metadata under a bound key, as JSON."""
    scores: str = ""
    """FROM and WHERE of the scores that hang on a row."""
    scored: str = ""
    """The same the other way round, for a count over all rows: those that scores of a name hang on."""
    trace: str = ""
    """FROM and WHERE of a row's trace, for the columns that are the trace's; nothing where the trace is joined as t."""
    among_traces: str = ""
    """The same the other way round, for conditions that few traces meet; binds the project."""
    of_trace: Mapping[Column, Column] = {}


def _level(number: str) -> str:
    names = " ".join(f"WHEN {n} THEN '{level}'" for n, level in enumerate(LEVELS))
    return f"CASE coalesce({number}, 0) {names} END"


def _kinds(row: str, kind: str) -> str:
    """Cost of a kind (input, output): in its column, or the sum of a document of finer kinds; 0 where there is none."""
    finer = f"kind_sum({row}.cost, '{kind}')"
    return f"coalesce(CASE WHEN {row}.cost IS NULL THEN {row}.cost_{kind} ELSE {finer} END, 0.0)"


def _parts(what: str, condition: str = "") -> str:
    of_trace = f"observations AS p WHERE p.project = t.project AND p.trace = t.trace{condition}"
    return f"(SELECT {what} FROM {of_trace})"  # noqa: S608


def _count(level: int) -> str:
    return _parts("count(*)", f" AND coalesce(p.level, 0) = {level}")


_SEVERITY = _parts("max(CASE coalesce(p.level, 0) WHEN 1 THEN 0 WHEN 0 THEN 1 ELSE p.level END)")
_IN, _OUT = _kinds("p", "input"), _kinds("p", "output")
_LAST = "max(p.start_time + max(coalesce(p.duration, 0), 0))"
_CONTENT = "(SELECT x.content FROM texts AS x WHERE x.text = {0}.text >> 8), {0}.text"
"""The block of a row's texts and the reference into it: two arguments."""

TRACES = Columns(
    texts={
        Column.NAME: "t.name",
        Column.ENVIRONMENT: "t.environment",
        Column.VERSION: "t.version",
        Column.USER_ID: "t.user_id",
        Column.SESSION_ID: "t.session_id",
        Column.RELEASE: "t.release",
        Column.LEVEL: f"CASE {_SEVERITY} WHEN 0 THEN 'DEBUG' WHEN 1 THEN 'DEFAULT' WHEN 2 THEN 'WARNING' "
        "WHEN 3 THEN 'ERROR' END",
    },
    ids={Column.ID: "t.id"},
    numbers={
        Column.LATENCY: f"coalesce({_parts(f'{_LAST} - min(p.start_time)')} / {SECONDS}, 0.0)",
        Column.INPUT_TOKENS: f"coalesce({_parts('sum(p.input_tokens)')}, 0)",
        Column.OUTPUT_TOKENS: f"coalesce({_parts('sum(p.output_tokens)')}, 0)",
        Column.TOTAL_TOKENS: f"coalesce({_parts('sum(p.total_tokens)')}, 0)",
        Column.INPUT_COST: f"coalesce({_parts(f'sum({_IN})')}, 0.0)",
        Column.OUTPUT_COST: f"coalesce({_parts(f'sum({_OUT})')}, 0.0)",
        Column.TOTAL_COST: f"coalesce({_parts('sum(p.cost_total)')}, 0.0)",
        Column.DEFAULT_COUNT: _count(0),
        Column.DEBUG_COUNT: _count(1),
        Column.WARNING_COUNT: _count(2),
        Column.ERROR_COUNT: _count(3),
    },
    times={Column.TIMESTAMP: "t.timestamp"},
    flags={Column.PUBLIC: "coalesce(t.public, 0)", Column.BOOKMARKED: "0"},
    content=_CONTENT.format("t"),
    metadata=f"metadata_value({_CONTENT.format('t')}, ?)",
    scores="scores AS v INDEXED BY score_by_trace WHERE v.project = t.project AND v.trace_id = t.id",
    scored="t.id IN (SELECT v.trace_id FROM scores AS v INDEXED BY score_by_name WHERE v.trace_id IS NOT NULL AND ",
)

OBSERVATIONS = Columns(
    texts={
        Column.NAME: "s.name",
        Column.TYPE: "s.type",
        Column.ENVIRONMENT: "s.environment",
        Column.MODEL: "s.model",
        Column.PROMPT_NAME: "s.prompt_name",
        Column.VERSION: "o.version",
        Column.STATUS_MESSAGE: "o.status_message",
        Column.LEVEL: _level("o.level"),
    },
    ids={Column.ID: "o.id", Column.PARENT_ID: "o.parent_id"},
    numbers={
        Column.LATENCY: f"max(o.duration, 0) / {SECONDS}",
        Column.TIME_TO_FIRST_TOKEN: f"o.completion / {SECONDS}",
        Column.TOKENS_PER_SECOND: f"coalesce(o.output_tokens, 0) / nullif(max(o.duration, 0) / {SECONDS}, 0)",
        Column.INPUT_TOKENS: "coalesce(o.input_tokens, 0)",
        Column.OUTPUT_TOKENS: "coalesce(o.output_tokens, 0)",
        Column.TOTAL_TOKENS: "o.total_tokens",
        Column.INPUT_COST: _kinds("o", "input"),
        Column.OUTPUT_COST: _kinds("o", "output"),
        Column.TOTAL_COST: "o.cost_total",
        Column.PROMPT_VERSION: "nullif(s.prompt_version, 0)",
    },
    times={Column.START_TIME: "o.start_time", Column.END_TIME: "o.start_time + max(o.duration, 0)"},
    flags={
        Column.IS_ROOT: f"(o.parent_id IS NULL OR (o.flags & {ROOT}) != 0)",
        Column.HAS_PARENT: "(o.parent_id IS NOT NULL)",
    },
    content=_CONTENT.format("o"),
    metadata=f"metadata_value({_CONTENT.format('o')}, ?)",
    scores="scores AS v INDEXED BY score_by_observation WHERE v.project = o.project AND v.observation_id = o.id",
    scored="o.id IN (SELECT v.observation_id FROM scores AS v INDEXED BY score_by_name "
    "WHERE v.observation_id IS NOT NULL AND ",
    of_trace={
        Column.TRACE_ID: Column.ID,
        Column.USER_ID: Column.USER_ID,
        Column.SESSION_ID: Column.SESSION_ID,
        Column.TRACE_NAME: Column.NAME,
        Column.TRACE_ENVIRONMENT: Column.ENVIRONMENT,
        Column.TAGS: Column.TAGS,
        Column.RELEASE: Column.RELEASE,
    },
)

SCORES = Columns(
    texts={
        column: f"s.{column}"
        for column in (
            *(Column.NAME, Column.ENVIRONMENT, Column.SESSION_ID, Column.RUN_ID, Column.STRING_VALUE, Column.SOURCE),
            *(Column.DATA_TYPE, Column.COMMENT, Column.AUTHOR_ID, Column.CONFIG_ID, Column.QUEUE_ID),
        )
    },
    ids={Column.ID: "s.id", Column.TRACE_ID: "s.trace_id", Column.OBSERVATION_ID: "s.observation_id"},
    numbers={Column.VALUE: "s.value"},
    times={Column.TIMESTAMP: "s.timestamp"},
    flags={},
    metadata="json_value(s.metadata, ?)",
    trace="traces AS t WHERE t.project = s.project AND t.id = s.trace_id",
    among_traces="s.trace_id IN (SELECT t.id FROM traces AS t WHERE t.project = ? AND ",
    of_trace={Column.USER_ID: Column.USER_ID, Column.TRACE_NAME: Column.NAME, Column.TAGS: Column.TAGS},
)
