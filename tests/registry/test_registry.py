"""The verbs: versions, labels, promotions, rollbacks of texts; each one commit, each said in Git."""

from __future__ import annotations

import pytest

from registry_folder import ADA, Folder, file_of, git, text
from trunkline.errors import Conflict, InvalidRequest, NotFound
from trunkline.registry.operations import Edit
from trunkline.registry.registry import Registry
from trunkline.registry.snapshot import resolve_version
from trunkline.types import Actor, ActorKind, Arm, LabelTarget, Message, PromptContent, PromptType, TemplateEngine


@pytest.fixture
def registry(folder: Folder) -> Registry:
    return folder.open()


def served(registry: Registry, name: str, label: str) -> int | None:
    state = registry.snapshot.label(name, label)
    return state.arms[0].version.version if state else None


def commits(folder: Folder) -> int:
    return int(git(folder.repository_path, "rev-list", "--count", "main"))


def test_a_version_with_labels_is_one_commit_by_its_author(folder: Folder, registry: Registry) -> None:
    version = registry.create_version("support/triage", text("Hi {{x}}"), actor=ADA, labels=["production", "staging"])
    assert commits(folder) == 1
    assert (version.version, version.commit) == (1, registry.snapshot.head)
    assert version.blob == folder.blob("prompts/support/triage.yaml")
    assert git(folder.repository_path, "log", "-1", "--format=%an|%ae|%cn|%s") == (
        "Ada Lovelace|ada@example.com|Trunkline|support/triage: version 1\n"
    )
    assert git(folder.repository_path, "show", "main:labels/production/support/triage.yaml") == (
        f"version: 1\nblob: {version.blob}\n"
    )
    assert served(registry, "support/triage", "production") == 1
    assert served(registry, "support/triage", "latest") == 1
    assert registry.content(version).prompt == "Hi {{x}}"


def test_labels_move_to_the_new_version_and_tags_are_inherited_or_replaced(registry: Registry) -> None:
    registry.create_version("a", text("1", ["x"]), actor=ADA, labels=["production", "staging"])
    registry.create_version("a", text("2"), actor=ADA, labels=["production"])
    assert served(registry, "a", "production") == 2
    assert served(registry, "a", "staging") == 1
    assert list(registry.snapshot.prompts["a"].tags) == ["x"]
    registry.create_version("a", text("3"), actor=ADA, tags=["y"])
    assert list(registry.snapshot.prompts["a"].tags) == ["y"]


def test_the_same_text_again_is_a_version_whose_commit_changes_the_versions_file_only(
    folder: Folder, registry: Registry
) -> None:
    registry.create_version("a", text("1"), actor=ADA)
    again = registry.create_version("a", text("1"), actor=ADA, message="once more")
    assert (again.version, again.message) == (2, "once more")
    assert again.blob == registry.version("a", 1).blob
    assert git(folder.repository_path, "show", "--name-only", "--format=", "main") == "versions/a.yaml\n"
    assert registry.create_version("a", text("2"), actor=ADA).version == 3
    assert folder.open("cold.db").snapshot == registry.snapshot


def test_what_the_author_said_comes_back_as_it_was(registry: Registry) -> None:
    said = "Überschrift\n\nTwo lines,\n  indented.\n\nTrunkline-Action: promote"
    assert registry.create_version("a", text("1"), actor=ADA, message=said).message == said


def test_an_author_with_a_strange_name_is_kept_readable(folder: Folder, registry: Registry) -> None:
    actor = Actor(kind=ActorKind.KEY, name="<ci>\n\0 bot ", email="key@keys.trunkline.invalid")
    registry.create_version("a", text("1"), actor=actor)
    assert git(folder.repository_path, "log", "-1", "--format=%an|%ae") == "ci  bot|key@keys.trunkline.invalid\n"


