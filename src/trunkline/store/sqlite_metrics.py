"""What each version of a prompt did, from the hours' sums and the links of scores; no row of a generation is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import apsw

from trunkline.store.histogram import Counts, decode
from trunkline.store.rollups import DOLLAR, HOUR, SUMS, latency_quantiles
from trunkline.store.sqlite_rows import Row
from trunkline.store.sqlite_where import Where, where_generations
from trunkline.store.traces import GENERATION_LIKE
from trunkline.types import Micros, ScoreSummary, VersionMetrics

_TYPES = ", ".join(f"'{type}'" for type in sorted(GENERATION_LIKE))
_SUMS = ", ".join(SUMS)
_CELLS = f"series JOIN rollups USING (project, series) WHERE prompt_version != 0 AND type IN ({_TYPES})"
_SEEN = (
    "SELECT min(start_time), max(start_time) FROM observations INDEXED BY generation_by_series "
    "WHERE series = ? AND flags & 64 AND start_time >= ? AND start_time < ?"
)


class _Version:
    """What was read of one version so far."""

    def __init__(self) -> None:
        self.sums = [0] * len(SUMS)
        self.histograms: list[Counts] = []
        self.hours: dict[int, tuple[int, int]] = {}
        """First and last hour of each series."""

    def add(self, series: int, hour: int, sums: Row, histogram: bytes) -> None:
        self.sums = [a + b for a, b in zip(self.sums, sums, strict=True)]
        self.histograms.append(decode(histogram))
        first, last = self.hours.get(series, (hour, hour))
        self.hours[series] = min(first, hour), max(last, hour)


def version_metrics(
    connection: apsw.Connection,
    project: int,
    prompt_name: str,
    window: tuple[Micros | None, Micros | None],
    environment: str | None,
) -> list[VersionMetrics]:
    """`window` is since and until, both taken to the full hour."""
    where = where_generations(project, prompt_name, *window, environment)
    sql = f"SELECT prompt_version, series, hour, {_SUMS}, histogram FROM {_CELLS} AND {where}"  # noqa: S608
    versions: dict[int, _Version] = defaultdict(_Version)
    for version, series, hour, *sums, histogram in connection.execute(sql, where.values):
        versions[version].add(series, hour, tuple(sums), histogram)
    scores = _scores(connection, where)
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
    seen = [_seen(connection, series, *hours) for series, hours in version.hours.items()]
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


def _seen(connection: apsw.Connection, series: int, first: int, last: int) -> tuple[Micros, Micros]:
    """The first and last start within the hours `first` to `last`: two steps into an index."""
    begin, end = first * HOUR, (last + 1) * HOUR
    earliest: Micros = connection.execute(_SEEN, (series, begin, begin + HOUR)).get[0]
    latest: Micros = connection.execute(_SEEN, (series, end - HOUR, end)).get[1]
    return earliest, latest


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
    sql = f"SELECT prompt_name, sum(count) FROM {_CELLS} AND project = ? AND hour >= ? GROUP BY 1"  # noqa: S608
    return {row[0]: row[1] for row in connection.execute(sql, (project, since // HOUR))}
