"""Version files: what history alone cannot say about a prompt's version numbers.

::

    versions:
      - {version: 3, deleted: true}
      - {version: 4, blob: 3f9c2d17…}

A mark with a blob gives that number to that blob without a change of the prompt's file (the same text created again,
an import); a deleted mark takes the version out of every answer while the number stays given. Written by the service
only. Marks stand in the order of their numbers, each number once.
"""

from __future__ import annotations

import re

from trunkline.errors import InvalidFile, InvalidRequest
from trunkline.prompts import documents
from trunkline.prompts.documents import Node, Scalar, Sequence
from trunkline.prompts.files import nearest
from trunkline.prompts.labels import MAX_VERSION, parse_blob
from trunkline.types import Struct

MAX_MARKS = 20_000
MAX_BYTES = 2 * 1024 * 1024

_KEYS = ("version", "blob", "deleted")
_LINE = re.compile(r"  - \{version: ([1-9][0-9]{0,9})(?:, blob: ([0-9a-f]{40}|[0-9a-f]{64}))?(, deleted: true)?\}\n")
_HEADER = "versions:\n"


class Mark(Struct, frozen=True, kw_only=True):
    """One number: the blob that it was given to, whether the version is deleted. At least one of the two is said."""

    version: int
    blob: str | None = None
    deleted: bool = False


class VersionMarks(Struct, frozen=True, kw_only=True):
    """All marks of one prompt, by rising number."""

    marks: tuple[Mark, ...] = ()

    def with_mark(self, mark: Mark) -> VersionMarks:
        """With this mark in the place of an older one of its number."""
        others = (other for other in self.marks if other.version != mark.version)
        return VersionMarks(marks=tuple(sorted((*others, mark), key=lambda one: one.version)))


def parse_marks(data: bytes, path: str = "") -> VersionMarks:
    """What the file says. InvalidFile with path and line for its fault."""
    marks = _common(documents.decode(data, path, limit=MAX_BYTES))
    if marks is None:
        root = documents.read(data, path, limit=MAX_BYTES)
        if not isinstance(root, documents.Mapping) or root.values.keys() != {"versions"}:
            raise InvalidFile("A version file has the one key 'versions'.", path=path, line=root.line)
        listed = root.values["versions"]
        if not isinstance(listed, Sequence):
            raise InvalidFile("'versions' is a list of marks.", path=path, line=listed.line)
        marks = tuple(_mark(item, path) for item in listed.items)
    problem = _problem(marks)
    if problem:
        raise InvalidFile(problem, path=path)
    return VersionMarks(marks=marks)


def dump_marks(marks: VersionMarks) -> bytes:
    problem = _problem(marks.marks)
    if problem:
        raise InvalidRequest(problem)
    if not marks.marks:
        return b"versions: []\n"
    return (_HEADER + "".join(map(_line, marks.marks))).encode()


def _line(mark: Mark) -> str:
    blob = f", blob: {mark.blob}" if mark.blob else ""
    deleted = ", deleted: true" if mark.deleted else ""
    return f"  - {{version: {mark.version}{blob}{deleted}}}\n"


def _common(text: str) -> tuple[Mark, ...] | None:
    """The fixed form, read without YAML; None for any other."""
    if not text.startswith(_HEADER):
        return None
    marks: list[Mark] = []
    position = len(_HEADER)
    while position < len(text):
        line = _LINE.match(text, position)
        if line is None:
            return None
        marks.append(Mark(version=int(line[1]), blob=line[2], deleted=line[3] is not None))
        position = line.end()
    return tuple(marks) or None


def _mark(node: Node, path: str) -> Mark:
    if not isinstance(node, documents.Mapping):
        raise InvalidFile("A mark is {version, blob} or {version, deleted: true}.", path=path, line=node.line)
    for key, place in node.keys.items():
        if key not in _KEYS:
            reason = f"A mark has no key {documents.shortened(key)}. {nearest(key, _KEYS)}"
            raise InvalidFile(reason, path=path, line=place.line)
    version = _plain(node.values.get("version"), path)
    if type(version) is not int:
        raise InvalidFile("A mark needs a 'version' that is a whole number.", path=path, line=node.line)
    deleted = _plain(node.values["deleted"], path) if "deleted" in node.values else False
    if not isinstance(deleted, bool):
        raise InvalidFile("'deleted' is true or false.", path=path, line=node.line)
    return Mark(version=version, blob=parse_blob(node.values.get("blob"), path), deleted=deleted)


def _plain(node: Node | None, path: str) -> object:
    return documents.resolve(node, path) if isinstance(node, Scalar) and node.plain else None


def _problem(marks: tuple[Mark, ...]) -> str:
    if len(marks) > MAX_MARKS:
        return f"A prompt has at most {MAX_MARKS:,} marks."
    last = 0
    for mark in marks:
        if not last < mark.version <= MAX_VERSION:
            return f"The marks must stand by rising number from 1, each number once; {mark.version} does not fit."
        if not mark.blob and not mark.deleted:
            return f"The mark of version {mark.version} says nothing: give a blob, or deleted: true."
        last = mark.version
    return ""
