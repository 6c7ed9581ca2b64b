"""Deleting versions: some of a prompt's, or the prompt with all its labels, in one commit.

Deleted numbers are marked in ``versions/…`` and never given again; a `git revert` of the commit takes the marks back.
"""

from __future__ import annotations

from trunkline.errors import Conflict, NotFound
from trunkline.prompts.marks import Mark
from trunkline.prompts.names import label_path, prompt_path
from trunkline.registry.messages import compose
from trunkline.registry.operations import Edit, add_marks, record_of, state_of, write_label
from trunkline.registry.snapshot import LATEST, PromptState, Record, Snapshot
from trunkline.types import Arm, Struct


class Deleted(Struct, frozen=True, kw_only=True):
    """What a deletion took: version numbers, newest first, and the labels that were on nothing else."""

    name: str
    versions: tuple[int, ...]
    labels: tuple[str, ...]
    commit: str


class Delete:
    """Without a selector all versions; with a label those that it is on; with a version that one."""

    def __init__(self, name: str, label: str | None, version: int | None) -> None:
        self.name = name
        self.versions: tuple[int, ...] = ()
        self.labels: tuple[str, ...] = ()
        self._label = label
        self._version = version

    def __call__(self, edit: Edit) -> str:
        state, record = state_of(edit, self.name), record_of(edit, self.name)
        self.versions = self._chosen(state)
        everything = self.versions == state.versions
        self._refuse_used(edit.snapshot, everything)
        if everything:
            edit.remove(prompt_path(self.name))
        self.labels = tuple(self._unset(edit, record, everything))
        add_marks(edit, self.name, [Mark(version=number, deleted=True) for number in reversed(self.versions)])
        listed = ",".join(map(str, self.versions))
        told = f"{self.name}: delete" if everything else f"{self.name}: delete version {listed}"
        return compose(told, {"Action": "delete", "Versions": listed, "Labels": ",".join(self.labels) or None})

    def _chosen(self, state: PromptState) -> tuple[int, ...]:
        chosen = set(state.versions)
        if self._version is not None:
            chosen &= {self._version}
        if self._label is not None:
            served = state.newest if self._label == LATEST else state.labels.get(self._label)
            chosen &= {arm.version.version for arm in served.arms} if served else set()
        if not chosen:
            selectors = {"label": f"'{self._label}'" if self._label else None, "version": self._version}
            told = " and ".join(f"{key} {value}" for key, value in selectors.items() if value is not None)
            raise NotFound(f"Prompt not found: '{self.name}' with {told}")
        return tuple(number for number in state.versions if number in chosen)

    def _refuse_used(self, snapshot: Snapshot, everything: bool) -> None:
        """Raises Conflict while another prompt refers to what would go."""
        gone = None if everything else set(self.versions)
        users = sorted(
            other for other in snapshot.dependents.get(self.name, ()) if _uses(snapshot, other, self.name, gone)
        )
        if users:
            raise Conflict(
                f"Other prompts refer to '{self.name}': {', '.join(users)}. Change or delete these first, then repeat."
            )

    def _unset(self, edit: Edit, record: Record, everything: bool) -> list[str]:
        """Removes what the labels would have nothing left to serve for; the arms of a split that remain stay."""
        removed: list[str] = []
        for label, entry in record.entries.items():
            arms = entry.own.arms
            left = [arm.version for arm in arms if arm.version.version not in self.versions and not everything]
            if entry.file is None or (len(left) == len(arms) and not everything):
                continue
            if left:
                weights = {arm.version.version: arm.weight for arm in arms}
                rest = [Arm(version=v.version, blob=v.blob, weight=weights[v.version]) for v in left]
                write_label(edit, label, self.name, rest)
            else:
                edit.remove(label_path(label, self.name))
                removed.append(label)
        return removed

    def verify(self, after: Snapshot) -> None:
        """Nothing to add: whether others break is what the registry looks at for every commit."""


def _uses(snapshot: Snapshot, other: str, name: str, versions: set[int] | None) -> bool:
    """Whether anything that `other` serves refers to one of these versions (None: any) of `name`."""
    state = snapshot.prompts.get(other)
    entries = [*state.labels.values(), state.newest] if state else []
    uses = (use for entry in entries if entry for arm in entry.arms for use in arm.uses)
    return any(use.version.name == name and (versions is None or use.version.version in versions) for use in uses)
