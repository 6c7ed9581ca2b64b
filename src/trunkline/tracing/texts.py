"""Short texts that clients send: ids, names, environments.

NUL characters are dropped from them: PostgreSQL refuses them, SQLite's own functions stop at them, and nobody means
one. Inside of JSON documents they stay, escaped as ``\\u0000``.
"""

from __future__ import annotations

import re
from functools import lru_cache

from trunkline.errors import InvalidRequest

MAX_ID = 800
DEFAULT_ENVIRONMENT = "default"
_ENVIRONMENT = re.compile(r"[a-z0-9_-]{1,40}")
_HEX = frozenset("0123456789abcdefABCDEF")


def clean(text: str) -> str:
    return text.replace("\0", "") if "\0" in text else text


def clean_or_none(text: str | None) -> str | None:
    """The text without NULs; None for nothing and for the empty text, which says nothing."""
    return clean(text) or None if text else None


def check_id(text: str, what: str) -> str:
    """Raises InvalidRequest for an empty id and for one of more than 800 characters."""
    cleaned = clean(text)
    if not cleaned:
        raise InvalidRequest(f"{what} must not be empty.")
    if len(cleaned) > MAX_ID:
        raise InvalidRequest(f"{what} has {len(cleaned)} characters; at most {MAX_ID} are allowed.")
    return cleaned


def check_hex_id(text: str, size: int, what: str) -> str:
    """A trace or span id of OTLP's JSON: `size` bytes in hexadecimal digits, not all zero; lower case comes back."""
    if len(text) != 2 * size or not _HEX.issuperset(text):
        raise InvalidRequest(f"{what} must be {2 * size} hexadecimal digits, got {text[:80]!r}.")
    if not text.strip("0"):
        raise InvalidRequest(f"{what} must not be all zeros.")
    return text.lower()


@lru_cache(maxsize=1024)
def environment_of(text: str | None) -> str:
    """Lower case, without a leading ``langfuse-``, 40 characters of ``[a-z0-9-_]``; anything else is ``default``."""
    if not text:
        return DEFAULT_ENVIRONMENT
    name = text.lower().removeprefix("langfuse-")
    return name if _ENVIRONMENT.fullmatch(name) else DEFAULT_ENVIRONMENT
