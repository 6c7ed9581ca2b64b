"""Pushes: a revert passes and is served, what would break something is refused with the command that mends it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry_folder import ADA, PROJECT, Folder, file_of, git, text
from trunkline.errors import Forbidden
from trunkline.registry.receive import ReceiveServer
from trunkline.registry.registry import Registry
from trunkline.registry.trees import PathChange, View
from trunkline.types import Actor, ActorKind


@pytest.fixture
def registry(folder: Folder) -> Registry:
    registry = folder.open()
    registry.create_version("a", text("1"), actor=ADA, labels=["production"])
    registry.create_version("a", text("2"), actor=ADA)
    registry.promote("a", "production", version=2, actor=ADA)
    return registry


@contextmanager
def serving(folder: Folder, registry: Registry, socket: Path | None = None) -> Iterator[None]:
    """A receive server in a thread."""
    path = socket or folder.path / "run" / "receive.sock"
    loop = asyncio.new_event_loop()
    task = loop.create_task(ReceiveServer(path, {PROJECT: registry}).serve())

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_for(path.exists)
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.close()


def wait_for(condition: object, seconds: float = 20) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def write(clone: Path, path: str, data: bytes | None, message: str = "by hand") -> None:
    file = clone / path
    if data is None:
        git(clone, "rm", "--quiet", path)
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        git(clone, "add", path)
    git(clone, "commit", "--quiet", "-m", message)


def push(clone: Path, *arguments: str) -> str:
    return git(clone, "push", "origin", *(arguments or ("HEAD:main",)), check=False)


def test_a_revert_pushed_from_a_clone_passes_and_is_served(folder: Folder, registry: Registry) -> None:
    with serving(folder, registry):
        clone = folder.clone()
        git(clone, "revert", "--no-edit", "HEAD")
        began = time.monotonic()
        git(clone, "push", "--quiet", "origin", "HEAD:main")
        assert time.monotonic() - began < 10
    assert registry.refresh()
    state = registry.snapshot.label("a", "production")
    assert state is not None
    assert state.arms[0].version.version == 1


def test_a_merge_of_a_branch_and_drafts_on_other_branches_pass(folder: Folder, registry: Registry) -> None:
    with serving(folder, registry):
        clone = folder.clone()
        git(clone, "checkout", "--quiet", "-b", "draft")
        write(clone, "prompts/a.yaml", file_of("3"))
        write(clone, "prompts/broken.yaml", b"type: [\n")
        assert "draft -> draft" in push(clone, "draft")
        write(clone, "prompts/broken.yaml", None)
        git(clone, "checkout", "--quiet", "main")
        git(clone, "merge", "--quiet", "--no-ff", "draft", "-m", "merge")
        assert "HEAD -> main" in push(clone)
    registry.refresh()
    assert registry.snapshot.prompts["a"].versions == (3, 2, 1)


def test_a_foxtrot_merge_and_a_forced_push_are_refused_with_the_command_that_mends(
    folder: Folder, registry: Registry
) -> None:
    with serving(folder, registry):
        clone = folder.clone()
        write(clone, "prompts/b.yaml", file_of("b"))
        registry.create_version("c", text("c"), actor=ADA)
        git(clone, "pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main")
        told = push(clone)
        assert "[remote rejected]" in told
        assert "git fetch origin && git rebase origin/main && git push origin main" in told
        git(clone, "fetch", "--quiet", "origin")
        git(clone, "rebase", "--quiet", "origin/main")
        assert "HEAD -> main" in push(clone)
        registry.refresh()
        assert sorted(registry.snapshot.prompts) == ["a", "b", "c"]
        git(clone, "reset", "--quiet", "--hard", "HEAD~2")
        write(clone, "prompts/d.yaml", file_of("d"))
        assert "along first parents" in push(clone, "--force", "HEAD:main").replace("\nremote: ", " ")


def test_faults_that_a_push_brings_are_refused_by_file_and_line(folder: Folder, registry: Registry) -> None:
    head = registry.snapshot.head
    with serving(folder, registry):
        clone = folder.clone()
        write(clone, "prompts/a.yaml", b"type: text\nprompt: one\ncolour: red\n")
        write(clone, "labels/production/b.yaml", b"version: 7\n")
        write(clone, "prompts/Stray.TXT", b"x")
        write(clone, "prompts/A.yaml", file_of("twin"))
        write(clone, "trunkline.yaml", b"protected_labels: nonsense\n")
        told = push(clone)
    for part in (
        "trunkline.yaml:1: error:",
        "prompts/a.yaml:3: error:",
        "labels/production/b.yaml",
        "prompts/Stray.TXT",
        "only by case",
    ):
        assert part in told
    assert folder.repository.head() == head


def test_faults_that_were_there_before_only_warn(folder: Folder, registry: Registry) -> None:
    folder.commit({"labels/staging/a.yaml": b"version: 9\n"})
    with serving(folder, registry):
        clone = folder.clone()
        write(clone, "prompts/b.yaml", file_of("b"))
        told = push(clone)
    assert "HEAD -> main" in told
    assert "labels/staging/a.yaml" in told
    assert "was there before" in told


def test_private_refs_the_default_branch_and_versions_files_are_guarded(folder: Folder, registry: Registry) -> None:
    with serving(folder, registry):
        clone = folder.clone()
        assert "written by the service only" in push(clone, "HEAD:refs/trunkline/pr/1")
        assert "cannot be deleted" in push(clone, "--delete", "main")
        write(clone, "versions/a.yaml", b"versions:\n  - {version: 9, deleted: true}\n")
        assert "versions/a.yaml: versions files are written by the service only" in push(clone)


def test_a_revert_of_what_the_service_wrote_in_versions_passes(folder: Folder, registry: Registry) -> None:
    registry.delete("a", version=1, actor=ADA)
    registry.create_version("a", text("2"), actor=ADA)
    with serving(folder, registry):
        clone = folder.clone()
        git(clone, "revert", "--no-edit", "HEAD", "HEAD~1")
        assert "HEAD -> main" in push(clone)
    registry.refresh()
    assert registry.snapshot.prompts["a"].versions == (3, 2, 1)


def test_without_a_server_the_hook_judges_by_itself(folder: Folder, registry: Registry) -> None:
    clone = folder.clone()
    write(clone, "prompts/b.yaml", file_of("b"))
    assert "HEAD -> main" in push(clone)
    write(clone, "prompts/c.yaml", b"type: [\n")
    assert "prompts/c.yaml" in push(clone)
    registry.refresh()
    assert sorted(registry.snapshot.prompts) == ["a", "b"]


def test_the_hook_needs_no_path_and_takes_milliseconds(
    folder: Folder, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(folder, registry):
        clone = folder.clone()
        git(clone, "commit", "--allow-empty", "-m", "empty")
        bare = folder.path / "bin"
        bare.mkdir()
        for name in ("git", "sh"):
            (bare / name).symlink_to(next(p for p in (Path("/usr/bin") / name, Path("/bin") / name) if p.exists()))
        monkeypatch.setenv("PATH", str(bare))
        assert "HEAD -> main" in push(clone)


def test_a_socket_in_a_deep_folder_is_reached(folder: Folder, registry: Registry) -> None:
    deep = folder.path / ("d" * 120) / "receive.sock"
    with serving(folder, registry, deep):
        clone = folder.clone()
        write(clone, "prompts/b.yaml", b"type: [\n")
        assert "prompts/b.yaml" in push(clone)
        assert os.stat(deep).st_mode & 0o777 == 0o600


class NoPushes:
    def judge(self, actor: Actor, before: View, after: View, changes: list[PathChange]) -> None:
        assert before.read("prompts/a.yaml") is not None
        assert after.read("prompts/b.yaml") is not None
        if actor.kind is ActorKind.PUSH and any(change.path.startswith("prompts/") for change in changes):
            raise Forbidden("Prompts are changed by pull request here.")


def test_the_policy_is_asked(folder: Folder, registry: Registry) -> None:
    registry.policy = NoPushes()  # type: ignore[assignment]
    with serving(folder, registry):
        clone = folder.clone()
        write(clone, "prompts/b.yaml", file_of("b"))
        assert "changed by pull request here" in push(clone)


def test_a_push_to_an_empty_registry_brings_a_whole_one(folder: Folder, registry: Registry, tmp_path: Path) -> None:
    registry.delete("a", version=1, actor=ADA)
    clone = folder.clone()
    other = Folder(tmp_path / "other")
    empty = other.open()
    with serving(other, empty):
        told = git(clone, "push", f"file://{other.repository_path}", "HEAD:main", check=False)
        assert "HEAD -> main" in told
    empty.refresh()
    assert empty.snapshot == registry.snapshot
