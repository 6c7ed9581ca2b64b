"""What a process remembers of the control tables, read again as soon as any process has changed them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog
from sqlalchemy import Connection

from trunkline.errors import TrunklineError
from trunkline.store.control import ControlStore

Value = TypeVar("Value")
log = structlog.get_logger(__name__)

GLANCE_S = 0.000_2
"""How long a look at the file's time counts: so a batch of thousands of spans looks a few times only."""
RACY_NS = 50_000_000
"""A file that was written this recently may be written again without a newer time: it is read again."""
RETRY_S = 1.0
"""How soon tables that could not be read are tried again; what was remembered stands meanwhile."""


class Remembered(Generic[Value]):
    """One value, worked out by `read` from the tables. Safe to ask from any thread.

    What changed in this or another process is seen by the next call: the time of the database file is looked at (a
    microsecond), and only where that moved the generation is asked for, and only where that moved too, `read` called.
    """

    def __init__(self, control: ControlStore, read: Callable[[Connection], Value]) -> None:
        self._control, self._read = control, read
        self._lock = threading.Lock()
        self._glanced = 0.0
        self._seen: int | None = None
        self._generation = -1
        self._value: Value | None = None

    def current(self) -> Value:
        """Blocks for the query where something changed. Raises Unavailable where nothing could be read ever."""
        if self._value is None or not self._is_current():
            with self._lock:
                self._refresh()
        assert self._value is not None
        return self._value

    def forget_time(self) -> None:
        """To be called after a change by this process: the next call looks again."""
        self._glanced, self._seen = 0.0, None

    async def soon(self) -> Value:
        """The same for an event loop, which does not wait for the tables."""
        if self._value is None or not self._is_current():
            return await asyncio.to_thread(self.current)
        return self._value

    def _is_current(self) -> bool:
        now = time.monotonic()
        if now - self._glanced < GLANCE_S:
            return True
        if self._seen is None or self._control.written_at() != self._seen:
            return False
        self._glanced = now
        return True

    def _refresh(self) -> None:
        if self._value is not None and self._is_current():
            return
        written = self._control.written_at()
        try:
            with self._control.reading(hurried=True) as connection:
                generation = self._control.generation_of(connection)
                if generation != self._generation or self._value is None:
                    self._value = self._read(connection)
                    self._generation = generation
        except TrunklineError as error:
            if self._value is None:
                raise
            log.warning("control_tables_unavailable", error=error.message)
            self._glanced = time.monotonic() + RETRY_S
            return
        self._seen = written if time.time_ns() - written > RACY_NS else None
        self._glanced = time.monotonic()
