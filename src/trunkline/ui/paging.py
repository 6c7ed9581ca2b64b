"""Pages of a list: which one is asked for, and the links to those beside it."""

from __future__ import annotations

from trunkline.types import Struct
from trunkline.ui.sessions import WebRequest

LAST_PAGE = 100_000


class Pages(Struct, frozen=True, kw_only=True):
    previous: str
    next: str
    said: str


def whole_number(text: str | None, default: int | None = None) -> int | None:
    """A number of a URL; anything else is as if it was not there: an address is for people."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return default
    return int(text)


def page_of(request: WebRequest) -> int:
    return min(max(1, whole_number(request.query_params.get("page"), 1) or 1), LAST_PAGE)


def pages_of(page: int, size: int, shown: int, total: int, previous: str, following: str) -> Pages:
    """`total` is -1 where it was not counted; then a full page has a next one."""
    first = (page - 1) * size
    more = first + shown < total if total >= 0 else shown == size
    said = f"{first + 1:,}–{first + shown:,}" if shown else ""
    return Pages(
        previous=previous if page > 1 else "",
        next=following if more else "",
        said=f"{said} of {total:,}" if said and total >= 0 else said,
    )
