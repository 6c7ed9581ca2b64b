"""A body within its size may still hold too many pieces: each costs memory that its two bytes do not tell."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from trunkline.errors import InvalidRequest
from trunkline.tracing import otlp
from trunkline.tracing.bodies import MOST_EVENTS
from trunkline.tracing.ingestion import read_batch
from trunkline.tracing.otlp_pieces import COUNTED_BYTES, MOST_FIELDS, MOST_MESSAGES, refuse_too_many_pieces
from trunkline.tracing.spans import MOST_GROUPS, MOST_NOTES


def export(*, notes: int = 0, groups: int = 1) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    for _ in range(groups):
        span = resource.scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="a")
    for _ in range(notes):
        span.events.add()
    return request.SerializeToString()


def test_spans_with_too_many_events_are_refused() -> None:
    otlp.decode_protobuf(export(notes=MOST_NOTES))
    with pytest.raises(InvalidRequest, match="events and links"):
        otlp.decode_protobuf(export(notes=MOST_NOTES + 1))
    span = b'{"traceId":"%s","spanId":"%s","events":[%s]}' % (b"ab" * 16, b"cd" * 8, b",".join([b"{}"] * 1001))
    with pytest.raises(InvalidRequest, match="events"):
        otlp.decode_json(b'{"resourceSpans":[{"scopeSpans":[{"spans":[%s]}]}]}' % span)


def test_exports_of_too_many_scopes_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="in parts"):
        otlp.decode_protobuf(export(groups=MOST_GROUPS + 1))
    with pytest.raises(InvalidRequest, match="length"):
        otlp.decode_json(b'{"resourceSpans":[%s]}' % b",".join([b"{}"] * (MOST_GROUPS + 1)))


def test_batches_of_too_many_events_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="length"):
        read_batch(b'{"batch":[%s]}' % b",".join([b"1"] * (MOST_EVENTS + 1)), now=0)


def field(tag: int, content: bytes) -> bytes:
    length, size = len(content), b""
    while length > 0x7F:
        size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
    return bytes([tag]) + size + bytes([length]) + content


def in_a_span(content: bytes) -> bytes:
    return field(0x0A, field(0x12, field(0x12, content)))


MANY = MOST_MESSAGES + 1
BOMBS = {
    "resources": b"\x0a\x00" * MANY,
    "scopes": field(0x0A, b"\x12\x00" * MANY),
    "attributes of a resource": field(0x0A, field(0x0A, b"\x0a\x00" * MANY)),
    "spans": field(0x0A, field(0x12, b"\x12\x00" * MANY)),
    "attributes": in_a_span(b"\x4a\x00" * MANY),
    "attributes with values": in_a_span(b"\x4a\x02\x12\x00" * MANY),
    "events": in_a_span(b"\x5a\x00" * MANY),
    "a list": in_a_span(field(0x4A, field(0x12, field(0x2A, b"\x0a\x00" * MANY)))),
    "an object": in_a_span(field(0x4A, field(0x12, field(0x32, b"\x0a\x02\x12\x00" * MANY)))),
    "lists in lists": in_a_span(field(0x4A, field(0x12, b"\x2a\x04\x0a\x02\x2a\x00" * MANY))),
    "one text again and again": in_a_span(field(0x4A, b"\x0a\x00" * (MOST_FIELDS + 1))),
    "one number again and again": in_a_span(b"\x38\x01" * (MOST_FIELDS + 1)),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_exports_of_too_many_pieces_are_refused_before_they_are_decoded(bomb: str) -> None:
    with pytest.raises(InvalidRequest, match="in parts"):
        otlp.decode_protobuf(BOMBS[bomb])


def test_a_large_export_of_real_spans_is_taken() -> None:
    body = in_a_span(field(0x0A, b"t" * 16) + field(0x12, b"s" * 8) + field(0x4A, field(0x0A, b"a" * 2000)))
    many = body * (20_000_000 // len(body))
    refuse_too_many_pieces(many)
    assert len(many) > COUNTED_BYTES


PADDING = field(0x7A, bytes(COUNTED_BYTES))


@settings(max_examples=30)
@given(st.binary(max_size=200))
def test_counting_leaves_what_is_malformed_to_the_decoder(junk: bytes) -> None:
    for body in (junk + PADDING, in_a_span(junk) + PADDING, PADDING + junk, PADDING[:-1] + junk):
        refuse_too_many_pieces(body)
