"""The one thread of a process that writes to a SQLite file, with group commit.

Writes that wait while a transaction is on its way to the disk go into the next one together: they are merged as one,
committed once, synced once, and only then does each caller go on. Where a group fails because of what it holds, each
of its writes is tried by itself, so that a bad one does not spoil the others.

What a write says may still be in a request's body: it is read here too, not in the event loop. Reading takes as long as
storing, and two threads that both run Python hand the interpreter to and fro at a third of the speed of one.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw
import structlog

from trunkline.errors import InvalidRequest, TrunklineError, Unavailable
from trunkline.store.sqlite_merge import Merger, Plan
from trunkline.store.sqlite_schema import open_connection, transaction, translate
from trunkline.store.traces import Pricer
from trunkline.store.validation import check
from trunkline.types import Change

log = structlog.get_logger()

GROUP_CHANGES = 2000
"""Changes in one transaction, unless one write alone has more."""

GROUP_BYTES = 8_000_000
"""Bytes that are read for one transaction, unless one write alone has more."""

STALLED_S = 5.0
"""A transaction that takes longer waits for the disk or for another process: further writes are refused meanwhile."""

Read = Callable[[], Sequence[Change]]
"""Gives the changes of a write. What it raises is raised to the write's caller."""

Action = Callable[[Merger], int]
"""Something else to do in a transaction, such as a deletion; gives a count."""

_BAD_VALUES = (
    apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError, OverflowError, TypeError, ValueError, RecursionError,
)  # fmt: skip
_DAMAGE = "The store cannot hold what was sent: {}."