@pytest.mark.parametrize("name", ["A/b", "a/B", "\u00c9", "E\u0301", "e\u0301"])
def test_twins_by_case_or_unicode_form_are_refused(registry: Registry, name: str) -> None:
    registry.create_version("a/b", text("1"), actor=ADA)
    registry.create_version("\u00e9", text("1"), actor=ADA)
    with pytest.raises(Conflict, match="only by case or Unicode form"):
        registry.create_version(name, text("2"), actor=ADA)


def test_the_type_cannot_change_until_the_prompt_is_deleted(registry: Registry) -> None:
    registry.create_version("a", text("1"), actor=ADA)
    message: Message = {"role": "user", "content": "x"}
    chat = PromptContent(type=PromptType.CHAT, prompt=(message,))
    with pytest.raises(InvalidRequest, match="type cannot change"):
        registry.create_version("a", chat, actor=ADA)
    registry.delete("a", actor=ADA)
    assert registry.create_version("a", chat, actor=ADA).version == 2


HOSTILE = PromptContent(type=PromptType.TEXT, template=TemplateEngine.JINJA2, prompt="{{ 'x' * 10 ** 10 }}")
CLASH = PromptContent(
    type=PromptType.CHAT,
    prompt=({"role": "user", "content": "{{history}}"}, {"type": "placeholder", "name": "history"}),
)


@pytest.mark.parametrize("content", [HOSTILE, CLASH], ids=["hostile template", "variable and placeholder"])
def test_a_faulty_prompt_is_refused_and_leaves_no_commit(
    folder: Folder, registry: Registry, content: PromptContent
) -> None:
    registry.create_version("a", text("1"), actor=ADA)
    with pytest.raises(InvalidRequest):
        registry.create_version("b", content, actor=ADA)
    assert commits(folder) == 1


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("@@@langfusePrompt:name=nowhere|label=production@@@", "not found"),
        ("@@@langfusePrompt:name=a|version=9@@@", "not found"),
        ("@@@langfusePrompt:name=b|label=latest@@@", "Circular"),
    ],
)
def test_a_reference_to_nothing_or_in_a_circle_is_refused(
    folder: Folder, registry: Registry, prompt: str, reason: str
) -> None:
    registry.create_version("a", text("1"), actor=ADA)
    registry.create_version("b", text("1"), actor=ADA)
    with pytest.raises(InvalidRequest, match=reason):
        registry.create_version("b", text(prompt), actor=ADA)
    assert commits(folder) == 2
    assert registry.snapshot.faults == ()


@pytest.mark.parametrize("labels", [(), ("canary", "production")])
def test_a_first_version_is_told_which_reference_leads_to_nothing(
    folder: Folder, registry: Registry, labels: tuple[str, ...]
) -> None:
    prompt = text("Hello @@@langfusePrompt:name=nowhere|label=production@@@")
    with pytest.raises(InvalidRequest, match=r"^Prompt dependency not found: nowhere.*production"):
        registry.create_version("new", prompt, actor=ADA, labels=labels)
    assert registry.snapshot.head == ""


def test_references_follow_what_they_refer_to(registry: Registry) -> None:
    registry.create_version("base", text("one"), actor=ADA, labels=["production"])
    registry.create_version(
        "user", text("@@@langfusePrompt:name=base|label=production@@@"), actor=ADA, labels=["production"]
    )
    registry.create_version("base", text("two"), actor=ADA)
    state = registry.snapshot.label("user", "production")
    assert state is not None
    assert [use.version.version for use in state.arms[0].uses] == [1]
    registry.promote("base", "production", version=2, actor=ADA)
    state = registry.snapshot.label("user", "production")
    assert state is not None
    assert [use.version.version for use in state.arms[0].uses] == [2]
    assert [use.version.version for use in resolve_version(registry, "user", 1).uses] == [2]


