"""A prompt's text in pieces, so that its variables, references and logic can be told apart, and followed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trunkline.prompts.references import find_references
from trunkline.types import JSON, Message, PromptContent, Struct, TemplateEngine
from trunkline.ui import addresses
from trunkline.ui.content import Token, show_value

_OPENING = re.compile(r"@@@langfusePrompt:|\{\{|\{%|\{#")
_CLOSING = {"@@@langfusePrompt:": "@@@", "{{": "}}", "{%": "%}", "{#": "#}"}
_KINDS = {"@@@langfusePrompt:": "ref", "{{": "var", "{%": "logic", "{#": "logic"}
_LOGIC = frozenset({"{%", "{#"})
MAX_TAG = 2000
"""Characters of a tag; looking for its end is bounded, so that a text of nothing but openings is read quickly."""


class Segment(Struct, frozen=True, kw_only=True):
    """`kind` is a CSS class: ``var``, ``ref``, ``logic`` or empty for plain text."""

    text: str
    kind: str = ""
    href: str = ""


class PromptMessage(Struct, frozen=True, kw_only=True):
    role: str
    tone: str
    segments: tuple[Segment, ...]
    rest: tuple[Token, ...] = ()
    """Further keys of the message, as JSON."""


class PromptText(Struct, frozen=True, kw_only=True):
    """A text prompt has `segments`, a chat prompt `messages`."""

    segments: tuple[Segment, ...] = ()
    messages: tuple[PromptMessage, ...] = ()


def present_text(content: PromptContent, root: str) -> PromptText:
    if isinstance(content.prompt, str):
        return PromptText(segments=segments(content.prompt, content.template, root))
    return PromptText(messages=tuple(_message(message, content.template, root) for message in content.prompt))


def segments(text: str, engine: TemplateEngine, root: str) -> tuple[Segment, ...]:
    found: list[Segment] = []
    at = 0
    for start, end, kind in _tags(text, engine):
        if start > at:
            found.append(Segment(text=text[at:start]))
        tag = text[start:end]
        found.append(Segment(text=tag, kind=kind, href=_href(tag, root) if kind == "ref" else ""))
        at = end
    return (*found, Segment(text=text[at:])) if at < len(text) else tuple(found)


def _tags(text: str, engine: TemplateEngine) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each tag: an opening and the nearest closing behind it."""
    at = 0
    while match := _OPENING.search(text, at):
        opening = match.group()
        at = match.end()
        if opening in _LOGIC and engine is not TemplateEngine.JINJA2:
            continue
        close = text.find(_CLOSING[opening], at, at + MAX_TAG)
        if close > at:
            end = close + len(_CLOSING[opening])
            yield match.start(), end, _KINDS[opening]
            at = end


def _href(tag: str, root: str) -> str:
    """To the prompt that a reference names; empty where it is no valid reference."""
    for reference in find_references(tag):
        return addresses.prompt(root, reference.name, version=reference.version, label=reference.label)
    return ""


def _message(message: Message, engine: TemplateEngine, root: str) -> PromptMessage:
    if message.get("type") == "placeholder":
        name = str(message.get("name", ""))
        return PromptMessage(role="placeholder", tone="placeholder", segments=(Segment(text=name, kind="var"),))
    shown = show_value([{"role": message.get("role", "message"), "content": ""}]).messages[0]
    text = message.get("content", "")
    rest: dict[str, JSON] = {key: value for key, value in message.items() if key not in {"role", "content"}}
    if not isinstance(text, str):
        rest, text = {"content": text, **rest}, ""
    return PromptMessage(
        role=shown.role,
        tone=shown.tone,
        segments=segments(text, engine, root),
        rest=show_value(rest).tokens if rest else (),
    )
