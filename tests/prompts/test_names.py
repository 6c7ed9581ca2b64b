"""Names and paths: every name has one path, every path one name, and hostile names stay names."""

from __future__ import annotations

import random
import re
import string
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from trunkline.errors import InvalidFile, InvalidRequest
from trunkline.prompts.names import (
    LabelPath,
    PolicyPath,
    PromptPath,
    VersionsPath,
    collision_key,
    in_registry,
    label_path,
    parse_path,
    prompt_path,
    validate_label,
    validate_prompt_name,
    validate_writable_label,
    versions_path,
)

WORKING_NAMES = [
    "support/triage",
    "a",
    "-",
    "-rf",
    "--help",
    "..",
    ".",
    "a/../b",
    "../../etc/passwd",
    ".git",
    ".git/config",
    ".GIT/hooks/pre-commit",
    "git~1",
    ".gitmodules",
    "a.yaml",
    "a.yaml/b",
    "a.YAML/b",
    "a.yaml.yaml",
    ".yaml",
    "CON",
    "con.txt",
    "nul",
    "COM1",
    "lpt9.x.y",
    "aux /b",
    "a.",
    "a ./b",
    "a /b",
    "x/ y",
    "latest",
    "a%2Fb",
    "%",
    "100% sure",
    "%2e%2e",
    "a\\b",
    "c:\\windows",
    "a:b",
    'quote"quote',
    "it's",
    "a?b=c&d#e",
    "a*b",
    "<script>",
    "${HOME}",
    "a\tb",
    "line\nbreak",
    "bell\x07",
    "del\x7f",
    "Grüße",
    unicodedata.normalize("NFC", "é"),
    unicodedata.normalize("NFD", "é"),
    "日本語/プロンプト",
    "😀",
    "\u202egnp.exe",
    "zero\u200bwidth",
    "\u200c.git",
    "a\u2028b",
    "\ufffe",
    "x" * 200,
    "/".join(["a"] * 128),
    "/".join(["ü" * 33] * 7),
    "new",
    "prompts",
    "trunkline.yaml",
    "a=b",
    "a@@@b",
    "@@@langfusePrompt:name=x@@@",
    "__proto__",
    "constructor",
]
REFUSED_NAMES = {
    "": "empty",
    "   ": "empty",
    "a|b": "separates the parts",
    "/a": "separates folders",
    "a/": "separates folders",
    "a//b": "separates folders",
    "/": "separates folders",
    "a\0b": "NUL",
    "x" * 256: "256 characters",
    "x" * 4096: "4096 characters",
    "x" * 201: "201 bytes",
    "ü" * 34: "204 bytes",
    "\ud800": "surrogate",
    "a/\udc80": "surrogate",
}
names = st.text(min_size=1, max_size=60)
tricky = st.lists(
    st.sampled_from(
        ["a", "A", ".", "..", " ", "%", "2E", "yaml", ".yaml", "con", "CON", "é", "e\u0301", "-", "/", "ß"]
    ),
    min_size=1,
    max_size=8,
).map("".join)


def valid(name: str) -> bool:
    try:
        return validate_prompt_name(name) == name
    except InvalidRequest:
        return False


@pytest.mark.parametrize("name", WORKING_NAMES)
def test_names_that_must_work(name: str) -> None:
    assert validate_prompt_name(name) == name
    assert parse_path(prompt_path(name)) == PromptPath(name=name)
    assert parse_path(versions_path(name)) == VersionsPath(name=name)
    assert parse_path(label_path("production", name)) == LabelPath(label="production", name=name)


@pytest.mark.parametrize(("name", "reason"), REFUSED_NAMES.items(), ids=range(len(REFUSED_NAMES)))
def test_names_that_are_refused_say_why(name: str, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(reason)) as caught:
        validate_prompt_name(name)
    assert len(caught.value.message) < 500
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("blank", ["\n", "\u00a0", "\ufeff", "\u2028", " \t"])
def test_names_are_trimmed_as_javascript_does_it(blank: str) -> None:
    assert validate_prompt_name(f"{blank}a b{blank}") == "a b"


def test_control_characters_that_javascript_keeps_are_kept() -> None:
    assert validate_prompt_name("\x1ca\x85") == "\x1ca\x85"


@given(names | tricky)
def test_round_trip_and_form(name: str) -> None:
    assume(valid(name))
    path = prompt_path(name)
    assert parse_path(path) == PromptPath(name=name)
    segments = path.removeprefix("prompts/").removesuffix(".yaml").split("/")
    for segment in segments:
        assert set(segment) <= set(string.ascii_letters + string.digits + "_ -.%")
        assert 0 < len(segment) <= 200
        assert segment[0] not in ". "
        assert segment[-1] not in ". "
        assert not segment.lower().endswith(".yaml")
        assert segment.split(".")[0].rstrip().lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}


def hostile_names(count: int) -> list[str]:
    """Names made of what breaks file systems, Git, shells, URLs and terminals; the same on every run."""
    source = random.Random(15)
    pieces = [
        *WORKING_NAMES,
        *REFUSED_NAMES,
        "/",
        "//",
        "\\",
        "..",
        " ",
        "\n",
        "%",
        "|",
        "\0",
        "é",
        "e\u0301",
        "A",
        "a",
        "K",
        "\u212a",
    ]
    return ["".join(source.choices(pieces, k=source.randint(1, 4))) for _ in range(count)]


