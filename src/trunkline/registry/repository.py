"""A project's bare Git repository: opening it, reading objects, and moving its default branch durably.

Every object and the branch itself are on disk (fsync) before a write returns: libgit2 does that only when told
(`enable_fsync_gitdir`), the `git` command by ``core.fsync=all``. Writers of all processes queue at one advisory lock;
a `git push` does not take it, so the branch is moved by compare-and-swap all the same.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pygit2
from pygit2.enums import ObjectType

from trunkline.errors import InsufficientStorage, InvalidRequest, TrunklineError, Unavailable
from trunkline.registry.commands import run_git
from trunkline.registry.hook import install_hook
from trunkline.types import Actor

BRANCH = "main"
BRANCH_REF = f"refs/heads/{BRANCH}"
MIN_GIT = (2, 38)
COMMITTER = ("Trunkline", "trunkline@trunkline.invalid")
LOCKED_REF_PAUSE = 0.01
LOCKED_REF_TRIES = 200

pygit2.settings.enable_fsync_gitdir(True)


class HeadMoved(Exception):
    """Somebody else moved the branch first. Never leaves the registry: it becomes a re-run or a Conflict."""


@cache
def check_git() -> str:
    """The version of the installed `git`. Raises Unavailable where it is missing or older than 2.38."""
    found = run_git(None, "--version").decode(errors="replace").strip()
    numbers = re.search(r"(\d+)\.(\d+)", found)
    if numbers is None or tuple(map(int, numbers.groups())) < MIN_GIT:
        raise Unavailable(
            f"Trunkline needs git {MIN_GIT[0]}.{MIN_GIT[1]} or later; found {found!r}. Please upgrade it."
        )
    return found


def init_repository(path: Path) -> None:
    """A bare repository that syncs to disk and keeps objects of a merge that was thought of for a while."""
    check_git()
    path.parent.mkdir(parents=True, exist_ok=True)
    repository = pygit2.init_repository(path, bare=True, initial_head=BRANCH)
    for key, value in {
        "core.fsync": "all",
        "core.fsyncMethod": "fsync",
        "core.logAllRefUpdates": "false",
        "receive.denyNonFastForwards": "false",
        "receive.denyDeletes": "false",
        "receive.denyCurrentBranch": "ignore",
        "receive.fsckObjects": "true",
        "receive.maxInputSize": "268435456",
        "gc.auto": "0",
        "transfer.hideRefs": "refs/trunkline/held",
        "http.receivepack": "true",
    }.items():
        repository.config[key] = value
    install_hook(path)


class Repository:
    """Git's objects and the default branch. Thread-safe: libgit2's object database is, and writes are locked."""

    def __init__(self, path: Path) -> None:
        check_git()
        if not path.exists():
            raise InvalidRequest(f"No repository at {path}. `trunkline init` creates one.")
        self.path = path
        try:
            self.git = pygit2.Repository(str(path))
        except pygit2.GitError as error:
            raise InvalidRequest(f"{path} is not a Git repository ({error}).") from error
        self.directory = Path(self.git.path)
        self.branch_ref = self._default_branch()
        # As text: they are looked at every few milliseconds, and making a Path costs more than the look.
        self._loose_ref = str(self.directory / self.branch_ref)
        self._packed_refs = str(self.directory / "packed-refs")

    def _default_branch(self) -> str:
        """Where HEAD points; a registry that somebody else made may have another name than main."""
        target = str(self.git.lookup_reference("HEAD").target)
        return target if target.startswith("refs/heads/") else BRANCH_REF

    def head(self) -> str:
        """The tip of the default branch, empty before the first commit."""
        with translated("read the branch"):
            try:
                return str(self.git.lookup_reference(self.branch_ref).target)
            except KeyError:
                return ""

    def tip(self, branch: str) -> str | None:
        """The commit of a branch, None where there is none of that name."""
        try:
            return str(self.git.lookup_reference(f"refs/heads/{branch}").target)
        except (KeyError, ValueError):
            return None

    def signature(self) -> tuple[object, ...]:
        """Changes whenever the branch may have moved: two `stat`, no read."""
        return (_stat(self._loose_ref), _stat(self._packed_refs))

    @contextmanager
    def lock(self, name: str = "writers.lock") -> Iterator[None]:
        """A queue across processes. Waiting takes no CPU; a process that dies leaves the queue."""
        descriptor = os.open(self.directory / f"trunkline-{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    # --- objects -----------------------------------------------------------------------------------------------------

    def commit_of(self, sha: str) -> pygit2.Commit:
        found = self.git[sha]
        if not isinstance(found, pygit2.Commit):
            raise KeyError(sha)
        return found

    def blob_size(self, blob: str) -> int:
        """In bytes, from the object's header: a huge blob is not read to learn that it is too large."""
        kind, size = self.git.odb.read_header(blob)
        if kind != ObjectType.BLOB:
            raise KeyError(blob)
        return size

    def blob(self, blob: str) -> bytes:
        kind, data = self.git.odb.read(blob)
        if kind != ObjectType.BLOB:
            raise KeyError(blob)
        return data

    def write_blob(self, data: bytes) -> str:
        with translated("store a file"):
            return str(self.git.create_blob(data))

    def write_commit(self, tree: str, parent: str, actor: Actor, message: str, now: int) -> str:
        """A commit object on no branch yet. `now` is in seconds; the committer is always Trunkline."""
        author = pygit2.Signature(_plain(actor.name) or "unknown", _plain(actor.email) or "unknown", now, 0)
        committer = pygit2.Signature(*COMMITTER, now, 0)
        with translated("store a commit"):
            parents = [parent] if parent else []
            return str(self.git.create_commit(None, author, committer, message, tree, parents))

    def move_head(self, old: str, new: str) -> None:
        """Moves the branch from `old` to `new`, on disk when it returns. Raises HeadMoved when it is not at `old`."""
        for _ in range(LOCKED_REF_TRIES):
            if self.head() != old:
                raise HeadMoved
            try:
                self._swap(old, new)
                return
            except OSError as error:
                if "failed to lock file" not in str(error):
                    raise _storage_fault("move the branch", error) from error
                time.sleep(LOCKED_REF_PAUSE)  # a git push holds the ref's lock for some milliseconds
        raise Unavailable(
            "The branch is locked by another git process."
            f" If none runs, remove {self.directory / self.branch_ref}.lock."
        )

    def _swap(self, old: str, new: str) -> None:
        try:
            if not old:
                self.git.create_reference_direct(self.branch_ref, new, False)
                return
            reference = self.git.lookup_reference(self.branch_ref)
            if str(reference.target) != old:
                raise HeadMoved
            reference.set_target(new)
        except (pygit2.AlreadyExistsError, KeyError) as error:
            raise HeadMoved from error
        except pygit2.GitError as error:
            if "does not match" in str(error):
                raise HeadMoved from error
            raise _storage_fault("move the branch", error) from error

    def keep(self, name: str, sha: str) -> None:
        """A private ref, so that no gc takes the commit away."""
        with translated("keep a commit"):
            self.git.create_reference_direct(f"refs/trunkline/held/{name}", sha, True)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turns what libgit2 and the disk say into the error tree."""
    try:
        yield
    except (pygit2.GitError, OSError) as error:
        if isinstance(error, TrunklineError | KeyError):
            raise
        raise _storage_fault(what, error) from error


def _storage_fault(what: str, error: Exception) -> TrunklineError:
    text = str(error)
    if "No space left" in text or "quota exceeded" in text.lower():
        return InsufficientStorage(f"Could not {what}: the disk is full. Nothing was changed.")
    return Unavailable(f"Could not {what}: {text.strip()}. Nothing was changed.")


def _plain(text: str) -> str:
    """What Git allows in a signature: no control characters and no angle brackets."""
    return re.sub(r"[\x00-\x1f\x7f<>]+", " ", text).strip(" .,:;\"'\\")


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
