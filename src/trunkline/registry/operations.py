"""What the verbs of a registry do to its tree: each a change that can be run again on a newer head.

A change sees the next tree as a draft, with the snapshot of the head below it, writes files, and returns the commit's
message. It raises Conflict where what its caller saw is no longer so. After the commit is built, and before the branch
moves, `verify` looks at what the new head would serve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from trunkline.errors import Conflict, InvalidFile, InvalidRequest, NotFound
from trunkline.prompts.files import dump_prompt, rewrite_prompt
from trunkline.prompts.labels import dump_label, rewrite_label
from trunkline.prompts.lint import check_content
from trunkline.prompts.marks import Mark, VersionMarks, dump_marks, parse_marks
from trunkline.prompts.names import (
    collision_key,
    label_path,
    prompt_path,
    validate_prompt_name,
    validate_writable_label,
    versions_path,
)
from trunkline.registry.assemble import fault_of, heaviest
from trunkline.registry.messages import compose, told_arms
from trunkline.registry.repository import Repository
from trunkline.registry.snapshot import LATEST, PromptState, Record, Snapshot
from trunkline.registry.trees import Draft
from trunkline.types import Arm, LabelTarget, PromptContent, Severity, Struct, Version

FindVersion = Callable[[str, int], Version]
"""Name and number to version. Raises NotFound."""


class Edit(Draft):
    """A draft of the next tree, with what the head below it serves."""

    def __init__(self, repository: Repository, snapshot: Snapshot) -> None:
        super().__init__(repository, snapshot.head)
        self.snapshot = snapshot


Change = Callable[[Edit], str | None]
"""Changes the tree; the message of the commit if it has one of its own."""


class Moved(Struct, frozen=True, kw_only=True):
    """A label went from one version to another. None: it was not there, or is not there any more.

    Of a split `from_version` and `to_version` are the heaviest; `split` has all of the one that is served now.
    """

    name: str
    label: str
    from_version: int | None
    to_version: int | None
    split: tuple[Arm, ...] = ()
    commit: str
    changed: bool = True


def moved(
    name: str, label: str, from_version: int | None, arms: tuple[Arm, ...], commit: str, *, changed: bool
) -> Moved:
    """What a commit did to a label that serves `arms` since, nothing where it was removed."""
    return Moved(
        name=name,
        label=label,
        from_version=from_version,
        to_version=heaviest(arms).version if arms else None,
        split=arms if len(arms) > 1 else (),
        commit=commit,
        changed=changed,
    )


@runtime_checkable
class Operation(Protocol):
    """A change with an opinion about its result."""

    def __call__(self, edit: Edit) -> str | None: ...

    def verify(self, after: Snapshot) -> None:
        """Raises InvalidRequest or Conflict where the new head would not serve what was asked for."""


# --- small steps -----------------------------------------------------------------------------------------------------


def record_of(edit: Edit, name: str) -> Record:
    return edit.snapshot.records.get(name) or Record(name=name)


def state_of(edit: Edit, name: str) -> PromptState:
    """Raises NotFound."""
    return edit.snapshot.prompt(name)


def write_label(edit: Edit, label: str, name: str, arms: Sequence[Arm]) -> None:
    path = label_path(label, name)
    target = LabelTarget(arms=tuple(arms))
    old = edit.read(path)
    if old is None:
        edit.write(path, dump_label(target))
        return
    try:
        edit.write(path, rewrite_label(old, target))
    except InvalidFile:  # broken by hand; the label itself is sound again after this
        edit.write(path, dump_label(target))


def add_marks(edit: Edit, name: str, marks: Sequence[Mark]) -> None:
    path = versions_path(name)
    old = edit.read(path)
    try:
        known = parse_marks(old, path) if old is not None else VersionMarks()
    except InvalidFile as error:
        raise Conflict(f"{error.message} Mend that file first: it holds the numbers of '{name}'.") from error
    blobs = {mark.version: mark.blob for mark in known.marks}
    for mark in marks:
        blob = mark.blob or blobs.get(mark.version)
        known = known.with_mark(Mark(version=mark.version, blob=blob, deleted=mark.deleted))
    edit.write(path, dump_marks(known))


def label_arms(edit: Edit, name: str, label: str) -> tuple[Arm, ...]:
    """What a label serves, before references; nothing where there is no label."""
    entry = record_of(edit, name).entries.get(label)
    return tuple(
        Arm(version=arm.version.version, blob=arm.version.blob, weight=arm.weight)
        for arm in (entry.own.arms if entry else ())
    )


def label_version(edit: Edit, name: str, label: str) -> int | None:
    """The version that a label is on (the heaviest arm of a split), None where there is no label."""
    arms = label_arms(edit, name, label)
    return heaviest(arms).version if arms else None


def check_expected(edit: Edit, name: str, label: str, expected: int | None) -> None:
    """Raises Conflict when the label is on another version than the caller believes; 0 stands for no label.

    A split is on no one version: whoever names one has not seen it, and would end an experiment unawares.
    """
    arms = label_arms(edit, name, label)
    if expected is not None and (len(arms) > 1 or expected != (label_version(edit, name, label) or 0)):
        raise _elsewhere(name, label, arms, expected)


def check_leaving(edit: Edit, name: str, label: str, leaving: int | None) -> None:
    """Raises Conflict when the label is on another version than the caller believes; 0 stands for no label.

    Of a split the heaviest version is meant, which is what the promotion to it answered as its `to`: a rollback should
    not be held up by a detail of what it undoes.
    """
    if leaving is not None and leaving != (label_version(edit, name, label) or 0):
        raise _elsewhere(name, label, label_arms(edit, name, label), leaving)


def _elsewhere(name: str, label: str, arms: Sequence[Arm], believed: int) -> Conflict:
    found = "is not set"
    if arms:
        found = f"is {'on version' if len(arms) == 1 else 'split between versions'} {told_arms(arms)}"
    return Conflict(f"'{label}' of '{name}' {found} by now, not on version {believed}. Look again, then repeat.")


def check_labels_served(after: Snapshot, name: str, labels: Sequence[str]) -> None:
    for label in labels:
        state = after.label(name, label)
        if state is None or state.held:
            reason = state.held.message if state and state.held else "it would not be served."
            raise InvalidRequest(f"'{label}' of '{name}' cannot be set: {reason}")


# --- a new version ---------------------------------------------------------------------------------------------------


class NewVersion:
    """A text becomes the next version, with labels that move to it in the same commit."""

    def __init__(
        self, name: str, content: PromptContent, labels: Sequence[str], tags: Sequence[str] | None, message: str | None
    ) -> None:
        self.name = validate_prompt_name(name)
        self.labels = tuple(dict.fromkeys(validate_writable_label(label) for label in labels if label != LATEST))
        self.message = message
        self.number = 0
        self._content = content
        self._tags = tags
        faults = [fault for fault in check_content(content) if fault.severity is Severity.ERROR]
        if faults:
            raise InvalidRequest(f"The prompt is not valid: {faults[0].message}")

    def __call__(self, edit: Edit) -> str:
        record = record_of(edit, self.name)
        if record.blob is None:
            refuse_twin(edit.snapshot, self.name)
        self.number = record.highest + 1
        path = prompt_path(self.name)
        blob = edit.write(path, self._file(edit.read(path), record.state))
        if blob == edit.before.blob(path):
            add_marks(edit, self.name, [Mark(version=self.number, blob=blob)])
        for label in self.labels:
            write_label(edit, label, self.name, [Arm(version=self.number, blob=blob)])
        told = self.message or default_message(self.name, self.number)
        labels = ",".join(self.labels) or None
        return compose(told, {"Action": "create", "Version": self.number, "Labels": labels})

    def _file(self, old: bytes | None, state: PromptState | None) -> bytes:
        tags = self._tags if self._tags is not None else (state.tags if state else self._content.tags)
        content = msgspec.structs.replace(self._content, tags=tuple(tags))
        if state and state.type != content.type:
            raise InvalidRequest(
                f"'{self.name}' is a {state.type.value} prompt; its type cannot change between versions."
                " Use another name, or send the same type."
            )
        if old is None:
            return dump_prompt(content)
        try:
            return rewrite_prompt(old, content)
        except InvalidFile:  # the file was broken by hand
            return dump_prompt(content)

    def verify(self, after: Snapshot) -> None:
        state = after.prompts.get(self.name)
        newest = state.newest if state else None
        if newest is None or newest.held or newest.arms[0].version.version != self.number:
            entry = after.records[self.name].entries.get(LATEST)
            fault = fault_of(entry) if entry else None
            raise InvalidRequest(fault.message if fault else "The new version would not be served.")
        check_labels_served(after, self.name, self.labels)


def default_message(name: str, number: int) -> str:
    """What a new version's commit says where its author said nothing."""
    return f"{name}: version {number}"


