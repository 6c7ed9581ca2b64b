"""Cursors of lists in the order of time: where a page ended, as text that a client hands back."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

import msgspec

from trunkline.types import Micros

_Time = Annotated[Micros, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]


def encode_cursor(time: Micros, id: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([time, id])).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[Micros, str]:
    """Raises ValueError for what `encode_cursor` did not make."""
    try:
        padded = cursor.rstrip("=") + "=" * (-len(cursor.rstrip("=")) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=tuple[_Time, str])
    except (binascii.Error, msgspec.DecodeError, UnicodeError) as error:
        raise ValueError("not a cursor of this API") from error
