"""How free JSON that clients sent (inputs, outputs, metadata) is shown: as chat, as text, or as indented JSON.

Everything here is foreign. It stays text: templates escape it, links and images in it are never followed or loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from trunkline.types import JSON, JSONBytes, Struct
from trunkline.ui.formats import clipped

MAX_SHOWN = 100_000
"""Characters of one payload that a page shows; the API has the whole."""
MAX_COLOURED = 40_000
MAX_MESSAGES = 300
_SNIPPET_BYTES = 32_768
_TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=:)|(?P<string>"(?:[^"\\]|\\.)*")'
    r"|(?P<number>-?\d[\d.eE+-]*)|(?P<word>true|false|null)"
)


class Kind(StrEnum):
    EMPTY = "empty"
    TEXT = "text"
    JSON = "json"
    CHAT = "chat"


class Token(Struct, frozen=True, kw_only=True):
    """A piece of JSON; `style` is a CSS class, empty for punctuation."""

    text: str
    style: str = ""


class Part(Struct, frozen=True, kw_only=True):
    """A piece of a chat message. `title` names a tool call or a medium."""

    text: str = ""
    tokens: tuple[Token, ...] = ()
    title: str = ""


class ChatMessage(Struct, frozen=True, kw_only=True):
    role: str
    tone: str
    """A known role's CSS class, or ``other``."""
    parts: tuple[Part, ...]
    name: str = ""


class Payload(Struct, frozen=True, kw_only=True):
    kind: Kind
    text: str = ""
    tokens: tuple[Token, ...] = ()
    messages: tuple[ChatMessage, ...] = ()
    rest: tuple[Token, ...] = ()
    """What stood beside the messages (tools, a response's envelope)."""
    cut: int = 0
    """Characters (or messages) that are not shown."""


def decode(data: JSONBytes | None) -> JSON:
    """The JSON value, or the bytes as text where they are no JSON or nested too deep to read."""
    if not data:
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return data.decode(errors="replace")


def show(data: JSONBytes | None) -> Payload:
    if data is not None and len(data) > 20 * MAX_SHOWN:
        return _text(data[: 4 * MAX_SHOWN].decode(errors="replace"), hidden=len(data) - 4 * MAX_SHOWN)
    return show_value(decode(data))


def show_value(value: JSON) -> Payload:
    if value is None or value == "":
        return Payload(kind=Kind.EMPTY)
    if isinstance(value, str):
        inner = decode(value.encode(errors="replace")) if value.lstrip()[:1] in {"{", "["} else value
        return _text(value) if isinstance(inner, str) else show_value(inner)
    found = _messages_in(value)
    if found is None:
        return _json(value)
    messages, rest = found
    return Payload(
        kind=Kind.CHAT,
        messages=tuple(_message(message) for message in messages[:MAX_MESSAGES]),
        rest=_tokens(rest) if rest else (),
        cut=max(0, len(messages) - MAX_MESSAGES),
    )


def show_json(value: JSON) -> Payload:
    """A prompt's config: always as JSON, whatever it looks like."""
    return _json(value)


def snippet(data: JSONBytes | None, length: int = 120) -> str:
    """One line for a table: the last message's text, the text, or compact JSON."""
    if not data:
        return ""
    if len(data) > _SNIPPET_BYTES:
        return clipped(data[: length * 4].decode(errors="replace"), length)
    value = decode(data)
    if value is None or isinstance(value, str):
        return clipped(value or "", length)
    found = _messages_in(value)
    if found:
        parts = _message(found[0][-1]).parts
        return clipped(" ".join(part.text or part.title for part in parts), length)
    return clipped(_compact(value), length)


def _text(text: str, hidden: int = 0) -> Payload:
    return Payload(kind=Kind.TEXT, text=text[:MAX_SHOWN], cut=max(0, len(text) - MAX_SHOWN) + hidden)