def test_promotion_says_where_from_and_refuses_a_wrong_expectation(folder: Folder, registry: Registry) -> None:
    for number in (1, 2, 3):
        registry.create_version("a", text(str(number)), actor=ADA)
    with pytest.raises(Conflict, match="is not set by now"):
        registry.promote("a", "production", version=1, expected=2, actor=ADA)
    first = registry.promote("a", "production", version=1, expected=0, actor=ADA)
    assert (first.from_version, first.to_version) == (None, 1)
    moved = registry.promote("a", "production", version=2, expected=1, actor=ADA)
    assert (moved.from_version, moved.to_version, moved.commit) == (1, 2, registry.snapshot.head)
    assert git(folder.repository_path, "log", "-1", "--format=%s") == "a: promote version 2 to production (was 1)\n"
    with pytest.raises(Conflict, match="on version 2 by now, not on version 1"):
        registry.promote("a", "production", version=3, expected=1, actor=ADA)
    again = registry.promote("a", "production", version=2, actor=ADA)
    assert (again.changed, again.commit) == (False, registry.snapshot.head)
    with pytest.raises(NotFound):
        registry.promote("a", "production", version=9, actor=ADA)
    with pytest.raises(InvalidRequest, match="computed"):
        registry.promote("a", "latest", version=1, actor=ADA)


def test_a_split_serves_both_and_both_list_the_label(registry: Registry) -> None:
    for number in (1, 2):
        registry.create_version("a", text(str(number)), actor=ADA)
    split = LabelTarget(arms=(Arm(version=1, weight=90), Arm(version=2, weight=10)))
    moved = registry.promote("a", "production", split=split, actor=ADA)
    state = registry.snapshot.label("a", "production")
    assert state is not None
    assert [(arm.version.version, arm.weight) for arm in state.arms] == [(1, 90), (2, 10)]
    assert (moved.to_version, [(arm.version, arm.weight) for arm in moved.split]) == (1, [(1, 90), (2, 10)])


@pytest.mark.parametrize("expected", [0, 1, 2])
def test_a_split_is_on_no_one_version(registry: Registry, expected: int) -> None:
    for number in (1, 2):
        registry.create_version("a", text(str(number)), actor=ADA)
    split = LabelTarget(arms=(Arm(version=1, weight=90), Arm(version=2, weight=10)))
    head = registry.promote("a", "production", split=split, expected=0, actor=ADA).commit
    told = rf"split between versions 1 \(90\) and 2 \(10\) by now, not on version {expected}"
    with pytest.raises(Conflict, match=told):
        registry.promote("a", "production", version=2, expected=expected, actor=ADA)
    with pytest.raises(Conflict, match=told):
        registry.remove_label("a", "production", expected=expected, actor=ADA)
    assert registry.snapshot.head == head
    assert registry.promote("a", "production", version=2, actor=ADA).split == ()


def test_set_labels_adds_and_moves_in_one_commit(folder: Folder, registry: Registry) -> None:
    registry.create_version("a", text("1"), actor=ADA, labels=["production", "staging"])
    registry.create_version("a", text("2"), actor=ADA, labels=["canary"])
    registry.set_labels("a", 2, ["production", "beta"], actor=ADA)
    assert commits(folder) == 3
    found = {label: served(registry, "a", label) for label in registry.snapshot.prompts["a"].labels}
    assert found == {"beta": 2, "canary": 2, "production": 2, "staging": 1}
    with pytest.raises(InvalidRequest, match="computed"):
        registry.set_labels("a", 2, ["latest"], actor=ADA)


def test_removing_a_label(registry: Registry) -> None:
    registry.create_version("a", text("1"), actor=ADA, labels=["production"])
    registry.create_version("b", text("@@@langfusePrompt:name=a|label=production@@@"), actor=ADA)
    with pytest.raises(InvalidRequest, match=r"prompts/b\.yaml"):
        registry.remove_label("a", "production", actor=ADA)
    registry.delete("b", actor=ADA)
    moved = registry.remove_label("a", "production", expected=1, actor=ADA)
    assert (moved.from_version, moved.to_version) == (1, None)
    assert registry.snapshot.label("a", "production") is None
    with pytest.raises(NotFound):
        registry.remove_label("a", "production", actor=ADA)


