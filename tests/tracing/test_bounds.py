"""A body within its size may still hold too many pieces: each costs memory that its two bytes do not tell."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from trunkline.errors import InvalidRequest
from trunkline.tracing import otlp
from trunkline.tracing.bodies import MOST_EVENTS
from trunkline.tracing.ingestion import read_batch
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
