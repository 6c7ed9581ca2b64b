"""What `/metrics` says, right whichever worker answers it.

Requests are counted in plain lists (0.3 µs; prometheus_client takes 1.4 to 4). With several workers each writes its
lists to a file of its own every second, and whoever is asked adds up the files of the others and its own lists; the
file of a worker that has ended goes on counting until the server starts anew. Everything else is prometheus_client's,
which has its multi-process mode for this: `prepare` must run before the workers are started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import REGISTRY, CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from trunkline.serving.cache import SharedCache

log = structlog.get_logger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4"
BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets in seconds."""
FLUSH_S = 1.0
MOST_SERIES = 2_000
ENVIRONMENT = "PROMETHEUS_MULTIPROC_DIR"
OTHER = "other"


class Series(msgspec.Struct, array_like=True):
    """Requests of one method, route and status: how many in each bucket, and their summed seconds."""

    method: str
    route: str
    status: int
    buckets: list[int]
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class Written(msgspec.Struct):
    """What one worker tells the others."""

    requests: list[Series]
    counts: dict[str, float]


def prepare(directory: Path) -> None:
    """Empties the folder that workers count in, and names it to those that are started from now on."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    os.environ[ENVIRONMENT] = str(directory)


class Metrics(Collector):
    """One process's counters. `directory` is the folder that the workers share; None: there is one process."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._series: dict[tuple[str, str, int], Series] = {}
        self._counts: dict[str, tuple[str, Callable[[], float]]] = {}
        self._extra: list[Collector] = []

    def series(self, method: str, route: str, status: int) -> Series:
        """The list to count in. Keep it where it is used often; too many routes end up in one."""
        key = (method, route, status)
        found = self._series.get(key)
        if found is None:
            if len(self._series) >= MOST_SERIES:
                key = (OTHER, OTHER, status // 100 * 100)
            found = self._series.setdefault(key, Series(*key, [0] * (len(BOUNDS) + 1)))
        return found

    def count(self, name: str, description: str, read: Callable[[], float]) -> None:
        """A counter of another part: `read` gives its value in this process, workers' values are added up.

        `name` without ``_total``.
        """
        self._counts[name] = (description, read)

    def watch_shared_cache(self, shared: SharedCache) -> None:
        for name, description in SHARED_CACHE_COUNTS.items():
            self.count(f"trunkline_redis_{name}", description, lambda name=name: getattr(shared, name))  # type: ignore[misc]

    def register(self, collector: Collector) -> None:
        """A collector whose answer does not depend on the worker that is asked, such as one of gauges of the state."""
        self._extra.append(collector)

    def exposition(self, *now: Collector) -> bytes:
        """The text that Prometheus reads, with what `now` says. Reads files; call it in a thread."""
        registry = CollectorRegistry()
        if self._directory is None:
            registry.register(REGISTRY)
        else:
            MultiProcessCollector(registry, path=str(self._directory))  # type: ignore[no-untyped-call]
        for collector in (self, *self._extra, *now):
            registry.register(collector)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        together = self._added_up()
        requests = HistogramMetricFamily(
            "trunkline_http_request_duration_seconds",
            "Time from a request's arrival to its answer.",
            labels=("method", "route", "status"),
        )
        for series in together.requests:
            labels = (series.method, series.route, str(series.status))
            requests.add_metric(labels, _cumulative(series.buckets), series.seconds)
        yield requests
        for name, (description, _) in self._counts.items():
            yield CounterMetricFamily(name, description, value=together.counts.get(name, 0.0))

    def write(self) -> None:
        """Tells the other workers; by a rename, so that they never read half of it."""
        if self._directory is None:
            return
        path = self._directory / f"{os.getpid()}.requests"
        unfinished = path.with_suffix(".new")
        unfinished.write_bytes(msgspec.msgpack.encode(self._own()))
        unfinished.replace(path)

    async def run(self, every: float = FLUSH_S) -> None:
        """Tells the other workers every second, and once more when it is cancelled."""
        try:
            while True:
                await asyncio.sleep(every)
                self._try_to_write()
        finally:
            self._try_to_write()

    def _try_to_write(self) -> None:
        try:
            self.write()
        except OSError as error:
            log.warning("metrics_not_written", error=str(error))

    def _own(self) -> Written:
        counts = {name: read() for name, (_, read) in self._counts.items()}
        return Written(requests=list(self._series.values()), counts=counts)

    def _added_up(self) -> Written:
        requests: dict[tuple[str, str, int], Series] = {}
        counts: dict[str, float] = {}
        for written in (self._own(), *self._others()):
            for series in written.requests:
                _add(requests, series)
            for name, value in written.counts.items():
                counts[name] = counts.get(name, 0.0) + value
        return Written(requests=[requests[key] for key in sorted(requests)], counts=counts)

    def _others(self) -> Iterator[Written]:
        if self._directory is None:
            return
        for path in self._directory.glob("*.requests"):
            if path.stem != str(os.getpid()):
                with contextlib.suppress(OSError, msgspec.MsgspecError):
                    yield msgspec.msgpack.decode(path.read_bytes(), type=Written)


SHARED_CACHE_COUNTS = {
    "hits": "Entries that Redis had.",
    "misses": "Entries that Redis did not have.",
    "failures": "Calls to Redis that failed or came too late.",
    "poisoned": "Entries of Redis that were not authentic and were ignored.",
    "written": "Entries put into Redis.",
    "dropped": "Entries that could not be put into Redis.",
}


def _add(together: dict[tuple[str, str, int], Series], series: Series) -> None:
    key = (series.method, series.route, series.status)
    found = together.setdefault(key, Series(*key, [0] * len(series.buckets)))
    found.buckets = [a + b for a, b in zip(found.buckets, series.buckets, strict=True)]
    found.seconds += series.seconds


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    total = 0
    result = []
    for bound, number in zip((*map(str, BOUNDS), "+Inf"), buckets, strict=True):
        total += number
        result.append((bound, float(total)))
    return result
