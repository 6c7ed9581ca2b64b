"""What `/metrics` and `/health` say of the search index: the same whichever worker is asked."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trunkline.errors import TrunklineError
from trunkline.store.search import SearchStatus
from trunkline.store.traces import TraceStore
from trunkline.types import JSON


async def search_status(store: TraceStore) -> SearchStatus | None:
    """None where search is off, or cannot be asked now."""
    try:
        return await store.search_status()
    except TrunklineError:
        return None


class SearchMetrics(Collector):
    """Gauges of one moment."""

    def __init__(self, status: SearchStatus | None) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        if (status := self._status) is None:
            return
        for name, description, value in (
            ("lag_seconds", "Age of the earliest change that search does not know yet; 0 if none.", status.lag / 1e6),
            ("documents", "Traces and observations that can be searched.", status.documents),
            ("unread_traces", "Traces from before the index that are still to be read, about.", status.unread_traces),
        ):
            yield GaugeMetricFamily(f"trunkline_search_{name}", description, value=value)


def search_health(status: SearchStatus | None) -> JSON:
    """`off`, or how far the index is."""
    if status is None:
        return "off"
    lag, unread = round(status.lag / 1000), status.unread_traces
    return {"lag_ms": lag, "documents": status.documents, "unread_traces": unread}
