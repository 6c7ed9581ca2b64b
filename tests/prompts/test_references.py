"""References: the grammar, what they resolve to, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import InvalidRequest
from trunkline.prompts.references import Found, find_references, references_of, resolve, substitute, tag
from trunkline.types import PromptContent, PromptType, Reference, Version


def text_prompt(prompt: str) -> PromptContent:
    return PromptContent(type=PromptType.TEXT, prompt=prompt)


def version(name: str, number: int = 1) -> Version:
    return Version(name=name, version=number, commit="c" * 40, blob=f"{name}-{number}", created_at=0)


class Registry:
    """Prompts by name: each has version 1 with the label `production`."""

    def __init__(self, prompts: Mapping[str, str | PromptContent]) -> None:
        self.prompts = prompts
        self.asked: list[Reference] = []

    def __call__(self, reference: Reference) -> Found | None:
        self.asked.append(reference)
        content = self.prompts.get(reference.name)
        if content is None or reference.version not in (None, 1) or reference.label not in (None, "production"):
            return None
        found = text_prompt(content) if isinstance(content, str) else content
        return Found(version=version(reference.name), content=found)


def to(name: str) -> str:
    return f"@@@langfusePrompt:name={name}|label=production@@@"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@@@langfusePrompt:name=a|version=3@@@", (Reference(name="a", version=3),)),
        ("@@@langfusePrompt:name=a|label=production@@@", (Reference(name="a", label="production"),)),
        ("x @@@langfusePrompt:name=dir/a b|label=l@@@ y", (Reference(name="dir/a b", label="l"),)),
        ("@@@langfusePrompt:name=a=b|label=l@@@", (Reference(name="a=b", label="l"),)),
        (
            "@@@langfusePrompt:name=a|version=1@@@@@@langfusePrompt:name=b|version=2@@@",
            (Reference(name="a", version=1), Reference(name="b", version=2)),
        ),
        (f"{to('a')} {to('b')} {to('a')}", tuple(Reference(name=name, label="production") for name in "ab")),
        ("@@@langfusePrompt:version=3|name=a@@@", ()),
        ("@@@langfusePrompt:name=a@@@", ()),
        ("@@@langfusePrompt:name=a|version=1|label=b@@@", ()),
        ("@@@langfusePrompt:name=a|name=b@@@", ()),
        ("@@@langfusePrompt:name=a|other=b@@@", ()),
        ("@@@langfusePrompt:name=|version=1@@@", ()),
        ("@@@langfusePrompt:name=a|version=@@@", ()),
        ("@@@langfusePrompt:name=a|label=@@@", ()),
        ("@@@langfusePrompt:name=a|version=x@@@", ()),
        ("@@@langfusePrompt:name=a|version=-1@@@", ()),
        ("@@@langfusePrompt:name=a\n|version=1@@@", ()),
        ("@@@langfuseprompt:name=a|version=1@@@", ()),
        ("@@@langfusePrompt:@@@", ()),
        ("@@langfusePrompt:name=a|version=1@@", ()),
        ("", ()),
    ],
)
def test_the_grammar(text: str, found: tuple[Reference, ...]) -> None:
    assert find_references(text) == found


@given(
    st.text(st.characters(exclude_characters="|@\n\r\u2028\u2029"), min_size=1),
    st.none() | st.integers(1, 10**6),
    st.text("abc.-_", min_size=1),
)
def test_a_tag_is_found_again(name: str, number: int | None, label: str) -> None:
    reference = Reference(name=name, version=number, label=None if number else label)
    assert find_references(f"a{tag(reference)}b") == (reference,)


def test_references_of_chat_prompts() -> None:
    content = PromptContent(
        type=PromptType.CHAT,
        prompt=(
            {"role": "system", "content": to("a")},
            {"type": "placeholder", "name": "h"},
            {"role": "user", "content": to("b")},
        ),
    )
    assert [reference.name for reference in references_of(content)] == ["a", "b"]
    replaced = substitute(content, {reference: reference.name.upper() for reference in references_of(content)})
    assert replaced.prompt == (
        {"role": "system", "content": "A"},
        {"type": "placeholder", "name": "h"},
        {"role": "user", "content": "B"},
    )


def test_substitution_leaves_the_rest_and_does_not_search_again() -> None:
    a, b = Reference(name="a", label="production"), Reference(name="b", label="production")
    content = text_prompt(f"{to('a')}{to('b')}{to('c')}")
    assert substitute(content, {a: to("b"), b: r"\1 $1"}).prompt == to("b") + r"\1 $1" + to("c")


def test_resolve() -> None:
    registry = Registry({"a": f"<{to('b')}{to('b')}{to('c')}>", "b": f"b{to('c')}", "c": "c"})
    resolved = resolve(version("root", 7), text_prompt(f"{to('a')} and {to('c')}"), registry)
    assert resolved.content.prompt == "<bcbcc> and c"
    label = "production"
    assert resolved.uses == (
        ("root-7", Reference(name="a", label=label), version("a")),
        ("a-1", Reference(name="b", label=label), version("b")),
        ("b-1", Reference(name="c", label=label), version("c")),
        ("a-1", Reference(name="c", label=label), version("c")),
        ("root-7", Reference(name="c", label=label), version("c")),
    )
    a, b, c = ({"name": name, "version": 1, "id": f"{name}@1"} for name in "abc")
    assert resolved.graph == {
        "root": {"name": "root", "version": 7, "id": "root@7"},
        "dependencies": {"root@7": [a, c], "a@1": [b, c], "b@1": [c]},
    }


def test_a_prompt_without_references_has_no_graph() -> None:
    content = text_prompt("plain")
    resolved = resolve(version("root"), content, Registry({}))
    assert (resolved.content, resolved.uses, resolved.graph) == (content, (), None)


def test_five_levels_are_resolved_and_six_are_not() -> None:
    chain = {f"l{level}": to(f"l{level + 1}") for level in range(1, 4)}
    assert resolve(version("root"), text_prompt(to("l1")), Registry({**chain, "l4": "end"})).content.prompt == "end"
    deeper = Registry({**chain, "l4": to("l5"), "l5": "end"})
    with pytest.raises(InvalidRequest, match="Maximum nesting depth exceeded \\(5\\)"):
        resolve(version("root"), text_prompt(to("l1")), deeper)


def test_depth_counts_on_the_longest_way_even_if_a_shorter_one_came_first() -> None:
    registry = Registry({"l1": to("l2"), "l2": to("x"), "x": to("y"), "y": to("z"), "z": "end"})
    assert resolve(version("root"), text_prompt(to("x")), registry).content.prompt == "end"
    with pytest.raises(InvalidRequest, match="Maximum nesting depth"):
        resolve(version("root"), text_prompt(to("x") + to("l1")), registry)


@pytest.mark.parametrize(
    ("prompts", "root", "reason"),
    [
        ({"a": to("b"), "b": to("a")}, to("a"), "Circular dependency detected involving prompt 'a' version 1"),
        ({"a": to("a")}, to("a"), "Circular dependency"),
        ({"a": to("root"), "root": "x"}, to("a"), "Circular dependency detected involving prompt 'root'"),
        ({"root": "x"}, to("root"), "Circular dependency detected involving prompt 'root'"),
        ({}, to("a"), "Prompt dependency not found: a - label production"),
        ({"a": "x"}, "@@@langfusePrompt:name=a|version=2@@@", "Prompt dependency not found: a - version 2"),
        ({"a": PromptContent(type=PromptType.CHAT, prompt=())}, to("a"), "Prompt dependency is not a text prompt"),
    ],
)
def test_what_cannot_be_resolved(prompts: dict[str, str | PromptContent], root: str, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        resolve(version("root", 2), text_prompt(root), Registry(prompts))


def test_expansion_is_bounded() -> None:
    prompts = {"a": to("b") * 4000, "b": to("c") * 4000, "c": "x" * 100_000}
    with pytest.raises(InvalidRequest, match="1,048,576 characters"):
        resolve(version("root"), text_prompt(to("a")), Registry(prompts))


def test_a_wide_graph_is_visited_once() -> None:
    prompts = {
        f"l{level}-{index}": "".join(to(f"l{level + 1}-{child}") for child in range(8))
        for level in range(3)
        for index in range(8)
    }
    prompts.update({f"l3-{index}": "x" for index in range(8)})
    registry = Registry(prompts)
    resolve(version("root"), text_prompt("".join(to(f"l0-{index}") for index in range(8))), registry)
    assert len(registry.asked) < 500
