"""How single values look on the compatible API: times, embedded JSON, pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Raw

from trunkline.types import JSONBytes, Micros

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = int((datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC) - EPOCH).total_seconds() * 1_000_000)
EARLIEST = int((datetime(1, 1, 1, tzinfo=UTC) - EPOCH).total_seconds() * 1_000_000)
NOTHING = Raw(b"{}")


class Shape(msgspec.Struct, kw_only=True, rename="camel"):
    """An object of an answer; snake_case fields become camelCase keys."""


class PageMeta(Shape, kw_only=True):
    page: int
    limit: int
    total_items: int
    total_pages: int


def iso(time: Micros) -> str:
    """ISO 8601 in UTC with milliseconds, as JavaScript's ``toISOString`` gives it; cut down, never rounded up."""
    moment = EPOCH + timedelta(microseconds=min(max(time, EARLIEST), LATEST))
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def iso_or_none(time: Micros | None) -> str | None:
    return None if time is None else iso(time)


def seconds_between(start: Micros, end: Micros | None) -> float | None:
    return None if end is None else (end - start) / 1_000_000


def embedded(document: JSONBytes | None) -> Raw | None:
    """A stored JSON document as it stands; None is null."""
    return None if document is None else Raw(document)


def embedded_object(document: JSONBytes | None) -> Raw:
    """A stored JSON object as it stands; None is the empty object."""
    return NOTHING if document is None else Raw(document)


def raw_string(document: JSONBytes | None) -> str | None:
    """A stored JSON document as one string: a JSON string is its text, anything else is its JSON."""
    if document is None:
        return None
    if document[:1] == b'"':
        text: str = msgspec.json.decode(document, type=str)
        return text
    return document.decode()


def page_meta(page: int, limit: int, total: int) -> PageMeta:
    return PageMeta(page=page, limit=limit, total_items=total, total_pages=-(-total // limit))
