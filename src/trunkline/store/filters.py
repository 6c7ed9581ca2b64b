"""Free conditions on traces, observations and scores, beside the plain fields of a query; all of them must hold.

A text that is not there counts as the empty text, as upstream has it: it does not contain anything, is none of some
values, and equals ``""``. A number, time or metadata value that is not there meets no condition but `IsNull`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from trunkline.types import Micros, Struct


class Column(StrEnum):
    """What can be asked about. Not every table has every column (`trunkline.store.sqlite_columns`)."""

    ID = "id"
    NAME = "name"
    TIMESTAMP = "timestamp"
    ENVIRONMENT = "environment"
    VERSION = "version"
    USER_ID = "user_id"
    SESSION_ID = "session_id"
    RELEASE = "release"
    TAGS = "tags"
    PUBLIC = "public"
    BOOKMARKED = "bookmarked"
    METADATA = "metadata"
    INPUT = "input"
    OUTPUT = "output"

    LEVEL = "level"
    """Of a trace: the highest of its observations."""
    LATENCY = "latency"
    """Seconds."""
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    TOTAL_TOKENS = "total_tokens"
    INPUT_COST = "input_cost"
    OUTPUT_COST = "output_cost"
    TOTAL_COST = "total_cost"
    ERROR_COUNT = "error_count"
    WARNING_COUNT = "warning_count"
    DEFAULT_COUNT = "default_count"
    DEBUG_COUNT = "debug_count"
    SCORE_NUMBERS = "score_numbers"
    """The mean of the numeric scores of a name, or of all."""
    SCORE_CATEGORIES = "score_categories"
    SCORE_FLAGS = "score_flags"

    TYPE = "type"
    TRACE_ID = "trace_id"
    PARENT_ID = "parent_id"
    IS_ROOT = "is_root"
    HAS_PARENT = "has_parent"
    START_TIME = "start_time"
    END_TIME = "end_time"
    STATUS_MESSAGE = "status_message"
    TIME_TO_FIRST_TOKEN = "time_to_first_token"  # noqa: S105 (no password)
    TOKENS_PER_SECOND = "tokens_per_second"
    MODEL = "model"
    PROMPT_NAME = "prompt_name"
    PROMPT_VERSION = "prompt_version"
    TRACE_NAME = "trace_name"
    TRACE_ENVIRONMENT = "trace_environment"
    TRACE_VERSION = "trace_version"

    MONTH = "month"
    """``2026-01``, of the row's time; days as ``2026-01-31``."""
    DAY = "day"

    OBSERVATION_ID = "observation_id"
    RUN_ID = "run_id"
    VALUE = "value"
    STRING_VALUE = "string_value"
    SOURCE = "source"
    DATA_TYPE = "data_type"
    COMMENT = "comment"
    AUTHOR_ID = "author_id"
    CONFIG_ID = "config_id"
    QUEUE_ID = "queue_id"
    BOOLEAN_VALUE = "boolean_value"
    OBSERVATION_NAME = "observation_name"
    OBSERVATION_MODEL = "observation_model"
    OBSERVATION_PROMPT_NAME = "observation_prompt_name"
    OBSERVATION_PROMPT_VERSION = "observation_prompt_version"

    DATASET_ID = "dataset_id"
    DATASET_ITEM_ID = "dataset_item_id"


class TextOperator(StrEnum):
    EQUAL = "="
    CONTAINS = "contains"
    LACKS = "does not contain"
    STARTS = "starts with"
    ENDS = "ends with"
    MATCHES = "matches"
    """Holds the text literally; in inputs and outputs in either case."""


Comparison = Literal["=", "<", "<=", ">", ">="]
Membership = Literal["any of", "none of", "all of"]


class TextIs(Struct, frozen=True, kw_only=True):
    """`key` is that of a metadata value: a string as it stands, anything else as its JSON."""

    column: Column
    operator: TextOperator
    value: str
    key: str | None = None


class AnyOf(Struct, frozen=True, kw_only=True):
    """One of `values`, or none of them. `key` is a metadata key, whose array has several values, or a score's name."""

    column: Column
    values: tuple[str, ...]
    negated: bool = False
    key: str | None = None


class Members(Struct, frozen=True, kw_only=True):
    """Which of `values` a list has."""

    column: Column
    operator: Membership
    values: tuple[str, ...]


class NumberIs(Struct, frozen=True, kw_only=True):
    """`key` is a metadata key or a score's name."""

    column: Column
    operator: Comparison
    value: float
    key: str | None = None


class AnyNumber(Struct, frozen=True, kw_only=True):
    column: Column
    values: tuple[float, ...]


class TimeIs(Struct, frozen=True, kw_only=True):
    column: Column
    operator: Comparison
    value: Micros


class FlagIs(Struct, frozen=True, kw_only=True):
    """`key` is a score's name; where it is negated, to have no such score is enough."""

    column: Column
    value: bool
    negated: bool = False
    key: str | None = None


class IsNull(Struct, frozen=True, kw_only=True):
    column: Column
    negated: bool = False
    key: str | None = None


Condition = TextIs | AnyOf | Members | NumberIs | AnyNumber | TimeIs | FlagIs | IsNull
