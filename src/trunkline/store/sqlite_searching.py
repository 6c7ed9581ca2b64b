"""Search as one process has it: its readers, and the task that keeps the index in one of all that share the folder."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto
from pathlib import Path
from typing import TypeVar

import apsw
import structlog

from trunkline.errors import NotFound, TrunklineError
from trunkline.store.index_process import IndexProcess
from trunkline.store.search import SearchPage, SearchQuery, SearchStatus
from trunkline.store.sqlite_changes import last_change, prune_changes, times_after
from trunkline.store.sqlite_index import IndexLock, index_path, open_index, state_of_index
from trunkline.store.sqlite_indexer import Step
from trunkline.store.sqlite_merge import Merger
from trunkline.store.sqlite_schema import moment, open_connection, understood
from trunkline.store.sqlite_search import SearchReader
from trunkline.types import Micros

log = structlog.get_logger()

R = TypeVar("R")
Act = Callable[[Callable[[Merger], int]], Awaitable[int]]
"""Does something in a transaction of the trace store."""

IDLE_S = 0.25
"""Between two looks at the log when there was nothing in it."""
REST = 0.5
"""Of the time that a step took, until the next: requests come first. None while the index is far behind."""
FAR_BEHIND_S = 3.0
PRUNE_S = 2.0


LINGER_S = 10.0
"""How long the indexer stays when there is nothing to do: to start it takes a quarter of a second."""
RESTING: Micros = 300_000
"""The store rests when nothing was written for so long."""
PATIENCE: Micros = 3_000_000
"""How long a change waits for the store to rest. A burst is taken in at full speed and indexed behind; a trace that
comes in several requests is indexed once."""


class Work(Enum):
    """What there is to do for the indexer."""

    NONE = auto()
    LATER = auto()
    NOW = auto()


class Lookout:
    """Sees whether there is work. One thread at a time, which may be another than the one that made it."""

    def __init__(self, traces: Path, index: Path, *, busy_ms: int) -> None:
        self._path = index
        self._store = open_connection(traces, busy_ms=busy_ms, read_only=True)
        self._index = open_index(index, busy_ms=busy_ms)

    def look(self) -> Work:
        with understood(self._path):
            state, last = state_of_index(self._index), last_change(self._store)
            followed = state["followed"]
            if state["rebuild"] or state["unread"] or not 0 <= followed <= last:
                return Work.NOW
            if followed == last:
                return Work.NONE
            oldest, newest = times_after(self._store, followed)
        now = time.time_ns() // 1000
        return Work.NOW if newest <= now - RESTING or oldest < now - PATIENCE else Work.LATER

    def close(self) -> None:
        self._store.close()
        self._index.close()


class SearchIndex:
    """The index beside the store `traces`. With `on` False nothing is kept or answered."""

    def __init__(self, traces: Path, *, busy_ms: int, on: bool, act: Act) -> None:
        self._traces, self._path, self._busy_ms, self._on, self._act = traces, index_path(traces), busy_ms, on, act
        self._readers = ThreadPoolExecutor(2, thread_name_prefix=f"search {self._path.name}")
        self._clerk = ThreadPoolExecutor(1, thread_name_prefix=f"state of {self._path.name}")
        """Says how the index does, also while searches take long."""
        self._own = threading.local()
        self._opened: list[apsw.Connection] = []
        self._pruned = 0

    async def search(self, project_id: str, query: SearchQuery) -> SearchPage:
        return await self._read(self._readers, lambda reader: reader.search(project_id, query))

    async def status(self) -> SearchStatus | None:
        return await self._read(self._clerk, SearchReader.status) if self._on else None

    async def close(self) -> None:
        for executor in (self._readers, self._clerk):
            await asyncio.to_thread(executor.shutdown)
        for connection in self._opened:
            connection.close()

    async def keep(self) -> None:
        """Follows the store until it is cancelled; waits its turn while another process does."""
        if not self._on:
            return
        loop = asyncio.get_running_loop()
        with contextlib.closing(IndexLock(self._path)) as lock:
            while not lock.take():  # noqa: ASYNC110 - nothing tells of another process's end but a look
                await asyncio.sleep(IDLE_S)
            watch = ThreadPoolExecutor(1, thread_name_prefix=f"watch {self._path.name}")
            process = IndexProcess(self._traces, self._path, lock, busy_ms=self._busy_ms)
            try:
                lookout = await loop.run_in_executor(watch, self._lookout)
                try:
                    await self._follow(process, lambda: loop.run_in_executor(watch, lookout.look))
                finally:
                    await loop.run_in_executor(watch, lookout.close)  # after the look under way
            finally:
                await process.end()
                await asyncio.to_thread(watch.shutdown)

    async def _follow(self, process: IndexProcess, look: Callable[[], Awaitable[Work]]) -> None:
        followed, worked, pruned = -1, 0.0, 0.0
        while True:
            work, now = await look(), time.monotonic()
            if work is Work.NOW:
                step = await process.step()
                followed, worked = step.followed, time.monotonic()
                rest = _rest(step, worked - now)
            else:
                if now - worked > LINGER_S:
                    await process.end()
                rest = IDLE_S
            if now - pruned > PRUNE_S:
                pruned = now
                await self._prune(followed)
            await asyncio.sleep(rest)

    def _lookout(self) -> Lookout:
        return Lookout(self._traces, self._path, busy_ms=self._busy_ms)

    async def _prune(self, followed: int) -> None:
        if followed <= self._pruned:
            return

        def prune(merger: Merger) -> int:
            prune_changes(merger.connection, followed)
            return 0

        with contextlib.suppress(TrunklineError):  # a busy or full disk: later
            await self._act(prune)
            self._pruned = followed

    async def _read(self, executor: ThreadPoolExecutor, read: Callable[[SearchReader], R]) -> R:
        if not self._on:
            raise NotFound("Search is switched off on this server: TRUNKLINE_SEARCH=on switches it on.")

        def run() -> R:
            with understood(self._path):
                reader, store = self._reader()
                with moment(store):
                    return read(reader)

        return await asyncio.get_running_loop().run_in_executor(executor, run)

    def _reader(self) -> tuple[SearchReader, apsw.Connection]:
        found: tuple[SearchReader, apsw.Connection] | None = getattr(self._own, "reader", None)
        if found is None:
            open_index(self._path, busy_ms=self._busy_ms).close()  # makes the file where nobody has
            store = open_connection(self._traces, busy_ms=self._busy_ms, read_only=True)
            reader = SearchReader(store, self._path, busy_ms=self._busy_ms)
            found = self._own.reader = reader, store
            self._opened += [store, reader.index]
        return found


def _rest(step: Step, took: float) -> float:
    if not step.more:
        return IDLE_S
    return 0.0 if step.lag > FAR_BEHIND_S * 1e6 else took * REST
