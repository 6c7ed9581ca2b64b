"""The merge of creates and updates as a join of last-writer-wins registers.

Every field of a trace or an observation is a register: a value and the stamp of the event that said it. Of two
registers the later stamp wins (`FIRST` fields: the earlier, as they do not change once set); equal stamps are decided
by the values, so that the join is commutative, associative and idempotent whatever comes, in any order, twice. What an
event does not say (None, empty) has no register and never overwrites. Tags are a union, metadata is a tree of registers
(`trunkline.store.metadata`), usage and cost are one register each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from trunkline.store.metadata import (
    Metadata,
    Said,
    StampTree,
    document_of,
    join_metadata,
    metadata_from,
    stamps_of_metadata,
)
from trunkline.types import Micros, ObservationChange, Rank, ScoreChange, Stamp, Struct, TraceChange

FIRST = frozenset({"trace_id", "start_time", "timestamp", "environment"})

TRACE_FIELDS = (
    "timestamp", "environment", "name", "user_id", "session_id", "release", "version", "public", "input", "output",
)  # fmt: skip
OBSERVATION_FIELDS = (
    "trace_id", "start_time", "environment", "type", "name", "end_time", "completion_start_time", "parent_id", "level",
    "status_message", "version", "model", "model_parameters", "usage", "cost", "prompt_name", "prompt_version", "input",
    "output", "is_root",
)  # fmt: skip
"""Registers by place: the place is part of the format of `encode_stamps`, so new fields go to the end."""

Register = tuple[Stamp, Any]
_ABSENT = 255
_SILENT: tuple[object, ...] = (None, "", b"", b"null", b'""', {})


class State(Struct, frozen=True, kw_only=True):
    """What all events so far say of one trace or observation."""

    registers: Mapping[str, Register]
    said: Micros
    """The earliest time of an event: stands in for a start that nobody said."""
    metadata: Metadata | None = None
    tags: frozenset[str] = frozenset()


def state_of(change: TraceChange | ObservationChange) -> State:
    """The state after one event."""
    stamp = change.stamp
    fields = TRACE_FIELDS if type(change) is TraceChange else OBSERVATION_FIELDS
    values = ((name, getattr(change, name)) for name in fields)
    registers = {name: (stamp, value) for name, value in values if value not in _SILENT}
    document = change.metadata
    metadata = Said(stamp, document) if document is not None and says_something(document) else None
    tags = frozenset(change.tags) if type(change) is TraceChange else frozenset()
    return State(registers=registers, said=stamp.time, metadata=metadata, tags=tags)


def says_something(document: bytes) -> bool:
    """Whether a metadata document holds anything: null, an empty text and an empty object do not."""
    return document not in (b"", b"null", b"{}", b'""')


def join(a: State, b: State) -> State:
    registers = dict(a.registers)
    for name, theirs in b.registers.items():
        ours = registers.get(name)
        if ours is None or (_key(theirs) < _key(ours) if name in FIRST else _key(theirs) > _key(ours)):
            registers[name] = theirs
    metadata = a.metadata or b.metadata
    if a.metadata is not None and b.metadata is not None:
        metadata = join_metadata(a.metadata, b.metadata)
    return State(registers=registers, said=min(a.said, b.said), metadata=metadata, tags=a.tags | b.tags)


def _key(register: Register) -> tuple[Stamp, Any]:
    stamp, value = register
    return (stamp, sorted(value.items())) if isinstance(value, Mapping) else register


def join_all(changes: Sequence[TraceChange] | Sequence[ObservationChange]) -> State:
    joined = state_of(changes[0])
    for change in changes[1:]:
        joined = join(joined, state_of(change))
    return joined


def newer_score(a: ScoreChange, b: ScoreChange) -> ScoreChange:
    """A score is one register: the later event replaces all of it."""
    if a.stamp == b.stamp:
        return a if msgspec.json.encode(a) >= msgspec.json.encode(b) else b
    return a if a.stamp > b.stamp else b


# --- back to one change: what a single event would have had to say ---------------------------------------------------


def merged_observation(id: str, state: State) -> ObservationChange:
    """The one event that says what all of them said. Its stamp tells the earliest time and no more."""
    return ObservationChange(id=id, **_merged(state))


def merged_trace(id: str, state: State) -> TraceChange:
    """As `merged_observation`; tags are sorted."""
    return TraceChange(id=id, tags=tuple(sorted(state.tags)), **_merged(state))


def _merged(state: State) -> dict[str, Any]:
    values = {name: value for name, (_, value) in state.registers.items()}
    metadata = None if state.metadata is None else document_of(state.metadata)
    return values | {"stamp": Stamp(Rank.CREATE, state.said), "metadata": metadata}


# --- the stamps as bytes: kept beside the values from the second event on --------------------------------------------


class _Stamps(Struct, frozen=True, array_like=True):
    table: list[Stamp]
    places: bytes
    """A byte for each field: its stamp's place in the table, or 255."""
    said: Micros
    metadata: StampTree = None


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Stamps).decode