def refuse_twin(snapshot: Snapshot, name: str) -> None:
    """Raises Conflict when a prompt's name differs from this one by case or Unicode form alone."""
    key = collision_key(name)
    for record in snapshot.records.values():
        if record.blob is not None and record.name != name and collision_key(record.name) == key:
            raise Conflict(
                f"'{name}' differs from the prompt '{record.name}' only by case or Unicode form: on some file systems"
                " the two would be one file. Use that name, or another."
            )


class OldText:
    """The rollback of a text: the next version has the blob of an older one."""

    def __init__(self, name: str, to: int, find: FindVersion) -> None:
        self.name = name
        self.number = 0
        self._to = to
        self._find = find

    def __call__(self, edit: Edit) -> str:
        state_of(edit, self.name)
        old = self._find(self.name, self._to)
        path = prompt_path(self.name)
        self.number = record_of(edit, self.name).highest + 1
        if edit.blob(path) == old.blob:
            add_marks(edit, self.name, [Mark(version=self.number, blob=old.blob)])
        else:
            edit.place(path, old.blob)
        told = f"{self.name}: version {self.number} has the text of version {self._to} again"
        return compose(told, {"Action": "rollback-text", "Version": self.number, "To": self._to})

    def verify(self, after: Snapshot) -> None:
        if after.latest(self.name).version.version != self.number:
            raise InvalidRequest(
                f"Version {self._to} of '{self.name}' is not valid any more, so it cannot be restored."
            )


