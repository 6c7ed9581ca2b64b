"""Answers a metrics query from the hours' and days' sums, at a cost that does not grow with the rows.

Rollups hold counts, latencies, tokens and total cost by type, environment, name, model, prompt and version: what asks
for no more than that, in buckets of an hour or longer, is read from them. The parts of an hour at either end of the
window are summed up from their rows, so that every window is answered exactly, but for quantiles, which have the
relative error of the histogram.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import apsw

from trunkline.store.filters import Column
from trunkline.store.histogram import PER_LOG, ZERO, Counts, decode, interpolated
from trunkline.store.metrics_query import (
    QUANTILES,
    Aggregation,
    Dimension,
    Granularity,
    Group,
    Measure,
    Metric,
    MetricsQuery,
    View,
    ordering,
)
from trunkline.store.rollups import DOLLAR, HOUR
from trunkline.store.sqlite_days import Part, parts
from trunkline.store.sqlite_filters import compile_condition
from trunkline.store.sqlite_measures import OBSERVATION_SOURCE, expression, measure
from trunkline.store.sqlite_metrics_rows import bucket_of, metrics_from_rows
from trunkline.store.sqlite_rows import Row
from trunkline.store.sqlite_where import Where
from trunkline.types import Micros

_DIMENSIONS = frozenset(
    {Dimension.TYPE, Dimension.ENVIRONMENT, Dimension.NAME, Dimension.MODEL}
    | {Dimension.PROMPT_NAME, Dimension.PROMPT_VERSION}
)
_COLUMNS = frozenset(
    {Column.TYPE, Column.ENVIRONMENT, Column.NAME, Column.MODEL, Column.PROMPT_NAME, Column.PROMPT_VERSION}
)
_TOKENS = {Measure.INPUT_TOKENS: 3, Measure.OUTPUT_TOKENS: 4, Measure.TOTAL_TOKENS: 5}
"""Places in `_SUMS`."""
_SUMS = (
    "sum(count)", "sum(latency_count)", "sum(latency_sum)", "sum(input_tokens)", "sum(output_tokens)",
    "sum(total_tokens)", "sum(cost_count)", "sum(cost)",
)  # fmt: skip
_DURATION = measure(View.OBSERVATIONS, Measure.LATENCY).removesuffix(" / 1000.0")
_ROW_SUMS = (
    "count(*)", "count(o.duration)", f"coalesce(sum({_DURATION}), 0)",
    *(f"sum({measure(View.OBSERVATIONS, tokens)})" for tokens in _TOKENS),
    "count(o.cost_total)",
    f"coalesce(sum(CAST(round({measure(View.OBSERVATIONS, Measure.TOTAL_COST)} * {float(DOLLAR)}) AS INTEGER)), 0)",
)  # fmt: skip
_BUCKET = f"CASE WHEN o.duration > 0 THEN CAST(ceil(ln({_DURATION}) * {PER_LOG!r}) AS INTEGER) ELSE {ZERO} END"


def fits_rollups(query: MetricsQuery) -> bool:
    """Whether rollups hold all that is asked for."""
    return (
        query.view is View.OBSERVATIONS
        and query.granularity is not Granularity.MINUTE
        and query.until // HOUR > -(-query.since // HOUR)
        and _DIMENSIONS.issuperset(query.dimensions)
        and all(condition.column in _COLUMNS for condition in query.conditions)
        and all(_reader(metric) is not None for metric in query.metrics)
    )


def metrics(connection: apsw.Connection, project: int, query: MetricsQuery) -> list[Group]:
    """From rollups where they hold what is asked for, from rows otherwise."""
    if fits_rollups(query):
        return metrics_from_rollups(connection, project, query)
    return metrics_from_rows(connection, project, query)


class _Sums:
    """What was added up of one group so far."""

    __slots__ = ("histogram", "numbers")

    def __init__(self) -> None:
        self.numbers = [0] * len(_SUMS)
        self.histogram: Counts = {}

    def add(self, numbers: Row) -> None:
        self.numbers = [a + b for a, b in zip(self.numbers, numbers, strict=True)]

    def add_histogram(self, counts: Counts) -> None:
        for number, count in counts.items():
            self.histogram[number] = self.histogram.get(number, 0) + count


def metrics_from_rollups(connection: apsw.Connection, project: int, query: MetricsQuery) -> list[Group]:
    """For a query of which `fits_rollups` is true."""
    keys = [expression(query.view, dimension) for dimension in query.dimensions]
    first, end = -(-query.since // HOUR), query.until // HOUR
    found: dict[Row, _Sums] = {}
    if not keys and query.granularity is None:
        found[()] = _Sums()
    for part in _parts(connection, project, query, first, end):
        _add_cells(connection, project, query, keys, part, found)
    for since, until in ((query.since, first * HOUR), (end * HOUR, query.until)):
        if since < until:
            _add_rows(connection, project, query, keys, (since, until), found)
    readers = [_reader(metric) for metric in query.metrics]
    groups = [_group(query, key, tuple(read(sums) for read in readers if read)) for key, sums in found.items()]
    return _ordered(query, groups)[: query.limit]


def _parts(connection: apsw.Connection, project: int, query: MetricsQuery, first: int, end: int) -> Iterable[Part]:
    if query.granularity is Granularity.HOUR:
        return (Part(days=False, first=first, end=end),)
    return parts(connection, project, first, end)


def _totals(query: MetricsQuery) -> int | None:
    """Which totals of a day hold all that is asked for: by environment (0), or also by type and model (1)."""
    asked = {dimension.value for dimension in query.dimensions} | {each.column.value for each in query.conditions}
    if asked <= {Dimension.ENVIRONMENT.value}:
        return 0
    return 1 if asked <= {each.value for each in (Dimension.ENVIRONMENT, Dimension.TYPE, Dimension.MODEL)} else None


def _add_cells(
    connection: apsw.Connection,
    project: int,
    query: MetricsQuery,
    keys: list[str],
    part: Part,
    found: dict[Row, _Sums],
) -> None:
    by = [*keys, *([bucket_of(f"{part.unit} * {part.step}", query.granularity)] if query.granularity else [])]
    where = _of_series(project, query)
    where.add(f"{part.unit} >= ? AND {part.unit} < ?", part.first, part.end)
    histogram = ["histograms_of(histogram)"] if _needs_histogram(query) else []
    cells = f"series AS s CROSS JOIN {part.table} AS r ON r.project = s.project AND r.series = s.series"
    fine = _totals(query)
    if part.days and fine is not None:
        cells = "day_totals AS s"
        where.add("s.fine = ?", fine)
    sql = f"SELECT {', '.join([*by, *_SUMS, *histogram])} FROM {cells} WHERE {where}{_group_by(by)}"  # noqa: S608
    width = len(by)
    for row in connection.execute(sql, where.values):
        if row[width] is None:  # no cell at all
            continue
        sums = found.setdefault(row[:width], _Sums())
        sums.add(row[width : width + len(_SUMS)])
        if histogram:
            sums.add_histogram(decode(row[-1]))


def _add_rows(
    connection: apsw.Connection,
    project: int,
    query: MetricsQuery,
    keys: list[str],
    window: tuple[Micros, Micros],
    found: dict[Row, _Sums],
) -> None:
    """The same from the rows of a part of an hour."""
    by = [*keys, *([bucket_of("o.start_time", query.granularity)] if query.granularity else [])]
    where = _of_series(project, query)
    where.add("o.project = ? AND o.start_time >= ? AND o.start_time < ?", project, *window)
    table, width = OBSERVATION_SOURCE.table, len(by)
    sql = f"SELECT {', '.join([*by, *_ROW_SUMS])} FROM {table} WHERE {where}{_group_by(by)}"  # noqa: S608
    for row in connection.execute(sql, where.values):
        if row[width]:
            found.setdefault(row[:width], _Sums()).add(row[width:])
    if not _needs_histogram(query):
        return
    where.add("o.duration IS NOT NULL")
    by.append(_BUCKET)
    sql = f"SELECT {', '.join(by)}, count(*) FROM {table} WHERE {where}{_group_by(by)}"  # noqa: S608
    for *key, number, count in connection.execute(sql, where.values):
        found[tuple(key)].add_histogram({number: count})


def _of_series(project: int, query: MetricsQuery) -> Where:
    where = Where("s.project = ?", project)
    for condition in query.conditions:
        sql, values = compile_condition(OBSERVATION_SOURCE.columns, project, condition)
        where.add(sql, *values)
    return where


def _group_by(by: list[str]) -> str:
    return f" GROUP BY {', '.join(str(n + 1) for n in range(len(by)))}" if by else ""


def _needs_histogram(query: MetricsQuery) -> bool:
    return any(metric.aggregation in QUANTILES for metric in query.metrics)


# --- from sums to values ---------------------------------------------------------------------------------------------


def _reader(metric: Metric) -> Callable[[_Sums], float | int | None] | None:
    """How a metric is read from sums; None where they do not hold it."""
    measured, aggregation = metric.measure, metric.aggregation
    if measured is Measure.COUNT:
        return (lambda sums: sums.numbers[0]) if aggregation in (Aggregation.COUNT, Aggregation.SUM) else None
    if measured is Measure.LATENCY:
        if aggregation in QUANTILES:
            q = QUANTILES[aggregation]
            return lambda sums: _milliseconds(interpolated(sums.histogram, q))
        return _mean(aggregation, 2, 1, 1000)
    if measured is Measure.TOTAL_COST:
        return _mean(aggregation, 7, 6, DOLLAR)
    if measured in _TOKENS:
        return _mean(aggregation, _TOKENS[measured], 0, 1)
    return None


def _mean(aggregation: Aggregation, total: int, count: int, unit: int) -> Callable[[_Sums], float | int | None] | None:
    """Sum, mean or count of a measure, from the places of its sum and count; `unit` is what the sum is counted in."""
    if aggregation is Aggregation.SUM:
        return lambda sums: sums.numbers[total] / unit if unit > 1 else sums.numbers[total]
    if aggregation is Aggregation.COUNT:
        return lambda sums: sums.numbers[count]
    if aggregation is Aggregation.AVG:
        return lambda sums: sums.numbers[total] / unit / sums.numbers[count] if sums.numbers[count] else None
    return None


def _milliseconds(duration: float | None) -> float | None:
    return None if duration is None else duration / 1000


def _group(query: MetricsQuery, key: Row, values: tuple[float | int | None, ...]) -> Group:
    width = len(query.dimensions)
    return Group(dimensions=key[:width], time=key[width] if query.granularity else None, values=values)


def _ordered(query: MetricsQuery, groups: list[Group]) -> list[Group]:
    """What is missing comes last, whichever the direction."""
    for order in reversed(ordering(query)):
        place = _place(query, order.by)
        there = [group for group in groups if place(group) is not None]
        there.sort(key=place, reverse=order.descending)
        groups = there + [group for group in groups if place(group) is None]
    return groups


def _place(query: MetricsQuery, by: Dimension | Metric | None) -> Callable[[Group], Any]:
    if by is None:
        return lambda group: group.time
    if isinstance(by, Metric):
        number = query.metrics.index(by)
        return lambda group: group.values[number]
    number = query.dimensions.index(by)
    return lambda group: group.dimensions[number]
