"""Exports made with the published OTLP classes, as any exporter would, and the changes that come of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from trunkline.tracing.otlp import changes_of, decode_protobuf
from trunkline.types import Change, ObservationChange, TraceChange

NOW = 1_795_460_700_000_000
START = 1_795_460_651_000_000
TRACE = "796df8693c70d36ff36d94403e942ae6"
ROOT = "ad6bcbdf4d937718"


def any_value(value: object) -> AnyValue:
    made = AnyValue()
    if isinstance(value, bool):
        made.bool_value = value
    elif isinstance(value, str):
        made.string_value = value
    elif isinstance(value, int):
        made.int_value = value
    elif isinstance(value, float):
        made.double_value = value
    elif isinstance(value, bytes):
        made.bytes_value = value
    elif isinstance(value, Sequence):
        made.array_value.values.extend(any_value(inner) for inner in value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            made.kvlist_value.values.add(key=key, value=any_value(inner))
    return made


def span(
    attributes: Mapping[str, object] | None = None,
    *,
    id: str = ROOT,
    parent: str = "",
    trace: str = TRACE,
    name: str = "answer",
    start: int = START,
    end: int = START + 1000,
    code: int = 0,
    message: str = "",
    events: Sequence[tuple[str, int, Mapping[str, object]]] = (),
    links: Sequence[tuple[str, str]] = (),
) -> Span:
    """Times are microseconds."""
    made = Span(
        trace_id=bytes.fromhex(trace),
        span_id=bytes.fromhex(id),
        parent_span_id=bytes.fromhex(parent),
        name=name,
        start_time_unix_nano=start * 1000,
        end_time_unix_nano=end * 1000,
    )
    made.status.code = code  # type: ignore[assignment]
    made.status.message = message
    _add(made.attributes, attributes or {})
    for event_name, time, event_attributes in events:
        event = made.events.add(name=event_name, time_unix_nano=time * 1000)
        _add(event.attributes, event_attributes)
    for trace_id, span_id in links:
        made.links.add(trace_id=bytes.fromhex(trace_id), span_id=bytes.fromhex(span_id))
    return made


def export(
    *spans: Span, resource: Mapping[str, object] | None = None, scope: str = "tests", version: str = "1.0"
) -> bytes:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    _add(resource_spans.resource.attributes, resource or {})
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name, scope_spans.scope.version = scope, version
    scope_spans.spans.extend(spans)
    return request.SerializeToString()


def changes(*spans: Span, resource: Mapping[str, object] | None = None, scope: str = "tests") -> list[Change]:
    return changes_of(decode_protobuf(export(*spans, resource=resource, scope=scope)), now=NOW)


def observation(attributes: Mapping[str, object], *, scope: str = "tests", **fields: Any) -> ObservationChange:
    """The observation that a single root span becomes."""
    return next(
        change for change in changes(span(attributes, **fields), scope=scope) if isinstance(change, ObservationChange)
    )


def traces_of(made: Sequence[Change]) -> list[TraceChange]:
    return [change for change in made if isinstance(change, TraceChange)]


def document(data: bytes | None) -> Any:
    assert data is not None
    return msgspec.json.decode(data)


def _add(target: Any, attributes: Mapping[str, object]) -> None:
    for key, value in attributes.items():
        target.add(key=key, value=any_value(value))
