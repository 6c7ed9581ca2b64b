"""The version index: what the tables hold of the first-parent history, and what is not saved yet.

A new head is served first and saved then. Where saving fails (a full disk) the rows wait here and are saved with the
next head, so that lookups never miss a version that is served.
"""

from __future__ import annotations

from trunkline.errors import Conflict
from trunkline.registry.advance import Advanced
from trunkline.registry.persist import encode_record, encode_strays, restored
from trunkline.registry.snapshot import Record, Snapshot
from trunkline.registry.sources import Made
from trunkline.registry.tables import VersionTable
from trunkline.rows import CommitRow, IndexBatch, TouchRow, VersionRow
from trunkline.types import Version


class Index:
    """One project's versions, commits and touches. Also the `Past` that an advance looks things up in."""

    def __init__(self, table: VersionTable, project: str) -> None:
        self._table = table
        self._project = project
        self._base: tuple[str, int] = ("", 0)
        """Head and seq below what is not saved yet."""
        self._commits: list[CommitRow] = []
        self._versions: list[VersionRow] = []
        self._touches: list[TouchRow] = []
        self._records: dict[str, Record] = {}

    # --- saving ------------------------------------------------------------------------------------------------------

    def load(self) -> Snapshot | None:
        """The snapshot that was saved last, by whichever process."""
        loaded = self._table.load(self._project)
        if loaded is None:
            return None
        self._base = (loaded.head, loaded.seq)
        return restored(loaded.head, loaded.seq, loaded.records, loaded.strays)

    def add(self, advanced: Advanced) -> None:
        """Takes what an advance found; seen by look-ups from now on."""
        self._commits += advanced.commits
        self._versions += advanced.versions
        self._touches += advanced.touches
        self._records |= {record.name: record for record in advanced.records}

    def save(self, snapshot: Snapshot) -> None:
        """Writes what waits. What another process has written of it is left out: both found the same."""
        while self._commits:
            saved = self._table.head(self._project) or ("", 0)
            if saved[1] >= snapshot.seq:
                break
            if saved != self._base and saved[1] and self._sha_of_waiting(saved[1]) != saved[0]:
                raise Conflict(f"The index stands at {saved[0]}, which is not in the history of {snapshot.head}.")
            if self._table.advance(self._project, self._batch(saved, snapshot)):
                break
        self._base = (snapshot.head, snapshot.seq)
        self._commits, self._versions, self._touches, self._records = [], [], [], {}

    def _sha_of_waiting(self, seq: int) -> str | None:
        place = seq - self._base[1] - 1
        return self._commits[place].sha if 0 <= place < len(self._commits) else None

    def _batch(self, saved: tuple[str, int], snapshot: Snapshot) -> IndexBatch:
        after = saved[1]
        return IndexBatch(
            old_head=saved[0],
            head=snapshot.head,
            seq=snapshot.seq,
            commits=[row for row in self._commits if row.seq > after],
            versions=[row for row in self._versions if row.seq > after],
            touches=[row for row in self._touches if row.seq > after],
            records={name: encode_record(record) for name, record in self._records.items()},
            strays=encode_strays(snapshot.strays),
        )

    # --- looking up --------------------------------------------------------------------------------------------------

    def made(self, prompt: str, number: int) -> Made | None:
        for row in self._versions:
            if row.version == number and row.prompt == prompt:
                return _made(row, self._waiting_commit(row.seq))
        found = self._table.version(self._project, prompt, number)
        return _made(*found) if found else None

    def made_all(self, prompt: str) -> list[Made]:
        """All versions of a prompt, newest first, deleted ones too."""
        waiting = [_made(r, self._waiting_commit(r.seq)) for r in reversed(self._versions) if r.prompt == prompt]
        known = {made.version.version for made in waiting}
        saved = (_made(*found) for found in self._table.versions(self._project, prompt))
        return waiting + [made for made in saved if made.version.version not in known]

    def touches(
        self, prompt: str, label: str | None = None, *, limit: int, before: int | None = None
    ) -> list[tuple[TouchRow, CommitRow]]:
        """What commits did to a prompt's files, or to one label's, newest first."""
        waiting = [
            (row, self._waiting_commit(row.seq))
            for row in reversed(self._touches)
            if row.prompt == prompt
            and (label is None or (row.kind == "label" and row.label == label))
            and (before is None or row.seq < before)
        ]
        lowest = min((row.seq for row, _ in waiting), default=before)
        saved = self._table.touches(self._project, prompt, label=label, limit=limit, before=lowest)
        return (waiting + saved)[:limit]

    def label_set_at(self, prompt: str, label: str) -> int:
        found = self.touches(prompt, label, limit=1)
        return found[0][0].seq if found else 0

    def sha(self, seq: int) -> str:
        waiting = self._sha_of_waiting(seq)
        if waiting:
            return waiting
        found = self._table.commit(self._project, seq) if seq > 0 else None
        return found.sha if found else ""

    def _waiting_commit(self, seq: int) -> CommitRow:
        return self._commits[seq - self._base[1] - 1]


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
