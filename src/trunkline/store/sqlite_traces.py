"""Merging what a transaction says of traces into their rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import apsw

from trunkline.store.join import (
    TRACE_FIELDS,
    State,
    decode_trace,
    encode_stamps,
    fold_traces,
    join,
    merged_trace,
    said_of_trace,
    says_something,
)
from trunkline.store.sqlite_rows import (
    DEFAULT_ENVIRONMENT,
    TRACE_COLUMNS,
    Row,
    change_of_trace,
    encode_id,
    encode_trace,
)
from trunkline.store.sqlite_tables import RowWriter
from trunkline.store.sqlite_texts import TextTable
from trunkline.store.texts import Part, Texts
from trunkline.types import JSONBytes, Micros, ObservationChange, TraceChange

_COLUMNS = ", ".join(f"t.{name}" for name in TRACE_COLUMNS)
_FIND = f"SELECT {_COLUMNS} FROM carray(?) AS c CROSS JOIN traces AS t ON t.project = ? AND t.id = c.value"  # noqa: S608 (names of columns, no input)
_CHANGED = TRACE_COLUMNS[3:13] + TRACE_COLUMNS[14:]
_UPDATE = f"UPDATE traces SET {', '.join(f'{name} = ?' for name in _CHANGED)} WHERE trace = ?"  # noqa: S608
_EARLIEST = (
    "SELECT o.start_time, s.environment FROM observations AS o JOIN series AS s USING (series) "
    "WHERE o.project = ? AND o.trace = ? ORDER BY o.start_time, s.environment LIMIT 1"
)
_SETTLE = "UPDATE traces SET timestamp = ?, environment = ? WHERE trace = ? AND (timestamp, environment) != (?, ?)"


class TraceTable:
    """The traces of one transaction. `begin`, then `merge` and `settle` for each project."""

    def __init__(self, connection: apsw.Connection, texts: TextTable) -> None:
        self._connection = connection
        self._texts = texts
        self._rows = RowWriter(connection, "INSERT INTO traces", TRACE_COLUMNS)
        self._next = 0
        self._closed: set[int] = set()
        """Traces of this transaction that are known to have said timestamp and environment."""
        self.shared: dict[str, int] = {}
        """Texts of new observations, by id, that were added for their traces, which have the same."""

    def begin(self) -> None:
        self._next = (self._connection.execute("SELECT max(trace) FROM traces").get or 0) + 1
        self._closed.clear()
        self.shared.clear()

    def merge(
        self,
        project: int,
        changes: Mapping[str, Sequence[TraceChange]],
        roots: Mapping[str, ObservationChange | None],
        now: Micros,
    ) -> dict[str, int]:
        """Merges `changes`, makes the rows of the traces of `roots` where there are none; numbers by trace id."""
        wanted = {id: encode_id(id) for id in {*changes, *roots}}
        held = self._find(project, wanted.values())
        numbers: dict[str, int] = {}
        added: list[Row] = []
        for id, key in wanted.items():
            row, said = held.get(key), changes.get(id)
            if row is None:
                numbers[id] = self._next
                self._next += 1
                added.append(self._new(project, numbers[id], key, said, roots.get(id), now))
            else:
                numbers[id] = row[0]
                if said:
                    self._update(row, said, roots.get(id), now)
        self._rows.write(added)
        return numbers

    def _find(self, project: int, keys: Iterable[bytes]) -> dict[bytes, Row]:
        wanted = tuple(keys)
        if not wanted:
            return {}
        return {row[2]: row for row in self._connection.execute(_FIND, (apsw.carray(wanted), project))}

    def _new(
        self,
        project: int,
        number: int,
        key: bytes,
        said: Sequence[TraceChange] | None,
        root: ObservationChange | None,
        now: Micros,
    ) -> Row:
        place = (number, project, key)
        if not said:  # an observation without its trace: `settle` gives it a timestamp
            return (*place, 0, DEFAULT_ENVIRONMENT, *([None] * 8), now, now, None)
        state = fold_traces(said)
        self._close(number, state)
        change = merged_trace(said[0].id, state)
        text = self._text(project, number, change, root)
        return encode_trace(change, place, text, (now, now), encode_stamps(state, TRACE_FIELDS))

    def _text(self, project: int, number: int, change: TraceChange, root: ObservationChange | None) -> int | None:
        """Adds the texts of a trace; those of its root, where they are the same, for both."""
        if root is None or not _is_same(change, root):
            return self._texts.append(project, (number, change.input, change.output, change.metadata, None))
        text = self._texts.append(project, part_of(root, number))
        if text is not None:
            self.shared[root.id] = text
        return text

    def _update(self, row: Row, said: Sequence[TraceChange], root: ObservationChange | None, now: Micros) -> None:
        number, project, key, text = row[0], row[1], row[2], row[12]
        new = fold_traces(said)
        texts = self._texts.read(text)
        if row[15] is not None:
            old = decode_trace(change_of_trace(row, texts), row[15])
            new = join(old, new)
            if new == old:
                return
        self._close(number, new)
        change = merged_trace(said[0].id, new)
        if (change.input, change.output, change.metadata) != (texts.input, texts.output, texts.metadata):
            self._texts.drop(project, number, text)
            text = self._text(project, number, change, root)
        changed = encode_trace(change, (number, project, key), text, (row[13], now), encode_stamps(new, TRACE_FIELDS))
        self._connection.execute(_UPDATE, (*changed[3:13], *changed[14:], number))

    def _close(self, number: int, state: State) -> None:
        if "timestamp" in state.registers and "environment" in state.registers:
            self._closed.add(number)

    def settle(self, project: int, numbers: Iterable[int]) -> None:
        """Lets the earliest observation say the timestamp and environment that no event of the trace said.

        A trace of which no event spoke and whose observations moved away was never there.
        """
        for number in set(numbers) - self._closed:
            row = self._connection.execute(
                "SELECT state, timestamp, environment FROM traces WHERE trace = ?", (number,)
            ).fetchone()
            if row is None:
                continue
            said = said_of_trace(row[0]) if row[0] is not None else None
            if said is not None and said.timestamp and said.environment:
                continue
            earliest = self._connection.execute(_EARLIEST, (project, number)).fetchone()
            if earliest is None and said is None:
                self._connection.execute("DELETE FROM traces WHERE trace = ?", (number,))
                continue
            timestamp, environment = earliest or (said.time if said else 0, DEFAULT_ENVIRONMENT)
            if said is not None:
                timestamp = row[1] if said.timestamp else timestamp
                environment = row[2] if said.environment else environment
            self._connection.execute(_SETTLE, (timestamp, environment, number, timestamp, environment))


def part_of(change: ObservationChange, trace: int) -> Part:
    """The texts of an observation of which one event is known."""
    metadata = change.metadata
    said = metadata if metadata and says_something(metadata) else None
    return (trace, _spoken(change.input), _spoken(change.output), said, change.model_parameters)


def texts_of_observation(change: ObservationChange) -> Texts:
    """The texts of an observation that was merged: what says nothing is gone from it."""
    return Texts(input=change.input, output=change.output, metadata=change.metadata, parameters=change.model_parameters)


def _spoken(text: JSONBytes | None) -> JSONBytes | None:
    return None if text in _SILENT_TEXTS else text


_SILENT_TEXTS = (None, b"", b"null", b'""')


def _is_same(trace: TraceChange, root: ObservationChange) -> bool:
    return (trace.input, trace.output, trace.metadata) == part_of(root, 0)[1:4]
