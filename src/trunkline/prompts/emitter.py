"""Values as YAML text that reads back equal.

Text that a block scalar holds exactly is written as one (``|``), because that is what a person edits and compares;
text that it cannot hold (control characters, carriage returns, other line separators) is double-quoted. A string that
any YAML reader could take for something else (``no``, ``1.10``, ``12:30``) is double-quoted too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from trunkline.errors import InvalidRequest
from trunkline.prompts.documents import MAX_BYTES, MAX_DEPTH, MAX_INTEGER_DIGITS, MAX_NODES
from trunkline.types import JSON

MAX_IMPLICIT_KEY = 800
"""Characters of a key as written; YAML wants the colon within 1024 characters, or a question mark before the key."""

_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./@+ -]*[A-Za-z0-9_./@+-])?")
_WORDS = frozenset(("null", "true", "false", "yes", "no", "on", "off"))
_BLOCK = re.compile("[\t\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
_TO_ESCAPE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_INDENT = 2


class Text(str):
    """A string that is a person's text: written as a block scalar even if it has one line only."""

    __slots__ = ()


class Flow(list[JSON]):
    """A list that is written on one line, as ``[a, b]``."""

    __slots__ = ()


class FlowMapping(dict[str, JSON]):
    """A mapping that is written on one line, as ``{a: 1, b: 2}``."""

    __slots__ = ()


class Bare(str):
    """A string that its readers take for text in any case, so it needs no quotes: a blob's name."""

    __slots__ = ()


def write(document: Mapping[str, JSON]) -> bytes:
    """A whole file. InvalidRequest for what YAML cannot hold, or what is too long or too deep to be read back."""
    data = encode("\n".join(block_lines(document, 0)) + "\n")
    if _count(document) > MAX_NODES:
        raise InvalidRequest(f"More than {MAX_NODES:,} keys and values. Make the config smaller.")
    if len(data) > MAX_BYTES:
        raise InvalidRequest(
            f"It would make a file of {len(data):,} bytes, at most {MAX_BYTES:,} are possible. Shorten it."
        )
    return data


def encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(
            "The text holds half of a surrogate pair, which is no Unicode text. Send well-formed text."
        ) from None


def block_lines(value: Mapping[str, JSON] | list[JSON] | tuple[JSON, ...], indent: int, depth: int = 1) -> list[str]:
    """A mapping or list that is not empty, one line each, indented by `indent` spaces."""
    if depth > MAX_DEPTH:
        raise InvalidRequest(f"More than {MAX_DEPTH} levels. Make it flatter.")
    pad = " " * indent
    lines: list[str] = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            lines.extend(entry_lines(key, item, indent, depth))
        return lines
    for item in value:
        if _is_block(item):
            nested = block_lines(item, indent + _INDENT, depth + 1)
            lines.append(f"{pad}- {nested[0][indent + _INDENT :]}")
            lines.extend(nested[1:])
        else:
            head, body = scalar_parts(item, indent)
            lines.append(f"{pad}- {head}")
            lines.extend(body)
    return lines


def entry_lines(key: str, value: JSON, indent: int, depth: int = 1) -> list[str]:
    """One entry of a mapping whose keys stand at column `indent`."""
    if not isinstance(key, str):
        raise InvalidRequest(f"A key must be a string, not {type(key).__name__}.")
    pad = " " * indent
    written = quote_unless_plain(key)
    lines = [f"{pad}{written}:"]
    if len(written) > MAX_IMPLICIT_KEY:
        lines = [f"{pad}? {written}", f"{pad}:"]
    if _is_block(value):
        lines.extend(block_lines(value, indent + _INDENT, depth + 1))
        return lines
    head, body = scalar_parts(value, indent)
    lines[-1] += f" {head}"
    return lines + body


def scalar_parts(value: JSON, indent: int) -> tuple[str, list[str]]:
    """What stands on the key's line, and the lines below it: only a block scalar has some."""
    if isinstance(value, str) and (isinstance(value, Text) or "\n" in value) and _fits_block(value):
        return _block_header(value), _block_body(value, " " * (indent + _INDENT))
    return flow(value), []


def flow(value: JSON) -> str:
    """The value on one line."""
    if isinstance(value, Bare):
        return value
    if isinstance(value, str):
        return quote_unless_plain(value)
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidRequest("NaN and infinity are no JSON numbers. Send a finite number or null.")
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quote_unless_plain(key)}: {flow(item)}" for key, item in value.items()) + "}"
    raise InvalidRequest(f"A value of type {type(value).__name__} is no JSON.")


def quote_unless_plain(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return _TO_ESCAPE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


def _count(value: JSON) -> int:
    """Keys and values, as a reader of the file counts them."""
    if isinstance(value, Mapping):
        return 1 + len(value) + sum(map(_count, value.values()))
    return 1 + sum(map(_count, value)) if isinstance(value, list | tuple) else 1


def _integer(value: int) -> str:
    if value.bit_length() > MAX_INTEGER_DIGITS * 3:
        raise InvalidRequest("A number is too long. Send it as a string.")
    return str(value)


def _is_block(value: JSON) -> bool:
    return bool(value) and isinstance(value, Mapping | list | tuple) and not isinstance(value, Flow | FlowMapping)


def _fits_block(text: str) -> bool:
    return bool(_BLOCK.fullmatch(text)) and text.strip("\n") != ""


def _block_header(text: str) -> str:
    # Without the digit a reader guesses the indentation from the first line that is not empty.
    digit = str(_INDENT) if text[0] in " \t\n" else ""
    if not text.endswith("\n"):
        return f"|{digit}-"
    return f"|{digit}+" if text.endswith("\n\n") else f"|{digit}"


def _block_body(text: str, pad: str) -> list[str]:
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [pad + line if line else "" for line in lines]
