"""Regular expressions that run in linear time (RE2), over UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, cast

import re2

MAX_BYTES = 64 << 20


class Found(Protocol):
    """One match, as Python's own module gives it."""

    def span(self, group: int = 0) -> tuple[int, int]: ...

    def group(self, group: int = 0) -> bytes: ...


class Expression(Protocol):
    """A compiled expression; may be used by several threads at a time."""

    @property
    def programsize(self) -> int: ...

    def search(self, text: bytes) -> Found | None: ...

    def fullmatch(self, text: bytes) -> Found | None: ...

    def finditer(self, text: bytes) -> Iterator[Found]: ...


def compiled(expression: str, max_bytes: int = MAX_BYTES) -> Expression:
    """An expression for UTF-8 bytes, in at most `max_bytes` of memory. Raises ValueError for what RE2 does not take."""
    options = re2.Options()
    options.max_mem = max_bytes
    options.log_errors = False
    try:
        return cast(Expression, re2.compile(expression.encode(), options))
    except re2.error as error:
        reason = error.args[0] if error.args else b"not understood"
        raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from None


def any_of(expressions: Sequence[str]) -> Expression:
    """One expression for all of them."""
    return compiled("|".join(f"(?:{expression})" for expression in expressions))
