"""OTLP's protobuf encoding, decoded with a message class of our own.

It is wire-compatible with ``opentelemetry.proto`` but declares attributes as ``map<string, bytes>``, where the bytes
are an AnyValue that was not parsed: a KeyValue message and a map entry look the same on the wire. Nearly all values are
text, which costs one slice and one decode; the rest goes through the published AnyValue class. That saves two wrapper
objects an attribute, which is most of what decoding costs (see tests/benchmarks/bench_tracing.py).

A time is a ``fixed64`` of nanoseconds and so ends in the year 2554: whatever comes can be written as ISO 8601.

Source: https://github.com/open-telemetry/opentelemetry-proto (trace.proto, common.proto, resource.proto).
"""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from trunkline.errors import InvalidRequest
from trunkline.tracing.documents import MAX_DEPTH, TOO_DEEP
from trunkline.tracing.spans import Attributes, ExportRequest, Scope, Span, SpanEvent, SpanGroup, SpanLink
from trunkline.types import JSON

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "trunkline.tracing.otlp"
_NOT_FAILED = frozenset({b"", b"\x18\x00", b"\x18\x01"})
"""A status that is absent, unset or OK, without a message."""
_FAILED = 2
_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)

_MESSAGES: dict[str, tuple[tuple[int, str, Any, bool, str], ...]] = {
    "Status": ((2, "message", _Field.TYPE_STRING, False, ""), (3, "code", _Field.TYPE_INT32, False, "")),
    "Event": (
        (1, "time_unix_nano", _Field.TYPE_FIXED64, False, ""),
        (2, "name", _Field.TYPE_STRING, False, ""),
        (3, "attributes", _Field.TYPE_MESSAGE, True, "map"),
    ),
    "Link": (
        (1, "trace_id", _Field.TYPE_BYTES, False, ""),
        (2, "span_id", _Field.TYPE_BYTES, False, ""),
        (4, "attributes", _Field.TYPE_MESSAGE, True, "map"),
    ),
    "Span": (
        (1, "trace_id", _Field.TYPE_BYTES, False, ""),
        (2, "span_id", _Field.TYPE_BYTES, False, ""),
        (4, "parent_span_id", _Field.TYPE_BYTES, False, ""),
        (5, "name", _Field.TYPE_STRING, False, ""),
        (7, "start_time_unix_nano", _Field.TYPE_FIXED64, False, ""),
        (8, "end_time_unix_nano", _Field.TYPE_FIXED64, False, ""),
        (9, "attributes", _Field.TYPE_MESSAGE, True, "map"),
        (11, "events", _Field.TYPE_MESSAGE, True, "Event"),
        (13, "links", _Field.TYPE_MESSAGE, True, "Link"),
        (15, "status", _Field.TYPE_BYTES, False, ""),
    ),
    "Resource": ((1, "attributes", _Field.TYPE_MESSAGE, True, "map"),),
    "Scope": (
        (1, "name", _Field.TYPE_STRING, False, ""),
        (2, "version", _Field.TYPE_STRING, False, ""),
        (3, "attributes", _Field.TYPE_MESSAGE, True, "map"),
    ),
    "ScopeSpans": (
        (1, "scope", _Field.TYPE_MESSAGE, False, "Scope"),
        (2, "spans", _Field.TYPE_MESSAGE, True, "Span"),
    ),
    "ResourceSpans": (
        (1, "resource", _Field.TYPE_MESSAGE, False, "Resource"),
        (2, "scope_spans", _Field.TYPE_MESSAGE, True, "ScopeSpans"),
    ),
    "Request": ((1, "resource_spans", _Field.TYPE_MESSAGE, True, "ResourceSpans"),),
}
"""Number, name, type, whether it is repeated, and which message it holds ("map" for attributes)."""


