"""The rollback of a label: promotions push, rollbacks pop.

The stack is read from the label file's first-parent history. A commit of the service says in its trailers what it was.
A commit by hand that restores the state below the top, or a `git revert` that restores one further down, is a pop;
any other is a push. So a second rollback goes one further back, and never forth again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from trunkline.errors import Conflict, InvalidFile, TrunklineError
from trunkline.prompts.names import label_path, validate_writable_label
from trunkline.registry.assemble import heaviest
from trunkline.registry.index import Index
from trunkline.registry.log import commit_message
from trunkline.registry.messages import compose, reverted, trailers
from trunkline.registry.operations import (
    Edit,
    FindVersion,
    check_labels_served,
    check_leaving,
    label_version,
    state_of,
)
from trunkline.registry.repository import Repository
from trunkline.registry.snapshot import Snapshot
from trunkline.registry.sources import Files
from trunkline.types import Arm, PromptContent, Version

DEEPEST = 5_000
"""Changes of one label that are looked at."""


class LabelFile(NamedTuple):
    """A state of a label's file. No blob: it was not there. No arms: it was not there, or broken."""

    blob: str | None
    arms: tuple[Arm, ...]

    def same(self, other: LabelFile) -> bool:
        return self.arms == other.arms if self.arms else self.blob == other.blob


class LabelChange(NamedTuple):
    """One commit's change of a label's file."""

    state: LabelFile
    message: str


def label_changes(repository: Repository, index: Index, files: Files, name: str, label: str) -> list[LabelChange]:
    """Every change of a label, oldest first."""
    path = label_path(label, name)
    rows = index.touches(name, label, limit=DEEPEST)
    return [
        LabelChange(_state(files, row.blob, path), commit_message(repository, commit.sha))
        for row, commit in reversed(rows)
    ]


def _state(files: Files, blob: str | None, path: str) -> LabelFile:
    if blob is None:
        return LabelFile(None, ())
    try:
        return LabelFile(blob, files.label(blob, path).arms)
    except InvalidFile:
        return LabelFile(blob, ())


def stack_of(changes: Sequence[LabelChange]) -> list[LabelFile]:
    """What rollbacks would go through, the present state last."""
    stack: list[LabelFile] = []
    for state, message in changes:
        if stack and stack[-1].same(state):
            stack[-1] = state
            continue
        place = _popped_to(stack, state, message)
        if place is None:
            stack.append(state)
        else:
            del stack[place + 1 :]
    return stack


def _popped_to(stack: Sequence[LabelFile], state: LabelFile, message: str) -> int | None:
    """The place in the stack that a commit went back to, None where it went somewhere new."""
    below = [place for place, one in enumerate(stack[:-1]) if one.same(state)]
    if not below:
        return None
    action = trailers(message).get("Action")
    if action is not None:
        return below[-1] if action == RollBack.action else None
    return below[-1] if below[-1] == len(stack) - 2 or reverted(message) else None


class RollBack:
    """Puts the label's file of one promotion earlier back. Runs again only while the label is where it was."""

    action = "rollback"

    def __init__(
        self,
        name: str,
        label: str,
        leaving: int | None,
        *,
        changes: Callable[[str, str], list[LabelChange]],
        find: FindVersion,
        content: Callable[[Version], PromptContent],
    ) -> None:
        self.name = name
        self.label = validate_writable_label(label)
        self.came_from: int | None = None
        self.arms: tuple[Arm, ...] = ()
        self._leaving = leaving
        self._changes = changes
        self._find = find
        self._content = content
        self._ran = False

    def __call__(self, edit: Edit) -> str:
        state_of(edit, self.name)
        check_leaving(edit, self.name, self.label, self._leaving)
        now_on = label_version(edit, self.name, self.label)
        if self._ran and now_on != self.came_from:
            raise Conflict(f"'{self.label}' of '{self.name}' was moved by somebody else meanwhile. Look, then repeat.")
        self._ran, self.came_from = True, now_on
        earlier = self._earlier()
        assert earlier.blob is not None
        self.arms, target = earlier.arms, heaviest(earlier.arms).version
        edit.place(label_path(self.label, self.name), earlier.blob)
        was = f" (was {now_on})" if now_on is not None else " (was removed)"
        told = f"{self.name}: roll {self.label} back to version {target}{was}"
        return compose(told, {"Action": self.action, "From": now_on, "To": target, "Label": self.label})

    def _earlier(self) -> LabelFile:
        *below, top = stack_of(self._changes(self.name, self.label)) or [LabelFile(None, ())]
        for state in reversed(below):
            if not state.same(top) and self._can_serve(state):
                return state
        raise Conflict(
            f"There is nothing to roll back to: '{self.label}' of '{self.name}' was on no other version before that"
            " could still be served."
        )

    def _can_serve(self, state: LabelFile) -> bool:
        """A removed label, a broken file and a deleted or broken version are passed over."""
        try:
            for arm in state.arms:
                version = self._find(self.name, arm.version)
                if arm.blob not in {None, version.blob}:
                    return False
                self._content(version)
        except TrunklineError:
            return False
        return bool(state.arms)

    def verify(self, after: Snapshot) -> None:
        check_labels_served(after, self.name, [self.label])
