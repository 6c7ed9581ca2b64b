"""What a registry needs kept in tables: protocols that `main` fills with the store's. `memory_tables` is for one run.

The tables are an index and a cache of the repository, but for two things that history does not say: when a head was
served (`ServedTable`) and how often a version was fetched (`FetchTable`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from trunkline.rows import CommitRow, FetchCount, IndexBatch, SavedIndex, Served, TouchRow, VersionRow
from trunkline.types import Micros

__all__ = ["EntryTable", "FetchCount", "FetchTable", "ServedTable", "Tables", "VersionTable"]


class VersionTable(Protocol):
    """Versions, commits and touches, with the head up to which they are complete."""

    def load(self, project: str) -> SavedIndex | None:
        """The saved state in one consistent read."""

    def head(self, project: str) -> tuple[str, int] | None:
        """The saved head and its seq."""

    def advance(self, project: str, batch: IndexBatch) -> bool:
        """Adds a batch in one transaction; False, and nothing written, when the saved head is not `old_head`."""

    def version(self, project: str, prompt: str, version: int) -> tuple[VersionRow, CommitRow] | None: ...

    def versions(self, project: str, prompt: str) -> list[tuple[VersionRow, CommitRow]]:
        """All of a prompt, newest first."""

    def commit(self, project: str, seq: int) -> CommitRow | None: ...

    def touches(
        self, project: str, prompt: str, *, label: str | None, limit: int, before: int | None
    ) -> list[tuple[TouchRow, CommitRow]]:
        """Newest first; of one label, or of everything about the prompt; only with a lower seq than `before`."""


class EntryTable(Protocol):
    """Parsed prompt files by blob, so that nothing is parsed twice."""

    def get(self, blobs: Sequence[str]) -> dict[str, bytes]: ...

    def put(self, entries: Mapping[str, bytes]) -> None: ...


class ServedTable(Protocol):
    """What was served when: append-only, because committer dates can be forged and polls lag."""

    def append(self, project: str, served: Served) -> None:
        """Only the first process that serves a head leaves a row."""

    def served(self, project: str, *, limit: int, at: Micros | None = None) -> list[Served]:
        """Newest first; with `at`, only what began no later."""


class FetchTable(Protocol):
    """Counters of fetches; never lowered."""

    def add(self, many: Iterable[FetchCount]) -> None: ...

    def fetches(self, project: str, prompt: str, *, since_hour: int = 0) -> list[FetchCount]: ...


class Tables(Protocol):
    """All of them."""

    @property
    def versions(self) -> VersionTable: ...

    @property
    def entries(self) -> EntryTable: ...

    @property
    def served(self) -> ServedTable: ...

    @property
    def fetches(self) -> FetchTable: ...
