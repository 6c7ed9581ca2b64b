"""What `/metrics` says of each project's registry: gauges of the state, read when somebody asks.

Every worker follows the same heads, so the answer is the same whichever is asked, but for the moment in which one of
them has not taken a new head yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trunkline.errors import TrunklineError
from trunkline.registry.registry import Registry

GAUGES: Mapping[str, tuple[str, Callable[[Registry], float]]] = {
    "trunkline_head_staleness_seconds": (
        "How long the head that is served has not been the branch's tip; 0 while it is.",
        lambda registry: registry.staleness_ms() / 1000,
    ),
    "trunkline_prompts": ("Prompts that are served.", lambda registry: len(registry.snapshot.prompts)),
    "trunkline_faulty_files": (
        "Faults that health names by file.",
        lambda registry: len(registry.snapshot.faults),
    ),
    "trunkline_held_entries": (
        "Labels of prompts that are served as of an older commit, because the head's is at fault.",
        lambda registry: len(registry.snapshot.held()),
    ),
    "trunkline_rewritten_history": (
        "1 where the branch was rewritten and is not followed.",
        lambda registry: bool(registry.rewritten_to),
    ),
}


class RegistryMetrics(Collector):
    """Gauges by project. `registries` is looked at anew each time: projects come while the server runs."""

    def __init__(self, registries: Mapping[str, Registry]) -> None:
        self._registries = registries

    def collect(self) -> Iterator[Metric]:
        open_now = sorted(dict(self._registries).items())
        for name, (description, read) in GAUGES.items():
            gauge = GaugeMetricFamily(name, description, labels=("project",))
            for project, registry in open_now:
                with suppress(TrunklineError):  # a repository that cannot be read has no value, the others do
                    gauge.add_metric((project,), read(registry))
            yield gauge
