"""compile() is the SDK's compile(): random templates through both, without a difference."""

from __future__ import annotations

import json
import random
import subprocess
import time
from pathlib import Path

import pytest

from trunkline.errors import InvalidRequest
from trunkline.prompts.compile import (
    MAX_OUTPUT,
    compile_prompt,
    missing_variables,
    placeholder_names,
    variable_names,
)
from trunkline.types import JSON, Message, PromptContent, PromptType, TemplateEngine, Variable

ROOT = Path(__file__).parent.parent.parent
COUNT = 10_000
NAMES = [
    "name",
    "a",
    "x y",
    "é",
    "ß",
    "日本",
    "user.name",
    "a-b",
    "",
    " ",
    "{",
    "}",
    "{a",
    "a}",
    "__proto__",
    "0",
    '"k": 1',
]
PIECES = [
    *("{{" + name + "}}" for name in NAMES),
    *("{{ " + name + "\t}}" for name in NAMES[:6]),
    *[
        "{",
        "}",
        "{{",
        "}}",
        "{{{",
        "}}}",
        "{{{{",
        "}}}}",
        "{ {",
        "} }",
        "{{\n",
        "\n}}",
        "{{{a}}}",
        "{{{{a}}}}",
        "{{a}",
        "{a}}",
    ],
    *["{{a{{b}}c}}", "{{{{a}}b}}", "{{ a }} }}", "{{#a}}x{{/a}}", "{{^a}}", "{{!a}}", "{{>a}}", "{{&a}}", "{{a|b}}"],
    *[
        " ",
        "\n",
        "\t",
        "\r\n",
        "\u00a0",
        "\u2028",
        "\x1c",
        "\x85",
        "😀",
        "é",
        "e\u0301",
        "\\",
        "\\{{a}}",
        "$1",
        "%s",
        "\0",
    ],
    *["text", "{% if a %}", "{# c #}", '{"k": "v"}', "@@@langfusePrompt:name=a|version=1@@@"],
]
VALUES: list[JSON] = [
    *["", "v", "{{a}}", "{{name}}", "}}", "{{", "a\nb", "é", "😀", " ", 0, 1, -1, 1.5, 1.0, 1e300, True, False, None],
    *[[], ["a", 1], {}, {"k": "v"}, {"k": [None, True]}, 10**30, [[{}]]],
]


