"""What building a snapshot reads from outside its range: label and versions files by blob, and the past by number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from trunkline.errors import InvalidFile
from trunkline.prompts.labels import parse_label
from trunkline.prompts.marks import MAX_BYTES as MAX_MARKS
from trunkline.prompts.marks import VersionMarks, parse_marks
from trunkline.registry.commands import MAX_BLOB, read_blobs
from trunkline.registry.repository import Repository
from trunkline.types import LabelTarget, Version


class Made(NamedTuple):
    """A version and the place of its commit on the first-parent chain (the root is 1)."""

    seq: int
    version: Version


class Past(Protocol):
    """What the index knows up to the head from which a snapshot is advanced."""

    def made(self, prompt: str, number: int) -> Made | None: ...

    def sha(self, seq: int) -> str: ...

    def label_set_at(self, prompt: str, label: str) -> int:
        """The seq of the commit that wrote the label's file last; 0 where none did."""


class Files:
    """Label and versions files. Raises InvalidFile for what is wrong with one, and with its size."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._primed: dict[str, LabelTarget] = {}

    def prime_labels(self, blobs: Iterable[tuple[str, str]]) -> Iterable[LabelTarget]:
        """Many label files at once, by (blob, path), for a cold start; broken ones are left for `label` to refuse."""
        paths = dict(blobs)
        for blob, data in read_blobs(self._repository.path, list(paths)):
            if data is not None:
                try:
                    self._primed[blob] = parse_label(data, paths[blob])
                except InvalidFile:
                    continue
        return self._primed.values()

    def forget_primed(self) -> None:
        self._primed = {}

    def label(self, blob: str, path: str) -> LabelTarget:
        return self._primed.get(blob) or parse_label(self._read(blob, path, MAX_BLOB), path)

    def marks(self, blob: str, path: str) -> VersionMarks:
        return parse_marks(self._read(blob, path, MAX_MARKS), path)

    def _read(self, blob: str, path: str, limit: int) -> bytes:
        try:
            if self._repository.blob_size(blob) > limit:
                raise InvalidFile(f"The file has more than {limit // 1024} KiB.", path=path)
            return self._repository.blob(blob)
        except KeyError:
            raise InvalidFile(f"Its blob {blob} is not in the repository.", path=path) from None
