"""Questions about numbers: which measures, summed up how, grouped by what, over which time.

A store answers from its hourly rollups where they hold all that is asked, and from rows otherwise
(`trunkline.store.sqlite_metrics_rollups` says which); both give the same answer, quantiles of rollups within the
relative error of their histogram. A quantile lies between the two nearest ranks, in proportion.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from trunkline.store.filters import Condition
from trunkline.types import Micros, Struct

MINUTE, HOUR, DAY, WEEK = 60_000_000, 3_600_000_000, 86_400_000_000, 604_800_000_000
MONDAY = 3 * DAY
"""1970 began on a Thursday."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Micros = 253_402_300_800_000_000
"""The year 10000."""


class View(StrEnum):
    """What is counted: one of these is one row that is measured."""

    TRACES = "traces"
    OBSERVATIONS = "observations"
    SCORES_NUMERIC = "scores-numeric"
    """Boolean ones too: they are 0 or 1."""
    SCORES_BOOLEAN = "scores-boolean"
    SCORES_CATEGORICAL = "scores-categorical"
    """Texts too."""


class Dimension(StrEnum):
    """What rows are grouped by. Not every view has every one (`trunkline.store.sqlite_measures`)."""

    ID = "id"
    NAME = "name"
    ENVIRONMENT = "environment"
    VERSION = "version"
    RELEASE = "release"
    TAGS = "tags"
    USER_ID = "user_id"
    SESSION_ID = "session_id"
    TRACE_ID = "trace_id"
    TRACE_NAME = "trace_name"
    TRACE_RELEASE = "trace_release"
    TRACE_VERSION = "trace_version"
    MONTH = "month"
    DAY = "day"

    TYPE = "type"
    LEVEL = "level"
    PARENT_ID = "parent_id"
    IS_ROOT = "is_root"
    MODEL = "model"
    PROMPT_NAME = "prompt_name"
    PROMPT_VERSION = "prompt_version"

    SOURCE = "source"
    DATA_TYPE = "data_type"
    CONFIG_ID = "config_id"
    VALUE = "value"
    STRING_VALUE = "string_value"
    BOOLEAN_VALUE = "boolean_value"
    OBSERVATION_ID = "observation_id"
    OBSERVATION_NAME = "observation_name"
    OBSERVATION_MODEL = "observation_model"
    OBSERVATION_PROMPT_NAME = "observation_prompt_name"
    OBSERVATION_PROMPT_VERSION = "observation_prompt_version"


class Measure(StrEnum):
    """Times are milliseconds, costs US dollars. Tokens and the costs of kinds are 0 where there are none."""

    COUNT = "count"
    LATENCY = "latency"
    STREAMING_LATENCY = "streaming_latency"
    """From the first token to the end."""
    TIME_TO_FIRST_TOKEN = "time_to_first_token"  # noqa: S105
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    TOTAL_TOKENS = "total_tokens"
    OUTPUT_TOKENS_PER_SECOND = "output_tokens_per_second"
    TOKENS_PER_SECOND = "tokens_per_second"
    INPUT_COST = "input_cost"
    OUTPUT_COST = "output_cost"
    TOTAL_COST = "total_cost"
    COUNT_SCORES = "count_scores"
    COUNT_OBSERVATIONS = "count_observations"
    UNIQUE_USERS = "unique_users"
    UNIQUE_SESSIONS = "unique_sessions"
    VALUE = "value"


class Aggregation(StrEnum):
    SUM = "sum"
    AVG = "avg"
    COUNT = "count"
    """Of the rows that have a value."""
    MAX = "max"
    MIN = "min"
    P50 = "p50"
    P75 = "p75"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"
    HISTOGRAM = "histogram"
    UNIQ = "uniq"


QUANTILES = {
    Aggregation.P50: 0.5,
    Aggregation.P75: 0.75,
    Aggregation.P90: 0.9,
    Aggregation.P95: 0.95,
    Aggregation.P99: 0.99,
}


class Granularity(StrEnum):
    """Weeks begin on Monday; all of it in UTC."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Metric(Struct, frozen=True, kw_only=True):
    measure: Measure
    aggregation: Aggregation


class Order(Struct, frozen=True, kw_only=True):
    """By a dimension or metric of the query; None is the time."""

    by: Dimension | Metric | None
    descending: bool = False


class MetricsQuery(Struct, frozen=True, kw_only=True):
    """`since` <= time < `until`, by the time of the view: start of an observation, timestamp of a trace or score."""

    view: View
    metrics: tuple[Metric, ...]
    since: Micros
    until: Micros
    dimensions: tuple[Dimension, ...] = ()
    conditions: tuple[Condition, ...] = ()
    granularity: Granularity | None = None
    order_by: tuple[Order, ...] = ()
    limit: int = 100
    bins: int = 10
    """Of histograms."""


def ordering(query: MetricsQuery) -> tuple[Order, ...]:
    """As asked for, else by time, else the largest of the first metric; then by all keys, so that no two orders are
    right."""
    keys: list[Dimension | None] = [*query.dimensions, *([None] if query.granularity else [])]
    asked = query.order_by or (Order(by=None) if query.granularity else Order(by=query.metrics[0], descending=True),)
    said = {order.by for order in asked}
    return (*asked, *(Order(by=key) for key in keys if key not in said))


Value = str | int | float | bool | tuple[str, ...] | None
Bins = tuple[tuple[float, float, int], ...]
"""Lower bound, upper bound, how many."""


class Group(Struct, frozen=True, kw_only=True):
    """One row of an answer. `time` begins the bucket; None where the query has no granularity."""

    dimensions: tuple[Value, ...] = ()
    time: Micros | None = None
    values: tuple[float | int | Bins | None, ...] = ()


STEPS = {Granularity.MINUTE: MINUTE, Granularity.HOUR: HOUR, Granularity.DAY: DAY, Granularity.WEEK: WEEK}


def bucket(time: Micros, granularity: Granularity) -> Micros:
    """The beginning of the minute, hour, day, week or month that a time lies in."""
    if granularity is Granularity.MONTH:
        first = (_EPOCH + timedelta(microseconds=time)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return (first - _EPOCH) // timedelta(microseconds=1)
    shift = MONDAY if granularity is Granularity.WEEK else 0
    step = STEPS[granularity]
    return (time + shift) // step * step - shift


def buckets(since: Micros, until: Micros, granularity: Granularity) -> Iterator[Micros]:
    """The beginnings of all buckets that a window touches, in order."""
    at = bucket(since, granularity)
    while at < until:
        yield at
        if granularity is not Granularity.MONTH:
            at += STEPS[granularity]
        elif at + 32 * DAY < LATEST:
            at = bucket(at + 32 * DAY, granularity)
        else:
            return


def fitting_granularity(since: Micros, until: Micros) -> Granularity:
    """About fifty buckets in a window, by the same bounds as upstream."""
    window = until - since
    if window < 2 * HOUR:
        return Granularity.MINUTE
    if window < 72 * HOUR:
        return Granularity.HOUR
    if window < 60 * DAY:
        return Granularity.DAY
    if window < 365 * DAY:
        return Granularity.WEEK
    return Granularity.MONTH
