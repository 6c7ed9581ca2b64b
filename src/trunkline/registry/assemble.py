"""Small parts of building a snapshot: which numbers are left, what a record shows, who depends on whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TypeVar

import msgspec

from trunkline.prompts.references import Lookup, resolve
from trunkline.registry.entries import Entries, Info
from trunkline.registry.snapshot import LATEST, Entry, LabelState, PromptState, Record, ServedArm, Snapshot, Use
from trunkline.types import Arm, Fault

V = TypeVar("V")
AnyArm = TypeVar("AnyArm", Arm, ServedArm)


def numbers(highest: int, gaps: Iterable[tuple[int, int]], deleted: Iterable[int]) -> Iterator[int]:
    """Version numbers that were given and are not deleted, highest first."""
    skipped, gone = list(gaps), frozenset(deleted)
    number = highest
    while number > 0:
        if skipped and skipped[-1][0] <= number <= skipped[-1][1]:
            number = skipped.pop()[0] - 1
            continue
        if number not in gone:
            yield number
        number -= 1


@lru_cache(maxsize=4096)
def _shown_numbers(highest: int, gaps: tuple[tuple[int, int], ...], deleted: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(numbers(highest, gaps, deleted))  # cached: most of 10,000 prompts share a handful of tuples


def heaviest(arms: tuple[AnyArm, ...]) -> AnyArm:
    """What a reference to a split label means: the arm with most of the traffic, the first of equals."""
    return max(arms, key=lambda arm: arm.weight)


def with_uses(arm: ServedArm, entries: Entries, lookup: Lookup) -> ServedArm:
    """The arm with all that its references lead to. Raises InvalidRequest where one leads to nothing."""
    content = entries.content(arm.version.blob)
    if content is None:
        return arm
    found = resolve(arm.version, content, lookup).uses
    uses = tuple(Use(holder=holder, reference=reference, version=version) for holder, reference, version in found)
    return ServedArm(version=arm.version, weight=arm.weight, uses=uses)


def fault_of(entry: Entry) -> Fault | None:
    return entry.state.held if entry.state and entry.state.held else entry.own.fault


def with_state(record: Record, shown: Mapping[str, LabelState], info: Callable[[str], Info]) -> Record:
    """The record with what it serves; nothing where no entry is left to serve."""
    newest = shown.get(LATEST)
    first = newest or next(iter(shown.values()), None)
    if first is None:
        return record
    told = info(first.arms[0].version.blob)
    state = PromptState(
        name=record.name,
        type=told.type,
        tags=told.tags,
        latest=newest.arms[0].version.version if newest else 0,
        versions=_shown_numbers(record.highest, record.gaps, record.deleted),
        labels={label: state for label, state in shown.items() if label != LATEST},
        updated_at=record.updated_at,
        blob=record.blob,
        newest=newest,
    )
    return msgspec.structs.replace(record, state=state)


def put(into: dict[str, V], name: str, value: V | None) -> None:
    if value is None:
        into.pop(name, None)
    else:
        into[name] = value


def all_faults(faulty: Mapping[str, tuple[Fault, ...]], strays: Mapping[str, Fault]) -> tuple[Fault, ...]:
    found = [fault for faults in faulty.values() for fault in faults]
    return tuple(sorted([*found, *strays.values()], key=lambda fault: (fault.path, fault.line, fault.message)))


def dependents_after(base: Snapshot, records: Iterable[Record]) -> Mapping[str, frozenset[str]]:
    """The base's dependents with these records in place of the older ones."""
    after = dict(base.dependents)
    for record in records:
        before = base.records.get(record.name)
        was, now = _consulted(before), _consulted(record)
        for name in was - now:
            put(after, name, after.get(name, frozenset()) - {record.name} or None)
        for name in now - was:
            after[name] = after.get(name, frozenset()) | {record.name}
    return after


def _consulted(record: Record | None) -> set[str]:
    return {name for entry in record.entries.values() for name in entry.consulted} if record else set()
