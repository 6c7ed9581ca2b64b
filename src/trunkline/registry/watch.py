"""Noticing new heads: two `stat` a registry each few milliseconds, and the branch itself read once a second.

`stat` alone can miss a move: two pushes within the clock's grain, or a file system with coarse times.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog

from trunkline.errors import TrunklineError
from trunkline.registry.registry import Registry

READ_EVERY_S = 1.0
PAUSE_AFTER_FAULT_S = 1.0

log = structlog.get_logger(__name__)

OnChange = Callable[[Registry], None]


class _Watched:
    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._signature: tuple[object, ...] = ()
        self._look_again = 0.0

    def may_have_moved(self) -> bool:
        """Whether the branch's files changed since the last call, or a second has passed."""
        signature, now = self.registry.repository.signature(), time.monotonic()
        if signature == self._signature and now < self._look_again:
            return False
        self._signature, self._look_again = signature, now + READ_EVERY_S
        return True

    async def follow(self) -> bool:
        try:
            return self.registry.is_behind() and await asyncio.to_thread(self.registry.refresh)
        except TrunklineError as error:  # the last snapshot is served on; health tells how stale it is
            log.warning("refresh_failed", project=self.registry.project_id, error=error.message)
            self._signature, self._look_again = (), time.monotonic() + PAUSE_AFTER_FAULT_S
            return False


async def watch(registries: Mapping[str, Registry], poll_ms: int, on_change: OnChange | None = None) -> None:
    """Keeps every registry's snapshot at its branch's tip, for ever. Registries added meanwhile are watched too."""
    watched: dict[str, _Watched] = {}
    while True:
        for project, registry in list(registries.items()):
            known = watched.get(project)
            if known is None or known.registry is not registry:
                known = watched[project] = _Watched(registry)
            if known.may_have_moved() and await known.follow():
                log.info("head_served", project=project, head=registry.snapshot.head)
                if on_change is not None:
                    on_change(registry)
        await asyncio.sleep(poll_ms / 1000)
