"""How much a project's clients may ask for: token buckets, a share of each limit for each worker process.

Requests are of three kinds with limits of their own, so that a flood of traces takes no prompt away. A bucket holds
what a minute gives and fills evenly. A project that set no limit costs a look into a dictionary.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from enum import StrEnum

from trunkline.errors import TooManyRequests
from trunkline.store.project_settings import ProjectSettings

Clock = Callable[[], float]
MINUTE = 60.0


class Traffic(StrEnum):
    """The kinds of requests, by the setting that limits them."""

    INGESTION = "ingestion_requests_per_minute"
    INGESTED_BYTES = "ingestion_bytes_per_minute"
    READS = "read_requests_per_minute"
    PROMPTS = "prompt_requests_per_minute"


_INGESTION = frozenset({"/api/public/ingestion", "/api/public/otel/v1/traces", "/api/public/scores"})
_PROMPTS = (
    "/api/public/v2/prompts",
    "/api/v1/prompts",
    "/api/v1/compile",
    "/api/v1/labels",
    "/api/v1/promotions",
    "/api/v1/rollbacks",
)
_FREE = ("/api/v1/project/settings", "/api/v1/keys")
"""Never limited: by them an owner gets out of a limit, or a key that floods out of use."""


def traffic_of(method: str, path: str) -> Traffic | None:
    """Which limit counts a request; None for those that no limit counts."""
    if path in _INGESTION and method == "POST":
        return Traffic.INGESTION
    if path.startswith(_PROMPTS):
        return Traffic.PROMPTS
    return None if path.startswith(_FREE) else Traffic.READS


class Bucket:
    """Tokens that come back evenly, at most a minute's. May go into debt: a body is counted when it has come."""

    __slots__ = ("_at", "_clock", "_left", "per_minute")

    def __init__(self, per_minute: float, clock: Clock) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._left = self._most()
        self._at = clock()

    def admits(self, least: float) -> bool:
        """Whether `least` tokens are there now."""
        now = self._clock()
        self._left = min(self._most(), self._left + (now - self._at) * self.per_minute / MINUTE)
        self._at = now
        return self._left >= least

    def take(self, tokens: float) -> None:
        self._left -= tokens

    def wait(self, least: float) -> float:
        """Seconds until `least` tokens are there."""
        return (least - self._left) * MINUTE / self.per_minute

    def _most(self) -> float:
        return max(1.0, self.per_minute)


class Limits:
    """The limits of all projects in one process, which is one of `workers`."""

    def __init__(
        self, settings: Callable[[str], ProjectSettings], *, workers: int = 1, clock: Clock = time.monotonic
    ) -> None:
        self._settings, self._workers, self._clock = settings, workers, clock
        self._buckets: dict[tuple[str, Traffic], Bucket] = {}

    def admit(self, project_id: str, traffic: Traffic) -> None:
        """Counts a request. Raises TooManyRequests where the limit is reached."""
        bucket = self._bucket(project_id, traffic)
        if bucket is not None:
            self._check(project_id, traffic, bucket, 1.0)
            bucket.take(1.0)
        if traffic is Traffic.INGESTION:
            size = self._bucket(project_id, Traffic.INGESTED_BYTES)
            if size is not None:
                self._check(project_id, Traffic.INGESTED_BYTES, size, 1.0)

    def admits_prompt(self, project_id: str) -> bool:
        """Counts a prompt's request where the limit lets it; where not, nothing is counted."""
        if self._settings(project_id).prompt_requests_per_minute is None:
            return True
        bucket = self._bucket(project_id, Traffic.PROMPTS)
        if bucket is None or not bucket.admits(1.0):
            return bucket is None
        bucket.take(1.0)
        return True

    def give_back_prompt(self, project_id: str) -> None:
        """Takes back what `admits_prompt` counted: the request is counted elsewhere."""
        bucket = self._bucket(project_id, Traffic.PROMPTS)
        if bucket is not None:
            bucket.take(-1.0)

    def count_bytes(self, project_id: str, size: int) -> None:
        """Counts a body that has come, against those that will come."""
        bucket = self._bucket(project_id, Traffic.INGESTED_BYTES)
        if bucket is not None:
            bucket.take(size)

    def _bucket(self, project_id: str, traffic: Traffic) -> Bucket | None:
        limit: int | None = getattr(self._settings(project_id), traffic)
        if limit is None:
            return None
        share, key = limit / self._workers, (project_id, traffic)
        bucket = self._buckets.get(key)
        if bucket is None or bucket.per_minute != share:
            bucket = self._buckets[key] = Bucket(share, self._clock)
        return bucket

    def _check(self, project_id: str, traffic: Traffic, bucket: Bucket, least: float) -> None:
        if not bucket.admits(least):
            limit = getattr(self._settings(project_id), traffic)
            seconds = math.ceil(bucket.wait(least))
            raise TooManyRequests(
                f"The project's limit {traffic}={limit} is reached: try again in {seconds} s.", retry_after=seconds
            )
