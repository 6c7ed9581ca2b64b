"""One project's registry: its snapshot, its versions, and the verbs that change it.

Reads of `snapshot` are plain attribute access and never wait. Everything that writes blocks: call it in a thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import msgspec

from trunkline.errors import Conflict, InvalidRequest, NotFound, TrunklineError
from trunkline.registry.advance import Advance, Advanced
from trunkline.registry.by_number import served_by_number
from trunkline.registry.changes import HistoryItem, history_of
from trunkline.registry.cold import build_cold, collector_paused
from trunkline.registry.deletion import Delete, Deleted
from trunkline.registry.entries import Entries
from trunkline.registry.index import Index
from trunkline.registry.log import LoggedCommit, commits_since, logged
from trunkline.registry.operations import (
    Change,
    Edit,
    Moved,
    NewVersion,
    OldText,
    Operation,
    Promote,
    RemoveLabel,
    SetLabels,
    moved,
)
from trunkline.registry.policy import AllowAll, Policy
from trunkline.registry.repository import HeadMoved, Repository
from trunkline.registry.rollback import LabelChange, RollBack, label_changes
from trunkline.registry.snapshot import EMPTY, ServedArm, Snapshot
from trunkline.registry.sources import Files
from trunkline.registry.tables import Tables
from trunkline.registry.trees import View
from trunkline.rows import Served
from trunkline.types import Actor, Arm, Fault, LabelTarget, PromptContent, Struct, Version

__all__ = ["Commit", "Deleted", "HistoryItem", "Moved", "Registry", "open_registry"]

ATTEMPTS = 20
MANY_COMMITS = 5_000
"""From here on a first start saves its index beside serving."""


class Commit(Struct, frozen=True, kw_only=True):
    """What a `commit` came to. `changed` is False, and `sha` the head's, where the tree was already so."""

    sha: str
    head: str
    changed: bool


