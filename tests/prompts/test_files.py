"""Prompt files: what is stored comes back equal, and what is edited keeps its comments."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prompt_strategies import SPECIAL, contents, json_values, texts

from trunkline.errors import InvalidFile, InvalidRequest
from trunkline.prompts.files import dump_prompt, faults_of_prompt, parse_prompt, rewrite_prompt
from trunkline.prompts.splice import same
from trunkline.types import JSON, PromptContent, PromptType, TemplateEngine, Variable

SAMPLE = b"""\
# Triage of incoming tickets
type: chat                     # or text, which has `prompt: |` instead of messages
template: mustache             # {{name}} as the SDKs do it; or jinja2
messages:
  # who the model is
  - {role: system, content: "You triage tickets for {{product}}."}
  - placeholder: history
  - role: user   # the customer
    content: |
      {{ticket}}

# chosen by the spring experiment
config: {model: gpt-4o-mini, temperature: 0.2}   # cheap
tags: [support]                # shown for every version as the newest file has them
variables: {ticket: {required: true, description: the customer's text}}    # optional contract
"""


def text_prompt(prompt: str, config: JSON = None) -> PromptContent:
    return PromptContent(type=PromptType.TEXT, prompt=prompt, config={} if config is None else config)


def chat_prompt(*messages: dict[str, JSON]) -> PromptContent:
    return PromptContent(type=PromptType.CHAT, prompt=messages)


def assert_equal(one: PromptContent, other: PromptContent) -> None:
    assert one == other
    assert same(one.prompt, other.prompt)
    assert same(one.config, other.config)


def test_the_sample_reads_as_the_design_says() -> None:
    content = parse_prompt(SAMPLE)
    assert content == PromptContent(
        type=PromptType.CHAT,
        template=TemplateEngine.MUSTACHE,
        prompt=(
            {"role": "system", "content": "You triage tickets for {{product}}."},
            {"type": "placeholder", "name": "history"},
            {"role": "user", "content": "{{ticket}}\n"},
        ),
        config={"model": "gpt-4o-mini", "temperature": 0.2},
        tags=("support",),
        variables={"ticket": Variable(required=True, description="the customer's text")},
    )


@pytest.mark.parametrize("text", SPECIAL)
def test_every_text_comes_back_equal(text: str) -> None:
    assert parse_prompt(dump_prompt(text_prompt(text))).prompt == text
    message = {"role": text, "content": text, "name": text, "extra": [text, {text: text}]}
    assert parse_prompt(dump_prompt(chat_prompt(message, message))).prompt == (message, message)


@given(contents())
def test_round_trip(content: PromptContent) -> None:
    data = dump_prompt(content)
    assert_equal(parse_prompt(data), content)
    assert dump_prompt(parse_prompt(data)) == data


@given(json_values)
@example(10**2000 // 10**1100)
@example({"a": {"b": [[], {}, [[1]], {"c": []}]}})
@example([[["a"], ["b\nc"]], [{"x\ny": 1}], {"k" * 2000: {"v": 1}}])
def test_config_of_any_shape(config: JSON) -> None:
    content = PromptContent(type=PromptType.TEXT, prompt="a", config=config)
    assert_equal(parse_prompt(dump_prompt(content)), content)


def test_a_persons_text_is_a_block_scalar() -> None:
    assert dump_prompt(text_prompt("Hello {{name}}\n")) == b"type: text\nprompt: |\n  Hello {{name}}\n"
    assert dump_prompt(text_prompt("Hello")) == b"type: text\nprompt: |-\n  Hello\n"
    assert dump_prompt(text_prompt("  a\n\n")) == b"type: text\nprompt: |2+\n    a\n\n"
    assert dump_prompt(text_prompt("a\rb")) == b'type: text\nprompt: "a\\rb"\n'


def test_a_chat_file_reads_well() -> None:
    content = PromptContent(
        type=PromptType.CHAT,
        template=TemplateEngine.JINJA2,
        prompt=({"role": "user", "content": "Hi\nthere"}, {"type": "placeholder", "name": "history"}),
        config={"model": "gpt-4o-mini", "stop": ["\n", "no"], "n": 1},
        tags=("a", "b c"),
        variables={"x": Variable(required=True)},
    )
    assert dump_prompt(content).decode() == (
        "type: chat\n"
        "template: jinja2\n"
        "messages:\n"
        "  - role: user\n"
        "    content: |-\n"
        "      Hi\n"
        "      there\n"
        "  - placeholder: history\n"
        "config:\n"
        "  model: gpt-4o-mini\n"
        "  stop:\n"
        '    - "\\n"\n'
        '    - "no"\n'
        "  n: 1\n"
        "tags: [a, b c]\n"
        "variables:\n"
        "  x:\n"
        "    required: true\n"
    )


@pytest.mark.parametrize("written", ["no", "1.10", "12:30", "0o17", "true", "2024-01-01", ".5", "1e3", "0x1f"])
def test_text_is_never_reinterpreted(written: str) -> None:
    assert parse_prompt(f"type: text\nprompt: {written}\ntags: [{written}]\n".encode()).prompt == written
    chat = parse_prompt(f"type: chat\nmessages: [{{role: {written}, content: {written}}}]\n".encode())
    assert chat.prompt == ({"role": written, "content": written},)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("+1", 1),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("0x1f", 31),
        ("0o17", 15),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("007", "007"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("2024-01-01", "2024-01-01"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("=", "="),
    ],
)
def test_config_values(written: str, value: JSON) -> None:
    config = parse_prompt(f"type: text\nprompt: a\nconfig:\n  k: {written}\n".encode()).config
    assert same(config, {"k": value})


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        (b"", 0, "empty"),
        (b"# nothing\n", 0, "empty"),
        (b"a\n", 1, "mapping"),
        (b"- a\n", 1, "mapping"),
        (b"type: text\nprompt: |\n  a\nmesages: []\n", 4, "Did you mean 'messages'?"),
        (b"type: text\nprompt: a\ntype: chat\n", 3, "stands twice (first in line 1)"),
        (b"type: text\nprompt: a\nconfig:\n  a: 1\n  'a': 2\n", 5, "stands twice"),
        (b"type: text\n\nprompt: {{a}}\n", 3, "quote them"),
        (b"type: text\nprompt: [a]\n", 2, "'prompt' is text"),
        (b"type: text\nprompt:\n", 2, "has no text"),
        (b"type: text\nprompt: null\n", 2, "has no text"),
        (b"type: text\n", 1, "needs 'prompt'"),
        (b"type: chat\nmessages: a\n", 2, "are a list"),
        (b"type: chat\nprompt: a\n", 2, "has 'messages', not 'prompt'"),
        (b"config: {}\n", 1, "'type' is missing"),
        (b"type: other\nprompt: a\n", 1, "'text' or 'chat'"),
        (b"type: text\nprompt: a\ntemplate: jinja\n", 3, "'mustache' or 'jinja2'"),
        (b"type: text\nprompt: a\ntags: a\n", 3, "tags are a list"),
        (b"type: text\nprompt: a\ntags: [a, [b]]\n", 3, "is text"),
        (b"type: text\nprompt: a\nvariables: [a]\n", 3, "is a mapping"),
        (b"type: text\nprompt: a\nvariables:\n  a: {requird: true}\n", 4, "Did you mean 'required'?"),
        (b"type: text\nprompt: a\nvariables:\n  a: {required: yes}\n", 4, "true or false"),
        (b"type: chat\nmessages:\n  - role: user\n", 3, "needs a 'content'"),
        (b"type: chat\nmessages:\n  - content: a\n", 3, "needs a 'role'"),
        (b"type: chat\nmessages:\n  - {role: user, content: a}\n  - {type: placeholder}\n", 4, "needs a 'name'"),
        (b"type: chat\nmessages:\n  - {role: user, content: [a]}\n", 3, "'content' is text"),
        (b"type: text\nprompt: &a b\n", 2, "Anchors"),
        (b"type: text\nprompt: *a\n", 2, "Aliases"),
        (b"type: text\nprompt: !!str a\n", 2, "Tags"),
        (b"type: text\nprompt: !a b\n", 2, "Tags"),
        (b"type: text\nprompt: a\n---\na: b\n", 3, "More than one document"),
        (b"type: text\nprompt: 'a\n", 2, "Not valid YAML"),
        (b"type: text\n\tprompt: a\n", 2, "Not valid YAML"),
        (b"type: text\nprompt: a: b\n", 2, "Not valid YAML"),
        (b"type: text\nprompt: \xff\n", 2, "not UTF-8"),
        (b"type: text\nprompt: a\x07\n", 2, "Not valid YAML"),
        (b"type: text\nprompt: a\nconfig: {a: 1e999}\n", 3, "too large"),
        (b"type: text\nprompt: a\nconfig: {a: " + b"9" * 5000 + b"}\n", 3, "too long"),
        (b"type: text\nprompt: a\nconfig: " + b"[" * 40 + b"]" * 40, 3, "levels"),
        (b"type: text\nprompt: a\nconfig:\n  ? [a]\n  : b\n", 4, "key must be text"),
    ],
)
def test_faults_name_the_line(file: bytes, line: int, reason: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        parse_prompt(file, "prompts/a.yaml")
    assert reason in caught.value.message
    assert (caught.value.path, caught.value.line) == ("prompts/a.yaml", line)


def test_all_faults_of_a_file_are_found() -> None:
    content, faults = faults_of_prompt(b"type: text\nprompt: []\ntags: x\nfoo: 1\nconfig: {a: 1e999}\n", "p")
    assert content is None
    assert sorted(fault.line for fault in faults) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 400_000,
        b"[" * 200_000,
        b"[" * 40_000,
        b"{" * 200_000,
        b"- " * 100_000,
        b"? " * 100_000,
        b"{a: " * 60_000,
        b"type: text\nprompt: " + b"[[[" * 60_000,
        b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
        b"- " * 20 + b"[" * 100_000,
        b"\n".join(b" " * i + b"a:" for i in range(500)),
        b"-\n" * 120_000,
        b"[" + b"," * 250_000,
        b"type: text\nprompt: a\nconfig: [" + b"1," * 120_000 + b"1]",
        b"type: text\nprompt: a\nconfig: {" + b",".join(b"%d:1" % n for n in range(30_000)) + b"}",
        b"? " * 20 + b"- " * 100_000,
        b"a:\n " * 50_000,
        b"---\n" * 60_000,
        b"# a\n" * 60_000,
        b"%YAML 1.1\n" * 20_000,
        b"'" * 250_001,
        b'"' + b"\\" * 250_000,
        b"|\n" * 100_000,
        b"\xef\xbb\xbf" * 80_000,
        b"\x00" * 250_000,
        "\u2028".encode() * 80_000,
        b"a: " + b"&a" * 100_000,
        b"!" * 250_000,
        b"a" * 300_000,
    ],
)
def test_bombs_are_refused(bomb: bytes) -> None:
    started = time.process_time()
    with pytest.raises(InvalidFile):
        parse_prompt(bomb)
    assert time.process_time() - started < 1
    tracemalloc.start()
    with pytest.raises(InvalidFile):
        parse_prompt(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 2**20


def test_brackets_inside_text_are_text() -> None:
    prompt = "[" * 200_000 + "\n" + "{" * 1000
    assert parse_prompt(dump_prompt(text_prompt(prompt))).prompt == prompt


def test_line_ends_and_byte_order_marks_of_windows_are_read() -> None:
    assert_equal(parse_prompt(b"\xef\xbb\xbf" + SAMPLE.replace(b"\n", b"\r\n")), parse_prompt(SAMPLE))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (text_prompt("\ud800"), "surrogate"),
        (text_prompt("a", {"k": "\udfff"}), "surrogate"),
        (text_prompt("a", float("nan")), "finite"),
        (text_prompt("a", [float("inf")]), "finite"),
        (text_prompt("a", 10**5000), "too long"),
        (text_prompt("x" * 300_000), "262,144"),
        (text_prompt("a", {1: 2}), "key must be a string"),
        (text_prompt("a", [0] * 30_000), "21,845 keys and values"),
        (text_prompt("a", {"a": {1, 2}}), "no JSON"),
        (chat_prompt({"role": "user"}), "Message 1"),
        (chat_prompt({"role": "user", "content": "a"}, {"role": "user", "content": None}), "Message 2"),
        (chat_prompt({"role": "user", "content": ["a"]}), "'content' that is a string"),
        (chat_prompt({"type": "placeholder"}), "'name'"),
        (chat_prompt({"placeholder": "a"}), "'role'"),
        (PromptContent(type=PromptType.CHAT, prompt="a"), "list of messages"),
        (PromptContent(type=PromptType.TEXT, prompt=()), "is a string"),
    ],
)
def test_what_no_file_can_hold_is_refused(content: PromptContent, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        dump_prompt(content)


def test_a_config_that_is_too_deep_is_refused() -> None:
    config: JSON = 1
    for _ in range(100_000):
        config = [config]
    with pytest.raises(InvalidRequest, match="32 levels"):
        dump_prompt(text_prompt("a", config))
    while isinstance(config, list):  # taken apart by hand: freeing it recursively would overflow the stack
        config = config.pop()


def test_a_config_of_the_deepest_kind_round_trips() -> None:
    config: JSON = 1
    for _ in range(31):
        config = [config]
    assert parse_prompt(dump_prompt(text_prompt("a", config))).config == config


def changed(**fields: object) -> PromptContent:
    old = parse_prompt(SAMPLE)
    kept = {field: getattr(old, field) for field in old.__struct_fields__}
    return PromptContent(**{**kept, **fields})


def test_an_equal_content_keeps_every_byte() -> None:
    assert rewrite_prompt(SAMPLE, parse_prompt(SAMPLE)) == SAMPLE


def test_a_rewrite_changes_nothing_but_the_change() -> None:
    prompt = list(parse_prompt(SAMPLE).prompt)
    prompt[2] = {"role": "user", "content": "Ticket:\n{{ticket}}\n"}
    new = rewrite_prompt(SAMPLE, changed(prompt=tuple(prompt)))
    assert new == SAMPLE.replace(b"      {{ticket}}\n", b"      Ticket:\n      {{ticket}}\n")


def test_a_rewrite_of_values_on_one_line_keeps_the_comment() -> None:
    new = rewrite_prompt(SAMPLE, changed(config={"model": "gpt-5", "temperature": 0.2}, tags=("support", "v2")))
    expected = SAMPLE.replace(b"gpt-4o-mini", b"gpt-5").replace(b"[support]", b"[support, v2]")
    assert new == expected


def test_a_rewrite_adds_and_removes_messages() -> None:
    first, history, last = tuple(parse_prompt(SAMPLE).prompt)
    new = rewrite_prompt(SAMPLE, changed(prompt=(first, {"role": "user", "content": "Hi"}, last)))
    assert new == SAMPLE.replace(b"  - placeholder: history\n", b"  - role: user\n    content: |-\n      Hi\n")
    new = rewrite_prompt(SAMPLE, changed(prompt=(first, history, last, {"role": "assistant", "content": "Yes"})))
    assert new == SAMPLE.replace(
        b"      {{ticket}}\n", b"      {{ticket}}\n  - role: assistant\n    content: |-\n      Yes\n"
    )


def test_a_rewrite_adds_and_removes_keys() -> None:
    new = rewrite_prompt(SAMPLE, changed(variables={}, tags=()))
    assert b"tags: []  " in new
    assert b"variables: {}  " in new
    old = b"# kept\ntype: text\nprompt: a\n# kept too\n"
    new = rewrite_prompt(old, PromptContent(type=PromptType.TEXT, prompt="a", tags=("x",)))
    assert new == b"# kept\ntype: text\nprompt: a\ntags: [x]\n# kept too\n"


@given(contents(), contents(), st.sampled_from(["", "# note\n", "  # deep note\n"]))
def test_a_rewrite_always_reads_as_the_new_content(old: PromptContent, new: PromptContent, comment: str) -> None:
    lines = dump_prompt(old).decode().split("\n")
    data = (comment + "\n".join(lines)).encode()
    assert_equal(parse_prompt(rewrite_prompt(data, new)), new)


@given(st.lists(texts, max_size=5), st.lists(texts, max_size=5))
def test_a_rewrite_of_messages_reads_as_the_new_content(before: list[str], after: list[str]) -> None:
    old = chat_prompt(*({"role": "user", "content": text} for text in before))
    new = chat_prompt(*({"role": "user", "content": text} for text in after))
    data = b"# note\n" + dump_prompt(old)
    rewritten = rewrite_prompt(data, new)
    assert_equal(parse_prompt(rewritten), new)
    if before and after and all("\n" not in text.strip("\n") for text in before):
        assert rewritten.startswith(b"# note\n")


def test_a_rewrite_tells_numbers_from_booleans() -> None:
    old = b"type: text # c\nprompt: a\nconfig: {n: 1}\n"
    assert rewrite_prompt(old, text_prompt("a", {"n": True})) == old.replace(b"n: 1", b"n: true")
    assert rewrite_prompt(old, text_prompt("a", {"n": 1.0})) == old.replace(b"n: 1", b"n: 1.0")


def test_a_broken_file_is_written_anew() -> None:
    assert rewrite_prompt(b"type: [", text_prompt("a")) == dump_prompt(text_prompt("a"))
