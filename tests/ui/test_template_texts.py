from __future__ import annotations

import time

import pytest

from trunkline.types import PromptContent, PromptType, TemplateEngine
from trunkline.ui.texts import Segment, present_text, segments

REFERENCE = "@@@langfusePrompt:name=a/b|label=production@@@"


def pieces(text: str, engine: TemplateEngine = TemplateEngine.MUSTACHE) -> list[tuple[str, str]]:
    return [(segment.kind, segment.text) for segment in segments(text, engine, "/project/p")]


def test_variables_and_references_are_told_apart() -> None:
    assert pieces(f"Hi {{{{ name }}}}!\n{REFERENCE}") == [
        ("", "Hi "),
        ("var", "{{ name }}"),
        ("", "!\n"),
        ("ref", REFERENCE),
    ]


def test_a_reference_links_to_its_prompt() -> None:
    assert segments(REFERENCE, TemplateEngine.MUSTACHE, "/project/p") == (
        Segment(text=REFERENCE, kind="ref", href="/project/p/prompts/a/b?label=production"),
    )
    strange = "@@@langfusePrompt:version=1|name=x@@@"
    assert segments(strange, TemplateEngine.MUSTACHE, "/project/p")[0].href == ""


def test_jinja_has_logic() -> None:
    assert pieces("{% if a %}{{ a.b }}{% endif %}{# note #}", TemplateEngine.JINJA2) == [
        ("logic", "{% if a %}"),
        ("var", "{{ a.b }}"),
        ("logic", "{% endif %}"),
        ("logic", "{# note #}"),
    ]


@pytest.mark.parametrize("part", ["{{", "{%", "{{a", "@@@langfusePrompt:", "{#", "#", "}}", "{{a}"])
@pytest.mark.parametrize("engine", list(TemplateEngine))
def test_long_and_broken_texts_are_split_quickly(part: str, engine: TemplateEngine) -> None:
    text = part * 50_000
    begin = time.process_time()
    found = segments(text, engine, "/project/p")
    assert "".join(segment.text for segment in found) == text
    assert time.process_time() - begin < 5


def test_further_keys_of_a_message_are_shown() -> None:
    content = PromptContent(
        type=PromptType.CHAT,
        prompt=({"role": "user", "content": "Hi {{x}}", "name": "n"}, {"type": "placeholder", "name": "history"}),
    )
    first, second = present_text(content, "/project/p").messages
    assert [segment.text for segment in first.segments] == ["Hi ", "{{x}}"]
    assert "".join(token.text for token in first.rest) == '{\n  "name": "n"\n}'
    assert (second.role, second.segments[0].text) == ("placeholder", "history")
