"""What a check finds: every fault, with its file and line, and nothing where nothing is wrong."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from trunkline.prompts.files import parse_prompt
from trunkline.prompts.labels import parse_label
from trunkline.prompts.lint import check_content, check_policy, check_tree, fix_tree
from trunkline.prompts.names import parse_path
from trunkline.types import Fault, PromptContent, PromptType, Severity, TemplateEngine, Version

GREETING = b"type: text\nprompt: |\n  Hello {{name}}\n"
OLD = b"type: text\nprompt: |\n  Hi {{name}}\n"
CHAT = b"type: chat\nmessages:\n  - {role: user, content: a}\n"


def blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Files:
    """A tree in memory; None is a file that cannot be read, such as a link."""

    def __init__(self, files: Mapping[str, bytes | None]) -> None:
        self.contents = files

    def files(self, prefix: str = "") -> Iterable[str]:
        return (path for path in self.contents if path.startswith(prefix))

    def read(self, path: str) -> bytes | None:
        return self.contents.get(path)


class History:
    """Versions by name, the first one first; a pair is a deleted version."""

    def __init__(self, versions: Mapping[str, list[bytes | tuple[bytes]]]) -> None:
        self.versions = versions

    def version(self, name: str, number: int) -> Version | None:
        found = self.versions.get(name, [])
        if not 1 <= number <= len(found):
            return None
        data = found[number - 1]
        text = data if isinstance(data, bytes) else data[0]
        deleted = not isinstance(data, bytes)
        return Version(name=name, version=number, commit="c" * 40, blob=blob(text), created_at=0, deleted=deleted)

    def content(self, version: Version) -> PromptContent | None:
        data = self.versions[version.name][version.version - 1]
        return parse_prompt(data) if isinstance(data, bytes) else None


HISTORY = History({"a": [OLD, GREETING, (OLD,)], "chat": [CHAT]})


def label(version: int, data: bytes | None = None) -> bytes:
    return f"version: {version}\n".encode() + (f"blob: {blob(data)}\n".encode() if data else b"")


def check(files: Mapping[str, bytes | None], versions: History | None = None) -> list[tuple[str, int, str]]:
    return [(fault.path, fault.line, fault.code) for fault in check_tree(Files(files), versions)]


def test_a_good_tree_has_no_faults() -> None:
    files = {
        "README.md": b"# hello",
        ".github/workflows/check.yaml": b"on: [push",
        "trunkline.yaml": b"protected_labels:\n  production: {require: pull_request, approvals: 1}\n",
        "prompts/a.yaml": GREETING,
        "prompts/dir/b.yaml": b"type: text\nprompt: '@@@langfusePrompt:name=a|label=production@@@'\n",
        "labels/production/a.yaml": label(1, OLD),
        "labels/latest-but-one/a.yaml": label(2, GREETING),
        "versions/a.yaml": b"versions:\n  - {version: 3, deleted: true}\n",
    }
    assert check(files) == []
    assert check(files, HISTORY) == []


@pytest.mark.parametrize(
    ("path", "data", "line", "code"),
    [
        ("prompts/README.md", b"", 0, "stray"),
        ("prompts/.gitkeep", b"", 0, "stray"),
        ("prompts/caf\u00e9.yaml", GREETING, 0, "stray"),
        ("prompts/con.yaml", GREETING, 0, "stray"),
        ("prompts/link.yaml", None, 0, "stray"),
        ("labels/Production/a.yaml", label(1), 0, "stray"),
        ("labels/latest/a.yaml", label(1), 0, "stray"),
        ("versions/a.txt", b"", 0, "stray"),
        ("prompts/A.yaml", GREETING, 0, "invalid"),
        ("prompts/b.yaml", b"type: text\nprompt: |\n  a\nfoo: 1\n", 4, "invalid"),
        ("prompts/b.yaml", b"type: text\nprompt: [\n", 2, "invalid"),
        ("prompts/b.yaml", b"[" * 200_000, 1, "invalid"),
        ("labels/x/a.yaml", b"version: a\n", 1, "invalid"),
        ("labels/x/gone.yaml", label(1), 0, "label-without-prompt"),
        ("versions/a.yaml", b"versions:\n  - {version: 1}\n", 0, "invalid"),
        ("trunkline.yaml", b"protected_label: {}\n", 1, "invalid"),
    ],
)
def test_faults_of_a_file(path: str, data: bytes | None, line: int, code: str) -> None:
    found = check({"prompts/a.yaml": GREETING, path: data})
    expected = "twin" if path == "prompts/A.yaml" else code
    place = "prompts/a.yaml" if expected == "twin" else path
    assert found == [(place, line, expected)]


def test_all_faults_of_all_files_are_found() -> None:
    files = {
        "prompts/b.yaml": b"type: text\nprompt: []\ntags: x\nfoo: 1\n",
        "prompts/a.yaml": b"type: chat\nmessages:\n  - role: user\n  - content: x\n",
        "stray": b"",
        "labels/stray": b"",
    }
    assert check(files) == [
        ("labels/stray", 0, "stray"),
        ("prompts/a.yaml", 3, "invalid"),
        ("prompts/a.yaml", 4, "invalid"),
        ("prompts/b.yaml", 2, "invalid"),
        ("prompts/b.yaml", 3, "invalid"),
        ("prompts/b.yaml", 4, "invalid"),
    ]


@pytest.mark.parametrize(
    ("name", "data", "line", "code"),
    [
        ("a", label(4, OLD), 1, "no-such-version"),
        ("a", label(3, OLD), 1, "deleted-version"),
        ("a", label(1, GREETING), 2, "wrong-blob"),
        ("a", label(1), 1, "no-blob"),
        ("b", label(1, GREETING), 1, "no-such-version"),
        ("a", b"# split\nsplit:\n  - {version: 1, weight: 1}\n  - {version: 9, weight: 1}\n", 4, "no-such-version"),
    ],
)
def test_labels_are_checked_against_history(name: str, data: bytes, line: int, code: str) -> None:
    files = {"prompts/a.yaml": GREETING, "prompts/b.yaml": GREETING, f"labels/production/{name}.yaml": data}
    assert (f"labels/production/{name}.yaml", line, code) in check(files, HISTORY)
    assert check(files) == []


def test_a_label_without_a_blob_is_mended() -> None:
    split = b"split: # why\n  - {version: 1, weight: 1}\n  - {version: 2, weight: 3}\n"
    files: dict[str, bytes | None] = {
        "prompts/a.yaml": GREETING,
        "labels/production/a.yaml": b"# kept\nversion: 1\n",
        "labels/test/a.yaml": split,
        "labels/good/a.yaml": label(1, OLD),
        "labels/nowhere/a.yaml": label(9),
    }
    fixed = fix_tree(Files(files), HISTORY)
    assert fixed.keys() == {"labels/production/a.yaml", "labels/test/a.yaml"}
    assert fixed["labels/production/a.yaml"] == f"# kept\nversion: 1\nblob: {blob(OLD)}\n".encode()
    assert fixed["labels/test/a.yaml"].startswith(b"split: # why\n")
    assert [arm.blob for arm in parse_label(fixed["labels/test/a.yaml"]).arms] == [blob(OLD), blob(GREETING)]
    found = check_tree(Files(files), HISTORY)
    assert {fault.path for fault in found if fault.fixable} == fixed.keys()
    assert check({**files, **fixed}, HISTORY) == [("labels/nowhere/a.yaml", 1, "no-such-version")]


def to(name: str, selector: str) -> bytes:
    return f"type: text\nprompt: |\n  First line.\n  See @@@langfusePrompt:name={name}|{selector}@@@.\n".encode()


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"prompts/r.yaml": to("gone", "label=production")}, "not found: gone - label production"),
        ({"prompts/r.yaml": to("a", "label=production")}, "not found: a - label production"),
        ({"prompts/r.yaml": to("a", "version=9")}, "not found: a - version 9"),
        ({"prompts/r.yaml": to("chat", "version=1")}, "not a text prompt"),
        ({"prompts/r.yaml": to("r", "label=latest")}, "Circular"),
        ({"prompts/r.yaml": to("s", "label=latest"), "prompts/s.yaml": to("r", "label=latest")}, "Circular"),
    ],
)
def test_references_that_lead_nowhere(files: dict[str, bytes | None], reason: str) -> None:
    tree = {"prompts/a.yaml": GREETING, "prompts/chat.yaml": CHAT, **files}
    found = [fault for fault in check_tree(Files(tree), HISTORY) if fault.path == "prompts/r.yaml"]
    assert [(fault.line, fault.code) for fault in found] == [(4, "reference")]
    assert reason in found[0].message


def test_a_tree_alone_tells_of_references_too() -> None:
    tree: dict[str, bytes | None] = {
        "prompts/a.yaml": to("b", "label=latest"),
        "prompts/b.yaml": to("a", "label=latest"),
        "prompts/c.yaml": to("d", "version=3"),
        "prompts/d.yaml": GREETING,
    }
    assert check(tree) == [("prompts/a.yaml", 4, "reference"), ("prompts/b.yaml", 4, "reference")]


def test_too_deep_a_chain_is_found_where_it_starts() -> None:
    tree: dict[str, bytes | None] = {f"prompts/l{n}.yaml": to(f"l{n + 1}", "label=latest") for n in range(5)}
    tree["prompts/l5.yaml"] = GREETING
    assert check(tree) == [("prompts/l0.yaml", 4, "reference")]


def test_the_contract_is_checked() -> None:
    data = b"type: text\nprompt: |\n  {{a}} {{b}} {}\nvariables:\n  a: {required: true}\n  c: {}\n"
    found = check_tree(Files({"prompts/a.yaml": data}))
    assert [(fault.line, fault.code, fault.severity) for fault in found] == [
        (5, "undeclared-variable", Severity.WARNING),
        (6, "unused-variable", Severity.WARNING),
    ]
    assert "'b'" in found[0].message
    assert "'c'" in found[1].message


def test_a_hostile_template_names_its_line() -> None:
    data = b"# note\ntype: text\ntemplate: jinja2\nprompt: |\n  fine\n  {{ 'x' * 10**9 }}\n"
    assert check({"prompts/a.yaml": data}) == [("prompts/a.yaml", 6, "template")]
    chat = (
        b"type: chat\ntemplate: jinja2\nmessages:\n  - {role: user, content: fine}\n"
        b"  - role: user\n    content: |\n      a\n      {% include 'b' %}\n"
    )
    assert check({"prompts/a.yaml": chat}) == [("prompts/a.yaml", 8, "template")]


def chat_prompt(*messages: Mapping[str, object]) -> PromptContent:
    return PromptContent(type=PromptType.CHAT, prompt=messages)


def codes(found: list[Fault]) -> list[str]:
    return [fault.code for fault in found]


def test_contents_from_the_api() -> None:
    history = {"type": "placeholder", "name": "history"}
    assert check_content(chat_prompt({"role": "user", "content": "{{a}}"}, history)) == []
    found = check_content(chat_prompt({"role": "user", "content": "{{history}} {{a}}"}, history))
    assert codes(found) == ["variable-is-placeholder"]
    assert "must be unique, these are not: history" in found[0].message
    assert codes(check_content(chat_prompt({"role": "user"}, {"content": "a"}))) == ["invalid-message"] * 2
    assert codes(check_content(chat_prompt({"role": "user", "content": None}))) == ["invalid-message"]
    bad = PromptContent(type=PromptType.TEXT, prompt="{% macro a() %}{% endmacro %}", template=TemplateEngine.JINJA2)
    assert codes(check_content(bad)) == ["template"]
    assert codes(check_content(PromptContent(type=PromptType.CHAT, prompt="a"))) == ["wrong-shape"]
    assert codes(check_content(PromptContent(type=PromptType.TEXT, prompt=()))) == ["wrong-shape"]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"protected_labels: {production: {approvals: 1}}\n", []),
        (b"protected_labels:\n  production:\n", []),
        (b"protected_labels:\n", []),
        (b"{}\n", []),
        (b"", [0]),
        (b"- a\n", [1]),
        (b"protected_labels: [production]\n", [1]),
        (b"protected_labels:\n  Production: {}\n  staging: 1\n", [2, 3]),
        (b"protected: {}\nother: 1\n", [1, 2]),
        (b"protected_labels: {a: {}, a: {}}\n", [1]),
    ],
)
def test_the_policys_shape(data: bytes, lines: list[int]) -> None:
    assert [fault.line for fault in check_policy(data)] == lines


def test_the_shipped_samples_are_good() -> None:
    samples = Path(__file__).parent.parent.parent / "prompts"
    for file in sorted(samples.rglob("*.yaml")):
        path = f"prompts/{file.relative_to(samples)}"
        parse_path(path)
        content = parse_prompt(file.read_bytes(), path)
        assert check_content(content) == []


def test_ten_thousand_prompts_take_seconds() -> None:
    files: dict[str, bytes | None] = {}
    for number in range(10_000):
        name = f"team-{number % 100}/prompt-{number}"
        data = CHAT + f"  - {{role: system, content: '{{{{a}}}} {number}'}}\nconfig: {{n: {number}}}\n".encode()
        files[f"prompts/{name}.yaml"] = data
        files[f"labels/production/{name}.yaml"] = label(1, data)
        files[f"labels/staging/{name}.yaml"] = label(1, data)
    started = time.process_time()
    assert check(files) == []
    assert time.process_time() - started < 20
