"""A data folder for tests: its registry, its tables, clones of its repository, commits past the registry's checks."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from trunkline.prompts.files import dump_prompt
from trunkline.registry.commands import git_environment
from trunkline.registry.registry import Registry, open_registry
from trunkline.registry.repository import Repository, init_repository
from trunkline.registry.trees import Draft
from trunkline.store.registry_tables import SQLiteTables
from trunkline.types import Actor, ActorKind, PromptContent, PromptType

PROJECT = "default"
ADA = Actor(kind=ActorKind.USER, name="Ada Lovelace", email="ada@example.com", id="u1")
IDENTITY = {
    "GIT_AUTHOR_NAME": "Grace Hopper",
    "GIT_AUTHOR_EMAIL": "grace@example.com",
    "GIT_COMMITTER_NAME": "Grace Hopper",
    "GIT_COMMITTER_EMAIL": "grace@example.com",
}


def text(prompt: str, tags: Sequence[str] = ()) -> PromptContent:
    return PromptContent(type=PromptType.TEXT, prompt=prompt, tags=tuple(tags))


def file_of(prompt: str) -> bytes:
    return dump_prompt(text(prompt))


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    """Runs `git` in a folder as Grace Hopper; its output, or its complaint where it may fail."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=git_environment(IDENTITY),
        timeout=60,
    )
    if check and done.returncode:
        raise AssertionError(f"git {' '.join(arguments)}: {done.stderr}")
    return done.stdout if check else done.stdout + done.stderr


class Folder:
    """``DATA`` of one test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.repository_path = path / "repositories" / f"{PROJECT}.git"
        init_repository(self.repository_path)
        self.repository = Repository(self.repository_path)

    def open(self, tables: str = "registry.db") -> Registry:
        """A registry as another process, or a later one, has it; with another file of tables: a cold one."""
        return open_registry(self.repository_path, PROJECT, SQLiteTables(self.path / tables))

    def clone(self, name: str = "clone") -> Path:
        target = self.path / name
        git(self.path, "clone", "--quiet", f"file://{self.repository_path}", str(target))
        return target

    def commit(self, files: Mapping[str, bytes | None], message: str = "by hand", *, onto: str | None = None) -> str:
        """A commit that nothing checks, on the branch (or on a commit, and then on no branch)."""
        head = self.repository.head() if onto is None else onto
        draft = Draft(self.repository, head)
        for path, data in files.items():
            if data is None:
                draft.remove(path)
            else:
                draft.write(path, data)
        sha = self.repository.write_commit(draft.write_tree(), head, ADA, message, 1_700_000_000)
        if onto is None:
            self.repository.move_head(head, sha)
        return sha

    def blob(self, path: str) -> str:
        found = Draft(self.repository, self.repository.head()).blob(path)
        assert found is not None
        return found

    def label(self, name: str, label: str, version: int, blob: str) -> dict[str, bytes | None]:
        return {f"labels/{label}/{name}.yaml": f"version: {version}\nblob: {blob}\n".encode()}
