"""What a range of commits did to each prompt: versions given, labels set, numbers deleted.

The rules of numbers. Version N of a prompt is the Nth first-parent commit after which its file exists with another
blob; a file that comes back counts. A mark in ``versions/…`` gives its number to its blob without a change of the
file, and if the file came to that blob in the same commit, the mark's number is the file's. Numbers only rise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from trunkline.errors import InvalidFile
from trunkline.prompts.marks import VersionMarks
from trunkline.prompts.names import LabelPath, PolicyPath, PromptPath, VersionsPath, parse_path, versions_path
from trunkline.registry.log import LoggedCommit
from trunkline.registry.snapshot import Record, Snapshot
from trunkline.registry.trees import PathChange
from trunkline.rows import TouchRow, VersionRow
from trunkline.types import Fault

ReadMarks = Callable[[str, str], VersionMarks]
"""Blob and path to marks. Raises InvalidFile."""

T = TypeVar("T")

_Target = PromptPath | LabelPath | VersionsPath


class Series(Generic[T]):
    """A value over the commits of a range: at its base, and from which commits on it was another."""

    __slots__ = ("_base", "_steps")

    def __init__(self, base: T) -> None:
        self._base = base
        self._steps: list[tuple[int, T]] = []

    def put(self, seq: int, value: T) -> None:
        self._steps.append((seq, value))

    def at(self, seq: int) -> T:
        for step, value in reversed(self._steps):
            if step <= seq:
                return value
        return self._base

    @property
    def last(self) -> T:
        return self._steps[-1][1] if self._steps else self._base

    @property
    def moved_at(self) -> int:
        """The last commit of the range that changed it, 0 if none did."""
        return self._steps[-1][0] if self._steps else 0

    def set_at(self, seq: int) -> int:
        """The commit of the range that set the value in force at `seq`, 0 if that was before the range."""
        return next((step for step, _ in reversed(self._steps) if step <= seq), 0)


class History:
    """One prompt over a range of commits."""

    __slots__ = ("base", "deleted", "gaps", "given", "highest", "labels", "marks_fault", "name", "prompt", "touched")

    def __init__(self, base: Record) -> None:
        self.name = base.name
        self.base = base
        self.prompt: Series[str | None] = Series(base.blob)
        self.labels: dict[str, Series[str | None]] = {}
        self.deleted: Series[tuple[int, ...]] = Series(base.deleted)
        self.marks_fault = base.marks_fault
        self.given: dict[int, tuple[int, str]] = {}
        """Number to (seq, blob), of the versions that the range made."""
        self.highest = base.highest
        self.gaps = base.gaps
        self.touched: list[int] = []

    def label_file(self, label: str) -> Series[str | None]:
        series = self.labels.get(label)
        if series is None:
            entry = self.base.entries.get(label)
            series = self.labels[label] = Series(entry.file if entry else None)
        return series

    def has_label_files(self, seq: int) -> bool:
        names = self.base.entries.keys() | self.labels.keys()
        return any(self.label_file(label).at(seq) is not None for label in names)

    def give(self, number: int, seq: int, blob: str) -> None:
        if number > self.highest + 1:
            self.gaps = (*self.gaps, (self.highest + 1, number - 1))
        self.given[number] = (seq, blob)
        self.highest = number


class _Changes(NamedTuple):
    """What one commit did to one prompt."""

    prompt: PathChange | None
    versions: PathChange | None
    labels: list[tuple[str, PathChange]]


class Range:
    """The commits after a base, prompt by prompt."""

    def __init__(self, base: Snapshot, read_marks: ReadMarks) -> None:
        self._records = base.records
        self._read_marks = read_marks
        self._targets: dict[str, _Target | InvalidFile | None] = {}
        self.histories: dict[str, History] = {}
        self.touches: list[TouchRow] = []
        self.versions: list[VersionRow] = []
        self.strays: dict[str, Fault] = dict(base.strays)

    def history(self, name: str) -> History:
        found = self.histories.get(name)
        if found is None:
            found = self.histories[name] = History(self._records.get(name) or Record(name=name))
        return found

    def add(self, seq: int, commit: LoggedCommit) -> None:
        """The next commit, oldest first."""
        for name, changes in self._by_prompt(commit.changes).items():
            self._apply(seq, self.history(name), changes)

    def _target(self, path: str) -> _Target | InvalidFile | None:
        if path not in self._targets:
            try:
                found = parse_path(path)
                self._targets[path] = None if isinstance(found, PolicyPath) else found
            except InvalidFile as error:
                self._targets[path] = error
        return self._targets[path]

    def _by_prompt(self, changes: list[PathChange]) -> dict[str, _Changes]:
        found: dict[str, _Changes] = {}
        for change in changes:
            target = self._target(change.path)
            self._note_stray(change, target)
            if target is None or isinstance(target, InvalidFile):
                continue
            one = found.get(target.name) or _Changes(None, None, [])
            if isinstance(target, LabelPath):
                one.labels.append((target.label, change))
            elif isinstance(target, PromptPath):
                one = one._replace(prompt=change)
            else:
                one = one._replace(versions=change)
            found[target.name] = one
        return found

    def _note_stray(self, change: PathChange, target: _Target | InvalidFile | None) -> None:
        reason = target.reason if isinstance(target, InvalidFile) else ""
        if change.irregular:
            reason = "A symbolic link or a submodule lies where a file should be."
        if reason and (change.blob or change.irregular):
            self.strays[change.path] = Fault(path=change.path, message=reason, code="stray-file")
        else:
            self.strays.pop(change.path, None)

    def _apply(self, seq: int, history: History, changes: _Changes) -> None:
        history.touched.append(seq)
        marks = self._marks(seq, history, changes.versions)
        if changes.prompt is not None:
            self._apply_prompt(seq, history, changes.prompt, marks)
        for number, blob in marks:
            self._give(history, number, seq, blob)
        for label, change in changes.labels:
            history.label_file(label).put(seq, change.blob)
            self.touches.append(TouchRow(history.name, seq, "label", label, change.blob))

    def _apply_prompt(self, seq: int, history: History, change: PathChange, marks: list[tuple[int, str]]) -> None:
        was = history.prompt.last
        history.prompt.put(seq, change.blob)
        self.touches.append(TouchRow(history.name, seq, "prompt", "", change.blob))
        if change.blob is None or change.blob == was or any(blob == change.blob for _, blob in marks):
            return
        self._give(history, history.highest + 1, seq, change.blob)

    def _give(self, history: History, number: int, seq: int, blob: str) -> None:
        if number > history.highest:
            history.give(number, seq, blob)
            self.versions.append(VersionRow(history.name, number, seq, blob))

    def _marks(self, seq: int, history: History, change: PathChange | None) -> list[tuple[int, str]]:
        """Takes in a versions file; the numbers that it newly gives."""
        if change is None:
            return []
        path = versions_path(history.name)
        self.touches.append(TouchRow(history.name, seq, "versions", "", change.blob))
        try:
            marks = self._read_marks(change.blob, path) if change.blob else VersionMarks()
        except InvalidFile as error:
            history.marks_fault = Fault(path=path, line=error.line, message=error.reason, code="invalid-versions")
            return []
        history.marks_fault = None
        history.deleted.put(seq, tuple(mark.version for mark in marks.marks if mark.deleted))
        return [(m.version, m.blob) for m in marks.marks if m.blob and m.version > history.highest]