def test_two_thousand_hostile_names() -> None:
    """Stored under one path of their own and read back equal, or refused with a reason; twins have equal keys."""
    stored: dict[str, str] = {}
    reasons: list[str] = []
    for name in hostile_names(2000):
        try:
            valid_name = validate_prompt_name(name)
        except InvalidRequest as error:
            reasons.append(error.message)
            continue
        path = prompt_path(valid_name)
        assert stored.setdefault(path, valid_name) == valid_name
        assert parse_path(path) == PromptPath(name=valid_name)
    folded = [path.lower() for path in stored]
    for path in (path for path in stored if folded.count(path.lower()) > 1):
        twins = [name for other, name in stored.items() if other.lower() == path.lower()]
        assert len({collision_key(name) for name in twins}) == 1
    assert len(stored) > 800
    assert len(reasons) > 200
    known = re.compile("is empty|at most|separates|NUL|surrogate")
    assert all(known.search(reason) for reason in reasons)


@given(st.lists(names | tricky, min_size=2, max_size=6, unique=True))
def test_injective(some: list[str]) -> None:
    kept = [name for name in some if valid(name)]
    assert len({prompt_path(name) for name in kept}) == len(kept)
    assert len({versions_path(name) for name in kept}) == len(kept)


@given(names | tricky | st.text("%2eEaA./ ", max_size=12))
@example("a%2eb")
@example("%41")
@example("%63ON")
@example("caf%C3%A9")
@example("caf%c3%a9")
@example("%FF")
@example("%")
@example("%2")
@example("café")
@example("con")
@example("a%20")
@example("\udcff")
def test_canonical_a_path_that_parses_is_the_path_of_its_name(stem: str) -> None:
    path = f"prompts/{stem}.yaml"
    try:
        parsed = parse_path(path)
    except InvalidFile:
        return
    assert isinstance(parsed, PromptPath)
    assert prompt_path(parsed.name) == path


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "prompts",
        "prompts/",
        "prompts/a",
        "prompts/a.yml",
        "prompts/.yaml",
        "prompts/.gitkeep",
        "prompts/a.YAML",
        "prompts//a.yaml",
        "prompts/a/.yaml",
        "prompts/../a.yaml",
        "prompts/%2E%2e.yaml",
        "prompts/con.yaml",
        "prompts/a%7Cb.yaml",
        "prompts/a%00.yaml",
        "prompts/%20a.yaml",
        "Prompts/a.yaml",
        "labels/a.yaml",
        "labels/Production/a.yaml",
        "labels/latest/a.yaml",
        "labels/pr-12/a.yaml",
        "labels/%70roduction/a.yaml",
        "labels//a.yaml",
        "labels/-x/a.yaml",
        f"labels/{'x' * 37}/a.yaml",
        "versions/a.json",
        "trunkline.yml",
        "trunkline.yaml/a.yaml",
        "\udcff/a.yaml",
        "prompts/\udcff.yaml",
    ],
)
def test_stray_files(path: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        parse_path(path)
    assert caught.value.path == path


def test_the_policy_has_its_path() -> None:
    assert parse_path("trunkline.yaml") == PolicyPath()


def test_a_readme_is_not_the_registrys_business() -> None:
    assert not in_registry("README.md")
    assert not in_registry(".github/workflows/check.yaml")
    assert in_registry("labels/production/x")
    assert in_registry("trunkline.yaml")


@pytest.mark.parametrize("label", ["production", "latest", "a", "0", "v1.2", "a_b-c", "con", "a.", "x.yaml", "x" * 36])
def test_labels_that_must_work(label: str) -> None:
    assert validate_label(label) == label
    if label != "latest":
        assert validate_writable_label(label) == label
        assert parse_path(label_path(label, "p")) == LabelPath(label=label, name="p")


@pytest.mark.parametrize("label", ["", "A", "-a", ".a", "_a", "a/b", "a b", "é", "x" * 37, "a\n", "a|b"])
def test_labels_that_are_refused(label: str) -> None:
    with pytest.raises(InvalidRequest, match="Invalid label"):
        validate_label(label)


@pytest.mark.parametrize("label", ["latest", "pr-1", "pr-0099"])
def test_reserved_labels_are_not_writable(label: str) -> None:
    assert validate_label(label) == label
    with pytest.raises(InvalidRequest, match="Choose another"):
        validate_writable_label(label)


@pytest.mark.parametrize("label", ["pr-", "pr-x", "pr-1a", "apr-1"])
def test_what_looks_like_a_pull_request_label_is_writable(label: str) -> None:
    assert validate_writable_label(label) == label


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "A"), ("é", "e\u0301"), ("É", "e\u0301"), ("straße", "STRASSE"), ("Ǆ", "ǆ"), ("a/B", "A/b")],
)
def test_twins_have_equal_keys(one: str, other: str) -> None:
    assert collision_key(one) == collision_key(other)


@given(names)
def test_the_collision_key_is_stable(name: str) -> None:
    assume(valid(name))
    key = collision_key(name)
    assert collision_key(key) == key
    assert collision_key(unicodedata.normalize("NFD", name)) == key
