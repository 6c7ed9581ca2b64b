"""A prompt's text in pieces, so that its variables, references and logic can be told apart, and followed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trunkline.prompts.references import find_references
from trunkline.types import JSON, Message, PromptContent, Struct, TemplateEngine
from trunkline.ui import addresses
from trunkline.ui.content import Token, show_value

_REFERENCE = r"(?P<ref>@@@langfusePrompt:[^\n\r]*?@@@)"
_MUSTACHE = re.compile(_REFERENCE + r"|(?P<var>\{\{[^{}\n]{1,300}\}\})")
_JINJA = re.compile(
    _REFERENCE
    + r"|(?P<var>\{\{(?:[^}]|\}(?!\})){1,2000}\}\})"
    + r"|(?P<logic>\{%(?:[^%]|%(?!\})){0,2000}%\}|\{#(?:[^#]|#(?!\})){0,2000}#\})"
)


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
    return tuple(_split(text, _JINJA if engine is TemplateEngine.JINJA2 else _MUSTACHE, root))


def _split(text: str, pattern: re.Pattern[str], root: str) -> Iterator[Segment]:
    at = 0
    for match in pattern.finditer(text):
        if match.start() > at:
            yield Segment(text=text[at : match.start()])
        kind = match.lastgroup or ""
        yield Segment(text=match.group(), kind=kind, href=_href(match.group(), root) if kind == "ref" else "")
        at = match.end()
    if at < len(text):
        yield Segment(text=text[at:])


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
