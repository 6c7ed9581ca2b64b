"""Deleting versions and prompts: numbers stay given, labels go along, what others use stays."""

from __future__ import annotations

import pytest

from registry_folder import ADA, Folder, git, text
from trunkline.errors import Conflict, NotFound
from trunkline.registry.registry import Registry
from trunkline.types import Arm, LabelTarget


@pytest.fixture
def registry(folder: Folder) -> Registry:
    registry = folder.open()
    for number in (1, 2, 3):
        registry.create_version("a", text(str(number)), actor=ADA)
    registry.set_labels("a", 1, ["production"], actor=ADA)
    registry.set_labels("a", 3, ["staging", "canary"], actor=ADA)
    return registry


def test_a_version_goes_with_its_labels_in_one_commit(folder: Folder, registry: Registry) -> None:
    deleted = registry.delete("a", version=3, actor=ADA)
    assert (deleted.versions, deleted.labels) == ((3,), ("canary", "staging"))
    state = registry.snapshot.prompts["a"]
    assert (state.latest, state.versions, list(state.labels)) == (2, (2, 1), ["production"])
    with pytest.raises(NotFound, match="'a' with version 3"):
        registry.version("a", 3)
    assert registry.create_version("a", text("3"), actor=ADA).version == 4
    assert folder.open("cold.db").snapshot == registry.snapshot


def test_by_label_the_versions_that_it_is_on_go(registry: Registry) -> None:
    assert registry.delete("a", label="production", actor=ADA).versions == (1,)
    assert registry.delete("a", label="latest", actor=ADA).versions == (3,)
    with pytest.raises(NotFound, match="label 'production'"):
        registry.delete("a", label="production", actor=ADA)


def test_the_arms_of_a_split_that_remain_stay(registry: Registry) -> None:
    split = LabelTarget(arms=(Arm(version=1, weight=50), Arm(version=2, weight=30), Arm(version=3, weight=20)))
    registry.promote("a", "production", split=split, actor=ADA)
    registry.delete("a", version=1, actor=ADA)
    state = registry.snapshot.label("a", "production")
    assert state is not None
    assert [(arm.version.version, arm.weight) for arm in state.arms] == [(2, 30), (3, 20)]


def test_a_prompt_goes_with_all_its_labels_and_goes_on_counting(folder: Folder, registry: Registry) -> None:
    deleted = registry.delete("a", actor=ADA)
    assert (deleted.versions, deleted.labels) == ((3, 2, 1), ("canary", "production", "staging"))
    assert list(registry.view().files()) == ["versions/a.yaml"]
    assert "a" not in registry.snapshot.prompts
    with pytest.raises(NotFound):
        registry.delete("a", actor=ADA)
    assert registry.create_version("a", text("new"), actor=ADA).version == 4
    assert registry.snapshot.prompts["a"].versions == (4,)
    assert folder.open("cold.db").snapshot == registry.snapshot


def test_deleting_the_last_version_deletes_the_prompt(registry: Registry) -> None:
    for number in (3, 1, 2):
        registry.delete("a", version=number, actor=ADA)
    assert "a" not in registry.snapshot.prompts
    assert list(registry.view().files()) == ["versions/a.yaml"]


def test_a_git_revert_of_a_deletion_brings_all_of_it_back(folder: Folder, registry: Registry) -> None:
    registry.delete("a", actor=ADA)
    clone = folder.clone()
    git(clone, "revert", "--no-edit", "HEAD")
    git(clone, "push", "--quiet", "origin", "HEAD:main")
    registry.refresh()
    state = registry.snapshot.prompts["a"]
    assert state.versions == (4, 3, 2, 1)
    assert {label: one.arms[0].version.version for label, one in state.labels.items()} == {
        "production": 1,
        "staging": 3,
        "canary": 3,
    }
    assert registry.snapshot.faults == ()


def test_what_another_prompt_refers_to_stays(registry: Registry) -> None:
    registry.create_version("user", text("@@@langfusePrompt:name=a|label=production@@@"), actor=ADA)
    for selector in ({"label": "production"}, {"version": 1}, {}):
        with pytest.raises(Conflict, match="Other prompts refer to 'a': user"):
            registry.delete("a", actor=ADA, **selector)
    registry.delete("a", version=2, actor=ADA)
    registry.delete("user", actor=ADA)
    registry.delete("a", actor=ADA)
