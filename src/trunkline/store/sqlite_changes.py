"""Which traces each transaction touched: what the search index follows.

A transaction leaves one row, committed with it, so that nothing is missed and nothing is announced that was rolled
back. Numbers of rows only grow, also after rows that were followed have been pruned.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import apsw

from trunkline.types import Micros, Struct

CHANGES_SCHEMA = """
CREATE TABLE IF NOT EXISTS changed_traces (
    change INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, traces BLOB NOT NULL, gone BLOB NOT NULL
) STRICT;
"""
"""`traces` and `gone` are arrays of trace numbers. A row with neither stands for changes that were not logged."""

_APPEND = "INSERT INTO changed_traces (at, traces, gone) VALUES (?, ?, ?)"
_AFTER = "SELECT change, at, traces, gone FROM changed_traces WHERE change > ? ORDER BY change"
_LAST = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changed_traces'), 0)"


class ChangeLog:
    """Collects what one transaction touches and writes it at its end. Belongs to a writer."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._touched: set[int] = set()
        self._gone: set[int] = set()
        self.kept = True
        """Whether somebody follows. Where nobody does, `skip` says so once."""

    def begin(self) -> None:
        self._touched.clear()
        self._gone.clear()

    def touch(self, traces: Iterable[int]) -> None:
        """Traces that were made or changed, they or observations of theirs."""
        self._touched.update(traces)

    def remove(self, trace: int) -> None:
        """A trace that was deleted: its number may be given again."""
        self._gone.add(trace)

    def flush(self) -> None:
        if self.kept and (self._touched or self._gone):
            self._connection.execute(_APPEND, (time.time_ns() // 1000, _packed(self._touched), _packed(self._gone)))

    def skip(self) -> None:
        """To be called within a transaction of a process that will not keep the log."""
        self.kept = False
        self._connection.execute("DELETE FROM changed_traces")
        self._connection.execute(_APPEND, (time.time_ns() // 1000, b"", b""))


class Changed(Struct, frozen=True, kw_only=True):
    """What happened after a place in the log."""

    last: int
    at: Micros
    """Time of the earliest change in it."""
    touched: frozenset[int]
    gone: frozenset[int]
    unknown: bool
    """Some of what happened was not logged."""


def times_after(connection: apsw.Connection, place: int) -> tuple[Micros, Micros]:
    """When the first and the last transaction after `place` were; zeros where there are none."""
    first = connection.execute("SELECT at FROM changed_traces WHERE change > ? ORDER BY change LIMIT 1", (place,)).get
    last = connection.execute("SELECT at FROM changed_traces ORDER BY change DESC LIMIT 1").get
    return (first or 0, last or 0) if first else (0, 0)


def changes_after(connection: apsw.Connection, place: int, most_traces: int) -> Changed | None:
    """The transactions after `place` up to about so many traces; None where there are none."""
    last, first_at, unknown = place, 0, False
    touched: set[int] = set()
    gone: set[int] = set()
    rows: Iterator[tuple[Any, ...]] = connection.execute(_AFTER, (place,))
    for change, at, traces, removed in rows:
        last, first_at = change, first_at or at
        unknown = unknown or not (traces or removed)
        touched.update(_numbers(traces))
        gone.update(_numbers(removed))
        if len(touched) + len(gone) >= most_traces:
            break
    if last == place:
        return None
    return Changed(last=last, at=first_at, touched=frozenset(touched), gone=frozenset(gone), unknown=unknown)


def last_change(connection: apsw.Connection) -> int:
    """The highest place that was given, pruned or not."""
    found: int = connection.execute(_LAST).get
    return found


def oldest_change(connection: apsw.Connection, place: int) -> Micros | None:
    """When the first transaction after `place` was written; None where there is none."""
    found: Micros | None = connection.execute(
        "SELECT at FROM changed_traces WHERE change > ? ORDER BY change LIMIT 1", (place,)
    ).get
    return found


def prune_changes(connection: apsw.Connection, followed: int) -> None:
    """To be called within a transaction."""
    connection.execute("DELETE FROM changed_traces WHERE change <= ?", (followed,))


def _packed(numbers: Collection[int]) -> bytes:
    return array("q", sorted(numbers)).tobytes()


def _numbers(packed: bytes) -> array[int]:
    numbers: array[int] = array("q")
    numbers.frombytes(packed)
    return numbers
