"""What of a JSON document is searched: its strings, its numbers and its keys, as one line of words.

Between two values stands `MARK`, which the index takes for a word, so that no phrase goes from one value on into the
next. JSON in a string, which is how tools' arguments come, is read as JSON.
"""

from __future__ import annotations

import re

import msgspec

from trunkline.types import JSON, JSONBytes

MARK = "\ue000"
"""A private character: no text has a use for it."""
MOST_CHARACTERS = 1_000_000
"""Of one document; what comes after is not found."""

_ENVELOPE = frozenset({"role", "content", "type", "text", "parts"})
"""Keys of every chat message: to find them everywhere helps nobody."""
_BETWEEN = f" {MARK} "
_MOST_NESTED = 3
_IDEOGRAPH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_IDEOGRAPHS = re.compile(f"([{_IDEOGRAPH}])")
_SPACED = re.compile(f"(?<=[{_IDEOGRAPH}]) (?=[{_IDEOGRAPH}])")
_SHORT, _LONGEST_WORD = 4000, 200
_ENCODED = re.compile(r"[A-Za-z0-9+/=_-]{200,}")
_ESCAPE = re.compile(r'\\["\\/bfnrt]')


def searched(data: JSONBytes | None) -> str:
    """The words of a document."""
    if not data:
        return ""
    if len(data) > 4 * MOST_CHARACTERS:
        return searched_text(_ESCAPE.sub(" ", data[: 4 * MOST_CHARACTERS].decode(errors="replace")))
    try:
        value: JSON = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return searched_text(_ESCAPE.sub(" ", data.decode(errors="replace")))
    return searched_text(value if isinstance(value, str) and value[:1] not in "{[" else _BETWEEN.join(_values(value)))


def searched_text(text: str) -> str:
    """The words of a plain text: without encoded media, Chinese and Japanese characters each a word."""
    if len(text) > _SHORT:
        text = text[:MOST_CHARACTERS]
        if max(map(len, text.split()), default=0) > _LONGEST_WORD:
            text = _ENCODED.sub(" ", text)
    return text if text.isascii() else _IDEOGRAPHS.sub(r"\1 ", text)


def shown(text: str) -> str:
    """A piece of what `searched` gave, for people."""
    text = _SPACED.sub("", text.replace(MARK, "·"))
    return " ".join(text.split())


def _values(root: JSON) -> list[str]:
    found: list[str] = []
    stack: list[tuple[JSON, int]] = [(root, 0)]
    while stack:
        value, nested = stack.pop()
        kind = type(value)
        if kind is str:
            inner = _inner(value) if value[:1] in {"{", "["} and nested < _MOST_NESTED else None
            if inner is None:
                found.append(value)
            else:
                stack.append((inner, nested + 1))
        elif kind is dict:
            for key, item in reversed(value.items()):
                stack.append((item, nested))
                if key not in _ENVELOPE:
                    stack.append((key, _MOST_NESTED))
        elif kind is list:
            stack.extend((item, nested) for item in reversed(value))
        elif kind is int or kind is float:
            found.append(str(value))
    return found


def _inner(text: str) -> JSON:
    try:
        inner: JSON = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return inner
