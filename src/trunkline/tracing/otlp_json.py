"""OTLP's JSON encoding: ids in hexadecimal, 64-bit integers as text or as numbers.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. Unknown keys are ignored, null is absent.
"""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from trunkline.errors import InvalidRequest
from trunkline.tracing.documents import MAX_DEPTH, TOO_DEEP, strict_body
from trunkline.tracing.spans import (
    MOST_GROUPS,
    MOST_NOTES,
    Attributes,
    ExportRequest,
    Scope,
    Span,
    SpanEvent,
    SpanGroup,
    SpanLink,
)
from trunkline.tracing.texts import check_hex_id
from trunkline.tracing.times import from_nanoseconds
from trunkline.types import JSON, Micros

_Integer = int | float | str
_FAILED: tuple[int | str | None, ...] = (2, "STATUS_CODE_ERROR", "2")


class _Array(msgspec.Struct):
    values: list[_Value | None] | None = None


class _KeyValues(msgspec.Struct):
    values: list[_KeyValue] | None = None


class _Value(msgspec.Struct, rename="camel"):
    string_value: str | None = None
    int_value: _Integer | None = None
    double_value: float | str | None = None
    bool_value: bool | None = None
    array_value: _Array | None = None
    kvlist_value: _KeyValues | None = None
    bytes_value: str | None = None


class _KeyValue(msgspec.Struct):
    key: str
    value: _Value | None = None


class _Status(msgspec.Struct):
    code: int | str | None = None
    message: str | None = None


class _Event(msgspec.Struct, rename="camel"):
    name: str | None = None
    time_unix_nano: _Integer | None = None
    attributes: list[_KeyValue] | None = None


class _Link(msgspec.Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    attributes: list[_KeyValue] | None = None


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    name: str | None = None
    start_time_unix_nano: _Integer | None = None
    end_time_unix_nano: _Integer | None = None
    attributes: list[_KeyValue] | None = None
    events: Annotated[list[_Event], Meta(max_length=MOST_NOTES)] | None = None
    links: Annotated[list[_Link], Meta(max_length=MOST_NOTES)] | None = None
    status: _Status | None = None


class _Scope(msgspec.Struct):
    name: str | None = None
    version: str | None = None
    attributes: list[_KeyValue] | None = None


class _Resource(msgspec.Struct):
    attributes: list[_KeyValue] | None = None


class _ScopeSpans(msgspec.Struct):
    scope: _Scope | None = None
    spans: list[_Span] | None = None


class _ResourceSpans(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_spans: Annotated[list[_ScopeSpans], Meta(max_length=MOST_GROUPS)] | None = None


class _Request(msgspec.Struct, rename="camel"):
    resource_spans: Annotated[list[_ResourceSpans], Meta(max_length=MOST_GROUPS)] | None = None


_decode = msgspec.json.Decoder(_Request).decode


def decode(body: bytes) -> ExportRequest:
    """Raises InvalidRequest for what is no ExportTraceServiceRequest, and for a bad id or time in it."""
    try:
        request = _decode(strict_body(body))
        return ExportRequest(
            [
                _group(scope_spans, resource)
                for resource_spans in request.resource_spans or ()
                for resource in [_attributes(resource_spans.resource.attributes if resource_spans.resource else None)]
                for scope_spans in resource_spans.scope_spans or ()
            ]
        )
    except RecursionError:
        raise InvalidRequest(TOO_DEEP) from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidRequest(f"The body is no OTLP trace export in JSON: {error}.") from None


def _group(scope_spans: _ScopeSpans, resource: Attributes) -> SpanGroup:
    scope = scope_spans.scope or _Scope()
    return SpanGroup(
        resource,
        Scope(scope.name or "", scope.version or "", _attributes(scope.attributes)),
        [_span(span) for span in scope_spans.spans or ()],
    )


def _span(span: _Span) -> Span:
    status = span.status
    return Span(
        check_hex_id(span.trace_id, 16, "traceId"),
        check_hex_id(span.span_id, 8, "spanId"),
        _parent_id(span.parent_span_id),
        span.name or "",
        _time(span.start_time_unix_nano),
        _time(span.end_time_unix_nano),
        _attributes(span.attributes),
        status is not None and status.code in _FAILED,
        (status.message or "") if status is not None else "",
        [_event(event) for event in span.events or ()],
        [SpanLink(link.trace_id, link.span_id, _attributes(link.attributes)) for link in span.links or ()],
    )


def _parent_id(text: str | None) -> str | None:
    """Some exporters write the parent of a root as zeros."""
    return check_hex_id(text, 8, "parentSpanId") if text and text.strip("0") else None


def _event(event: _Event) -> SpanEvent:
    return SpanEvent(event.name or "", _time(event.time_unix_nano), _attributes(event.attributes))


def _time(nanoseconds: _Integer | None) -> Micros:
    return from_nanoseconds(_integer(nanoseconds)) if nanoseconds else 0


def _integer(value: _Integer) -> int:
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidRequest(f"Expected a whole number, got {value}.")
    try:
        number = int(value)
    except ValueError:
        raise InvalidRequest(f"Expected a whole number, got {str(value)[:40]!r}.") from None
    if not -(2**63) <= number < 2**64:
        raise InvalidRequest(f"The number {str(number)[:40]} does not fit 64 bits.")
    return number


def _attributes(pairs: list[_KeyValue] | None) -> Attributes:
    return {pair.key: _plain(pair.value) for pair in pairs or ()}


def _plain(value: _Value | None, depth: int = 0) -> JSON:
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        return _integer(value.int_value)
    if value.bool_value is not None:
        return value.bool_value
    if value.double_value is not None:
        return _double(value.double_value)
    if depth >= MAX_DEPTH:
        raise InvalidRequest(TOO_DEEP)
    if value.array_value is not None:
        return [_plain(inner, depth + 1) for inner in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return {pair.key: _plain(pair.value, depth + 1) for pair in value.kvlist_value.values or ()}
    return value.bytes_value


def _double(value: float | str) -> float:
    """Text stands for what JSON numbers cannot say: ``NaN``, ``Infinity``, ``-Infinity``."""
    try:
        return float(value)
    except ValueError:
        raise InvalidRequest(f"Expected a number, got {str(value)[:40]!r}.") from None
