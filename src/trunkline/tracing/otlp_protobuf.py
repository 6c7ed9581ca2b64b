"""OTLP's protobuf encoding, decoded with the published classes.

A message class of our own, with attributes as a map of bytes that are decoded by hand, was measured: it costs 3% less
(tests/benchmarks/bench_tracing.py prints today's cost), which is no reason to keep one.

A time is a ``fixed64`` of nanoseconds and so ends in the year 2554: whatever comes can be written as ISO 8601.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from trunkline.errors import InvalidRequest
from trunkline.tracing.documents import MAX_DEPTH, TOO_DEEP
from trunkline.tracing.spans import (
    Attributes,
    ExportRequest,
    Scope,
    Span,
    SpanEvent,
    SpanGroup,
    SpanLink,
    refuse_too_many,
    refuse_too_many_groups,
)
from trunkline.types import JSON

_FAILED = 2
_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)


def decode(body: bytes) -> ExportRequest:
    """Raises InvalidRequest for what is no ExportTraceServiceRequest, and for a bad id in it."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise InvalidRequest(f"The body is no OTLP trace export in protobuf: {error}.") from None
    refuse_too_many_groups(sum(1 + len(resource_spans.scope_spans) for resource_spans in request.resource_spans))
    return ExportRequest(
        [
            _group(scope_spans, resource)
            for resource_spans in request.resource_spans
            for resource in [_attributes(resource_spans.resource.attributes)]
            for scope_spans in resource_spans.scope_spans
        ]
    )


def _group(scope_spans: trace_pb2.ScopeSpans, resource: Attributes) -> SpanGroup:
    scope = scope_spans.scope
    return SpanGroup(
        resource,
        Scope(scope.name, scope.version, _attributes(scope.attributes)),
        [_span(span) for span in scope_spans.spans],
    )


def _span(span: trace_pb2.Span) -> Span:
    trace_id, span_id, parent_id = span.trace_id, span.span_id, span.parent_span_id
    if len(trace_id) != 16 or len(span_id) != 8 or len(parent_id) not in (0, 8):
        raise InvalidRequest(
            f"The span {span.name[:80]!r} has ids of {len(trace_id)} (trace), {len(span_id)} (span) and "
            f"{len(parent_id)} (parent) bytes; they must have 16, 8, and 8 or 0."
        )
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        raise InvalidRequest(f"The span {span.name[:80]!r} has an id of zeros only.")
    status, events, links = span.status, span.events, span.links
    if events or links:
        refuse_too_many(span.name, len(events) + len(links))
    return Span(
        trace_id.hex(),
        span_id.hex(),
        parent_id.hex() if parent_id and parent_id != _NO_SPAN else None,
        span.name,
        span.start_time_unix_nano // 1000,
        span.end_time_unix_nano // 1000,
        {pair.key: pair.value.string_value or _plain(pair.value) for pair in span.attributes},
        status.code == _FAILED,
        status.message,
        [_event(event) for event in events] if events else (),
        [_link(link) for link in links] if links else (),
    )


def _event(event: trace_pb2.Span.Event) -> SpanEvent:
    return SpanEvent(event.name, event.time_unix_nano // 1000, _attributes(event.attributes))


def _link(link: trace_pb2.Span.Link) -> SpanLink:
    return SpanLink(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: AnyValue, depth: int = 0) -> JSON:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if depth >= MAX_DEPTH:
        raise InvalidRequest(TOO_DEEP)
    if kind == "array_value":
        return [_plain(inner, depth + 1) for inner in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value, depth + 1) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind)