def _message_classes() -> tuple[Any, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="trunkline/otlp.proto", package=_PACKAGE, syntax="proto3")
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for number, name, type_, repeated, holds in fields:
            label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            field = message.field.add(number=number, name=name, type=type_, label=label)
            if holds == "map":
                field.type_name = f".{_PACKAGE}.{message_name}.AttributesEntry"
                entry = message.nested_type.add(name="AttributesEntry")
                entry.options.map_entry = True
                entry.field.add(number=1, name="key", type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
                entry.field.add(number=2, name="value", type=_Field.TYPE_BYTES, label=_Field.LABEL_OPTIONAL)
            elif holds:
                field.type_name = f".{_PACKAGE}.{holds}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    request, status = (pool.FindMessageTypeByName(f"{_PACKAGE}.{name}") for name in ("Request", "Status"))
    return message_factory.GetMessageClass(request), message_factory.GetMessageClass(status)


_Request, _Status = _message_classes()


def decode(body: bytes) -> ExportRequest:
    """Raises InvalidRequest for what is no ExportTraceServiceRequest, and for a bad id or time in it."""
    try:
        request = _Request.FromString(body)
        return ExportRequest(
            [
                _group(scope_spans, resource)
                for resource_spans in request.resource_spans
                for resource in [_attributes(resource_spans.resource.attributes)]
                for scope_spans in resource_spans.scope_spans
            ]
        )
    except (DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is no OTLP trace export in protobuf: {error}.") from None


def _group(scope_spans: Any, resource: Attributes) -> SpanGroup:
    scope = scope_spans.scope
    return SpanGroup(
        resource,
        Scope(scope.name, scope.version, _attributes(scope.attributes)),
        [_span(span) for span in scope_spans.spans],
    )


def _span(span: Any) -> Span:
    trace_id: bytes = span.trace_id
    span_id: bytes = span.span_id
    parent_id: bytes = span.parent_span_id
    if len(trace_id) != 16 or len(span_id) != 8 or len(parent_id) not in (0, 8):
        raise InvalidRequest(
            f"The span {span.name[:80]!r} has ids of {len(trace_id)} (trace), {len(span_id)} (span) and "
            f"{len(parent_id)} (parent) bytes; they must have 16, 8, and 8 or 0."
        )
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        raise InvalidRequest(f"The span {span.name[:80]!r} has an id of zeros only.")
    status: bytes = span.status
    failed, message = (False, "") if status in _NOT_FAILED else _read_status(status)
    raw = span.attributes
    events, links = span.events, span.links
    return Span(
        trace_id.hex(),
        span_id.hex(),
        parent_id.hex() if parent_id else None,
        span.name,
        span.start_time_unix_nano // 1000,
        span.end_time_unix_nano // 1000,
        {key: _value(raw[key]) for key in raw},
        failed,
        message,
        [_event(event) for event in events] if events else (),
        [_link(link) for link in links] if links else (),
    )


def _read_status(status: bytes) -> tuple[bool, str]:
    read = _Status.FromString(status)
    return read.code == _FAILED, read.message


def _event(event: Any) -> SpanEvent:
    return SpanEvent(event.name, event.time_unix_nano // 1000, _attributes(event.attributes))


def _link(link: Any) -> SpanLink:
    return SpanLink(link.trace_id.hex(), link.span_id.hex(), _attributes(link.attributes))


def _attributes(raw: Any) -> Attributes:
    """Sorted: a protobuf map has no order, and equal attributes should make equal metadata."""
    return {key: _value(raw[key]) for key in sorted(raw)}


def _value(raw: bytes) -> JSON:
    """An AnyValue. Short cuts for one ``string_value`` (field 1) of less than 16 KiB and a small ``int_value`` (3)."""
    size = len(raw)
    if size > 1:
        tag, length = raw[0], raw[1]
        if tag == 0x0A:
            if length < 0x80:
                if length == size - 2:
                    return raw[2:].decode()
            elif size > 2 and raw[2] < 0x80 and (length & 0x7F) | raw[2] << 7 == size - 3:
                return raw[3:].decode()
        elif tag == 0x18 and length < 0x80 and size == 2:
            return length
    return _plain(AnyValue.FromString(raw))


def _plain(value: Any, depth: int = 0) -> JSON:
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
