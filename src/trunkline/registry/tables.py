"""What a registry needs kept in tables. `main` fills these protocols with the store's; `MemoryTables` is for one run.

The tables are an index and a cache of the repository, but for two things that history does not say: when a head was
served (`ServedTable`) and how often a version was fetched (`FetchTable`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from trunkline.types import Micros, Struct


class CommitRow(NamedTuple):
    """A first-parent commit; `seq` counts them from 1, the root."""

    seq: int
    sha: str
    time: Micros
    author: str
    message: str


class VersionRow(NamedTuple):
    """A version's number, the commit that made it, and its text."""

    prompt: str
    version: int
    seq: int
    blob: str


class TouchRow(NamedTuple):
    """A commit changed a file that is about a prompt. `label` is empty unless `kind` is ``label``."""

    prompt: str
    seq: int
    kind: str
    """``prompt``, ``label`` or ``versions``."""
    label: str
    blob: str | None
    """None: the file was removed."""


class Batch(Struct, frozen=True, kw_only=True):
    """What an advance of the index from one head to a later one adds."""

    old_head: str
    head: str
    seq: int
    commits: Sequence[CommitRow] = ()
    versions: Sequence[VersionRow] = ()
    touches: Sequence[TouchRow] = ()
    records: Mapping[str, bytes] = msgspec.field(default_factory=dict)
    """Encoded state by prompt, as of `head`."""
    strays: bytes = b""


class Loaded(NamedTuple):
    """The state that was saved last."""

    head: str
    seq: int
    strays: bytes
    records: list[bytes]


class VersionTable(Protocol):
    """Versions, commits and touches, with the head up to which they are complete."""

    def load(self, project: str) -> Loaded | None:
        """The saved state in one consistent read."""

    def head(self, project: str) -> tuple[str, int] | None:
        """The saved head and its seq."""

    def advance(self, project: str, batch: Batch) -> bool:
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


class Served(Struct, frozen=True, kw_only=True):
    """A head was served from a moment on; `held` are the files that were not followed."""

    head: str
    since: Micros
    held: tuple[str, ...] = ()


class ServedTable(Protocol):
    """What was served when: append-only, because committer dates can be forged and polls lag."""

    def append(self, project: str, served: Served) -> None:
        """Only the first process that serves a head leaves a row."""

    def served(self, project: str, *, limit: int, at: Micros | None = None) -> list[Served]:
        """Newest first; with `at`, only what began no later."""


class FetchCount(NamedTuple):
    """Fetches of one version in one hour. `hour` is in hours since the epoch; an empty label: by number."""

    project: str
    prompt: str
    version: int
    label: str
    client: str
    hour: int
    fetches: int


class FetchTable(Protocol):
    """Counters of fetches."""

    def add(self, many: Iterable[FetchCount]) -> None: ...

    def fetches(self, project: str, prompt: str, *, since_hour: int = 0) -> list[FetchCount]: ...


class Tables(Struct, frozen=True, kw_only=True):
    """All of them, as a registry takes them."""

    versions: VersionTable
    entries: EntryTable
    served: ServedTable
