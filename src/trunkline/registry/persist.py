"""Records as bytes, so that the next start builds no snapshot: 10,000 prompts in a few tenths of a second.

Versions are written once per record and referred to by their place; blobs and commits as 20 bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from trunkline.registry.assemble import all_faults, dependents_after, with_state
from trunkline.registry.entries import Info
from trunkline.registry.snapshot import (
    EMPTY,
    Entry,
    LabelState,
    Own,
    Record,
    ServedArm,
    Snapshot,
    Use,
)
from trunkline.types import Fault, PromptType, Reference, Version

_StoredVersion = tuple[str, int, bytes, bytes, int, str, str]
_StoredUse = tuple[bytes, Reference, int]
_StoredArm = tuple[int, int, tuple[_StoredUse, ...]]


class _StoredEntry(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    label: str
    arms: tuple[_StoredArm, ...]
    """Of the own state; of the served state too unless `served` is there."""
    own_fault: Fault | None = None
    own_as_of: str = ""
    file: bytes = b""
    served: tuple[_StoredArm, ...] | None = None
    held: Fault | None = None
    as_of: str = ""
    has_state: bool = True
    consulted: tuple[str, ...] = ()


class _StoredRecord(msgspec.Struct, array_like=True, gc=False):
    name: str
    blob: bytes
    highest: int
    gaps: tuple[tuple[int, int], ...]
    deleted: tuple[int, ...]
    updated_at: int
    versions: list[_StoredVersion]
    entries: list[_StoredEntry]
    shown: tuple[str, ...] | None
    """Labels that are served; None: all entries."""
    type: PromptType
    tags: tuple[str, ...]
    faults: tuple[Fault, ...]
    marks_fault: Fault | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_StoredRecord).decode
_decode_strays = msgspec.msgpack.Decoder(dict[str, Fault]).decode


def encode_record(record: Record) -> bytes:
    return _encode(_Packing(record).pack())


def decode_record(data: bytes) -> Record:
    return _Unpacking(_decode(data)).unpack()


def encode_strays(strays: Mapping[str, Fault]) -> bytes:
    return _encode(strays)


def restored(head: str, seq: int, records: Iterable[bytes], strays: bytes) -> Snapshot:
    """The snapshot that was saved."""
    found = [decode_record(data) for data in records]
    kept = {record.name: record for record in found}
    faulty = {record.name: record.faults for record in found if record.faults}
    stray = _decode_strays(strays) if strays else {}
    return Snapshot(
        head=head,
        seq=seq,
        prompts={record.name: record.state for record in found if record.state},
        faults=all_faults(faulty, stray),
        records=kept,
        dependents=dependents_after(EMPTY, found),
        faulty=faulty,
        strays=stray,
    )


class _Packing:
    def __init__(self, record: Record) -> None:
        self._record = record
        self._places: dict[Version, int] = {}

    def pack(self) -> _StoredRecord:
        record = self._record
        entries = [self._entry(label, entry) for label, entry in record.entries.items()]
        state = record.state
        shown = None
        if state is None or len(state.labels) + (state.newest is not None) != len(entries):
            shown = (*state.labels, *(["latest"] if state.newest else [])) if state else ()
        return _StoredRecord(
            name=record.name,
            blob=bytes.fromhex(record.blob or ""),
            highest=record.highest,
            gaps=record.gaps,
            deleted=record.deleted,
            updated_at=record.updated_at,
            versions=[_stored_version(version) for version in self._places],
            entries=entries,
            shown=shown,
            type=state.type if state else PromptType.TEXT,
            tags=state.tags if state else (),
            faults=record.faults,
            marks_fault=record.marks_fault,
        )

    def _place(self, version: Version) -> int:
        return self._places.setdefault(version, len(self._places))

    def _arms(self, arms: tuple[ServedArm, ...]) -> tuple[_StoredArm, ...]:
        return tuple(
            (
                self._place(arm.version),
                arm.weight,
                tuple((bytes.fromhex(u.holder), u.reference, self._place(u.version)) for u in arm.uses),
            )
            for arm in arms
        )

    def _entry(self, label: str, entry: Entry) -> _StoredEntry:
        state = entry.state
        same = state is not None and state.arms == entry.own.arms
        return _StoredEntry(
            label=label,
            arms=self._arms(entry.own.arms),
            own_fault=entry.own.fault,
            own_as_of=entry.own.as_of,
            file=bytes.fromhex(entry.file or ""),
            served=None if same or state is None else self._arms(state.arms),
            held=state.held if state else None,
            as_of=state.as_of if state else "",
            has_state=state is not None,
            consulted=entry.consulted,
        )


def _stored_version(version: Version) -> _StoredVersion:
    return (
        version.name,
        version.version,
        bytes.fromhex(version.commit),
        bytes.fromhex(version.blob),
        version.created_at,
        version.author,
        version.message,
    )


class _Unpacking:
    def __init__(self, stored: _StoredRecord) -> None:
        self._stored = stored
        self._versions = [
            Version(
                name=stored.name if name == stored.name else name,
                version=number,
                commit=commit.hex(),
                blob=blob.hex(),
                created_at=created_at,
                author=author,
                message=message,
            )
            for name, number, commit, blob, created_at, author, message in stored.versions
        ]

    def unpack(self) -> Record:
        stored = self._stored
        entries = {one.label: self._entry(one) for one in stored.entries}
        record = Record(
            name=stored.name,
            blob=stored.blob.hex() or None,
            highest=stored.highest,
            gaps=stored.gaps,
            deleted=stored.deleted,
            entries=entries,
            updated_at=stored.updated_at,
            faults=stored.faults,
            marks_fault=stored.marks_fault,
        )
        labels = entries if stored.shown is None else stored.shown
        shown = {label: state for label in labels if (state := entries[label].state)}
        info = Info(type=stored.type, tags=stored.tags)
        return with_state(record, shown, lambda _: info)

    def _arms(self, arms: tuple[_StoredArm, ...]) -> tuple[ServedArm, ...]:
        return tuple(
            ServedArm(
                version=self._versions[place],
                weight=weight,
                uses=tuple(
                    Use(holder=holder.hex(), reference=reference, version=self._versions[used])
                    for holder, reference, used in uses
                ),
            )
            for place, weight, uses in arms
        )

    def _entry(self, stored: _StoredEntry) -> Entry:
        arms = self._arms(stored.arms)
        own = Own(arms=arms, fault=stored.own_fault, as_of=stored.own_as_of)
        state = None
        if stored.has_state:
            served = arms if stored.served is None else self._arms(stored.served)
            state = LabelState(label=stored.label, arms=served, held=stored.held, as_of=stored.as_of)
        return Entry(own=own, state=state, file=stored.file.hex() or None, consulted=stored.consulted)
