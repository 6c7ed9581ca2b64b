"""What `trunkline check` reads: a bare repository's head, a working tree as it lies there, or a folder without Git.

In a working tree the files on disk are checked, committed or not: the check is made before the commit. A prompt file
that differs from the head's will be the next version, so a label may name that version already, with its blob.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pygit2

from trunkline.errors import InvalidRequest, TrunklineError
from trunkline.prompts.files import parse_prompt
from trunkline.prompts.lint import Tree, check_tree, fix_tree
from trunkline.prompts.names import POLICY_PATH, prompt_path
from trunkline.registry.memory_tables import MemoryTables
from trunkline.registry.registry import Registry, open_registry
from trunkline.registry.working_tree import WorkingTree
from trunkline.types import Fault, PromptContent, Version

FOLDERS = ("prompts", "labels", "versions")


class Folder:
    """The registry's files below a folder of a file system. Symbolic links are no files of a registry."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self, prefix: str = "") -> Iterator[str]:
        found: list[Path] = [self.path / POLICY_PATH]
        for folder in FOLDERS:
            found += (self.path / folder).rglob("*")
        for file in sorted(found):
            relative = file.relative_to(self.path).as_posix()
            if relative.startswith(prefix) and file.is_file() and not file.is_symlink():
                yield relative

    def read(self, path: str) -> bytes | None:
        file = self.path / path
        return file.read_bytes() if file.is_file() else None


class Versions:
    """What history says of versions, and the ones that a commit of the working tree would make."""

    def __init__(self, registry: Registry, tree: Tree) -> None:
        self._registry = registry
        self._tree = tree
        self._pending: dict[str, Version | None] = {}

    def version(self, name: str, number: int) -> Version | None:
        made = self._registry.index.made(name, number)
        if made is not None:
            return made.version
        pending = self._of_tree(name)
        return pending if pending is not None and pending.version == number else None

    def content(self, version: Version) -> PromptContent | None:
        try:
            if version.commit:
                return self._registry.content(version)
            return parse_prompt(self._tree.read(prompt_path(version.name)) or b"")
        except TrunklineError:
            return None

    def _of_tree(self, name: str) -> Version | None:
        if name not in self._pending:
            self._pending[name] = self._next(name)
        return self._pending[name]

    def _next(self, name: str) -> Version | None:
        data = self._tree.read(prompt_path(name))
        if data is None:
            return None
        record = self._registry.followed.records.get(name)
        blob = str(pygit2.hash(data))
        if record is not None and record.blob == blob:
            return None
        number = record.highest + 1 if record is not None else 1
        return Version(name=name, version=number, commit="", blob=blob, created_at=0)


class Checked:
    """A place to check. Raises InvalidRequest where there is no folder and no repository."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise InvalidRequest(f"{path} is no folder. Give a repository, a working tree, or a folder of prompts.")
        self.folder: Path | None = path
        self.tree: Tree = Folder(path)
        self._versions: Versions | None = None
        if pygit2.discover_repository(str(path)) is not None:
            self._open(WorkingTree(path))

    def _open(self, repository: WorkingTree) -> None:
        registry = open_registry(repository.git_directory, "checked", MemoryTables())
        self.folder = repository.folder
        self.tree = Folder(repository.folder) if repository.folder is not None else registry.view()
        self._versions = Versions(registry, self.tree)

    def faults(self) -> list[Fault]:
        return check_tree(self.tree, self._versions)

    def fix(self) -> Iterable[str]:
        """Mends what can be mended without asking; gives the paths of the files that it wrote."""
        if self.folder is None:
            raise InvalidRequest("A bare repository is not changed by a check: use --fix in a clone, then push.")
        if self._versions is None:
            raise InvalidRequest("Without a history there are no versions to write: use --fix in a Git repository.")
        for path, data in fix_tree(self.tree, self._versions).items():
            (self.folder / path).write_bytes(data)
            yield path