# --- labels ----------------------------------------------------------------------------------------------------------


class SetLabels:
    """Labels move to a version, all in one commit."""

    def __init__(self, name: str, version: int, labels: Sequence[str], find: FindVersion) -> None:
        self.name = name
        self.labels = tuple(dict.fromkeys(map(validate_writable_label, labels)))
        self._version = version
        self._find = find

    def __call__(self, edit: Edit) -> str:
        state_of(edit, self.name)
        version = self._find(self.name, self._version)
        for label in self.labels:
            write_label(edit, label, self.name, [Arm(version=version.version, blob=version.blob)])
        listed = ",".join(self.labels)
        told = f"{self.name}: set {', '.join(self.labels)} on version {self._version}"
        return compose(told, {"Action": "label", "To": self._version, "Labels": listed})

    def verify(self, after: Snapshot) -> None:
        check_labels_served(after, self.name, self.labels)


class Promote:
    """A label moves to a version or to a split. It runs again only while the label is where it came from."""

    def __init__(
        self, name: str, label: str, arms: Sequence[Arm], find: FindVersion, expected: int | None, message: str | None
    ) -> None:
        self.name = name
        self.label = validate_writable_label(label)
        self.came_from: int | None = None
        self.arms = tuple(arms)
        self._find = find
        self._expected = expected
        self._message = message
        self._ran = False

    def __call__(self, edit: Edit) -> str:
        state_of(edit, self.name)
        check_expected(edit, self.name, self.label, self._expected)
        now_on = label_version(edit, self.name, self.label)
        if self._ran and now_on != self.came_from:
            raise Conflict(f"'{self.label}' of '{self.name}' was moved by somebody else meanwhile. Look, then repeat.")
        self._ran, self.came_from = True, now_on
        write_label(edit, self.label, self.name, [self._with_blob(arm) for arm in self.arms])
        trailers = {"Action": "promote", "From": now_on, "To": heaviest(self.arms).version, "Label": self.label}
        return compose(self._message or self._told(now_on), trailers)

    def _with_blob(self, arm: Arm) -> Arm:
        version = self._find(self.name, arm.version)
        if arm.blob is not None and arm.blob != version.blob:
            raise Conflict(f"Version {arm.version} of '{self.name}' has the blob {version.blob}, not {arm.blob}.")
        return Arm(version=version.version, blob=version.blob, weight=arm.weight)

    def _told(self, now_on: int | None) -> str:
        was = f" (was {now_on})" if now_on is not None else ""
        if len(self.arms) == 1:
            return f"{self.name}: promote version {self.arms[0].version} to {self.label}{was}"
        shares = ", ".join(f"{arm.version}: {arm.weight}" for arm in self.arms)
        return f"{self.name}: split {self.label} ({shares}){was}"

    def verify(self, after: Snapshot) -> None:
        check_labels_served(after, self.name, [self.label])


class RemoveLabel:
    """A label goes."""

    def __init__(self, name: str, label: str, expected: int | None) -> None:
        self.name = name
        self.label = validate_writable_label(label)
        self.came_from: int | None = None
        self._expected = expected

    def __call__(self, edit: Edit) -> str:
        check_expected(edit, self.name, self.label, self._expected)
        self.came_from = label_version(edit, self.name, self.label)
        path = label_path(self.label, self.name)
        if edit.blob(path) is None:
            raise NotFound(f"Prompt not found: '{self.name}' with label '{self.label}'")
        edit.remove(path)
        was = f" (was {self.came_from})" if self.came_from is not None else ""
        trailers = {"Action": "remove-label", "From": self.came_from, "Label": self.label}
        return compose(f"{self.name}: remove {self.label}{was}", trailers)

    def verify(self, after: Snapshot) -> None:
        """Whether others refer to the label is what the registry looks at for every commit."""
