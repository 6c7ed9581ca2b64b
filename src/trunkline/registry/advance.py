"""From one head's snapshot to a later one's: the rules of what is valid and what is held.

Two levels. An entry's *own* state is that of its files alone: the label's file parses, its versions exist under the
blobs that it names, they are neither deleted nor broken, and the prompt is there. Where that fails the newest commit
counts at which it held. Then references are resolved over the own states of the other prompts; where that fails
(missing, circular, too deep) the entry as a whole falls back to the newest commit at which it did not. Both look at
nothing but the repository up to the head, so that every process finds the same, cold or warm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from trunkline.errors import InvalidFile, InvalidRequest
from trunkline.prompts.names import label_path, prompt_path
from trunkline.prompts.references import Found
from trunkline.registry.assemble import (
    all_faults,
    dependents_after,
    fault_of,
    heaviest,
    numbers,
    put,
    with_state,
    with_uses,
)
from trunkline.registry.entries import Entries
from trunkline.registry.history import History, Range
from trunkline.registry.log import LoggedCommit
from trunkline.registry.snapshot import LATEST, Entry, LabelState, Own, Record, ServedArm, Snapshot
from trunkline.registry.sources import Files, Made, Past
from trunkline.rows import CommitRow, TouchRow, VersionRow
from trunkline.types import Arm, Fault, Reference, Version


class Advanced(NamedTuple):
    """A later snapshot, and what its range of commits adds to the index."""

    snapshot: Snapshot
    commits: list[CommitRow]
    versions: list[VersionRow]
    touches: list[TouchRow]
    records: list[Record]


class Advance:
    """One step from `base` over `commits` (oldest first, the first one's parent is the base's head)."""

    def __init__(
        self, base: Snapshot, commits: Iterable[LoggedCommit], *, past: Past, entries: Entries, files: Files
    ) -> None:
        self._base = base
        self._coming = commits
        self._commits: list[CommitRow] = []
        self._past = past
        self._entries = entries
        self._files = files
        self._seq = base.seq
        self._own: dict[tuple[str, str, int], Own] = {}
        self._made: dict[tuple[str, int], Made | None] = {}
        self._range = Range(base, files.marks)

    def run(self) -> Advanced:
        for commit in self._coming:
            self._seq += 1
            self._range.add(self._seq, commit)
            self._commits.append(CommitRow(self._seq, commit.sha, commit.time, commit.author, commit.message))
        touched = list(self._range.histories)
        dependents = {name for one in touched for name in self._base.dependents.get(one, ())}
        records = [self._record(self._range.history(name)) for name in dict.fromkeys([*touched, *dependents])]
        return Advanced(self._snapshot(records), self._commits, self._range.versions, self._range.touches, records)

    # --- what the range and the past know ----------------------------------------------------------------------------

    def _sha(self, seq: int) -> str:
        if seq > self._base.seq:
            return self._commits[seq - self._base.seq - 1].sha
        return self._base.head if seq == self._base.seq else self._past.sha(seq)

    def _version(self, name: str, number: int) -> Made | None:
        key = (name, number)
        if key not in self._made:
            self._made[key] = self._find_version(self._range.history(name), number)
        return self._made[key]

    def _find_version(self, history: History, number: int) -> Made | None:
        given = history.given.get(number)
        if given is None:
            return self._past.made(history.name, number) if number <= history.base.highest else None
        seq, blob = given
        commit = self._commits[seq - self._base.seq - 1]
        version = Version(
            name=history.name,
            version=number,
            commit=commit.sha,
            blob=blob,
            created_at=commit.time,
            author=commit.author,
            message=commit.message,
        )
        return Made(seq, version)

    # --- own states --------------------------------------------------------------------------------------------------

    def _own_at(self, name: str, label: str, seq: int) -> Own:
        """The own state after commit `seq`, or the newest one before that was right."""
        history = self._range.history(name)
        steps = [step for step in history.touched if step <= seq]
        key = (name, label, steps[-1] if steps else 0)
        if key not in self._own:
            self._own[key] = self._find_own(history, label, steps)
        return self._own[key]

    def _find_own(self, history: History, label: str, steps: list[int]) -> Own:
        before = history.base.entries.get(label)
        base = before.own if before else Own()
        fault: Fault | None = None
        position = self._seq
        for step in reversed(steps):
            found = self._judge(history, label, step)
            if found.fault is None or found.arms:
                if fault is None:
                    return found
                return Own(arms=found.arms, fault=fault, as_of=found.as_of if found.fault else self._sha(position))
            fault = fault or found.fault
            position = step - 1
        if fault is None:
            return base
        return Own(arms=base.arms, fault=fault, as_of=base.as_of if base.fault else self._sha(position))

    def _judge(self, history: History, label: str, seq: int) -> Own:
        """The own state after one commit, without falling back: arms, or a fault, or neither (no such label)."""
        if label == LATEST:
            return self._judge_latest(history, seq)
        file = history.label_file(label).at(seq)
        if file is None:
            return Own()
        path = label_path(label, history.name)
        try:
            if history.prompt.at(seq) is None:
                raise InvalidFile(f"There is no prompt '{history.name}'. Remove this file, or restore the prompt.")
            target = self._files.label(file, path)
            return Own(arms=tuple(self._arm(history, label, arm, seq) for arm in target.arms))
        except InvalidFile as error:
            return Own(fault=Fault(path=path, line=error.line, message=error.reason, code="invalid-label"))

    def _arm(self, history: History, label: str, arm: Arm, seq: int) -> ServedArm:
        made = self._version(history.name, arm.version)
        if made is None or made.seq > seq:
            raise InvalidFile(f"Version {arm.version} of '{history.name}' does not exist.")
        if arm.version in history.deleted.at(seq):
            raise InvalidFile(f"Version {arm.version} of '{history.name}' is deleted.")
        version = made.version
        if arm.blob is None:
            if made.seq >= self._label_set_at(history, label, seq):
                raise InvalidFile(f"Give the blob of version {arm.version}: it did not exist before this commit.")
        elif arm.blob != version.blob:
            raise InvalidFile(f"Blob {arm.blob} is not that of version {arm.version}, which is {version.blob}.")
        info = self._entries.info(version.blob)
        if info.problem:
            raise InvalidFile(f"Version {arm.version} is not valid: line {info.line}: {info.problem}")
        return ServedArm(version=version, weight=arm.weight)

    def _label_set_at(self, history: History, label: str, seq: int) -> int:
        return history.label_file(label).set_at(seq) or self._past.label_set_at(history.name, label)

    def _judge_latest(self, history: History, seq: int) -> Own:
        path = prompt_path(history.name)
        if history.prompt.at(seq) is None:
            if not history.has_label_files(seq):
                return Own()
            message = (
                f"The prompt was removed while labels of it remain. Remove labels/*/{path[8:]} too, or restore it."
            )
            return Own(fault=Fault(path=path, message=message, code="labels-remain"))
        fault, broken_at = None, 0
        for made in self._versions_down(history, seq):
            info = self._entries.info(made.version.blob)
            if not info.problem:
                as_of = self._sha(broken_at - 1) if fault else ""
                return Own(arms=(ServedArm(version=made.version),), fault=fault, as_of=as_of)
            fault = fault or info.fault(path)
            broken_at = made.seq
        return Own(fault=fault)

    def _versions_down(self, history: History, seq: int) -> Iterator[Made]:
        """Versions that exist after `seq` and are not deleted then, newest first."""
        deleted = history.deleted.at(seq)
        for number in numbers(history.highest, history.gaps, deleted):
            made = self._version(history.name, number)
            if made is not None and made.seq <= seq:
                yield made

    # --- references --------------------------------------------------------------------------------------------------

    def _entry(self, history: History, label: str) -> Entry | None:
        own = self._own_at(history.name, label, self._seq)
        file = history.label_file(label).last if label != LATEST else None
        if not own.arms and own.fault is None:
            return None
        consulted: set[str] = set()
        try:
            arms = self._resolved(own, self._seq, consulted)
            state = LabelState(label=label, arms=arms, held=own.fault, as_of=own.as_of)
        except InvalidRequest as error:
            path = prompt_path(history.name) if label == LATEST else label_path(label, history.name)
            fault = own.fault or Fault(path=path, message=error.message, code="unresolved-reference")
            state = self._fall_back(history, label, fault, consulted)
        consulted |= {use.version.name for arm in state.arms for use in arm.uses}
        consulted.discard(history.name)
        if not state.arms:  # never servable: kept all the same, because it says why
            state = LabelState(label=label, arms=(), held=state.held)
        return Entry(own=own, state=state, file=file, consulted=tuple(sorted(consulted)))

    def _fall_back(self, history: History, label: str, fault: Fault, consulted: set[str]) -> LabelState:
        """The entry as of the newest commit at which its references could be resolved."""
        names = {history.name, *consulted}
        position = self._seq
        while True:
            steps = (step for name in names for step in self._range.history(name).touched if step <= position)
            last = max(steps, default=0)
            if not last:
                return self._fall_back_to_base(history, label, fault, position)
            position = last - 1
            own = self._own_at(history.name, label, position)
            seen: set[str] = set()
            try:
                arms = self._resolved(own, position, seen)
                return LabelState(
                    label=label, arms=arms, held=fault, as_of=own.as_of if own.fault else self._sha(position)
                )
            except InvalidRequest:
                names = {history.name, *seen}

    def _fall_back_to_base(self, history: History, label: str, fault: Fault, position: int) -> LabelState:
        entry = history.base.entries.get(label)
        before = entry.state if entry else None
        if before is None:
            return LabelState(label=label, arms=(), held=fault)
        return LabelState(
            label=label, arms=before.arms, held=fault, as_of=before.as_of if before.held else self._sha(position)
        )

    def _resolved(self, own: Own, seq: int, consulted: set[str]) -> tuple[ServedArm, ...]:
        return tuple(self._with_uses(arm, seq, consulted) for arm in own.arms)

    def _with_uses(self, arm: ServedArm, seq: int, consulted: set[str]) -> ServedArm:
        if not self._entries.info(arm.version.blob).references:
            return arm

        def lookup(reference: Reference) -> Found | None:
            consulted.add(reference.name)
            return self._found(reference, seq)

        return with_uses(arm, self._entries, lookup)

    def _found(self, reference: Reference, seq: int) -> Found | None:
        version = self._referred(reference, seq)
        content = self._entries.content(version.blob) if version else None
        return Found(version=version, content=content) if version and content else None

    def _referred(self, reference: Reference, seq: int) -> Version | None:
        history = self._range.history(reference.name)
        if reference.version is None:
            own = self._own_at(reference.name, reference.label or LATEST, seq)
            return heaviest(own.arms).version if own.arms else None
        made = self._version(reference.name, reference.version)
        if made is None or made.seq > seq or reference.version in history.deleted.at(seq):
            return None
        return made.version if self._own_at(reference.name, LATEST, seq).arms else None

    # --- what comes out ----------------------------------------------------------------------------------------------

    def _record(self, history: History) -> Record:
        labels = {LATEST, *history.base.entries, *history.labels}
        found = {label: self._entry(history, label) for label in sorted(labels)}
        entries = {label: entry for label, entry in found.items() if entry is not None}
        faults = [fault for entry in entries.values() if (fault := fault_of(entry))]
        if history.marks_fault:
            faults.append(history.marks_fault)
        record = Record(
            name=history.name,
            blob=history.prompt.last,
            highest=history.highest,
            gaps=history.gaps,
            deleted=history.deleted.last,
            entries=entries,
            updated_at=self._updated_at(history),
            faults=tuple(dict.fromkeys(faults)),
            marks_fault=history.marks_fault,
        )
        served = {label: e.state for label, e in entries.items() if e.state and e.state.arms}
        shown = {label: state for label, state in served.items() if not self._is_deleted(state)}
        return with_state(record, shown, self._entries.info)

    def _updated_at(self, history: History) -> int:
        if not history.touched:
            return history.base.updated_at
        return self._commits[history.touched[-1] - self._base.seq - 1].time

    def _is_deleted(self, state: LabelState) -> bool:
        """Whether it would serve a version that is deleted by now: last good or not, that one is gone."""
        versions = (v for arm in state.arms for v in (arm.version, *(use.version for use in arm.uses)))
        return any(v.version in self._range.history(v.name).deleted.last for v in versions)

    def _snapshot(self, records: list[Record]) -> Snapshot:
        base = self._base
        prompts, kept, faulty = dict(base.prompts), dict(base.records), dict(base.faulty)
        for record in records:
            kept[record.name] = record
            put(prompts, record.name, record.state)
            put(faulty, record.name, record.faults or None)
        strays = self._range.strays
        return Snapshot(
            head=self._commits[-1].sha if self._commits else base.head,
            seq=self._seq,
            prompts=prompts,
            faults=all_faults(faulty, strays),
            records=kept,
            dependents=dependents_after(base, records),
            faulty=faulty,
            strays=strays,
        )
