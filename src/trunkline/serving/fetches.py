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
Write = Callable[[Mapping[Counted, int]], None]
Pending = dict[tuple[Answer, str], int]


class FetchCounts:
    """Counts what is handed out. `write` adds counts to a table; it may block, so it runs in a thread."""

    def __init__(self, write: Write | None = None) -> None:
        self._write = write
        self._pending: Pending = {}
        self._carried: dict[Counted, int] = {}

    def add(self, answer: Answer, client: str) -> None:
        key = (answer, client)
        pending = self._pending
        pending[key] = pending.get(key, 0) + 1

    def take(self) -> dict[Counted, int]:
        """What was counted and is not written yet; begins anew."""
        return _add_up(*self._swap())

    def _swap(self) -> tuple[Pending, dict[Counted, int]]:
        pending, self._pending = self._pending, {}
        carried, self._carried = self._carried, {}
        return pending, carried

    async def flush(self) -> None:
        """Writes what is pending. What cannot be written waits for the next time."""
        pending, counts = self._swap()
        if not (pending or counts) or self._write is None:
            return
        try:
            write = self._write
            await asyncio.to_thread(lambda: write(_add_up(pending, counts)))
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


def _add_up(pending: Pending, counts: dict[Counted, int]) -> dict[Counted, int]:
    """Adds what is pending to `counts`: in place, so that counts that cannot be written are still all there."""
    for (answer, client), number in pending.items():
        counted = (*answer.counted, client)
        counts[counted] = counts.get(counted, 0) + number
    return counts
