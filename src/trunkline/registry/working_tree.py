"""A repository as a person has it: bare, or with a working tree that must not fall behind what is committed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pygit2
import structlog

from trunkline.errors import InvalidRequest
from trunkline.registry.commands import run_git
from trunkline.registry.registry import Registry
from trunkline.registry.trees import PathChange, View, changed_paths
from trunkline.types import Actor, ActorKind

log = structlog.get_logger(__name__)


class WorkingTree:
    """The repository at or above `path`. Raises InvalidRequest where there is none."""

    def __init__(self, path: Path) -> None:
        found = pygit2.discover_repository(str(path))
        if found is None:
            raise InvalidRequest(f"{path} is in no Git repository. `git init {path}` makes one.")
        self._git = pygit2.Repository(found)
        self.git_directory = Path(self._git.path)
        self.folder = None if self._git.is_bare else Path(self._git.workdir)

    def identity(self) -> Actor:
        """Who `git commit` would name here. Raises InvalidRequest where Git was never told."""
        config = {entry.name: entry.value for entry in self._git.config}
        name, email = config.get("user.name"), config.get("user.email")
        if not name or not email:
            raise InvalidRequest("Git does not know who you are: set user.name and user.email with `git config`.")
        return Actor(kind=ActorKind.OPERATOR, name=name, email=email)

    @contextlib.contextmanager
    def following(self, registry: Registry) -> Iterator[None]:
        """Brings files that the block's commits changed up to date; a file with changes of its own is left alone."""
        before = registry.snapshot.head
        yield
        after = registry.snapshot.head
        if self.folder is None or after == before:
            return
        old = registry.view(before) if before else None
        for change in changed_paths(registry.repository, before or None, after):
            self._follow(self.folder, change, old)

    def _follow(self, folder: Path, change: PathChange, old: View | None) -> None:
        file = folder / change.path
        present = file.read_bytes() if file.is_file() else None
        if present != (old.read(change.path) if old else None):
            log.warning("file_left_alone", path=change.path, reason="it has changes that are not committed")
            return
        restore = ("restore", "--source=HEAD", "--staged", "--worktree", "--", f":(literal){change.path}")
        run_git(None, "-C", str(folder), *restore)
