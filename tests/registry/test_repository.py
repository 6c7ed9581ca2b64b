"""The repository: durable, linear, readable by plain Git."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from registry_folder import ADA, Folder, git, text
from trunkline.errors import InsufficientStorage, InvalidRequest, Unavailable
from trunkline.registry import repository as repository_module
from trunkline.registry.repository import HeadMoved, Repository, check_git, translated

ONE_COMMIT = """
import sys, os
sys.path.insert(0, {tests!r})
from pathlib import Path
from registry_folder import ADA, PROJECT, text
from trunkline.registry.registry import open_registry
from trunkline.store.registry_tables import SQLiteTables
registry = open_registry(Path({repository!r}), PROJECT, SQLiteTables(Path({tables!r})))
os.write(2, b"COMMIT BEGINS\\n")
registry.create_version("b", text("traced"), actor=ADA, labels=["production"])
os.write(2, b"ACKNOWLEDGED\\n")
"""


def test_it_is_bare_on_main_syncs_and_has_the_hook(folder: Folder) -> None:
    path = folder.repository_path
    assert git(path, "config", "core.fsync").strip() == "all"
    assert git(path, "symbolic-ref", "HEAD").strip() == "refs/heads/main"
    assert git(path, "rev-parse", "--is-bare-repository").strip() == "true"
    assert os.access(path / "hooks" / "pre-receive", os.X_OK)


def test_an_old_or_missing_git_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository_module, "run_git", lambda *_: b"git version 2.30.2")
    check_git.cache_clear()
    with pytest.raises(Unavailable, match=r"needs git 2\.38 or later; found 'git version 2\.30\.2'"):
        check_git()
    monkeypatch.undo()
    assert check_git().startswith("git version")
    monkeypatch.setenv("PATH", "/nonexistent")
    check_git.cache_clear()
    with pytest.raises(Unavailable, match="needs the `git` command"):
        check_git()
    monkeypatch.undo()
    check_git.cache_clear()


def test_what_is_no_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="No repository at"):
        Repository(tmp_path / "none")
    with pytest.raises(InvalidRequest, match="is not a Git repository"):
        Repository(tmp_path)


def test_the_branch_moves_by_compare_and_swap(folder: Folder) -> None:
    first = folder.commit({"prompts/a.yaml": b"x"})
    second = folder.commit({"prompts/a.yaml": b"y"})
    repository = folder.repository
    with pytest.raises(HeadMoved):
        repository.move_head(first, second)
    with pytest.raises(HeadMoved):
        repository.move_head("", second)
    assert repository.head() == second


def test_a_lock_that_git_left_behind_is_named(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository_module, "LOCKED_REF_TRIES", 3)
    registry = folder.open()
    registry.create_version("a", text("1"), actor=ADA)
    lock = folder.repository_path / "refs/heads/main.lock"
    lock.touch()
    with pytest.raises(Unavailable, match=r"remove .*main\.lock"):
        registry.create_version("a", text("2"), actor=ADA)
    lock.unlink()
    assert registry.create_version("a", text("2"), actor=ADA).version == 2


def test_a_full_disk_is_said() -> None:
    with pytest.raises(InsufficientStorage, match="disk is full"), translated("store a file"):
        raise OSError("failed to write: No space left on device")


def test_a_full_table_does_not_stop_serving(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = folder.open()
    registry.create_version("a", text("1"), actor=ADA)

    def full(*_: object) -> None:
        raise InsufficientStorage("full")

    with monkeypatch.context() as patched:
        patched.setattr(registry.index._table, "advance", full)
        registry.create_version("a", text("2"), actor=ADA, labels=["production"])
        registry.promote("a", "production", version=1, actor=ADA)
        assert registry.unsaved is not None
        assert [version.version for version in registry.versions("a")] == [2, 1]
        assert [item.version for item in registry.history("a", "production")] == [1, 2]
        assert registry.rollback_label("a", "production", actor=ADA).to_version == 2
    registry.create_version("a", text("3"), actor=ADA)
    assert registry.unsaved is None
    again = folder.open()
    assert again.snapshot == registry.snapshot
    assert again.versions("a") == registry.versions("a")


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt-get install strace")
def test_objects_and_the_branch_are_synced_before_a_commit_is_acknowledged(folder: Folder) -> None:
    folder.open().create_version("a", text("1"), actor=ADA)
    script = ONE_COMMIT.format(
        tests=str(Path(__file__).parent.parent),
        repository=str(folder.repository_path),
        tables=str(folder.path / "registry.db"),
    )
    trace = folder.path / "trace"
    calls = "trace=openat,write,fsync,fdatasync,rename,renameat,renameat2,link,linkat"
    done = subprocess.run(
        ["strace", "-f", "-y", "-s", "200", "-o", str(trace), "-e", calls, sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("this user may not trace: run the tests as root, or with CAP_SYS_PTRACE")
    assert done.returncode == 0, done.stderr
    told = trace.read_text()
    during = told[told.index("COMMIT BEGINS") : told.index("ACKNOWLEDGED")]
    synced = re.findall(r"f(?:data)?sync\(\d+<([^>]+)>\) += 0", during)
    created = set(re.findall(r"(?:rename|link)[a-z0-9]*\([^\n]*\"([^\"]*objects/[0-9a-f]{2}/[0-9a-f]{38})\"", during))
    objects = [path for path in synced if "/objects/" in path]
    branch = [path for path in synced if "/refs/heads" in path]
    assert len(created) >= 7, during  # two blobs, four trees, a commit
    assert len(objects) >= len(created)
    assert branch
    assert max(map(synced.index, objects)) < synced.index(branch[0]), "objects come before the branch"
