"""OTLP's traces, whatever encoding they came in: what `trunkline.tracing.otlp` decodes and the dialects read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from trunkline.errors import InvalidRequest
from trunkline.types import JSON, Micros

MOST_GROUPS = 10_000
"""Scopes of one export. An empty one is two bytes on the wire and a hundred times as much here."""
MOST_NOTES = 1_000
"""Events and links of one span; OpenTelemetry's SDKs send 128 of each at most."""

Attributes = Mapping[str, JSON]
"""Text, numbers, booleans, None, lists and mappings of these; bytes come as base64."""


class SpanEvent(msgspec.Struct, frozen=True):
    name: str
    time: Micros
    attributes: Attributes


class SpanLink(msgspec.Struct, frozen=True):
    trace_id: str
    span_id: str
    attributes: Attributes


class Span(msgspec.Struct, frozen=True, gc=False):
    """Ids are hexadecimal in lower case. A time of 0 was not given. `failed` is the status code 2."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start: Micros
    end: Micros
    attributes: Attributes
    failed: bool = False
    status_message: str = ""
    events: Sequence[SpanEvent] = ()
    links: Sequence[SpanLink] = ()


class Scope(msgspec.Struct, frozen=True):
    """Which instrumentation made the spans."""

    name: str = ""
    version: str = ""
    attributes: Attributes = msgspec.field(default_factory=dict)


class SpanGroup(msgspec.Struct, frozen=True):
    """Spans of one scope of one resource."""

    resource: Attributes
    scope: Scope
    spans: Sequence[Span]


class ExportRequest(msgspec.Struct, frozen=True):
    groups: Sequence[SpanGroup]


def refuse_too_many(span: str, notes: int) -> None:
    """Raises InvalidRequest for a span with more events and links than any SDK sends."""
    if notes > MOST_NOTES:
        raise InvalidRequest(
            f"The span {span[:80]!r} has {notes} events and links; a span may have {MOST_NOTES}. Send fewer of them."
        )


def refuse_too_many_groups(count: int) -> None:
    if count > MOST_GROUPS:
        raise InvalidRequest(f"The export has {count} scopes; it may have {MOST_GROUPS}. Send it in parts.")
