"""The trace store of one process on one SQLite file, which other processes may share."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import apsw
import structlog

from trunkline.errors import TrunklineError
from trunkline.store.daily import DailyQuery, DayUsage, UserQuery, UserSummary
from trunkline.store.metrics_query import Group, MetricsQuery
from trunkline.store.search import SearchPage, SearchQuery, SearchStatus
from trunkline.store.sessions import Session, SessionQuery
from trunkline.store.sqlite_daily import daily_usage, users
from trunkline.store.sqlite_days import close_day, some_to_close
from trunkline.store.sqlite_delete import delete_scores, delete_traces
from trunkline.store.sqlite_merge import Merger
from trunkline.store.sqlite_metrics import generations_by_prompt, version_metrics
from trunkline.store.sqlite_metrics_rollups import metrics
from trunkline.store.sqlite_reads import Reader
from trunkline.store.sqlite_schema import open_connection, understood
from trunkline.store.sqlite_searching import SearchIndex
from trunkline.store.sqlite_sessions import find_session, list_sessions
from trunkline.store.sqlite_writer import Job, Read, Writer
from trunkline.store.traces import ObservationQuery, Pricer, ScoreQuery, TraceQuery
from trunkline.store.validation import size_of
from trunkline.types import (
    Change,
    Micros,
    Observation,
    Score,
    Trace,
    TraceDetail,
    VersionMetrics,
)

log = structlog.get_logger()

P = ParamSpec("P")
R = TypeVar("R")


class SQLiteTraceStore:
    """Implements `trunkline.store.traces.TraceStore`.

    `readers` threads answer reads, one thread writes. `busy_ms` is how long a write waits for other processes,
    `most_bytes` how much may wait in memory before writes are refused. Without
    `search` there is no index of texts, and none is kept.
    """

    def __init__(
        self,
        path: Path,
        *,
        pricer: Pricer | None = None,
        readers: int = 3,
        busy_ms: int = 5000,
        most_bytes: int = 64_000_000,
        search: bool = True,
    ) -> None:
        self.path = path
        self._busy_ms = busy_ms
        self._writer = Writer(path, pricer, busy_ms=busy_ms, most_bytes=most_bytes, logs=search)
        self._search = SearchIndex(path, busy_ms=busy_ms, on=search, act=self._do)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix=f"read {path.name}")
        self._closing_days: asyncio.Task[None] | None = None
        self._own = threading.local()
        self._opened: list[apsw.Connection] = []

    async def write(self, project_id: str, changes: Sequence[Change]) -> None:
        if changes:
            await self.take(project_id, lambda: changes, size=sum(map(size_of, changes)))

    async def take(self, project_id: str, read: Read, *, size: int) -> None:
        await self._submit(Job(project_id, read=read, size=size))

    async def delete_scores(self, project_id: str, ids: Sequence[str]) -> int:
        return await self._act(project_id, ids, delete_scores)

    async def delete_traces(self, project_id: str, ids: Sequence[str]) -> int:
        return await self._act(project_id, ids, delete_traces)

    async def _act(
        self, project_id: str, ids: Sequence[str], action: Callable[[Merger, str, Sequence[str]], int]
    ) -> int:
        return await self._submit(Job(project_id, action=lambda merger: action(merger, project_id, ids)))

    async def _do(self, action: Callable[[Merger], int]) -> int:
        return await self._submit(Job("", action=action))

    async def _submit(self, job: Job) -> int:
        self._writer.submit(job)
        return await job.future

    async def trace(self, project_id: str, trace_id: str) -> TraceDetail | None:
        return await self._read(Reader.trace, project_id, trace_id)

    async def traces(self, project_id: str, query: TraceQuery) -> tuple[list[Trace], int]:
        return await self._read(Reader.traces, project_id, query)

    async def observation(self, project_id: str, observation_id: str) -> Observation | None:
        return await self._read(Reader.observation, project_id, observation_id)

    async def observations(self, project_id: str, query: ObservationQuery) -> tuple[list[Observation], int]:
        return await self._read(Reader.observations, project_id, query)

    async def score(self, project_id: str, score_id: str) -> Score | None:
        return await self._read(Reader.score, project_id, score_id)

    async def scores(self, project_id: str, query: ScoreQuery) -> tuple[list[Score], int]:
        return await self._read(Reader.scores, project_id, query)

    async def sessions(self, project_id: str, query: SessionQuery) -> tuple[list[Session], int]:
        return await self._read(lambda reader: list_sessions(reader.connection, reader.project(project_id), query))

    async def session(self, project_id: str, session_id: str) -> Session | None:
        return await self._read(lambda reader: find_session(reader.connection, reader.project(project_id), session_id))

    async def version_metrics(
        self,
        project_id: str,
        prompt_name: str,
        *,
        since: Micros | None = None,
        until: Micros | None = None,
        environment: str | None = None,
    ) -> list[VersionMetrics]:
        def read(reader: Reader) -> list[VersionMetrics]:
            project = reader.project(project_id)
            return version_metrics(reader.connection, project, prompt_name, (since, until), environment)

        return await self._read_days(read)

    async def metrics(self, project_id: str, query: MetricsQuery) -> list[Group]:
        return await self._read_days(lambda reader: metrics(reader.connection, reader.project(project_id), query))

    async def daily_usage(self, project_id: str, query: DailyQuery) -> tuple[list[DayUsage], int]:
        return await self._read_days(lambda reader: daily_usage(reader.connection, reader.project(project_id), query))

    async def users(self, project_id: str, query: UserQuery) -> tuple[list[UserSummary], int]:
        return await self._read(lambda reader: users(reader.connection, reader.project(project_id), query))

    async def generations_by_prompt(self, project_id: str, since: Micros) -> Mapping[str, int]:
        def read(reader: Reader) -> Mapping[str, int]:
            return generations_by_prompt(reader.connection, reader.project(project_id), since)

        return await self._read_days(read)

    async def _read_days(self, read: Callable[[Reader], R]) -> R:
        """Reads sums, and has days that are over summed up for the next time."""
        found, some = await self._read(lambda reader: (read(reader), some_to_close(reader.connection)))
        if some and (self._closing_days is None or self._closing_days.done()):
            self._closing_days = asyncio.create_task(self._close_days())
        return found

    async def _close_days(self) -> None:
        """One day after another, so that the writer is held up for a tenth of its time at most."""
        try:
            while True:
                began = time.monotonic()
                if not await self._do(lambda merger: close_day(merger.connection)):
                    return
                await asyncio.sleep(9 * (time.monotonic() - began))
        except TrunklineError as error:  # the next read tries again
            log.warning("trace_store.days_not_summed_up", error=str(error))

    async def sum_up_days(self) -> None:
        """At once, all that are over."""
        while await self._do(lambda merger: close_day(merger.connection)):
            pass

    async def search(self, project_id: str, query: SearchQuery) -> SearchPage:
        return await self._search.search(project_id, query)

    async def search_status(self) -> SearchStatus | None:
        return await self._search.status()

    async def keep_search(self) -> None:
        await self._search.keep()

    async def close(self) -> None:
        await self._search.close()
        if self._closing_days is not None and not self._closing_days.done():
            self._closing_days.cancel()
            await asyncio.wait([self._closing_days])
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._opened:
            connection.close()

    async def _read(self, read: Callable[Concatenate[Reader, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs `read` in a reader thread, all of it at one moment of the store."""

        def run() -> R:
            with understood(self.path):
                reader = self._reader()
                with reader.moment():
                    return read(reader, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    def _reader(self) -> Reader:
        reader: Reader | None = getattr(self._own, "reader", None)
        if reader is None:
            reader = self._own.reader = Reader(open_connection(self.path, busy_ms=self._busy_ms, read_only=True))
            self._opened.append(reader.connection)
        return reader