class Job:
    """One call that waits for its transaction."""

    __slots__ = ("action", "changes", "error", "future", "loop", "project_id", "read", "result", "size")

    def __init__(
        self, project_id: str, *, read: Read | None = None, size: int = 0, action: Action | None = None
    ) -> None:
        self.project_id, self.read, self.size, self.action = project_id, read, size, action
        self.changes: Sequence[Change] = ()
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[int] = self.loop.create_future()
        self.result = 0
        self.error: BaseException | None = None

    def settle(self) -> None:
        """Runs in the caller's loop, after the commit."""
        if self.future.done():  # the caller went away
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Writer:
    """Owns the writing connection. `submit` may be called from any thread that runs an event loop."""

    def __init__(self, path: Path, pricer: Pricer | None, *, busy_ms: int, most_bytes: int, logs: bool = True) -> None:
        self._path, self._pricer, self._busy_ms = path, pricer, busy_ms
        self._most_bytes = most_bytes
        self._waiting: deque[Job] = deque()
        self._waiting_bytes = 0
        self._closing = False
        self._began: float | None = None
        self._changed = threading.Condition()
        self._connection = open_connection(path, busy_ms=busy_ms)
        self._queue = os.open(path.with_name(f"{path.name}-writers"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._merger = Merger(self._connection, pricer)
        if not logs:
            with self._turn(), transaction(self._connection):
                self._merger.log.skip()
        self._thread = threading.Thread(target=self._work, name=f"write {path.name}", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Raises Unavailable where too much waits already: the client shall slow down."""
        with self._changed:
            if self._closing:
                raise Unavailable("The trace store is closing: try again.", retry_after=2)
            if self._waiting and self._waiting_bytes + job.size > self._most_bytes:
                raise Unavailable("More traces come in than the disk takes: try again.", retry_after=1)
            if self._began is not None and time.monotonic() - self._began > STALLED_S:
                raise Unavailable("The store does not follow, or another writer holds it: try again.", retry_after=2)
            self._waiting.append(job)
            self._waiting_bytes += job.size
            self._changed.notify()

    def close(self) -> None:
        """Writes what waits, then ends. Blocks."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            group = self._gather()
            if group is None:
                self._connection.close()
                os.close(self._queue)
                return
            try:
                self._began = time.monotonic()
                self._commit(group)
            except Exception as error:  # noqa: BLE001 (the edge of the thread: it must go on, callers are told)
                group = self._fail(group, error)
            self._began = None
            _settle(group)

    def _gather(self) -> list[Job] | None:
        """Waits for jobs and reads those that go into one transaction; None when all is done and closed."""
        group: list[Job] = []
        changes = size = 0
        while changes < GROUP_CHANGES and size < GROUP_BYTES:
            job = self._take(wait=not group)
            if job is None:
                return group or None
            group.append(job)
            _read(job)
            changes += len(job.changes)
            size += job.size
        return group

    def _take(self, *, wait: bool) -> Job | None:
        with self._changed:
            while wait and not self._waiting and not self._closing:
                self._changed.wait()
            if not self._waiting:
                return None
            job = self._waiting.popleft()
            self._waiting_bytes -= job.size
            return job

    def _commit(self, group: Sequence[Job]) -> None:
        if not any(job.changes or job.action for job in group):
            return
        try:
            plans = self._plans(group)
            with self._turn(), transaction(self._connection):
                self._merger.begin()
                for plan in plans:
                    self._merger.apply(plan)
                self._merger.flush()
                for job in group:
                    self._act(job)
        except _BAD_VALUES:
            self._merger.names.forget()
            self._commit_each(group)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The queue of the processes that write to the file. Who waits here is woken at once; who waits for SQLite's
        own lock looks again every so often, and both cores idle meanwhile. A process that dies leaves the queue."""
        fcntl.flock(self._queue, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._queue, fcntl.LOCK_UN)

    def _plans(self, group: Sequence[Job]) -> list[Plan]:
        """One plan for each project of the group."""
        by_project: dict[str, list[Change]] = {}
        for job in group:
            if job.changes:
                by_project.setdefault(job.project_id, []).extend(job.changes)
        return [Plan(project_id, changes) for project_id, changes in by_project.items()]

    def _commit_each(self, group: Sequence[Job]) -> None:
        with self._turn(), transaction(self._connection):
            for job in group:
                if job.error is not None:
                    continue
                self._connection.execute("SAVEPOINT one")
                try:
                    self._apply(job)
                except _BAD_VALUES as error:
                    self._connection.execute("ROLLBACK TO one")
                    self._merger.names.forget()
                    log.warning("trace_store.write_refused", project=job.project_id, error=repr(error))
                    job.error = error if isinstance(error, TrunklineError) else InvalidRequest(_DAMAGE.format(error))
                self._connection.execute("RELEASE one")

    def _apply(self, job: Job) -> None:
        self._merger.begin()
        for plan in self._plans([job]):
            self._merger.apply(plan)
        self._merger.flush()
        self._act(job)

    def _act(self, job: Job) -> None:
        if job.action is not None:
            job.result = job.action(self._merger)
            self._merger.flush()

    def _fail(self, group: list[Job], error: Exception) -> list[Job]:
        """Tells the group, and where the file cannot be had also those who wait: they would wait as long again."""
        self._merger.names.forget()
        meant = translate(error, self._path)
        if meant is None:
            log.error("trace_store.write_failed", exc_info=error)
        if isinstance(meant, Unavailable):
            with self._changed:
                group = [*group, *self._waiting]
                self._waiting.clear()
                self._waiting_bytes = 0
        for job in group:
            job.error = job.error or meant or error
        return group


def _read(job: Job) -> None:
    """Fills the job's changes, or its error."""
    if job.read is None:
        return
    try:
        changes = job.read()
        for change in changes:
            check(change)
        job.changes = changes
    except TrunklineError as error:
        job.error = error
    except Exception as error:
        log.error("trace_store.read_failed", exc_info=error)
        job.error = error
    job.read = None


def _settle(group: Sequence[Job]) -> None:
    """Wakes the callers, each loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in group:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, jobs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_all, jobs)
        except RuntimeError:  # its loop is closed: nobody waits any more
            log.debug("trace_store.caller_gone", jobs=len(jobs))


def _settle_all(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.settle()
