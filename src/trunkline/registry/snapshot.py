"""What one head serves: an immutable snapshot, swapped by one assignment.

Beside what is served (`prompts`) a snapshot carries what the next head is built from (`records`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from trunkline.errors import NotFound
from trunkline.types import Fault, Micros, PromptType, Reference, Struct, Version

LATEST = "latest"


class Use(Struct, frozen=True, kw_only=True):
    """What one reference resolved to. `holder` is the blob of the text that holds it."""

    holder: str
    reference: Reference
    version: Version


class ServedArm(Struct, frozen=True, kw_only=True):
    """A version that is served, with what every reference below it resolved to."""

    version: Version
    weight: int = 100
    uses: tuple[Use, ...] = ()


class LabelState(Struct, frozen=True, kw_only=True):
    """What a label serves. `held` says why the head's file is not followed, `as_of` the commit followed instead."""

    label: str
    arms: tuple[ServedArm, ...]
    held: Fault | None = None
    as_of: str = ""
    """Empty: the head."""


class PromptState(Struct, frozen=True, kw_only=True):
    """A prompt as it is served. `latest` is 0 where no version was ever servable, else the newest one's number."""

    name: str
    type: PromptType
    tags: tuple[str, ...]
    latest: int
    versions: tuple[int, ...]
    """Numbers that are not deleted, newest first; a broken one among them is NotFound when fetched."""
    labels: Mapping[str, LabelState]
    """Without `latest`, which is `newest`."""
    updated_at: Micros
    blob: str | None
    """Of the prompt's file at the head."""
    newest: LabelState | None = None


class Own(Struct, frozen=True, kw_only=True):
    """What a label's own file (or, for `latest`, the prompt's) says, before references. No arms: there is no label."""

    arms: tuple[ServedArm, ...] = ()
    fault: Fault | None = None
    as_of: str = ""


class Entry(Struct, frozen=True, kw_only=True):
    """A label of a prompt, or its `latest`: the unit that is valid or held."""

    own: Own
    state: LabelState | None = None
    """What is served; without arms where nothing ever could be, and then `held` says why."""
    file: str | None = None
    """Blob of the label's file at the head."""
    consulted: tuple[str, ...] = ()
    """Other prompts that the answer depends on."""


class Record(Struct, frozen=True, kw_only=True):
    """All that the registry knows of a prompt at a head; it stays when the prompt is deleted, to go on counting."""

    name: str
    blob: str | None = None
    highest: int = 0
    gaps: tuple[tuple[int, int], ...] = ()
    """Ranges of numbers (both ends included) that were never given: imports jump."""
    deleted: tuple[int, ...] = ()
    entries: Mapping[str, Entry] = msgspec.field(default_factory=dict)
    updated_at: Micros = 0
    faults: tuple[Fault, ...] = ()
    marks_fault: Fault | None = None
    state: PromptState | None = None


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything that one head serves."""

    head: str
    seq: int = 0
    """Number of first-parent commits up to the head."""
    prompts: Mapping[str, PromptState] = msgspec.field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    records: Mapping[str, Record] = msgspec.field(default_factory=dict)
    dependents: Mapping[str, frozenset[str]] = msgspec.field(default_factory=dict)
    """By prompt: the other prompts with an entry that depends on it."""
    faulty: Mapping[str, tuple[Fault, ...]] = msgspec.field(default_factory=dict)
    """Faults by prompt."""
    strays: Mapping[str, Fault] = msgspec.field(default_factory=dict)
    """By path: files that are no prompt, label or versions file although they lie where those lie."""

    def prompt(self, name: str) -> PromptState:
        """Raises NotFound."""
        try:
            return self.prompts[name]
        except KeyError:
            raise NotFound(f"Prompt not found: '{name}'") from None

    def label(self, name: str, label: str) -> LabelState | None:
        """What a label serves, `latest` included; None where there is no such prompt or label."""
        state = self.prompts.get(name)
        if state is None:
            return None
        return state.newest if label == LATEST else state.labels.get(label)

    def latest(self, name: str) -> ServedArm:
        """The highest valid version. Raises NotFound."""
        newest = self.prompt(name).newest
        if newest is None:
            raise NotFound(f"Prompt not found: '{name}' with label '{LATEST}'")
        return newest.arms[0]

    def held(self) -> dict[str, LabelState]:
        """Entries that are not served as the head has them, by ``label/name``."""
        states = (self.prompts[name] for name in self.faulty if name in self.prompts)
        entries = ((s.name, e) for s in states for e in (*s.labels.values(), s.newest) if e is not None)
        return {f"{entry.label}/{name}": entry for name, entry in entries if entry.held}


class Resolver(Protocol):
    """A registry, as far as it answers by number."""

    def served_version(self, name: str, number: int) -> ServedArm: ...


def resolve_version(registry: Resolver, name: str, number: int) -> ServedArm:
    """A version by its number, with what its references lead to. Raises NotFound, with the reason."""
    return registry.served_version(name, number)


EMPTY = Snapshot(head="")
