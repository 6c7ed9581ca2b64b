"""One transaction of the SQLite store: what changes say, merged into rows, texts, sums and links.

An observation of which one event is known and no row exists takes the short way: change to row, no state in between.
All others are joined as states and written as the one change that says what all of them said.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import apsw

from trunkline.store.join import (
    OBSERVATION_FIELDS,
    State,
    decode_observation,
    encode_stamps,
    join,
    join_all,
    merged_observation,
    state_of,
)
from trunkline.store.rollups import HOUR, token_sums, total_cost
from trunkline.store.sqlite_changes import ChangeLog
from trunkline.store.sqlite_rows import (
    OBSERVATION_COLUMNS,
    Row,
    change_of_observation,
    cost_of,
    decode_id,
    encode_id,
    encode_observation,
    is_generation,
    series_of,
)
from trunkline.store.sqlite_scores import ScoreTable
from trunkline.store.sqlite_tables import Names, RollupTable, RowWriter
from trunkline.store.sqlite_texts import TextTable
from trunkline.store.sqlite_traces import TraceTable, part_of, texts_of_observation
from trunkline.store.texts import NO_TEXTS, Texts
from trunkline.store.traces import Pricer
from trunkline.types import Change, Micros, ObservationChange, ScoreChange, TraceChange

_LOCATE = (
    "SELECT c.value, o.trace FROM carray(?) AS c CROSS JOIN observations AS o INDEXED BY observation_by_id "
    "ON o.project = ? AND o.id = c.value"
)
_NAMES = ", ".join(OBSERVATION_COLUMNS)
_LOAD = f"SELECT {_NAMES} FROM observations WHERE project = ? AND trace = ? AND id = ?"  # noqa: S608 (no input)


class Plan:
    """The changes of one project in one transaction, by what they change."""

    def __init__(self, project_id: str, changes: Iterable[Change]) -> None:
        self.project_id = project_id
        self.traces: dict[str, list[TraceChange]] = {}
        self.single: dict[str, ObservationChange] = {}
        self.repeated: dict[str, list[ObservationChange]] = {}
        self.scores: list[ScoreChange] = []
        for change in changes:
            self._sort(change)
        for id in self.repeated:
            del self.single[id]

    def _sort(self, change: Change) -> None:
        if type(change) is ObservationChange:
            first = self.single.setdefault(change.id, change)
            if first is not change:
                self.repeated.setdefault(change.id, [first]).append(change)
        elif type(change) is TraceChange:
            self.traces.setdefault(change.id, []).append(change)
        elif type(change) is ScoreChange:
            self.scores.append(change)


class _Held:
    """An observation that has a row."""

    __slots__ = ("change", "row", "series", "state", "texts", "trace_id")

    def __init__(self, row: Row, series: int, change: ObservationChange, texts: Texts) -> None:
        self.row, self.series, self.change, self.texts = row, series, change, texts
        self.trace_id = change.trace_id
        stamps = row[25]
        self.state = state_of(change) if stamps is None else decode_observation(change, stamps)


class Merger:
    """Applies plans within a transaction. One thread, one connection."""

    def __init__(self, connection: apsw.Connection, pricer: Pricer | None) -> None:
        self.connection = connection
        self._pricer = pricer
        self.names = Names(connection)
        self.texts = TextTable(connection)
        self.rollups = RollupTable(connection)
        self.scores = ScoreTable(connection)
        self.log = ChangeLog(connection)
        self.traces = TraceTable(connection, self.texts)
        self._insert = RowWriter(connection, "INSERT INTO observations", OBSERVATION_COLUMNS)
        self._replace = RowWriter(connection, "INSERT OR REPLACE INTO observations", OBSERVATION_COLUMNS)

    def begin(self) -> None:
        """To be called after the transaction has begun."""
        self.texts.begin()
        self.traces.begin()
        self.rollups.cells.clear()
        self.log.begin()

    def flush(self) -> None:
        """To be called before the transaction is committed or a savepoint released."""
        self.texts.flush()
        self.rollups.flush()
        self.log.flush()

    def apply(self, plan: Plan) -> None:
        now = time.time_ns() // 1000
        project = self.names.project(plan.project_id)
        merge = _Merge(self, project, plan, now)
        merge.sort()
        numbers = self.traces.merge(project, plan.traces, merge.roots(), now)
        self._insert.write(merge.added(numbers))
        self._replace.write(merge.changed(numbers))
        self.traces.settle(project, {*numbers.values(), *merge.left_traces})
        self.log.touch(numbers.values())
        self.log.touch(merge.left_traces)
        scores = self.scores.merge(project, plan.scores, now) if plan.scores else set()
        if merge.generations:
            traces = {encode_id(id) for id in merge.generation_traces}
            scores |= self.scores.touching(project, merge.generations, traces)
        if scores:
            self.scores.link(project, scores)

    def load(self, project: int, trace: int, key: bytes, *, texts: bool = True) -> _Held:
        row: Row = self.connection.execute(_LOAD, (project, trace, key)).get
        series = self.names.by_number(row[3])
        found = self.texts.read(row[16]) if texts else NO_TEXTS
        trace_key: bytes = self.connection.execute("SELECT id FROM traces WHERE trace = ?", (trace,)).get
        return _Held(row, row[3], change_of_observation(row, series, decode_id(trace_key), found), found)

    def locate(self, project: int, keys: Sequence[bytes]) -> dict[bytes, int]:
        """The traces, by number, of those observations that have a row."""
        if not keys:
            return {}
        found = self.connection.execute(_LOCATE, (apsw.carray(tuple(keys)), project))
        return {row[0]: row[1] for row in found}

    def cost(self, project_id: str, change: ObservationChange) -> Mapping[str, float] | None:
        """The cost that was given, else what the pricer says."""
        if change.cost:
            return change.cost
        if self._pricer is None or not change.usage or not change.model:
            return None
        return self._pricer(project_id, change)

    def count(
        self, project: int, series: int, change: ObservationChange, cost: Mapping[str, float] | None, times: int
    ) -> None:
        """Adds an observation to its hour (`times` 1), or takes it away (-1)."""
        start, end, usage = change.start_time, change.end_time, change.usage
        if start is None:
            start = change.stamp.time
        self.rollups.cell(project, series, start // HOUR).add(
            times,
            change.level,
            None if end is None else end - start,
            token_sums(usage) if usage else None,
            total_cost(cost) if cost else None,
        )


class _Merge:
    """The observations of one plan, from changes to rows."""

    def __init__(self, merger: Merger, project: int, plan: Plan, now: Micros) -> None:
        self._merger, self._project, self._plan, self._now = merger, project, plan, now
        self._fresh: list[tuple[bytes, ObservationChange]] = []
        self._joined: list[tuple[bytes, ObservationChange, State]] = []
        self._updated: list[tuple[bytes, ObservationChange, State, _Held]] = []
        self.left_traces: set[int] = set()
        """Traces that lost an observation to another."""
        self.generations: set[bytes] = set()
        """Observations whose link to a prompt version is new or may have moved."""
        self.generation_traces: set[str] = set()

    def sort(self) -> None:
        """Decides for each observation whether it is new, and joins it with what is known."""
        single, repeated = self._plan.single, self._plan.repeated
        keys = {id: encode_id(id) for id in (*single, *repeated)}
        held = self._merger.locate(self._project, list(keys.values()))
        for id, change in single.items():
            key = keys[id]
            if key in held:
                self._update(id, key, held[key], state_of(change))
            else:
                self._fresh.append((key, change))
        for id, changes in repeated.items():
            key, state = keys[id], join_all(changes)
            if key in held:
                self._update(id, key, held[key], state)
            else:
                self._joined.append((key, merged_observation(id, state), state))

    def _update(self, id: str, key: bytes, trace: int, said: State) -> None:
        held = self._merger.load(self._project, trace, key)
        state = join(held.state, said)
        if state != held.state:
            self._updated.append((key, merged_observation(id, state), state, held))

    def roots(self) -> dict[str, ObservationChange | None]:
        """The traces of these observations, each with a new observation that has no parent where there is one."""
        roots: dict[str, ObservationChange | None] = {change.trace_id: None for _, change, _ in self._joined}
        roots.update((change.trace_id, None) for _, change, _, _ in self._updated)
        for _, change in self._fresh:
            if change.parent_id is None:
                roots[change.trace_id] = change
            else:
                roots.setdefault(change.trace_id, None)
        return roots

    def added(self, numbers: Mapping[str, int]) -> list[Row]:
        rows = [
            self._row(key, change, numbers, self._text(change, numbers[change.trace_id]), None)
            for key, change in self._fresh
        ]
        for key, change, state in self._joined:
            text = self._merger.texts.add(self._project, numbers[change.trace_id], texts_of_observation(change))
            rows.append(self._row(key, change, numbers, text, encode_stamps(state, OBSERVATION_FIELDS)))
        return rows

    def _text(self, change: ObservationChange, trace: int) -> int | None:
        """The reference of a new observation's texts, which its trace may have added already."""
        shared = self._merger.traces.shared.get(change.id)
        return shared or self._merger.texts.append(self._project, part_of(change, trace))

    def _row(
        self,
        key: bytes,
        change: ObservationChange,
        numbers: Mapping[str, int],
        text: int | None,
        stamps: bytes | None,
        created: Micros | None = None,
    ) -> Row:
        project, names = self._project, self._merger.names
        named = series_of(change)
        series = names.numbers(project).get(named) or names.series(project, named)
        cost = self._merger.cost(self._plan.project_id, change)
        self._merger.count(project, series, change, cost, 1)
        if change.prompt_name and is_generation(change):
            self.generations.add(key)
            self.generation_traces.add(change.trace_id)
        place = (project, numbers[change.trace_id], key, series)
        times = (self._now, None) if created is None else (created, self._now)
        return encode_observation(change, place, cost, text, times, stamps)

    def changed(self, numbers: Mapping[str, int]) -> list[Row]:
        return [self._changed(*each, numbers) for each in self._updated]

    def _changed(
        self, key: bytes, change: ObservationChange, state: State, held: _Held, numbers: Mapping[str, int]
    ) -> Row:
        self._merger.count(self._project, held.series, held.change, cost_of(held.row), -1)
        if is_generation(held.change):
            self.generations.add(key)
            self.generation_traces.add(held.trace_id)
        trace, left, text, texts = numbers[change.trace_id], held.row[1], held.row[16], texts_of_observation(change)
        if trace != left:
            self.left_traces.add(left)
        if texts != held.texts or trace != left:
            self._merger.texts.drop(self._project, left, text)
            text = self._merger.texts.add(self._project, trace, texts)
        stamps = encode_stamps(state, OBSERVATION_FIELDS)
        return self._row(key, change, numbers, text, stamps, created=held.row[19])
