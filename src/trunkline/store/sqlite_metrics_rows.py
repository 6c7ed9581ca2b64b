"""Answers a metrics query from rows: whatever the conditions, exactly, at a cost that grows with the rows."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence

import apsw
import msgspec

from trunkline.errors import InvalidRequest
from trunkline.store.filters import AnyOf, Column, TextIs, TextOperator
from trunkline.store.metrics_query import (
    MONDAY,
    QUANTILES,
    STEPS,
    Aggregation,
    Bins,
    Dimension,
    Granularity,
    Group,
    Measure,
    Metric,
    MetricsQuery,
    View,
    ordering,
)
from trunkline.store.sqlite_filters import compile_condition
from trunkline.store.sqlite_measures import SOURCES, TRACE_DIMENSIONS, expression, measure, reader_of
from trunkline.store.sqlite_rows import Row
from trunkline.store.sqlite_where import Where
from trunkline.store.traces import GENERATION_LIKE

_GENERATIONS = (
    "series AS s CROSS JOIN observations AS o INDEXED BY generation_by_series ON o.project = s.project "
    "AND o.series = s.series AND o.flags & 64"
)
_LINKING = ", ".join(f"'{type}'" for type in sorted(GENERATION_LIKE))
_OTHER_LINKS = (
    "SELECT 1 FROM series WHERE project = ? AND prompt_name = ? "  # noqa: S608 (names of types)
    f"AND (prompt_version = 0 OR type NOT IN ({_LINKING})) LIMIT 1"
)
UNIQUE = frozenset({Measure.UNIQUE_USERS, Measure.UNIQUE_SESSIONS})
COUNTING = frozenset({Aggregation.COUNT, Aggregation.SUM, Aggregation.UNIQ})


_NAMES = {View.TRACES: "t", View.OBSERVATIONS: "o"}


def metrics_from_rows(connection: apsw.Connection, project: int, query: MetricsQuery) -> list[Group]:
    source = SOURCES[query.view]
    keys = [expression(query.view, dimension) for dimension in query.dimensions]
    if query.granularity is not None:
        keys.append(bucket_of(source.time, query.granularity))
    values = [_aggregated(metric, measure(query.view, metric.measure), query.bins) for metric in query.metrics]
    where = rows_of(project, query)
    table = _table(connection, project, query, where)
    by = f" GROUP BY {', '.join(str(n + 1) for n in range(len(keys)))} ORDER BY {_order(query)}" if keys else ""
    sql = f"SELECT {', '.join([*keys, *values])} FROM {table} WHERE {where}{by} LIMIT ?"  # noqa: S608 (values are bound)
    read = reading(query)
    return [read(row) for row in connection.execute(sql, (*where.values, query.limit))]


def rows_of(project: int, query: MetricsQuery) -> Where:
    """The conditions of a query on the rows of its view."""
    source = SOURCES[query.view]
    where = Where(f"{_NAMES.get(query.view, 's')}.project = ?", project)
    where.between(source.time, query.since, query.until)
    if source.where:
        where.add(source.where)
    for condition in query.conditions:
        try:
            sql, values = compile_condition(source.columns, project, condition)
        except (KeyError, StopIteration):
            raise InvalidRequest(f"The view {query.view} has no such filter on {condition.column}.") from None
        where.add(sql, *values)
    return where


def _table(connection: apsw.Connection, project: int, query: MetricsQuery, where: Where) -> str:
    source = SOURCES[query.view]
    table = source.with_trace if TRACE_DIMENSIONS.intersection(query.dimensions) else source.table
    prompt = _prompt(query)
    if query.view is not View.OBSERVATIONS or prompt is None:
        return table
    if connection.execute(_OTHER_LINKS, (project, prompt)).fetchone() is not None:
        return table
    where.add("s.project = ?", project)
    return table.replace(source.table, _GENERATIONS)


def _prompt(query: MetricsQuery) -> str | None:
    """The one prompt that is asked about, of which an index knows the generations."""
    for condition in query.conditions:
        match condition:
            case TextIs(column=Column.PROMPT_NAME, operator=TextOperator.EQUAL, value=name) if name:
                return name
            case AnyOf(column=Column.PROMPT_NAME, values=(name,), negated=False) if name:
                return name
    return None


def bucket_of(time: str, granularity: Granularity) -> str:
    """The beginning of the bucket of a time; `%` alone would give what is before 1970 to the wrong one."""
    if granularity is Granularity.MONTH:
        return f"unixepoch(floor({time} / 1e6), 'unixepoch', 'start of month') * 1000000"
    step = STEPS[granularity]
    shifted = f"({time} + {MONDAY})" if granularity is Granularity.WEEK else time
    return f"{time} - ({shifted} % {step} + {step}) % {step}"


def _aggregated(metric: Metric, value: str, bins: int) -> str:
    aggregation = metric.aggregation
    if metric.measure in UNIQUE:
        if aggregation in COUNTING:
            return f"count(DISTINCT {value})"
        value = f"({value} IS NOT NULL)"
    if aggregation in QUANTILES:
        return f"percentile_cont({value}, {QUANTILES[aggregation]})"
    if aggregation is Aggregation.HISTOGRAM:
        return f"histogram_of({value}, {bins})"
    if aggregation is Aggregation.UNIQ:
        return f"count(DISTINCT {value})"
    if aggregation is Aggregation.SUM:
        return f"coalesce(sum({value}), 0)"
    return f"{aggregation}({value})"


def _order(query: MetricsQuery) -> str:
    columns: list[Dimension | Metric | None] = [*query.dimensions, *([None] if query.granularity else [])]
    columns += query.metrics
    return ", ".join(
        f"{columns.index(order.by) + 1} {'DESC' if order.descending else 'ASC'} NULLS LAST" for order in ordering(query)
    )


def reading(query: MetricsQuery) -> Callable[[Row], Group]:
    """Makes a group of a row: dimensions, the time if there is a granularity, values."""
    read = [reader_of(dimension) for dimension in query.dimensions]
    width = len(read)
    timed = query.granularity is not None
    histograms = [metric.aggregation is Aggregation.HISTOGRAM for metric in query.metrics]

    def group(row: Row) -> Group:
        return Group(
            dimensions=tuple(
                value if value is None or make is None else make(value) for make, value in zip(read, row, strict=False)
            ),
            time=row[width] if timed else None,
            values=tuple(
                _decode_bins(value) if bins else value
                for bins, value in zip(histograms, row[width + timed :], strict=True)
            ),
        )

    return group


# --- histograms ------------------------------------------------------------------------------------------------------

_encode = msgspec.json.encode
_decode_bins = msgspec.json.Decoder(Bins).decode


class _Values:
    """What SQLite calls row by row."""

    def __init__(self) -> None:
        self.values = array("d")
        self.bins = 1


def _step(held: _Values, *given: apsw.SQLiteValue) -> None:
    value, bins = given
    if isinstance(value, int | float) and isinstance(bins, int):
        held.values.append(value)
        held.bins = bins


def _final(held: _Values) -> str:
    return _encode(bins_of(held.values, held.bins)).decode()


def bins_of(values: Sequence[float], count: int) -> Bins:
    """`count` bins of equal width from the least to the largest value; one where all are equal."""
    if not values:
        return ()
    least, largest = min(values), max(values)
    width = (largest - least) / count
    if not width or not math.isfinite(width):
        return ((least, largest, len(values)),)
    heights = [0] * count
    for value in values:
        heights[min(int((value - least) / width), count - 1)] += 1
    edges = [least + width * number for number in range(count)] + [largest]
    return tuple(zip(edges, edges[1:], heights, strict=False))


def register_histogram(connection: apsw.Connection) -> None:
    """Gives a connection ``histogram_of(value, bins)``, which `metrics_from_rows` needs."""
    connection.create_aggregate_function("histogram_of", lambda: (_Values(), _step, _final), 2)
