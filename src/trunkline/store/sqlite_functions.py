"""What filters ask of a row that SQL alone cannot say: packed texts, encoded ids, finer kinds of cost.

Registered on each reading connection. A function gets NULL where there is nothing, and gives NULL for it.
"""

from __future__ import annotations

import math
from typing import Any

import apsw
import msgspec

from trunkline.store.sqlite_rows import decode_id
from trunkline.store.sqlite_texts import TextBlocks
from trunkline.store.texts import NO_TEXTS, Part, Texts, place_of, texts_of
from trunkline.types import JSONBytes

_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_kinds = msgspec.json.Decoder(dict[str, float]).decode
_string = msgspec.json.Decoder(str).decode
_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def register(connection: apsw.Connection, blocks: TextBlocks) -> None:
    held: tuple[bytes, list[Part | None]] = (b"", [])

    def texts(packed: bytes | None, reference: int | None) -> Texts:
        """Rows in order of time lie in the same block: the last one is kept unpacked."""
        nonlocal held
        if packed is None or reference is None:
            return NO_TEXTS
        if held[0] != packed:
            held = (packed, blocks.unpack(packed))
        part = held[1][place_of(reference)]
        return NO_TEXTS if part is None else texts_of(part)

    def content_text(packed: bytes | None, reference: int | None, column: str) -> str | None:
        """An input or output as the API gives it: a JSON string is its text, anything else its JSON."""
        return text_of(getattr(texts(packed, reference), column))

    def metadata_value(packed: bytes | None, reference: int | None, key: str) -> str | None:
        return value_under(texts(packed, reference).metadata, key)

    for name, count, function in (
        ("content_text", 3, content_text),
        ("metadata_value", 3, metadata_value),
        ("json_value", 2, value_under),
        ("metadata_text", 1, text_of),
        ("metadata_values", 1, metadata_values),
        ("metadata_number", 1, metadata_number),
        ("id_text", 1, _id_text),
        ("holds", 2, holds),
        ("kind_sum", 2, kind_sum),
    ):
        connection.create_scalar_function(name, _as_any(function), count, deterministic=True)


def _as_any(function: Any) -> Any:
    return function


def value_under(document: JSONBytes | None, key: str) -> str | None:
    """The JSON of a value of the first level; what is no object has none."""
    if document is None or document[:1] != b"{":
        return None
    try:
        value = _parts(document).get(key)
        return None if value is None else bytes(value).decode()
    except _FAULTS:
        return None


def text_of(document: JSONBytes | str | None) -> str | None:
    """A JSON string is its text, anything else is its JSON."""
    if document is None:
        return None
    if document[:1] in (b'"', '"'):
        return _string(document)
    return document if isinstance(document, str) else document.decode()


def metadata_values(value: str | None) -> str:
    """The texts of an array, or the one text of anything else, as a JSON array."""
    if value is None:
        return "[]"
    items = [bytes(raw).decode() for raw in _array(value)] if value[:1] == "[" else [value]
    return _encode([text_of(item) for item in items]).decode()


def metadata_number(value: str | None) -> float | None:
    """A number, or a string that spells one."""
    text = text_of(value)
    if text is None or value in ("true", "false", "null"):
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _id_text(id: bytes | None) -> str | None:
    return None if id is None else decode_id(id)


def holds(text: str | None, wanted: str) -> bool:
    return text is not None and wanted.casefold() in text.casefold()


def kind_sum(document: bytes | None, kind: str) -> float | None:
    """The sum over kinds such as ``input`` and ``input_cached``."""
    if document is None:
        return None
    return math.fsum(amount for name, amount in _kinds(document).items() if name.startswith(kind))
