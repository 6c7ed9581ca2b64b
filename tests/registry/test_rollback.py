"""Promotions push, rollbacks pop; a `git revert` counts as a pop."""

from __future__ import annotations

import pytest

from registry_folder import ADA, Folder, git, text
from trunkline.errors import Conflict
from trunkline.registry.registry import Registry
from trunkline.types import Arm, LabelTarget


@pytest.fixture
def registry(folder: Folder) -> Registry:
    """A prompt with four versions, `production` promoted to 1, 2 and 3."""
    registry = folder.open()
    for number in (1, 2, 3, 4):
        registry.create_version("a", text(str(number)), actor=ADA)
    for number in (1, 2, 3):
        registry.promote("a", "production", version=number, actor=ADA)
    return registry


def on(registry: Registry) -> int | None:
    state = registry.snapshot.label("a", "production")
    return state.arms[0].version.version if state else None


def revert(folder: Folder, *commits: str) -> None:
    clone = folder.clone()
    git(clone, "revert", "--no-edit", *commits)
    git(clone, "push", "--quiet", "origin", "HEAD:main")


def test_each_rollback_goes_one_further_back_and_never_forth(folder: Folder, registry: Registry) -> None:
    first = registry.rollback_label("a", "production", actor=ADA)
    assert (first.from_version, first.to_version) == (3, 2)
    assert git(folder.repository_path, "log", "-1", "--format=%s") == ("a: roll production back to version 2 (was 3)\n")
    assert registry.rollback_label("a", "production", actor=ADA).to_version == 1
    with pytest.raises(Conflict, match="nothing to roll back to"):
        registry.rollback_label("a", "production", actor=ADA)
    assert on(registry) == 1


def test_a_promotion_after_a_rollback_pushes_again(registry: Registry) -> None:
    registry.rollback_label("a", "production", actor=ADA)
    registry.promote("a", "production", version=4, actor=ADA)
    assert [registry.rollback_label("a", "production", actor=ADA).to_version for _ in range(2)] == [2, 1]


def test_promoting_an_old_version_is_a_push(registry: Registry) -> None:
    registry.promote("a", "production", version=2, actor=ADA)
    assert [registry.rollback_label("a", "production", actor=ADA).to_version for _ in range(3)] == [3, 2, 1]


def test_a_git_revert_counts_as_a_pop(folder: Folder, registry: Registry) -> None:
    revert(folder, "HEAD")
    registry.refresh()
    assert on(registry) == 2
    assert registry.rollback_label("a", "production", actor=ADA).to_version == 1


def test_two_reverts_in_one_push_are_two_pops(folder: Folder, registry: Registry) -> None:
    revert(folder, "HEAD", "HEAD~1")
    registry.refresh()
    assert on(registry) == 1
    with pytest.raises(Conflict, match="nothing to roll back to"):
        registry.rollback_label("a", "production", actor=ADA)


def test_a_removed_label_comes_back(registry: Registry) -> None:
    registry.remove_label("a", "production", actor=ADA)
    moved = registry.rollback_label("a", "production", actor=ADA)
    assert (moved.from_version, moved.to_version) == (None, 3)
    assert registry.rollback_label("a", "production", actor=ADA).to_version == 2


def test_leaving_another_version_is_a_conflict(registry: Registry) -> None:
    with pytest.raises(Conflict, match="on version 3 by now, not on version 2"):
        registry.rollback_label("a", "production", leaving=2, actor=ADA)
    assert registry.rollback_label("a", "production", leaving=3, actor=ADA).to_version == 2


def test_a_split_is_left_by_its_heaviest_version(registry: Registry) -> None:
    arms = (Arm(version=1, weight=10), Arm(version=2, weight=90))
    split = registry.promote("a", "production", split=LabelTarget(arms=arms), actor=ADA)
    with pytest.raises(Conflict, match=r"split between versions 1 \(10\) and 2 \(90\) by now, not on version 1"):
        registry.rollback_label("a", "production", leaving=1, actor=ADA)
    assert registry.rollback_label("a", "production", leaving=split.to_version, actor=ADA).to_version == 3


def test_deleted_versions_are_passed_over(registry: Registry) -> None:
    registry.delete("a", version=2, actor=ADA)
    assert registry.rollback_label("a", "production", actor=ADA).to_version == 1


def test_a_broken_label_file_is_rolled_back_to_what_was_served(folder: Folder, registry: Registry) -> None:
    folder.commit({"labels/production/a.yaml": b"version: [\n"})
    registry.refresh()
    assert on(registry) == 3
    assert registry.rollback_label("a", "production", actor=ADA).to_version == 3
    assert registry.snapshot.faults == ()


def test_labels_set_with_a_version_are_pushes_too(registry: Registry) -> None:
    registry.create_version("a", text("5"), labels=["production"], actor=ADA)
    assert registry.rollback_label("a", "production", actor=ADA).to_version == 3
    registry.set_labels("a", 4, ["production"], actor=ADA)
    assert registry.rollback_label("a", "production", actor=ADA).to_version == 3
