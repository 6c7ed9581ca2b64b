"""References to media in inputs, outputs and metadata: ``@@@langfuseMedia:type=…|id=…|source=…@@@`` in place of bytes.

SDKs put them there when they upload what they found in a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from trunkline.types import JSON, JSONBytes, Struct

_MARK = b"@@@langfuseMedia:"
_REFERENCE = re.compile(r"@@@langfuseMedia:type=([^|@]{1,100})\|id=([A-Za-z0-9_-]{22})\|source=[^|@]{0,100}@@@")
_DIGITS = re.compile(r"[0-9*]+")
MOST = 1000
"""References that are read of one document."""


class Reference(Struct, frozen=True, kw_only=True):
    """`path` is where the string stands, as jsonpath-plus normalizes it, which is what SDKs read: ``$['a'][0]``."""

    text: str
    media_id: str
    content_type: str
    path: str
    is_whole: bool
    """Whether the string is nothing but the reference."""


def find_references(document: JSONBytes | None) -> list[Reference]:
    """The references in a JSON document, in its order."""
    if not document or _MARK not in document:
        return []
    try:
        value = msgspec.json.decode(document)
        return [reference for _, reference in zip(range(MOST), _walk(value, "$"), strict=False)]
    except (msgspec.DecodeError, RecursionError):
        return []


def _walk(value: JSON, path: str) -> Iterator[Reference]:
    if isinstance(value, str):
        for found in _REFERENCE.finditer(value):
            whole = found[0] == value
            yield Reference(text=found[0], content_type=found[1], media_id=found[2], path=path, is_whole=whole)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _walk(entry, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _walk(entry, f"{path}[{key}]" if _DIGITS.fullmatch(key) else f"{path}['{key}']")
