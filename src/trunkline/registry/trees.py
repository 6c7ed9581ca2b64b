"""Trees: reading one (`View`), changing one (`Draft`), and telling two apart.

Trees are built with TreeBuilder on the bare repository, only along the changed paths. Telling two apart compares the
raw bytes of the tree objects and descends only where they differ (0.9 ms at 10,000 files; libgit2's own diff takes 36).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pygit2
from pygit2.enums import FileMode, ObjectType

from trunkline.errors import InvalidRequest
from trunkline.registry.repository import Repository, translated

_ENTRY = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)
_ENTRIES = re.compile(rb"(?:[^\0]*+\0.{20})*+", re.DOTALL)
_REGULAR = {0o100644, 0o100755, 0o100664}
_TREE = 0o40000
_LARGE = 4096


class PathChange(NamedTuple):
    """What a commit did to one path. `blob` is None where no regular file is left there."""

    path: str
    blob: str | None
    irregular: bool = False
    """A symbolic link or a submodule lies there: counted as no file, and reported."""


class View:
    """A commit's files, read on demand."""

    def __init__(self, repository: Repository, head: str) -> None:
        self.head = head
        self._repository = repository
        self._tree = repository.commit_of(head).tree if head else None

    def blob(self, path: str) -> str | None:
        """The blob at a path, None where there is none."""
        if self._tree is None:
            return None
        try:
            found = self._tree[path]
        except KeyError:
            return None
        return str(found.id) if found.filemode in _REGULAR else None

    def read(self, path: str) -> bytes | None:
        blob = self.blob(path)
        return None if blob is None else self._repository.blob(blob)

    def files(self, prefix: str = "") -> Iterator[str]:
        """Paths of the regular files below a folder (``labels/production``), or of all."""
        if self._tree is None:
            return
        root: pygit2.Object = self._tree
        if prefix:
            try:
                root = self._tree[prefix]
            except KeyError:
                return
        if isinstance(root, pygit2.Tree):
            base = f"{prefix.rstrip('/')}/" if prefix else ""
            yield from (change.path for change in _all(self._repository, root.id.raw, base) if change.blob)


class Draft:
    """A tree being changed: reads see what was written before. Nothing but blobs is stored until `write_tree`."""

    def __init__(self, repository: Repository, head: str) -> None:
        self.before = View(repository, head)
        self._repository = repository
        self._edits: dict[str, str | None] = {}

    @property
    def head(self) -> str:
        return self.before.head

    @property
    def edits(self) -> Mapping[str, str | None]:
        """Blob by path, None for a removal; only what really differs from the head."""
        return {path: blob for path, blob in self._edits.items() if self.before.blob(path) != blob}

    def blob(self, path: str) -> str | None:
        return self._edits[path] if path in self._edits else self.before.blob(path)

    def read(self, path: str) -> bytes | None:
        blob = self.blob(path)
        return None if blob is None else self._repository.blob(blob)

    def write(self, path: str, data: bytes) -> str:
        """Puts a file there and returns its blob."""
        blob = self._repository.write_blob(data)
        self._edits[path] = blob
        return blob

    def place(self, path: str, blob: str) -> None:
        """Puts a blob there that the repository already has."""
        self._edits[path] = blob

    def remove(self, path: str) -> None:
        self._edits[path] = None

    def write_tree(self) -> str:
        with translated("store a folder"):
            root = self._repository.commit_of(self.head).tree if self.head else None
            made = _rebuild(self._repository, root, _nested(self.edits))
            return str(made or self._repository.git.TreeBuilder().write())


def changed_paths(repository: Repository, old: str | None, new: str) -> list[PathChange]:
    """What lies at another blob in commit `new` than in commit `old`; all of `new` where `old` is None."""
    before = repository.commit_of(old).tree_id.raw if old else None
    return list(_compare(repository, before, repository.commit_of(new).tree_id.raw, ""))


# --- writing ---------------------------------------------------------------------------------------------------------

_Edits = dict[str, "str | _Edits | None"]


def _nested(edits: Mapping[str, str | None]) -> _Edits:
    root: _Edits = {}
    for path, blob in edits.items():
        *folders, name = path.split("/")
        here = root
        for folder in folders:
            below = here.get(folder)
            if below is None:  # nothing yet, or a file that makes way
                below = here[folder] = {}
            if not isinstance(below, dict):
                raise InvalidRequest(f"{path}: a file lies where a folder is needed.")
            here = below
        if blob is not None or name not in here:
            here[name] = blob
    return root


