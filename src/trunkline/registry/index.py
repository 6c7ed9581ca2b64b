"""The version index: what the tables hold of the first-parent history, and what is not saved yet.

A new head is served first and saved then. Where saving fails (a full disk) the rows wait here and are saved with the
next head, so that lookups never miss a version that is served.
"""

from __future__ import annotations

from typing import NamedTuple

from trunkline.errors import Conflict
from trunkline.registry.advance import Advanced
from trunkline.registry.persist import encode_record, encode_strays, restored
from trunkline.registry.snapshot import Record, Snapshot
from trunkline.registry.sources import Made
from trunkline.registry.tables import VersionTable
from trunkline.rows import CommitRow, IndexBatch, TouchRow, VersionRow
from trunkline.types import Version


class _Waiting(NamedTuple):
    """What is not saved yet. Replaced as a whole, so that a look-up in another thread sees one state of it."""

    base_seq: int
    base_head: str
    commits: list[CommitRow]
    versions: dict[tuple[str, int], VersionRow]
    touches: list[TouchRow]
    records: dict[str, Record]

    def commit(self, seq: int) -> CommitRow | None:
        place = seq - self.base_seq - 1
        return self.commits[place] if 0 <= place < len(self.commits) else None

    def commit_of(self, row: VersionRow | TouchRow) -> CommitRow:
        return self.commits[row.seq - self.base_seq - 1]


def _nothing_after(head: str, seq: int) -> _Waiting:
    return _Waiting(seq, head, [], {}, [], {})


class Index:
    """One project's versions, commits and touches. Also the `Past` that an advance looks things up in."""

    def __init__(self, table: VersionTable, project: str) -> None:
        self._table = table
        self._project = project
        self._waiting = _nothing_after("", 0)

    # --- saving ------------------------------------------------------------------------------------------------------

    def load(self) -> Snapshot | None:
        """The snapshot that was saved last, by whichever process."""
        loaded = self._table.load(self._project)
        if loaded is None:
            return None
        self._waiting = _nothing_after(loaded.head, loaded.seq)
        return restored(loaded.head, loaded.seq, loaded.records, loaded.strays)

    def add(self, advanced: Advanced) -> None:
        """Takes what an advance found; seen by look-ups from now on."""
        old = self._waiting
        self._waiting = _Waiting(
            old.base_seq,
            old.base_head,
            old.commits + advanced.commits,
            {**old.versions, **{(row.prompt, row.version): row for row in advanced.versions}},
            old.touches + advanced.touches,
            {**old.records, **{record.name: record for record in advanced.records}},
        )

    def save(self, snapshot: Snapshot) -> None:
        """Writes what waits. What another process has written of it is left out: both found the same."""
        waiting = self._waiting
        while waiting.commits:
            head, seq = self._table.head(self._project) or ("", 0)
            if seq >= snapshot.seq:
                break
            there = waiting.commit(seq)
            if (head, seq) != (waiting.base_head, waiting.base_seq) and (there is None or there.sha != head):
                raise Conflict(f"The index stands at {head}, which is not in the history of {snapshot.head}.")
            if self._table.advance(self._project, _batch(waiting, head, seq, snapshot)):
                break
        self._waiting = _nothing_after(snapshot.head, snapshot.seq)

    # --- looking up --------------------------------------------------------------------------------------------------

    def made(self, prompt: str, number: int) -> Made | None:
        waiting = self._waiting
        row = waiting.versions.get((prompt, number))
        if row is not None:
            return _made(row, waiting.commit_of(row))
        found = self._table.version(self._project, prompt, number)
        return _made(*found) if found else None

    def made_all(self, prompt: str) -> list[Made]:
        """All versions of a prompt, newest first, deleted ones too."""
        waiting = self._waiting
        rows = sorted((row for row in waiting.versions.values() if row.prompt == prompt), reverse=True)
        fresh = [_made(row, waiting.commit_of(row)) for row in rows]
        known = {made.version.version for made in fresh}
        saved = (_made(*found) for found in self._table.versions(self._project, prompt))
        return fresh + [made for made in saved if made.version.version not in known]

    def touches(
        self, prompt: str, label: str | None = None, *, limit: int, before: int | None = None
    ) -> list[tuple[TouchRow, CommitRow]]:
        """What commits did to a prompt's files, or to one label's, newest first."""
        waiting = self._waiting
        fresh = [
            (row, waiting.commit_of(row))
            for row in sorted(waiting.touches, key=lambda row: (-row.seq, row.kind, row.label))
            if row.prompt == prompt
            and (label is None or (row.kind == "label" and row.label == label))
            and (before is None or row.seq < before)
        ]
        lowest = min((row.seq for row, _ in fresh), default=before)
        saved = self._table.touches(self._project, prompt, label=label, limit=limit, before=lowest)
        return (fresh + saved)[:limit]

    def label_set_at(self, prompt: str, label: str) -> int:
        found = self.touches(prompt, label, limit=1)
        return found[0][0].seq if found else 0

    def sha(self, seq: int) -> str:
        found = self._waiting.commit(seq) or (self._table.commit(self._project, seq) if seq > 0 else None)
        return found.sha if found else ""


def _batch(waiting: _Waiting, head: str, after: int, snapshot: Snapshot) -> IndexBatch:
    return IndexBatch(
        old_head=head,
        head=snapshot.head,
        seq=snapshot.seq,
        commits=[row for row in waiting.commits if row.seq > after],
        versions=[row for row in waiting.versions.values() if row.seq > after],
        touches=[row for row in waiting.touches if row.seq > after],
        records=((name, encode_record(record)) for name, record in waiting.records.items()),
        strays=encode_strays(snapshot.strays),
    )


def _made(row: VersionRow, commit: CommitRow) -> Made:
    version = Version(
        name=row.prompt,
        version=row.version,
        commit=commit.sha,
        blob=row.blob,
        created_at=commit.time,
        author=commit.author,
        message=commit.message,
    )
    return Made(row.seq, version)