class Registry:
    """One project's prompts. `open_registry` makes it."""

    def __init__(self, repository: Repository, project_id: str, tables: Tables, policy: Policy) -> None:
        self.project_id = project_id
        self.path = repository.path
        self.repository = repository
        self.policy = policy
        self.entries = Entries(repository, tables.entries)
        self.files = Files(repository)
        self.index = Index(tables.versions, project_id)
        self.snapshot: Snapshot = EMPTY
        self.rewritten_to = ""
        """The branch's tip that is not followed, because the head served is not in its history."""
        self.unsaved: TrunklineError | None = None
        """Why the tables lag, for health."""
        self._served = tables.served
        self.followed: Snapshot = EMPTY
        """`snapshot` without what is said of a rewritten history: what the next head is built from."""
        self._behind_since = 0.0
        self._saving: Thread | None = None
        self._lock = threading.RLock()

    # --- following the branch ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Loads the saved snapshot, or builds it from the whole history; then follows the branch."""
        with self._lock, collector_paused():
            saved = self.index.load()
            if saved is not None:
                self._swap(saved)
            elif self.repository.head():
                self._start_cold()
            self.refresh()

    def _start_cold(self) -> None:
        """One process builds, the others wait and load. A long history is saved beside serving."""
        with ExitStack() as stack:
            stack.enter_context(self.repository.lock("index.lock"))
            saved = self.index.load()
            if saved is not None:
                self._swap(saved)
                return
            advanced = build_cold(self.repository, self.entries, self.files, self.index)
            self.index.add(advanced)
            self._swap(advanced.snapshot)
            if advanced.snapshot.seq < MANY_COMMITS:
                self._save(advanced.snapshot)
                return
            self._saving = Thread(target=self._save_cold, args=(stack.pop_all(),), name="save index")
            self._saving.start()

    def _save_cold(self, lock: ExitStack) -> None:
        with lock, self._lock:
            self._save(self.followed)
            if self.unsaved is None and not self.rewritten_to:
                saved = self.index.load()  # takes a third of the memory of what building it left behind
                self._swap(saved or self.followed)

    def is_behind(self) -> bool:
        """Whether the branch is anywhere else than at the head that is served: one read of the ref."""
        head = self.repository.head()
        return head != (self.rewritten_to or self.snapshot.head)

    def refresh(self) -> bool:
        """Follows the branch to its tip; True where another snapshot is served now. Cheap when nothing moved."""
        if not self.is_behind():
            return False
        with self._lock:
            return self._follow(self.repository.head())

    def _follow(self, head: str) -> bool:
        base = self.followed
        if head == base.head:
            return self._back_in_history()
        if head == self.rewritten_to:
            return False
        commits = commits_since(self.repository, base.head, head) if head else None
        if commits is None:
            return self._note_rewritten(head)
        self._take(self.advance(base, commits))
        return True

    def advance(self, base: Snapshot, commits: Sequence[LoggedCommit]) -> Advanced:
        """The snapshot after these commits, served by nobody yet."""
        return Advance(base, commits, past=self.index, entries=self.entries, files=self.files).run()

    def _take(self, advanced: Advanced) -> None:
        self.index.add(advanced)
        self._swap(advanced.snapshot)
        self._save(advanced.snapshot)

    def _swap(self, snapshot: Snapshot) -> None:
        self.followed = snapshot
        self.rewritten_to = ""
        self.snapshot = snapshot

    def _save(self, snapshot: Snapshot) -> None:
        try:
            self.index.save(snapshot)
            self.entries.save()
            held = tuple(f"{entry}: {state.held}" for entry, state in snapshot.held().items())
            self._served.append(self.project_id, Served(head=snapshot.head, since=_now(), held=held))
            self.unsaved = None
        except TrunklineError as error:  # served all the same; kept in memory and written with the next head
            self.unsaved = error

    def _back_in_history(self) -> bool:
        if not self.rewritten_to:
            return False
        self._swap(self.followed)
        return True

    def _note_rewritten(self, head: str) -> bool:
        """The branch was moved to where the head served is not in its first-parent history: reported, not followed."""
        base = self.followed
        self.repository.keep(base.head, base.head)
        self.rewritten_to = head
        mend = f"git --git-dir={self.path} update-ref {self.repository.branch_ref} {base.head}"
        fault = Fault(
            path=self.repository.branch_ref,
            message=f"History was rewritten: the branch is at {head or 'no commit'}, and {base.head}, which is still"
            f" served, is not in its first-parent history. To go back: {mend}",
            code="rewritten-history",
        )
        self.snapshot = msgspec.structs.replace(base, faults=(fault, *base.faults))
        return True

    # --- the two verbs of Git ----------------------------------------------------------------------------------------

    def view(self, ref: str = "HEAD") -> View:
        """The files of the head that is served, of a branch, or of a commit. Raises NotFound."""
        if ref == "HEAD":
            return View(self.repository, self.followed.head)
        try:
            return View(self.repository, self.repository.tip(ref) or ref)
        except (KeyError, ValueError):
            raise NotFound(f"There is no commit {ref}.") from None

    def commit_info(self, sha: str) -> LoggedCommit:
        """Who made a commit, when, what was said, and which paths it changed. Raises NotFound."""
        try:
            return logged(self.repository, sha)
        except (KeyError, ValueError):
            raise NotFound(f"There is no commit {sha}.") from None

    def commit(self, change: Change, *, actor: Actor, message: str = "", expected_head: str | None = None) -> Commit:
        """Runs `change` on the head's tree and makes the result the new head, on disk when it returns.

        With `expected_head` a head that moved is a Conflict; without, the change is run again on the newer head, a
        bounded number of times. Raises InvalidRequest where something good would be served no more, and what the
        policy and the change raise; nothing is changed then.
        """
        for _ in range(ATTEMPTS):
            with self.repository.lock(), self._lock:
                try:
                    return self._commit(change, actor, message, expected_head)
                except HeadMoved:  # a git push came between, which does not queue at our lock
                    continue
        raise Conflict("The branch moves faster than this change can be made. Repeat it.")

    def _commit(self, change: Change, actor: Actor, message: str, expected_head: str | None) -> Commit:
        self._follow(self.repository.head())
        if self.rewritten_to:
            raise Conflict(self.snapshot.faults[0].message)
        base = self.followed
        if expected_head is not None and expected_head != base.head:
            raise Conflict(f"The head is {base.head or 'empty'} by now, not {expected_head}. Look again, then repeat.")
        edit = Edit(self.repository, base)
        told = change(edit) or message
        if not edit.edits:
            return Commit(sha=base.head, head=base.head, changed=False)
        sha = self.repository.write_commit(edit.write_tree(), base.head, actor, told, int(time.time()))
        made = logged(self.repository, sha)
        advanced = self.advance(base, [made])
        _refuse_faults(base, advanced.snapshot, change)
        self.policy.judge(actor, edit.before, View(self.repository, sha), made.changes)
        self.repository.move_head(base.head, sha)
        self._take(advanced)
        return Commit(sha=sha, head=sha, changed=True)

    # --- prompts and labels ------------------------------------------------------------------------------------------

    def create_version(
        self,
        name: str,
        content: PromptContent,
        *,
        actor: Actor,
        labels: Sequence[str] = (),
        message: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> Version:
        """The next version of a prompt, and its labels, in one commit. `tags` None: those of the newest version.

        Raises InvalidRequest for a faulty prompt, another type or a reference to nothing, Conflict for a twin's name.
        """
        operation = NewVersion(name, content, labels, tags, message)
        self.commit(operation, actor=actor)
        return self.version(operation.name, operation.number)

    def set_labels(self, name: str, version: int, labels: Sequence[str], *, actor: Actor) -> Version:
        """Moves labels to a version; those that it has stay."""
        self.commit(SetLabels(name, version, labels, self.version), actor=actor)
        return self.version(name, version)

    def promote(
        self,
        name: str,
        label: str,
        *,
        actor: Actor,
        version: int | None = None,
        split: LabelTarget | None = None,
        expected: int | None = None,
        message: str | None = None,
    ) -> Moved:
        """Moves a label to a version, or to a split. Conflict unless the label is on `expected` (0: not set).

        A split is never on one version: with `expected` a label that serves one is a Conflict.
        """
        if (version is None) == (split is None):
            raise InvalidRequest("Give either a version or a split.")
        arms = split.arms if split is not None else [Arm(version=version or 0)]
        operation = Promote(name, label, arms, self.version, expected, message)
        done = self.commit(operation, actor=actor)
        return moved(
            operation.name, operation.label, operation.came_from, operation.arms, done.sha, changed=done.changed
        )

    def remove_label(self, name: str, label: str, *, actor: Actor, expected: int | None = None) -> Moved:
        """Takes a label away. Raises NotFound, and Conflict where it is not on `expected` or others refer to it."""
        operation = RemoveLabel(name, label, expected)
        done = self.commit(operation, actor=actor)
        return moved(name, operation.label, operation.came_from, (), done.sha, changed=done.changed)

    def rollback_text(self, name: str, *, to: int, actor: Actor) -> Version:
        """A new version with an old version's blob."""
        operation = OldText(name, to, self.version)
        self.commit(operation, actor=actor)
        return self.version(name, operation.number)

    def rollback_label(self, name: str, label: str, *, actor: Actor, leaving: int | None = None) -> Moved:
        """Takes the label's last promotion back. Conflict where nothing is left to go to, or it is not on `leaving`.

        Of a split `leaving` is the heaviest version.
        """
        operation = RollBack(name, label, leaving, changes=self._label_changes, find=self.version, content=self.content)
        done = self.commit(operation, actor=actor)
        return moved(name, operation.label, operation.came_from, operation.arms, done.sha, changed=done.changed)

    def delete(self, name: str, *, actor: Actor, label: str | None = None, version: int | None = None) -> Deleted:
        """Deletes all versions, those that a label is on, or one. Conflict while another prompt refers to them."""
        operation = Delete(name, label, version)
        done = self.commit(operation, actor=actor)
        return Deleted(name=name, versions=operation.versions, labels=operation.labels, commit=done.sha)

    # --- reading -----------------------------------------------------------------------------------------------------

    def version(self, name: str, number: int) -> Version:
        """Raises NotFound for a version that does not exist or is deleted, and for a prompt that is."""
        state = self.followed.prompts.get(name)
        made = self.index.made(name, number) if state else None
        if made is None or number in self.followed.records[name].deleted:
            raise NotFound(f"Prompt not found: '{name}' with version {number}")
        return made.version

    def versions(self, name: str) -> tuple[Version, ...]:
        """Newest first, without deleted ones. Raises NotFound."""
        self.followed.prompt(name)
        deleted = self.followed.records[name].deleted
        return tuple(made.version for made in self.index.made_all(name) if made.version.version not in deleted)

    def served_version(self, name: str, number: int) -> ServedArm:
        """A version by its number, with what its references lead to. Raises NotFound, with the reason."""
        version = self.version(name, number)
        self.content(version)
        return served_by_number(self.followed, version, self.entries, self.index)

    def history(self, name: str, label: str | None = None, limit: int = 100) -> tuple[HistoryItem, ...]:
        """What happened to a prompt, or to one label of it, newest first. Raises NotFound for a name never heard of."""
        if name not in self.followed.records:
            raise NotFound(f"Prompt not found: '{name}'")
        return history_of(self.index, self.files, name, label, limit)

    def _label_changes(self, name: str, label: str) -> list[LabelChange]:
        return label_changes(self.repository, self.index, self.files, name, label)

    def staleness_ms(self) -> float:
        """How long the head that is served has not been the branch's tip; 0 while it is."""
        if self.repository.head() == self.followed.head:
            self._behind_since = 0.0
            return 0.0
        self._behind_since = self._behind_since or time.monotonic()
        return (time.monotonic() - self._behind_since) * 1000

    def close(self) -> None:
        """Waits for what is being saved and lets go of the repository's files."""
        if self._saving is not None:
            self._saving.join()
        self.repository.git.free()

    def content(self, version: Version) -> PromptContent:
        """The parsed file. Raises NotFound, with the reason, for a version that is not valid."""
        parsed = self.entries.get(version.blob)
        if parsed.content is None:
            raise NotFound(
                f"Version {version.version} of '{version.name}' is not valid (line {parsed.line}: {parsed.problem}),"
                " so it cannot be served."
            )
        return parsed.content


def open_registry(path: Path, project_id: str, tables: Tables, policy: Policy | None = None) -> Registry:
    """Opens a project's repository and builds what it serves."""
    registry = Registry(Repository(path), project_id, tables, policy or AllowAll())
    registry.start()
    return registry


def _refuse_faults(base: Snapshot, after: Snapshot, change: Change) -> None:
    """Raises InvalidRequest where the commit would hold something that is served, unless it was held before."""
    if isinstance(change, Operation):
        change.verify(after)
    known = set(base.faults)
    new = [fault for fault in after.faults if fault not in known]
    if new:
        raise InvalidRequest(f"This would break {new[0].path}: {new[0].message}")


def _now() -> int:
    return time.time_ns() // 1000
