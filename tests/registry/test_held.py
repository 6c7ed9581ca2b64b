"""A bad commit never takes a good prompt down: the last good entry is served, and the file is named."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pygit2
import pytest

from registry_folder import ADA, PROJECT, Folder, file_of, git, text
from trunkline.errors import Conflict, NotFound
from trunkline.registry.registry import Registry
from trunkline.store.registry_tables import SQLiteTables

HOSTILE = b"type: text\ntemplate: jinja2\nprompt: \"{{ 'x' * 10 ** 10 }}\"\n"
BAD: dict[str, tuple[Mapping[str, bytes | None], str]] = {
    "broken label": ({"labels/production/a.yaml": b"version: {"}, "labels/production/a.yaml"),
    "label to nowhere": ({"labels/production/a.yaml": b"version: 9\n"}, "labels/production/a.yaml"),
    "label to another blob": (
        {"labels/production/a.yaml": b"version: 1\nblob: 0123456789012345678901234567890123456789\n"},
        "labels/production/a.yaml",
    ),
    "broken prompt": ({"prompts/a.yaml": b"type: text\nprompt: [\n"}, "prompts/a.yaml"),
    "brackets": ({"prompts/a.yaml": b"[" * 200_000}, "prompts/a.yaml"),
    "huge": ({"prompts/a.yaml": b"#" * 3_000_000}, "prompts/a.yaml"),
    "hostile template": ({"prompts/a.yaml": HOSTILE}, "prompts/a.yaml"),
    "label to the hostile template": (
        {"prompts/a.yaml": HOSTILE, "labels/production/a.yaml": b"version: 3\n"},
        "labels/production/a.yaml",
    ),
    "prompt removed, labels left": ({"prompts/a.yaml": None}, "labels/production/a.yaml"),
    "dependency removed": (
        {"prompts/base.yaml": None, "labels/production/base.yaml": None},
        "labels/production/user.yaml",
    ),
    "circle": (
        {"prompts/base.yaml": file_of("@@@langfusePrompt:name=user|label=latest@@@")},
        "prompts/base.yaml",
    ),
}


@pytest.fixture
def registry(folder: Folder) -> Registry:
    registry = folder.open()
    registry.create_version("a", text("1"), actor=ADA)
    registry.create_version("a", text("2"), actor=ADA, labels=["production"])
    registry.create_version("base", text("base"), actor=ADA, labels=["production"])
    registry.create_version(
        "user", text("@@@langfusePrompt:name=base|label=production@@@"), actor=ADA, labels=["production"]
    )
    return registry


def answers(registry: Registry) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Version and texts by label and name: what a fetch would build its answer from."""
    found = {}
    for name, state in registry.snapshot.prompts.items():
        for entry in (*state.labels.values(), state.newest):
            if entry is not None:
                arm = entry.arms[0]
                blobs = (arm.version.blob, *(use.version.blob for use in arm.uses))
                found[f"{entry.label}/{name}"] = (arm.version.version, blobs)
    return found


@pytest.mark.parametrize("bad", BAD)
def test_the_last_good_entry_is_served_now_after_a_restart_and_cold(
    folder: Folder, registry: Registry, bad: str
) -> None:
    files, named = BAD[bad]
    before, good_head = answers(registry), registry.snapshot.head
    folder.commit(files)
    registry.refresh()
    gone = {"latest/base", "production/base"} if bad == "dependency removed" else set()
    assert answers(registry) == {entry: answer for entry, answer in before.items() if entry not in gone}
    assert named in {fault.path for fault in registry.snapshot.faults}
    for entry in registry.snapshot.held().values():
        assert entry.as_of == good_head
    assert folder.open().snapshot == registry.snapshot
    assert folder.open("cold.db").snapshot == registry.snapshot


@pytest.mark.parametrize("bad", BAD)
def test_it_recovers_when_the_commit_is_reverted(folder: Folder, registry: Registry, bad: str) -> None:
    files, _ = BAD[bad]
    good = {path: registry.view().read(path) for path in files}
    folder.commit(files)
    registry.refresh()
    folder.commit(good)
    registry.refresh()
    assert registry.snapshot.faults == ()
    assert registry.snapshot.held() == {}
    assert registry.snapshot.label("a", "production") is not None
    assert folder.open("cold.db").snapshot == registry.snapshot


