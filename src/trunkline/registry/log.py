"""The default branch as a list of first-parent commits, each with the paths that it changed.

Few commits are compared in process; many are read from one niced `git log`. Both say exactly the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pygit2

from trunkline.errors import Unavailable
from trunkline.prompts.names import in_registry
from trunkline.registry.commands import Spooled
from trunkline.registry.messages import said
from trunkline.registry.repository import Repository
from trunkline.registry.trees import PathChange, changed_paths

FEW = 64
_FIELDS = 6
_REGULAR = {b"100644", b"100755", b"100664"}


class LoggedCommit(NamedTuple):
    """One first-parent commit. A named tuple: a cold start makes 100,000 of them."""

    sha: str
    parent: str
    time: int
    """Of the committer, microseconds."""
    author: str
    """``Name <address>``."""
    message: str
    """What was said, without trailers."""
    changes: list[PathChange]
    """Against the first parent; only paths that are the registry's."""


def logged(repository: Repository, sha: str) -> LoggedCommit:
    """One commit, compared in process."""
    commit = repository.commit_of(sha)
    parent = str(commit.parent_ids[0]) if commit.parent_ids else ""
    changes = [change for change in changed_paths(repository, parent or None, sha) if in_registry(change.path)]
    return LoggedCommit(sha, parent, commit.commit_time * 1_000_000, _author(commit), said(_text(commit)), changes)


def commit_message(repository: Repository, sha: str) -> str:
    """A commit's whole message, trailers included."""
    return _text(repository.commit_of(sha))


def _text(commit: pygit2.Commit) -> str:
    return _decode(commit.raw_message.split(b"\0", 1)[0], commit.message_encoding)


def _author(commit: pygit2.Commit) -> str:
    name = _decode(commit.author.raw_name, commit.message_encoding)
    address = _decode(commit.author.raw_email, commit.message_encoding)
    return f"{name} <{address}>"


def _decode(raw: bytes, encoding: str | None) -> str:
    try:
        return raw.decode(encoding or "utf-8", errors="replace")
    except LookupError:
        return raw.decode(errors="replace")


def commits_since(
    repository: Repository, old: str, new: str, environment: Mapping[str, str] | None = None
) -> list[LoggedCommit] | None:
    """The commits after `old` up to `new`, oldest first. None when `old` is not on `new`'s first-parent chain."""
    if old:
        few = _walk(repository, old, new)
        if few is not None:
            return few
    log = start_log(repository.path, f"{old}..{new}" if old else new, environment)
    commits = list(read_log(log))
    if old and (not commits or commits[0].parent != old):
        return None
    return commits


def _walk(repository: Repository, old: str, new: str) -> list[LoggedCommit] | None:
    chain: list[str] = []
    sha = new
    while sha != old:
        if len(chain) == FEW:
            return None
        chain.append(sha)
        parents = repository.commit_of(sha).parent_ids
        if not parents:
            return None
        sha = str(parents[0])
    return [logged(repository, sha) for sha in reversed(chain)]


def start_log(path: Path, revisions: str, environment: Mapping[str, str] | None = None) -> Spooled:
    """Starts the log of a range; `read_log` gives its commits, oldest first."""
    return Spooled(
        path,
        "-c",
        "log.showRoot=true",
        "-c",
        "log.showSignature=false",
        "-c",
        "i18n.logOutputEncoding=UTF-8",
        "log",
        "--first-parent",
        "--reverse",
        "-m",
        "--raw",
        "-z",
        "--no-renames",
        "--no-abbrev",
        "--no-mailmap",
        "--no-color",
        "--no-show-signature",
        "--full-index",
        "--format=%H%n%P%n%ct%n%an%n%ae%n%B",
        revisions,
        "--",
        environment=environment,
    )


def read_log(log: Spooled) -> Iterator[LoggedCommit]:
    try:
        yield from _parse(_tokens(log.chunks()))
    finally:
        log.close()


def _tokens(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest


def _parse(tokens: Iterator[bytes]) -> Iterator[LoggedCommit]:
    paths: dict[bytes, str] = {}
    authors: dict[str, str] = {}
    header = next(tokens, None)
    before = ""
    while header is not None:
        changes: list[PathChange] = []
        commit = _commit(header, changes, authors)
        if commit.parent == before:  # the same string once: a cold start has 100,000
            commit = commit._replace(parent=before)
        before = commit.sha
        header = None
        for token in tokens:
            if not token.startswith(b"\n:"):
                if token.startswith(b":"):
                    _note(changes, token, next(tokens), paths)
                    continue
                header = token
                break
            _note(changes, token[1:], next(tokens), paths)
        yield commit


def _note(changes: list[PathChange], entry: bytes, raw_path: bytes, paths: dict[bytes, str]) -> None:
    """One raw entry: ``:<old mode> <new mode> <old blob> <new blob> <status>``. The registry's paths are kept once."""
    path = paths.get(raw_path)
    if path is None:
        path = raw_path.decode(errors="backslashreplace")
        if not in_registry(path):
            return
        paths[raw_path] = path
    _, mode, _, blob, _ = entry.split(b" ", 4)
    changes.append(_change(path, mode, blob.decode()))


def _change(path: str, mode: bytes, blob: str) -> PathChange:
    if mode in _REGULAR:
        return PathChange(path, blob)
    return PathChange(path, None, irregular=mode != b"000000")


def _commit(header: bytes, changes: list[PathChange], authors: dict[str, str]) -> LoggedCommit:
    fields = header.decode(errors="replace").split("\n", _FIELDS - 1)
    if len(fields) != _FIELDS or len(fields[0]) != 40:
        raise Unavailable(f"`git log` printed something unexpected: {header[:80]!r}.")
    sha, parents, time, name, address, message = fields
    author = f"{name} <{address}>"
    author = authors.setdefault(author, author)
    return LoggedCommit(sha, parents.partition(" ")[0], int(time) * 1_000_000, author, said(message), changes)