def test_a_text_rollback_is_a_new_version_with_the_old_blob(folder: Folder, registry: Registry) -> None:
    registry.create_version("a", text("1"), actor=ADA)
    registry.create_version("a", text("2"), actor=ADA)
    back = registry.rollback_text("a", to=1, actor=ADA)
    assert (back.version, back.blob) == (3, registry.version("a", 1).blob)
    same = registry.rollback_text("a", to=3, actor=ADA)
    assert (same.version, same.blob) == (4, back.blob)
    assert folder.open("cold.db").versions("a") == registry.versions("a")


def test_a_rewrite_keeps_the_comments_of_the_file(folder: Folder, registry: Registry) -> None:
    folder.commit({"prompts/a.yaml": b"# why we ask\ntype: text\nprompt: one\nconfig: {}  # none yet\n"})
    registry.refresh()
    registry.create_version("a", text("two"), actor=ADA)
    assert "# why we ask" in git(folder.repository_path, "show", "main:prompts/a.yaml")


def test_expected_head_makes_a_lost_race_a_conflict_and_without_it_the_change_runs_again(
    folder: Folder, registry: Registry
) -> None:
    registry.create_version("a", text("1"), actor=ADA)
    head = registry.snapshot.head
    other = folder.open()
    other.create_version("b", text("1"), actor=ADA)

    def change(edit: Edit) -> None:
        edit.write("prompts/c.yaml", file_of("c"))

    with pytest.raises(Conflict, match="The head is"):
        registry.commit(change, actor=ADA, message="c", expected_head=head)
    done = registry.commit(change, actor=ADA, message="c")
    assert done.changed
    assert sorted(registry.snapshot.prompts) == ["a", "b", "c"]
    assert not registry.commit(change, actor=ADA, message="c").changed


def test_a_change_that_would_break_what_is_served_is_refused(registry: Registry) -> None:
    registry.create_version("a", text("1"), actor=ADA)

    def change(edit: Edit) -> None:
        edit.write("prompts/a.yaml", b"type: nonsense\n")

    with pytest.raises(InvalidRequest, match=r"prompts/a\.yaml"):
        registry.commit(change, actor=ADA, message="x")


def test_view_reads_the_head_and_older_commits(registry: Registry) -> None:
    first = registry.create_version("a/b", text("1"), actor=ADA)
    registry.create_version("c", text("1"), actor=ADA, labels=["production"])
    assert list(registry.view().files()) == ["labels/production/c.yaml", "prompts/a/b.yaml", "prompts/c.yaml"]
    assert list(registry.view(first.commit).files("prompts")) == ["prompts/a/b.yaml"]
    assert registry.view().read("prompts/a/b.yaml") == file_of("1")
    assert registry.view().read("prompts/none.yaml") is None
    assert list(registry.view("main").files("labels")) == ["labels/production/c.yaml"]
    for ref in ("0" * 40, "no-such-branch", "nonsense ref"):
        with pytest.raises(NotFound):
            registry.view(ref)
    info = registry.commit_info(first.commit)
    assert (info.author, info.message) == ("Ada Lovelace <ada@example.com>", "a/b: version 1")
    assert [change.path for change in info.changes] == ["prompts/a/b.yaml"]
    with pytest.raises(NotFound):
        registry.commit_info("0" * 40)


def test_history_tells_versions_labels_and_deletions(registry: Registry) -> None:
    registry.create_version("a", text("1"), actor=ADA, labels=["production"])
    registry.create_version("a", text("2"), actor=ADA)
    registry.promote("a", "production", version=2, actor=ADA)
    registry.delete("a", actor=ADA)
    told = [(item.kind, item.label, item.version) for item in registry.history("a")]
    assert told == [
        ("label-removal", "production", None),
        ("deletion", None, None),
        ("versions", None, None),
        ("label", "production", 2),
        ("version", None, 2),
        ("label", "production", 1),
        ("version", None, 1),
    ]
    assert [item.version for item in registry.history("a", "production")] == [None, 2, 1]
    with pytest.raises(NotFound):
        registry.history("nobody")
