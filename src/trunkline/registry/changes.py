"""What happened to a prompt, commit by commit."""

from __future__ import annotations

from trunkline.errors import InvalidFile
from trunkline.prompts.names import label_path
from trunkline.registry.assemble import heaviest
from trunkline.registry.index import Index
from trunkline.registry.sources import Files
from trunkline.rows import CommitRow, TouchRow
from trunkline.types import Arm, Micros, Struct


class HistoryItem(Struct, frozen=True, kw_only=True):
    """One commit's change of one file. `version` is the one that it made, or that the label is on since."""

    commit: str
    time: Micros
    author: str
    message: str
    kind: str
    """``version``, ``deletion`` (of the prompt's file), ``label``, ``label-removal`` or ``versions`` (marks)."""
    label: str | None = None
    version: int | None = None
    arms: tuple[Arm, ...] = ()
    """What the label serves since; `version` is the heaviest."""
    blob: str | None = None


def history_of(index: Index, files: Files, name: str, label: str | None, limit: int) -> tuple[HistoryItem, ...]:
    """Newest first; of the whole prompt, or of one label."""
    made = {} if label else {made.seq: made.version.version for made in index.made_all(name)}
    rows = index.touches(name, label, limit=limit)
    return tuple(_item(files, row, commit, made.get(row.seq)) for row, commit in rows)


def _item(files: Files, row: TouchRow, commit: CommitRow, version: int | None) -> HistoryItem:
    kind, arms = row.kind, _arms(files, row)
    if row.kind == "label":
        kind = "label" if row.blob else "label-removal"
        version = heaviest(arms).version if arms else None
    elif row.kind == "prompt":
        kind = "version" if row.blob else "deletion"
        version = version if row.blob else None
    return HistoryItem(
        commit=commit.sha,
        time=commit.time,
        author=commit.author,
        message=commit.message,
        kind=kind,
        label=row.label or None,
        version=version,
        arms=arms,
        blob=row.blob,
    )


def _arms(files: Files, row: TouchRow) -> tuple[Arm, ...]:
    """Of a label's file; none where it was removed or is broken."""
    if row.kind != "label" or not row.blob:
        return ()
    try:
        return files.label(row.blob, label_path(row.label, row.prompt)).arms
    except InvalidFile:
        return ()