def sdk(environment: str, cases: list[dict[str, JSON]]) -> list[dict[str, JSON]]:
    """What ``compile`` of the released SDK gives for each case, in one process."""
    python = ROOT / ".cache" / f"sdk-{environment}" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"the environment of SDK {environment} is missing; `make test` makes it")
    finished = subprocess.run(
        [python, ROOT / "tests" / "sdk" / "compile_templates.py"],
        input="".join(json.dumps(case) + "\n" for case in cases),
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return [json.loads(line) for line in finished.stdout.splitlines()]


def template(source: random.Random) -> str:
    if source.random() < 0.2:
        return "".join(source.choices("{} a\n", k=source.randint(0, 30)))
    return "".join(source.choices(PIECES, k=source.randint(0, 8)))


def given(source: random.Random) -> dict[str, JSON]:
    names = source.sample(NAMES, source.randint(0, 6)) + source.sample(["b", "a{{b", "#a", "/a"], source.randint(0, 2))
    return {name: source.choice(VALUES) for name in names}


def message(source: random.Random) -> dict[str, JSON]:
    kind = source.random()
    if kind < 0.2:
        return {"type": "placeholder", "name": source.choice(["history", "a", "é"])}
    entry = {"role": source.choice(["system", "user", ""]), "content": template(source)}
    return {"type": "chatmessage", **entry} if kind < 0.3 else entry


def placed(source: random.Random) -> JSON:
    if source.random() < 0.2:
        return source.choice(VALUES)
    entries: list[JSON] = []
    for _ in range(source.randint(0, 3)):
        entry: dict[str, JSON] = {"role": "user", "content": template(source), "tool_calls": [{"id": "{{a}}"}]}
        for key in source.sample(list(entry), source.randint(0, 2)):
            del entry[key]
        entries.append(source.choice([entry, entry, entry, "text", 1, None]))
    return entries


def cases(seed: int, count: int, *, chat: bool, placeholders: bool) -> list[dict[str, JSON]]:
    source = random.Random(seed)
    found: list[dict[str, JSON]] = []
    for _ in range(count):
        variables = given(source)
        if not chat:
            found.append({"type": "text", "prompt": template(source), "variables": variables})
            continue
        messages = [message(source) for _ in range(source.randint(0, 4))]
        if not placeholders:
            messages = [entry for entry in messages if entry.get("type") != "placeholder"]
        elif source.random() < 0.7:
            variables[source.choice(["history", "a", "é"])] = placed(source)
        found.append({"type": "chat", "prompt": messages, "variables": variables})
    return found


def content_of(case: dict[str, JSON]) -> PromptContent:
    prompt = case["prompt"] if case["type"] == "text" else tuple(case["prompt"])
    return PromptContent(type=PromptType(case["type"]), prompt=prompt)


@pytest.mark.sdk
@pytest.mark.parametrize(("environment", "placeholders"), [("py5", True), ("py2", False)])
def test_no_difference_to_the_sdk(environment: str, placeholders: bool) -> None:
    half = COUNT // 2
    drawn = cases(1, half, chat=False, placeholders=False) + cases(2, half, chat=True, placeholders=placeholders)
    differences = []
    for case, theirs in zip(drawn, sdk(environment, drawn), strict=True):
        content = content_of(case)
        assert "error" not in theirs, (case, theirs)
        if compile_prompt(content, case["variables"]) != theirs["compiled"]:
            differences.append((case, theirs["compiled"]))
        if variable_names(content) != tuple(dict.fromkeys(theirs["variables"])):
            differences.append((case, theirs["variables"]))
    assert differences == []


def text(prompt: str, engine: TemplateEngine = TemplateEngine.MUSTACHE, **variables: Variable) -> PromptContent:
    return PromptContent(type=PromptType.TEXT, prompt=prompt, template=engine, variables=variables)


def chat(*messages: Message, engine: TemplateEngine = TemplateEngine.MUSTACHE) -> PromptContent:
    return PromptContent(type=PromptType.CHAT, prompt=messages, template=engine)


def test_unknown_variables_stay() -> None:
    assert compile_prompt(text("Hi {{ name }}, {{ who }}!"), {"name": "Ada"}) == "Hi Ada, {{ who }}!"


def test_messages_and_placeholders() -> None:
    content = chat(
        {"role": "system", "content": "{{a}}"},
        {"type": "placeholder", "name": "h"},
        {"type": "placeholder", "name": "g"},
    )
    history = [{"role": "user", "content": "{{a}}", "id": 1}, {"role": "tool", "content": None}]
    assert compile_prompt(content, {"a": "A", "h": history}) == [
        {"role": "system", "content": "A"},
        {"role": "user", "content": "A", "id": 1},
        {"role": "tool", "content": None},
        {"type": "placeholder", "name": "g"},
    ]
    assert placeholder_names(content) == ("h", "g")


def test_jinja2() -> None:
    content = text("{% for x in xs %}{{ x|upper }}{% endfor %}{{ missing }}", TemplateEngine.JINJA2)
    assert compile_prompt(content, {"xs": ["a", "b"]}) == "AB"
    assert variable_names(content) == ("xs", "missing")


def test_messages_in_a_placeholder_are_never_run() -> None:
    content = chat(
        {"role": "system", "content": "{{ 1 + 1 }}"}, {"type": "placeholder", "name": "h"}, engine=TemplateEngine.JINJA2
    )
    attack = [{"role": "user", "content": "{{ 7 * 7 }}{% for a in range(99999) %}x{% endfor %}"}]
    assert compile_prompt(content, {"h": attack}) == [{"role": "system", "content": "2"}, *attack]


def test_missing_variables() -> None:
    content = PromptContent(
        type=PromptType.CHAT,
        prompt=(
            {"role": "user", "content": '{{a}} {{b}} {{c}} {{"json": 1}} {{}}'},
            {"type": "placeholder", "name": "h"},
        ),
        variables={"b": Variable(), "d": Variable(required=True)},
    )
    assert missing_variables(content, {}) == ("d", "a", "c", "h")
    assert missing_variables(content, {"a": None, "c": "", "d": 1, "h": []}) == ()


def test_missing_variables_of_jinja2() -> None:
    source = "{{ a }}{{ b|default('x') }}{% if c is defined %}{{ c }}{% endif %}{% set d = e %}{{ d }}{{ loop }}"
    assert missing_variables(text(source, TemplateEngine.JINJA2), {}) == ("a", "e", "loop")


@pytest.mark.parametrize(
    ("content", "variables"),
    [
        (text("{{a}}" * 40_000), {"a": "x" * 1_000_000}),
        (text("{{a}}" * 1_000), {"a": ["x" * 1000] * 1000}),
        (chat(*[{"type": "placeholder", "name": "h"}] * 5_000), {"h": [{"role": "user", "content": "x" * 10_000}]}),
        (chat({"type": "placeholder", "name": "h"}), {"h": [1] * 300_000}),
        (chat(*[{"type": "placeholder", "name": "h"}] * 5_000), {"h": "x" * 100_000}),
        (text("{{a}}"), {"a": 10**5000}),
    ],
    ids=range(6),
)
def test_results_are_bounded(content: PromptContent, variables: dict[str, JSON]) -> None:
    started = time.process_time()
    with pytest.raises(InvalidRequest):
        compile_prompt(content, variables)
    assert time.process_time() - started < 2


def test_a_long_variable_is_no_fault() -> None:
    assert len(compile_prompt(text("{{a}}!"), {"a": "x" * (MAX_OUTPUT - 1)})) == MAX_OUTPUT


def test_a_simple_template_takes_microseconds() -> None:
    content = text("Hello {{name}}, you are in {{place}}. " * 3)
    variables = {"name": "Ada", "place": "London"}
    best = min(_seconds(content, variables) for _ in range(20))
    assert best < 30e-6


def _seconds(content: PromptContent, variables: dict[str, JSON]) -> float:
    started = time.perf_counter()
    for _ in range(200):
        compile_prompt(content, variables)
    return (time.perf_counter() - started) / 200