def _json(value: JSON) -> Payload:
    if value in ({}, []):
        return Payload(kind=Kind.EMPTY)
    text = _indented(value)
    return Payload(kind=Kind.JSON, tokens=colour(text[:MAX_SHOWN]), cut=max(0, len(text) - MAX_SHOWN))


def _tokens(value: JSON) -> tuple[Token, ...]:
    return colour(_indented(value)[:MAX_SHOWN])


def _indented(value: JSON) -> str:
    try:
        return json.dumps(value, indent=2, ensure_ascii=False)
    except (RecursionError, ValueError):
        return str(value)


def _compact(value: JSON) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError):
        return ""


def colour(text: str) -> tuple[Token, ...]:
    """JSON text in tokens that a style sheet can colour; past `MAX_COLOURED` it stays plain."""
    return tuple(_scan(text[:MAX_COLOURED])) + ((Token(text=text[MAX_COLOURED:]),) if text[MAX_COLOURED:] else ())


def _scan(text: str) -> Iterator[Token]:
    at = 0
    for match in _TOKEN.finditer(text):
        if match.start() > at:
            yield Token(text=text[at : match.start()])
        yield Token(text=match.group(), style=f"json-{match.lastgroup}")
        at = match.end()
    if at < len(text):
        yield Token(text=text[at:])


def _messages_in(value: JSON) -> tuple[list[Mapping[str, JSON]], JSON] | None:
    """The chat in a value and what stands beside it: a list of messages, a request, one message, a response."""
    if isinstance(value, list):
        return (value, None) if value and all(_is_message(entry) for entry in value) else None
    if not isinstance(value, dict):
        return None
    if _is_message(value):
        return [value], None
    for key in ("messages", "choices"):
        entries = value.get(key)
        if isinstance(entries, list) and entries:
            inner = [e["message"] if isinstance(e, dict) and "message" in e else e for e in entries]
            if all(_is_message(entry) for entry in inner):
                return inner, {other: value[other] for other in value if other != key}
    return None


def _is_message(entry: JSON) -> bool:
    if not isinstance(entry, dict):
        return False
    if entry.get("type") == "placeholder" and isinstance(entry.get("name"), str):
        return True
    body = {"content", "parts", "tool_calls", "function_call"} & entry.keys()
    return isinstance(entry.get("role"), str) and bool(body)


_TONES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
    "placeholder": "placeholder",
}


def _message(entry: Mapping[str, JSON]) -> ChatMessage:
    role = str(entry.get("role") or entry.get("type") or "message")
    parts = [*_parts(entry.get("content", entry.get("parts"))), *_calls(entry)]
    name = entry.get("name")
    return ChatMessage(
        role=clipped(role, 40),
        tone=_TONES.get(role.lower(), "other"),
        parts=tuple(parts),
        name=clipped(name, 80) if isinstance(name, str) else "",
    )


def _parts(content: JSON) -> Iterator[Part]:
    if content is None or content == "":
        return
    if isinstance(content, str):
        yield Part(text=content[:MAX_SHOWN])
        return
    for piece in content if isinstance(content, list) else [content]:
        if isinstance(piece, str):
            yield Part(text=piece[:MAX_SHOWN])
        elif isinstance(piece, dict) and isinstance(piece.get("text"), str):
            yield Part(text=piece["text"][:MAX_SHOWN])
        else:
            title = piece.get("type") if isinstance(piece, dict) else None
            yield Part(tokens=_tokens(piece), title=clipped(title, 40) if isinstance(title, str) else "")


def _calls(entry: Mapping[str, JSON]) -> Iterator[Part]:
    calls = entry.get("tool_calls")
    for call in calls if isinstance(calls, list) else [entry.get("function_call")]:
        if not isinstance(call, dict):
            continue
        function = call.get("function", call)
        if not isinstance(function, dict):
            continue
        arguments = function.get("arguments", function.get("args"))
        value = decode(arguments.encode(errors="replace")) if isinstance(arguments, str) else arguments
        yield Part(title=clipped(f"calls {function.get('name', '?')}", 80), tokens=_tokens(value))
