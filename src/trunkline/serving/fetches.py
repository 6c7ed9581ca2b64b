"""Who fetches which version: counted in memory, added to a table every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

from trunkline.serving.memo import Answer

log = structlog.get_logger(__name__)

FLUSH_S = 5.0
MOST_CARRIED = 100_000
Counted = tuple[str, str, int, str, str]
"""Project, prompt, version, label (empty: by number), client (the public key of the key pair)."""


class FetchCounts:
    """Counts what is handed out. `write` adds counts to a table; it may block, so it runs in a thread."""

    def __init__(self, write: Callable[[Mapping[Counted, int]], None] | None = None) -> None:
        self._write = write
        self._pending: dict[tuple[Answer, str], int] = {}
        self._carried: dict[Counted, int] = {}

    def add(self, answer: Answer, client: str) -> None:
        key = (answer, client)
        pending = self._pending
        pending[key] = pending.get(key, 0) + 1

    def take(self) -> dict[Counted, int]:
        """What was counted and is not written yet; begins anew."""
        pending, self._pending = self._pending, {}
        counts, self._carried = self._carried, {}
        for (answer, client), number in pending.items():
            counted = (*answer.counted, client)
            counts[counted] = counts.get(counted, 0) + number
        return counts

    async def flush(self) -> None:
        """Writes what is pending. What cannot be written waits for the next time."""
        counts = self.take()
        if not counts or self._write is None:
            return
        try:
            await asyncio.to_thread(self._write, counts)
        except Exception as error:  # noqa: BLE001 - the edge of a background task: counting goes on when a disk is full
            log.warning("fetch_counts_not_written", error=str(error), entries=len(counts))
            if len(counts) <= MOST_CARRIED:
                self._carried = counts

    async def run(self, every: float = FLUSH_S) -> None:
        """Flushes for ever, and once more when it is cancelled."""
        try:
            while True:
                await asyncio.sleep(every)
                await self.flush()
        finally:
            with suppress(asyncio.CancelledError):
                await asyncio.shield(self.flush())
