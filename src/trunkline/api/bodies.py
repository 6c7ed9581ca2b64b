"""Request bodies into the shapes that handlers work with; what does not fit is named by its place."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from trunkline.errors import InvalidData
from trunkline.types import JSON

Shape = TypeVar("Shape")
_PLACE = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_PART = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")


def convert(body: JSON, shape: type[Shape]) -> Shape:
    """A decoded body as `shape`. Raises InvalidData with the first field that does not fit."""
    try:
        return msgspec.convert(body, shape)
    except msgspec.ValidationError as error:
        raise invalid_data(error) from None


def invalid_data(error: msgspec.ValidationError) -> InvalidData:
    """What msgspec found wrong, as an error that names the field."""
    return InvalidData([_issue(str(error))])


def decode(body: bytes, shape: type[Shape]) -> Shape:
    """A body's JSON as `shape`, whose raw parts are left as they came. Raises InvalidData as `convert` does."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise InvalidData([_issue(str(error))]) from None


def _issue(said: str) -> dict[str, object]:
    """msgspec's message, whose end names the place, as an issue."""
    matched = _PLACE.match(said)
    message, path = (matched["message"], matched["path"] or "") if matched else (said, "")
    parts: list[str | int] = [name or (int(index) if index.isdigit() else index) for name, index in _PART.findall(path)]
    return {"code": "invalid_type", "path": parts, "message": message}
