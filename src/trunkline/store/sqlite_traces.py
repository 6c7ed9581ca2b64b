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
)
from trunkline.store.sqlite_rows import (
    DEFAULT_ENVIRONMENT,
    TRACE_COLUMNS,
    Row,
    change_of_trace,
    encode_id,
    encode_trace,
)
from trunkline.store.sqlite_tables import RowWriter, TextTable
from trunkline.store.texts import Texts
from trunkline.types import Micros, TraceChange

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

    def begin(self) -> None:
        self._next = (self._connection.execute("SELECT max(trace) FROM traces").get or 0) + 1
        self._closed.clear()

    def merge(
        self, project: int, changes: Mapping[str, Sequence[TraceChange]], needed: Iterable[str], now: Micros
    ) -> dict[str, int]:
        """Merges `changes`, makes the rows of `needed` traces where there are none; numbers by trace id."""
        wanted = {id: encode_id(id) for id in {*changes, *needed}}
        held = self._find(project, wanted.values())
        numbers: dict[str, int] = {}
        added: list[Row] = []
        for id, key in wanted.items():
            row, said = held.get(key), changes.get(id)
            if row is None:
                numbers[id] = self._next
                self._next += 1
                added.append(self._new(project, numbers[id], key, said, now))
            else:
                numbers[id] = row[0]
                if said:
                    self._update(row, said, now)
        self._rows.write(added)
        return numbers

    def _find(self, project: int, keys: Iterable[bytes]) -> dict[bytes, Row]:
        wanted = tuple(keys)
        if not wanted:
            return {}
        return {row[2]: row for row in self._connection.execute(_FIND, (apsw.carray(wanted), project))}

    def _new(self, project: int, number: int, key: bytes, said: Sequence[TraceChange] | None, now: Micros) -> Row:
        place = (number, project, key)
        if not said:  # an observation without its trace: `settle` gives it a timestamp
            return (*place, 0, DEFAULT_ENVIRONMENT, *([None] * 8), now, now, None)
        state = fold_traces(said)
        self._close(number, state)
        change = merged_trace(said[0].id, state)
        text = self._texts.add(project, self._texts.pack(change.input, change.output, change.metadata))
        return encode_trace(change, place, text, (now, now), encode_stamps(state, TRACE_FIELDS))

    def _update(self, row: Row, said: Sequence[TraceChange], now: Micros) -> None:
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
        now_texts = Texts(input=change.input, output=change.output, metadata=change.metadata)
        if now_texts != texts:
            text = self._texts.replace(project, text, now_texts)
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
