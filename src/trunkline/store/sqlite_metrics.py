"""What each version of a prompt did, from the hours' and days' sums and the links of scores: no generation is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import apsw

from trunkline.store.histogram import Counts, decode
from trunkline.store.rollups import DOLLAR, HOUR, SUMS, latency_quantiles
from trunkline.store.sqlite_days import END_HOUR, FIRST_HOUR, parts
from trunkline.store.sqlite_rows import Row
from trunkline.store.sqlite_where import Where, where_generations
from trunkline.store.traces import GENERATION_LIKE
from trunkline.types import Micros, ScoreSummary, VersionMetrics

_TYPES = ", ".join(f"'{type}'" for type in sorted(GENERATION_LIKE))
_SUMMED = ", ".join(f"sum(r.{name})" for name in SUMS)
_CELLS = (
    "series AS s CROSS JOIN {} AS r ON r.project = s.project AND r.series = s.series "
    f"WHERE s.prompt_version != 0 AND s.type IN ({_TYPES})"
)
_SEEN = (
    "SELECT {}(start_time) FROM observations INDEXED BY generation_by_series "
    "WHERE series = ? AND flags & 64 AND start_time >= ? AND start_time < ?"
)


Stretch = tuple[Micros, Micros]
"""From, and to before."""


class _Version:
    """What was read of one version so far."""

    def __init__(self) -> None:
        self.sums = [0] * len(SUMS)
        self.histograms: list[Counts] = []
        self.cells: dict[int, tuple[Stretch, Stretch]] = {}
        """First and last cell of each series."""

    def add(self, series: int, cells: tuple[Stretch, Stretch], sums: Row, histogram: bytes) -> None:
        self.sums = [a + b for a, b in zip(self.sums, sums, strict=True)]
        self.histograms.append(decode(histogram))
        first, last = self.cells.get(series, cells)
        self.cells[series] = min(first, cells[0]), max(last, cells[1])


def version_metrics(
    connection: apsw.Connection,
    project: int,
    prompt_name: str,
    window: tuple[Micros | None, Micros | None],
    environment: str | None,
) -> list[VersionMetrics]:
    """`window` is since and until, both taken to the full hour."""
    versions: dict[int, _Version] = defaultdict(_Version)
    since, until = window
    first = FIRST_HOUR if since is None else since // HOUR
    end = END_HOUR if until is None else -(-until // HOUR)
    for part in parts(connection, project, first, end) if first < end else ():
        where = Where("s.project = ? AND s.prompt_name = ?", project, prompt_name)
        where.equal("s.environment", environment)
        where.add(f"r.{part.unit} >= ? AND r.{part.unit} < ?", part.first, part.end)
        sql = (
            f"SELECT s.prompt_version, s.series, min(r.{part.unit}), max(r.{part.unit}), {_SUMMED}, "  # noqa: S608
            f"histograms_of(r.histogram) FROM {_CELLS.format(part.table)} AND {where} GROUP BY 1, 2"
        )
        for version, series, early, late, *sums, histogram in connection.execute(sql, where.values):
            cells = [(unit * part.step, (unit + 1) * part.step) for unit in (early, late)]
            versions[version].add(series, (cells[0], cells[1]), tuple(sums), histogram)
    scores = _scores(connection, where_generations(project, prompt_name, *window, environment))
    return [
        _metrics(connection, number, versions[number], scores.get((number, 0), {}), scores.get((number, 1), {}))
        for number in sorted(versions, reverse=True)
    ]


def _metrics(
    connection: apsw.Connection,
    number: int,
    version: _Version,
    scores: Mapping[str, ScoreSummary],
    trace_scores: Mapping[str, ScoreSummary],
) -> VersionMetrics:
    sums = dict(zip(SUMS, version.sums, strict=True))
    seen = [_seen(connection, series, *cells) for series, cells in version.cells.items()]
    cost = sums["cost"] / DOLLAR
    return VersionMetrics(
        version=number,
        generations=sums["count"],
        latency_ms=latency_quantiles(version.histograms),
        input_tokens_mean=_mean(sums["input_tokens"], sums["usage_count"]),
        output_tokens_mean=_mean(sums["output_tokens"], sums["usage_count"]),
        cost_mean=_mean(cost, sums["cost_count"]),
        cost_sum=cost,
        scores=scores,
        trace_scores=trace_scores,
        first_seen=min(first for first, _ in seen),
        last_seen=max(last for _, last in seen),
    )


def _seen(connection: apsw.Connection, series: int, early: Stretch, late: Stretch) -> tuple[Micros, Micros]:
    """The first and last start within the first and last cell: two steps into an index."""
    first: Micros = connection.execute(_SEEN.format("min"), (series, *early)).get
    last: Micros = connection.execute(_SEEN.format("max"), (series, *late)).get
    return first, last


def _mean(total: float, count: int) -> float | None:
    return total / count if count else None


def _scores(connection: apsw.Connection, where: Where) -> dict[tuple[int, int], dict[str, ScoreSummary]]:
    """Summaries by (version, of a trace) and name."""
    sql = (
        "SELECT prompt_version, of_trace, name, category, count(*), count(value), total(value) FROM score_links "  # noqa: S608
        f"WHERE {where} GROUP BY 1, 2, 3, 4"
    )
    parts: dict[tuple[int, int], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for version, of_trace, name, *rest in connection.execute(sql, where.values):
        parts[version, of_trace][name].append(tuple(rest))
    return {key: {name: _summary(rows) for name, rows in by_name.items()} for key, by_name in parts.items()}


def _summary(rows: list[Row]) -> ScoreSummary:
    """`rows` are category, count, count of values, sum of values."""
    return ScoreSummary(
        count=sum(row[1] for row in rows),
        mean=_mean(sum(row[3] for row in rows), sum(row[2] for row in rows)),
        values={row[0]: row[1] for row in rows if row[0] is not None},
    )


def generations_by_prompt(connection: apsw.Connection, project: int, since: Micros) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for part in parts(connection, project, since // HOUR, END_HOUR):
        cells = f"{_CELLS.format(part.table)} AND s.project = ? AND r.{part.unit} >= ? AND r.{part.unit} < ?"
        sql = f"SELECT s.prompt_name, sum(r.count) FROM {cells} GROUP BY 1"  # noqa: S608
        for name, count in connection.execute(sql, (project, part.first, part.end)):
            found[name] += count
    return dict(found)