def test_a_new_prompt_that_was_never_servable_is_named_until_what_it_refers_to_is_there(
    folder: Folder, registry: Registry
) -> None:
    user = file_of("@@@langfusePrompt:name=later|label=latest@@@")
    blob = str(pygit2.hash(user))
    folder.commit({"prompts/new.yaml": user, **folder.label("new", "production", 1, blob)})
    registry.refresh()
    named = {fault.path: fault.message for fault in registry.snapshot.faults}
    assert named.keys() == {"labels/production/new.yaml", "prompts/new.yaml"}
    assert all("later" in message for message in named.values())
    assert "new" not in registry.snapshot.prompts
    folder.commit({"labels/staging/a.yaml": b"version: 1\n", "labels/staging/new.yaml": b"version: 1\n"})
    registry.refresh()
    assert folder.open().snapshot == registry.snapshot
    assert folder.open("cold.db").snapshot == registry.snapshot
    folder.commit({"prompts/later.yaml": file_of("Here now.")})
    registry.refresh()
    assert registry.snapshot.faults == ()
    assert registry.snapshot.label("new", "production") is not None
    assert folder.open("colder.db").snapshot == registry.snapshot


def test_an_invalid_version_is_named_when_it_is_fetched(folder: Folder, registry: Registry) -> None:
    folder.commit({"prompts/a.yaml": b"type: text\nprompt: [\n"})
    registry.refresh()
    assert registry.snapshot.prompts["a"].latest == 2
    with pytest.raises(NotFound, match="Version 3 of 'a' is not valid"):
        registry.served_version("a", 3)
    with pytest.raises(NotFound, match="Prompt not found: 'a' with version 4"):
        registry.served_version("a", 4)
    registry.create_version("a", text("3"), actor=ADA)
    assert registry.snapshot.prompts["a"].latest == 4


def test_a_label_without_a_blob_is_good_only_when_its_version_was_there_before(
    folder: Folder, registry: Registry
) -> None:
    folder.commit({"labels/staging/a.yaml": b"version: 1\n"})
    registry.refresh()
    state = registry.snapshot.label("a", "staging")
    assert state is not None
    assert state.held is None
    folder.commit({"prompts/a.yaml": file_of("3"), "labels/staging/a.yaml": b"version: 3\n"})
    registry.refresh()
    state = registry.snapshot.label("a", "staging")
    assert state is not None
    assert state.held is not None
    assert "Give the blob" in state.held.message
    assert state.arms[0].version.version == 1


def test_labels_can_still_be_rolled_back_while_a_dependency_is_broken(folder: Folder, registry: Registry) -> None:
    registry.create_version(
        "user", text("two @@@langfusePrompt:name=base|label=production@@@"), actor=ADA, labels=["production"]
    )
    folder.commit({"labels/production/base.yaml": b"version: {"})
    registry.refresh()
    assert registry.rollback_label("user", "production", actor=ADA).to_version == 1
    assert answers(registry)["production/user"][0] == 1


def test_a_deleted_version_is_not_served_as_last_good(folder: Folder, registry: Registry) -> None:
    folder.commit({"versions/a.yaml": b"versions:\n  - {version: 2, deleted: true}\n"})
    registry.refresh()
    assert registry.snapshot.label("a", "production") is None
    assert registry.snapshot.prompts["a"].latest == 1
    assert folder.open("cold.db").snapshot == registry.snapshot


def test_rewritten_history_is_reported_held_and_not_followed(folder: Folder, registry: Registry) -> None:
    head = registry.snapshot.head
    other = git(folder.repository_path, "rev-parse", "main~2").strip()
    git(folder.repository_path, "update-ref", "refs/heads/main", other)
    assert registry.refresh()
    assert not registry.refresh()
    assert registry.snapshot.head == head
    assert registry.snapshot.faults[0].code == "rewritten-history"
    assert registry.rewritten_to == other
    assert git(folder.repository_path, "for-each-ref", "--format=%(objectname)", "refs/trunkline/held").strip() == head
    with pytest.raises(Conflict, match="History was rewritten"):
        registry.create_version("a", text("9"), actor=ADA)
    later = folder.open()
    assert later.snapshot.faults[0].code == "rewritten-history"
    assert later.snapshot == registry.snapshot
    git(folder.repository_path, "update-ref", "refs/heads/main", head)
    assert registry.refresh()
    assert registry.snapshot.faults == ()
    registry.create_version("a", text("9"), actor=ADA)


def test_what_was_served_when_is_kept_with_what_was_held(folder: Folder, registry: Registry) -> None:
    folder.commit({"labels/production/a.yaml": b"version: {"})
    registry.refresh()
    rows = SQLiteTables(folder.path / "registry.db").served.served(PROJECT, limit=100)
    assert rows[0].head == registry.snapshot.head
    assert re.match(r"production/a: labels/production/a\.yaml:\d: error: ", rows[0].held[0])
    assert len(rows) == 5
    assert [row.since for row in rows] == sorted((row.since for row in rows), reverse=True)
