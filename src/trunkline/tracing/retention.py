"""Deleting what is older than a project wants to keep.

A trace is as old as its timestamp; its observations, scores, texts and media go with it, and it leaves the sums by hour
in which it counted: dashboards show what is stored. A score is as old as its own timestamp. Nothing is remembered
between two rounds: the oldest goes first, a few at a time, until nothing is too old.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import structlog

from trunkline.errors import TrunklineError
from trunkline.store.traces import ScoreQuery, TraceOrder, TraceQuery, TraceStore
from trunkline.types import Micros

log = structlog.get_logger(__name__)

DAY: Micros = 86_400_000_000
BATCH = 20
"""Traces, or scores, in one transaction: others that write wait for it."""
REST = 2.0
"""How much longer than a batch took nothing is done, so that others write in between."""
ROUND_S = 5.0

Days = Callable[[str], int | None]
"""How many days a project keeps its traces; None: for ever."""
AfterDeletion = Callable[[str, Sequence[str]], Awaitable[None]]
"""Told of a project and its traces that were deleted, such as to delete their media."""


class Retention:
    """Deletes, in one process of those that share a store; `run` must be called in that one only."""

    def __init__(
        self, store: TraceStore, projects: Callable[[], Iterable[str]], days: Days, after: AfterDeletion | None = None
    ) -> None:
        self._store, self._projects, self._days, self._after = store, projects, days, after
        self.traces = 0
        self.scores = 0
        """Deleted since the process started."""

    async def run(self, every: float = ROUND_S) -> None:
        """Until it is cancelled. A project that cannot be served now is served in the next round."""
        while True:
            for project_id in await asyncio.to_thread(lambda: list(self._projects())):
                try:
                    await self.apply(project_id)
                except TrunklineError as error:
                    log.warning("retention_failed", project=project_id, error=error.message)
            await asyncio.sleep(every)

    async def apply(self, project_id: str) -> None:
        """Deletes all that is too old in a project, as long as the project wants it so."""
        before_traces, before_scores = self.traces, self.scores
        for delete in (self._delete_traces, self._delete_scores):
            while (limit := self.limit(project_id)) is not None:
                began = time.monotonic()
                if not await delete(project_id, limit):
                    break
                await asyncio.sleep((time.monotonic() - began) * REST)
        if (self.traces, self.scores) != (before_traces, before_scores):
            counts = {"traces": self.traces - before_traces, "scores": self.scores - before_scores}
            log.info("retention_applied", project=project_id, **counts)

    def limit(self, project_id: str) -> Micros | None:
        """What is older than this is too old."""
        days = self._days(project_id)
        return None if days is None else time.time_ns() // 1000 - days * DAY

    async def overdue(self) -> Mapping[str, Micros]:
        """How much too old the oldest trace is, by project that keeps traces for a time only; 0 where none is."""
        found = {}
        for project_id in await asyncio.to_thread(lambda: list(self._projects())):
            if (limit := self.limit(project_id)) is not None:
                oldest = await self._store.traces(project_id, _oldest(limit, 1))
                found[project_id] = max((limit - trace.timestamp for trace in oldest[0]), default=0)
        return found

    async def _delete_traces(self, project_id: str, limit: Micros) -> int:
        traces, _ = await self._store.traces(project_id, _oldest(limit, BATCH))
        ids = [trace.id for trace in traces]
        if ids:
            self.traces += await self._store.delete_traces(project_id, ids)
            if self._after is not None:
                await self._after(project_id, ids)
        return len(ids)

    async def _delete_scores(self, project_id: str, limit: Micros) -> int:
        scores, _ = await self._store.scores(project_id, ScoreQuery(until=limit, limit=BATCH, count=False))
        ids = [score.id for score in scores]
        if ids:
            self.scores += await self._store.delete_scores(project_id, ids)
        return len(ids)


def _oldest(limit: Micros, count: int) -> TraceQuery:
    return TraceQuery(
        until=limit,
        limit=count,
        order_by=TraceOrder.TIMESTAMP,
        descending=False,
        texts=False,
        sums=False,
        count=False,
    )
