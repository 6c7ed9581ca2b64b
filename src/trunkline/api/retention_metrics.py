"""What `/metrics` and `/health` say of how projects' old traces are deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trunkline.api.metrics import Metrics
from trunkline.errors import TrunklineError
from trunkline.tracing.retention import Retention
from trunkline.types import Micros


def count_retention(metrics: Metrics, retention: Retention) -> None:
    metrics.count("trunkline_retention_traces", "Traces deleted for their age.", lambda: retention.traces)
    metrics.count(
        "trunkline_retention_scores", "Scores without a trace deleted for their age.", lambda: retention.scores
    )


async def overdue(retention: Retention) -> Mapping[str, Micros]:
    """Nothing where the store cannot be asked now."""
    try:
        return await retention.overdue()
    except TrunklineError:
        return {}


class RetentionMetrics(Collector):
    """Gauges of one moment."""

    def __init__(self, overdue: Mapping[str, Micros]) -> None:
        self._overdue = overdue

    def collect(self) -> Iterator[Metric]:
        gauge = GaugeMetricFamily(
            "trunkline_retention_overdue_seconds",
            "How much older than a project wants its oldest trace is; 0 where none is.",
            labels=("project",),
        )
        for project, age in sorted(self._overdue.items()):
            gauge.add_metric((project,), age / 1e6)
        yield gauge