def encode_stamps(state: State, fields: tuple[str, ...]) -> bytes:
    """The stamps of a state. With its values (`merged_trace`, `merged_observation`) they are the whole state."""
    numbers: dict[Stamp, int] = {}

    def number(stamp: Stamp) -> int:
        return numbers.setdefault(stamp, len(numbers))

    registers = state.registers
    places = bytes(number(registers[name][0]) if name in registers else _ABSENT for name in fields)
    tree = None if state.metadata is None else stamps_of_metadata(state.metadata, number)
    return _pack(_Stamps(list(numbers), places, state.said, tree))


def decode_trace(change: TraceChange, stamps: bytes) -> State:
    return _decode(change, stamps, TRACE_FIELDS, frozenset(change.tags))


def decode_observation(change: ObservationChange, stamps: bytes) -> State:
    return _decode(change, stamps, OBSERVATION_FIELDS, frozenset())


def _decode(
    change: TraceChange | ObservationChange, stamps: bytes, fields: tuple[str, ...], tags: frozenset[str]
) -> State:
    kept = _unpack(stamps)
    registers = {
        name: (kept.table[place], getattr(change, name))
        for name, place in zip(fields, kept.places, strict=False)
        if place != _ABSENT
    }
    metadata = None
    if kept.metadata is not None and change.metadata is not None:
        metadata = metadata_from(change.metadata, kept.metadata, kept.table)
    return State(registers=registers, said=kept.said, metadata=metadata, tags=tags)


class SaidOfTrace(Struct, frozen=True, kw_only=True):
    """Whether an event said timestamp and environment, and the earliest event's time."""

    timestamp: bool
    environment: bool
    time: Micros


def said_of_trace(stamps: bytes) -> SaidOfTrace:
    kept = _unpack(stamps)
    return SaidOfTrace(timestamp=kept.places[0] != _ABSENT, environment=kept.places[1] != _ABSENT, time=kept.said)


# --- many changes of one trace in one batch --------------------------------------------------------------------------


def fold_traces(changes: Sequence[TraceChange]) -> State:
    """The join of one trace's changes, cheap where each span of a batch brings one.

    The plain fields are read once in order of the stamps; where stamps tie, or metadata or texts come more than once,
    the general join decides.
    """
    if len(changes) == 1:
        return state_of(changes[0])
    ordered = sorted(changes, key=_stamp)
    registers: dict[str, Register] = {}
    tags: set[str] = set()
    metadata: Metadata | None = None
    last = None
    for change in ordered:
        stamp = change.stamp
        if stamp == last:
            return join_all(changes)
        last = stamp
        _read(change, stamp, registers)
        if change.tags:
            tags.update(change.tags)
        if change.metadata is not None and says_something(change.metadata):
            told = Said(stamp, change.metadata)
            metadata = told if metadata is None else join_metadata(metadata, told)
    said = min(change.stamp.time for change in changes)
    return State(registers=registers, said=said, metadata=metadata, tags=frozenset(tags))


def _stamp(change: TraceChange) -> Stamp:
    return change.stamp


def _read(change: TraceChange, stamp: Stamp, registers: dict[str, Register]) -> None:
    """Lets `change`, the latest so far, say its fields. Unrolled: this runs for every span."""
    if change.timestamp is not None and "timestamp" not in registers:
        registers["timestamp"] = (stamp, change.timestamp)
    if change.environment and "environment" not in registers:
        registers["environment"] = (stamp, change.environment)
    if change.name:
        registers["name"] = (stamp, change.name)
    if change.user_id:
        registers["user_id"] = (stamp, change.user_id)
    if change.session_id:
        registers["session_id"] = (stamp, change.session_id)
    if change.release:
        registers["release"] = (stamp, change.release)
    if change.version:
        registers["version"] = (stamp, change.version)
    if change.public is not None:
        registers["public"] = (stamp, change.public)
    if change.input not in _SILENT:
        registers["input"] = (stamp, change.input)
    if change.output not in _SILENT:
        registers["output"] = (stamp, change.output)
