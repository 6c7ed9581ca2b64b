"""The registry's tables for one run, in memory: commands on a plain repository, hooks without a server, tests."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

from trunkline.rows import CommitRow, FetchCount, IndexBatch, SavedIndex, Served, TouchRow, VersionRow
from trunkline.types import Micros


class MemoryVersionTable:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[str, tuple[str, int, bytes]] = {}
        self._records: dict[tuple[str, str], bytes] = {}
        self._versions: dict[tuple[str, str], list[VersionRow]] = {}
        self._commits: dict[str, list[CommitRow]] = {}
        self._touches: dict[tuple[str, str], list[TouchRow]] = {}

    def load(self, project: str) -> SavedIndex | None:
        with self._lock:
            if project not in self._loaded:
                return None
            records = [data for (owner, _), data in self._records.items() if owner == project]
            return SavedIndex(*self._loaded[project], records)

    def head(self, project: str) -> tuple[str, int] | None:
        found = self._loaded.get(project)
        return found[:2] if found else None

    def advance(self, project: str, batch: IndexBatch) -> bool:
        with self._lock:
            if self._loaded.get(project, ("", 0, b""))[0] != batch.old_head:
                return False
            self._loaded[project] = (batch.head, batch.seq, batch.strays)
            self._commits.setdefault(project, []).extend(batch.commits)
            for name, data in batch.records:
                self._records[project, name] = data
            for version in batch.versions:
                self._versions.setdefault((project, version.prompt), []).append(version)
            for touch in batch.touches:
                self._touches.setdefault((project, touch.prompt), []).append(touch)
            return True

    def version(self, project: str, prompt: str, version: int) -> tuple[VersionRow, CommitRow] | None:
        for row in self._versions.get((project, prompt), ()):
            if row.version == version:
                return row, self._commits[project][row.seq - 1]
        return None

    def versions(self, project: str, prompt: str) -> list[tuple[VersionRow, CommitRow]]:
        rows = self._versions.get((project, prompt), [])
        return [(row, self._commits[project][row.seq - 1]) for row in reversed(rows)]

    def commit(self, project: str, seq: int) -> CommitRow | None:
        commits = self._commits.get(project, [])
        return commits[seq - 1] if 0 < seq <= len(commits) else None

    def touches(
        self, project: str, prompt: str, *, label: str | None, limit: int, before: int | None
    ) -> list[tuple[TouchRow, CommitRow]]:
        rows = sorted(self._touches.get((project, prompt), []), key=lambda row: (-row.seq, row.kind, row.label))
        chosen = [
            row
            for row in rows
            if (label is None or (row.kind == "label" and row.label == label)) and (before is None or row.seq < before)
        ]
        return [(row, self._commits[project][row.seq - 1]) for row in chosen[:limit]]


class MemoryEntryTable:
    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}

    def get(self, blobs: Sequence[str]) -> dict[str, bytes]:
        return {blob: self._entries[blob] for blob in blobs if blob in self._entries}

    def put(self, entries: Mapping[str, bytes]) -> None:
        self._entries.update(entries)


class MemoryServedTable:
    def __init__(self) -> None:
        self._rows: dict[str, list[Served]] = {}

    def append(self, project: str, served: Served) -> None:
        rows = self._rows.setdefault(project, [])
        if all(row.head != served.head for row in rows):
            rows.append(served)

    def served(self, project: str, *, limit: int, at: Micros | None = None) -> list[Served]:
        rows = [row for row in self._rows.get(project, []) if at is None or row.since <= at]
        return rows[: -limit - 1 : -1]


class MemoryFetchTable:
    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int, str, str, int], int] = {}

    def add(self, many: Iterable[FetchCount]) -> None:
        for one in many:
            key = (one.project, one.prompt, one.version, one.label, one.client, one.hour)
            self._counts[key] = self._counts.get(key, 0) + one.count

    def fetches(self, project: str, prompt: str, *, since_hour: int = 0) -> list[FetchCount]:
        rows = [FetchCount(*key, count=count) for key, count in self._counts.items()]
        return [row for row in rows if (row.project, row.prompt) == (project, prompt) and row.hour >= since_hour]


class MemoryTables:
    """Implements `trunkline.registry.tables.Tables`."""

    def __init__(self) -> None:
        self.versions = MemoryVersionTable()
        self.entries = MemoryEntryTable()
        self.served = MemoryServedTable()
        self.fetches = MemoryFetchTable()


def memory_tables() -> MemoryTables:
    return MemoryTables()
