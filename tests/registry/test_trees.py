"""Telling trees apart agrees with Git, in small and in large folders."""

from __future__ import annotations

import random

import pytest

from registry_folder import Folder, file_of, git
from trunkline.errors import InvalidRequest
from trunkline.registry.log import commits_since, logged, read_log, start_log
from trunkline.registry.trees import Draft, changed_paths


def told_by_git(folder: Folder, old: str, new: str) -> list[tuple[str, str | None]]:
    raw = git(folder.repository_path, "diff-tree", "-r", "--no-renames", "--raw", "--no-abbrev", "-z", old, new)
    fields = raw.split("\0")[:-1]
    found = []
    for entry, path in zip(fields[::2], fields[1::2], strict=True):
        blob = entry.split(" ")[3]
        found.append((path, blob if blob.strip("0") else None))
    return sorted(found)


@pytest.mark.parametrize("files", [3, 1500])
@pytest.mark.parametrize("seed", range(6))
def test_changes_are_those_that_git_tells(folder: Folder, files: int, seed: int) -> None:
    chance = random.Random(seed)
    names = [f"prompts/flat/prompt-{chance.randrange(10**6):06}{'x' * chance.randrange(9)}.yaml" for _ in range(files)]
    names += [f"labels/l{n % 3}/{n}.yaml" for n in range(files // 3)]
    head = folder.commit({name: b"%d" % chance.randrange(50) for name in names})
    for _ in range(6):
        edits: dict[str, bytes | None] = {}
        for _ in range(chance.choice((1, 1, 2, 5))):
            name = chance.choice([*names, f"prompts/flat/new-{chance.randrange(999)}.yaml", "prompts/flat/zzz.yaml"])
            edits[name] = chance.choice((None, b"%d" % chance.randrange(50)))
        after = folder.commit(edits)
        found = [(change.path, change.blob) for change in changed_paths(folder.repository, head, after)]
        assert sorted(found) == told_by_git(folder, head, after)
        head = after


def test_a_file_that_becomes_a_folder_and_a_link_are_told(folder: Folder) -> None:
    first = folder.commit({"prompts/a": b"file"})
    second = folder.commit({"prompts/a": None, "prompts/a/b.yaml": b"inner"})
    assert [(c.path, c.blob is None) for c in changed_paths(folder.repository, first, second)] == [
        ("prompts/a/b.yaml", False),
        ("prompts/a", True),
    ]
    clone = folder.clone()
    (clone / "prompts" / "link.yaml").symlink_to("/etc/passwd")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "-m", "link")
    told = git(clone, "push", "origin", "HEAD:main", check=False)
    assert "prompts/link.yaml" in told
    assert "symbolic link" in told


def test_a_file_where_a_folder_is_needed_is_refused(folder: Folder) -> None:
    draft = Draft(folder.repository, folder.repository.head())
    draft.write("prompts/a", b"x")
    draft.write("prompts/a/b", b"x")
    with pytest.raises(InvalidRequest, match="a file lies where a folder is needed"):
        draft.write_tree()


def test_the_log_of_git_and_the_walk_in_process_say_the_same(folder: Folder) -> None:
    clone = folder.clone()
    git(clone, "checkout", "--quiet", "-b", "main")
    (clone / "prompts").mkdir()
    for number in range(3):
        (clone / "prompts" / f"{number}.yaml").write_bytes(file_of(str(number)))
        (clone / "README.md").write_text(f"{number}")
        git(clone, "add", ".")
        git(clone, "commit", "--quiet", "-m", f"Subjekt {number} — ü\n\nbody\n\nTrunkline-Action: x\n")
    git(clone, "commit", "--quiet", "--allow-empty", "-m", "empty")
    git(clone, "-c", "i18n.commitEncoding=ISO-8859-1", "commit", "--quiet", "--allow-empty", "-m", "latin")
    git(clone, "push", "--quiet", "origin", "main")
    head = folder.repository.head()
    streamed = list(read_log(start_log(folder.repository_path, head)))
    walked = [logged(folder.repository, commit.sha) for commit in streamed]
    assert streamed == walked
    assert [commit.message for commit in streamed[:2]] == ["Subjekt 0 — ü\n\nbody", "Subjekt 1 — ü\n\nbody"]
    assert [change.path for change in streamed[0].changes] == ["prompts/0.yaml"]
    assert commits_since(folder.repository, streamed[1].sha, head) == streamed[2:]
    assert commits_since(folder.repository, head, streamed[1].sha) is None