def _rebuild(repository: Repository, tree: pygit2.Tree | None, edits: _Edits) -> pygit2.Oid | None:
    """The new tree's id, None where nothing is left in it."""
    builder = repository.git.TreeBuilder(tree) if tree is not None else repository.git.TreeBuilder()
    for name, edit in edits.items():
        if isinstance(edit, dict):
            below = builder.get(name) if tree is not None else None
            made = _rebuild(repository, below if isinstance(below, pygit2.Tree) else None, edit)
            _put(builder, name, made, FileMode.TREE)
        else:
            _put(builder, name, None if edit is None else pygit2.Oid(hex=edit), FileMode.BLOB)
    return builder.write() if len(builder) else None


def _put(builder: pygit2.TreeBuilder, name: str, oid: pygit2.Oid | None, mode: FileMode) -> None:
    if oid is not None:
        builder.insert(name, oid, mode)
    elif builder.get(name) is not None:
        builder.remove(name)


# --- telling apart ---------------------------------------------------------------------------------------------------


class _Entry(NamedTuple):
    mode: int
    oid: bytes


def _raw(repository: Repository, tree: bytes) -> bytes:
    kind, data = repository.git.odb.read(pygit2.Oid(raw=tree))
    if kind != ObjectType.TREE:
        raise KeyError(tree.hex())
    return data


def _compare(repository: Repository, old: bytes | None, new: bytes | None, base: str) -> Iterator[PathChange]:
    if old == new:
        return
    before, after = _differing(_raw(repository, old) if old else b"", _raw(repository, new) if new else b"")
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        path = base + name.decode(errors="backslashreplace")
        was_tree = was.oid if was and was.mode == _TREE else None
        now_tree = now.oid if now and now.mode == _TREE else None
        if was_tree or now_tree:
            yield from _compare(repository, was_tree, now_tree, f"{path}/")
        if (was and not was_tree) or (now and not now_tree):
            yield _change(path, None if now_tree else now)


def _change(path: str, entry: _Entry | None) -> PathChange:
    if entry is None:
        return PathChange(path, None)
    if entry.mode not in _REGULAR:
        return PathChange(path, None, irregular=True)
    return PathChange(path, entry.oid.hex())


def _all(repository: Repository, tree: bytes, base: str) -> Iterator[PathChange]:
    return _compare(repository, None, tree, base)


def _parsed(raw: bytes, start: int, end: int) -> dict[bytes, _Entry]:
    found = _ENTRY.findall(raw, start, end)
    return {name: _Entry(int(mode, 8), oid) for mode, name, oid in found}


def _differing(old: bytes, new: bytes) -> tuple[dict[bytes, _Entry], dict[bytes, _Entry]]:
    """The entries of both, without the runs at the start and the end that they share."""
    if min(len(old), len(new)) < _LARGE:
        return _parsed(old, 0, len(old)), _parsed(new, 0, len(new))
    aligned = _ENTRIES.match(new, 0, _shared(old, new))
    start = aligned.end() if aligned else 0
    tail = _shared_tail(old[start:], new[start:])
    old_end, new_end = _boundary(old, start, len(old) - tail), _boundary(new, start, len(new) - tail)
    while len(old) - old_end != len(new) - new_end:  # an entry may straddle the shared tail in one of them
        if len(old) - old_end > len(new) - new_end:
            old_end = _boundary(old, old_end, old_end + 1)
        else:
            new_end = _boundary(new, new_end, new_end + 1)
    return _parsed(old, start, old_end), _parsed(new, start, new_end)


def _boundary(raw: bytes, start: int, least: int) -> int:
    """The first end of an entry at or after `least`, counted from the entry that starts at `start`."""
    while start < least:
        start = raw.index(b"\0", start) + 21
    return start


def _shared(old: bytes, new: bytes) -> int:
    """Length of the common start, by bisection over slices (memory comparison, no loop over bytes)."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _shared_tail(old: bytes, new: bytes) -> int:
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[len(old) - middle : len(old) - low] == new[len(new) - middle : len(new) - low]:
            low = middle
        else:
            high = middle - 1
    return low
