"""From spans to changes: an observation for each, and what they say of their traces.

A trace's fields are merged by the start of the span that says them. Its name, input and output are the root's; a span
that is only a logical root (it has a parent, of which this server may never hear) stands in with a lower rank, so that
a true root always wins. Spans that say the same of their trace are told to the store once.
"""

from __future__ import annotations

import msgspec

from trunkline.tracing.dialects import read_foreign, type_of
from trunkline.tracing.documents import encoded
from trunkline.tracing.langfuse import PREFIX, has_details, read_langfuse, read_rarer
from trunkline.tracing.reading import Reading, text_of
from trunkline.tracing.spans import ExportRequest, Span, SpanGroup
from trunkline.tracing.texts import DEFAULT_ENVIRONMENT, clean_or_none, environment_of
from trunkline.tracing.times import format_time
from trunkline.tracing.trace_fields import SAYS_NOTHING, Said, TraceFields
from trunkline.types import (
    Change,
    JSONBytes,
    Level,
    Micros,
    ObservationChange,
    ObservationType,
    Rank,
    Stamp,
)

STANDS_IN = Rank.CREATE - 1
"""The rank of what a logical root says of its trace: any true root's word comes after it."""

_SDK = "langfuse-sdk"
_DEPLOYMENTS = ("deployment.environment.name", "deployment.environment")
_NOTHING: dict[str, object] = {}
_encode = msgspec.json.Encoder().encode


class _Source:
    """What all spans of a group share."""

    def __init__(self, group: SpanGroup) -> None:
        resource, scope = group.resource, group.scope
        is_python = scope.name.startswith(_SDK) and resource.get("telemetry.sdk.language") == "python"
        release = _release_of(scope.version) if is_python else (0, 0)
        self.scope = scope
        self.encodes_metadata = release >= (5, 0)
        self.calls_generations_spans = is_python and (0, 0) < release <= (3, 3)
        """Python's SDK up to 3.3: https://github.com/langfuse/langfuse/issues/8682."""
        self.own_environment = text_of(resource.get("langfuse.environment"))
        self.deployment = next((text for key in _DEPLOYMENTS if (text := text_of(resource.get(key)))), None)
        self.environment = environment_of(self.own_environment or self.deployment)
        self.release = text_of(resource.get("langfuse.release"))
        self.version = text_of(resource.get("service.version"))
        described = {"name": scope.name, "version": scope.version, "attributes": scope.attributes}
        self.origin = {
            "resourceAttributes": msgspec.Raw(encoded(resource)),
            "scope": msgspec.Raw(encoded(described)),
        }
        self.metadata = _encode(self.origin)


def changes_of(request: ExportRequest, *, now: Micros) -> list[Change]:
    """What an export that arrived at `now` says; traces come before observations. `now` is the start of spans without
    any time.

    Raises InvalidRequest where an attribute nests too deep.
    """
    traces = TraceFields()
    observations: list[ObservationChange] = []
    for group in request.groups:
        source = _Source(group)
        for span in group.spans:
            stamp = Stamp(Rank.CREATE, span.start or span.end or now, len(observations))
            reading = Reading(span, source.scope, span.attributes)
            leftover = _read(reading, source)
            observations.append(_observation(reading, source, stamp, leftover))
            _add_trace(traces, reading, source, stamp, observations[-1])
    return [*traces.changes(), *observations]


def _read(reading: Reading, source: _Source) -> dict[str, object]:
    """Fills the reading; returns the attributes that nobody understood."""
    unknown = read_langfuse(reading)
    attributes = reading.attributes
    if reading.type is None:
        reading.type = type_of(reading)
    elif source.calls_generations_spans and reading.type is ObservationType.SPAN and has_details(attributes):
        reading.type = ObservationType.GENERATION
    if not unknown:
        return _NOTHING
    read_rarer(reading, unknown, is_encoded=source.encodes_metadata)
    if not all(key.startswith(PREFIX) for key in unknown):
        read_foreign(reading)
    used = reading.used or ()
    return {key: attributes[key] for key in unknown if key not in used}


def _observation(reading: Reading, source: _Source, stamp: Stamp, leftover: dict[str, object]) -> ObservationChange:
    span = reading.span
    is_generation = reading.type is ObservationType.GENERATION
    return ObservationChange(
        id=span.span_id,
        trace_id=span.trace_id,
        stamp=stamp,
        type=reading.type,
        name=reading.name or clean_or_none(span.name),
        start_time=stamp.time,
        end_time=max(span.end, stamp.time) if span.end else None,
        completion_start_time=reading.completion_start,
        parent_id=span.parent_id,
        level=reading.level or (Level.ERROR if span.failed else None),
        status_message=reading.status_message or clean_or_none(span.status_message),
        version=reading.version or source.version,
        environment=_environment(reading, source),
        model=reading.model,
        model_parameters=reading.parameters,
        usage=reading.usage,
        cost=reading.cost,
        prompt_name=reading.prompt_name if is_generation else None,
        prompt_version=reading.prompt_version if is_generation else None,
        input=reading.input,
        output=reading.output,
        metadata=_metadata(reading, source, leftover),
        is_root=True if span.parent_id and (reading.as_root or reading.is_app_root) else None,
    )


def _environment(reading: Reading, source: _Source) -> str:
    """The span's own word, the resource's, then where it was deployed, the span before the resource."""
    if reading.environment is not None:
        return reading.environment
    if source.own_environment is None:
        for key in _DEPLOYMENTS:
            if key in reading.attributes:
                return environment_of(text_of(reading.attributes[key]))
    return source.environment


def _metadata(reading: Reading, source: _Source, leftover: dict[str, object]) -> JSONBytes:
    """The client's keys; below ``attributes``, ``events`` and ``links`` what has no field; the span's origin."""
    span = reading.span
    if leftover:
        reading.metadata = (reading.metadata or {}) | {"attributes": msgspec.Raw(encoded(leftover))}
    if not reading.metadata and not span.events and not span.links:
        return source.metadata
    return _encode(_happenings(span) | (reading.metadata or {}) | source.origin)


def _happenings(span: Span) -> dict[str, msgspec.Raw]:
    found: dict[str, msgspec.Raw] = {}
    if span.events:
        events = [
            {"name": event.name, "timestamp": format_time(event.time), "attributes": event.attributes}
            for event in span.events
        ]
        found["events"] = msgspec.Raw(encoded(events))
    if span.links:
        links = [
            {"traceId": link.trace_id, "spanId": link.span_id, "attributes": link.attributes} for link in span.links
        ]
        found["links"] = msgspec.Raw(encoded(links))
    return found


def _add_trace(
    traces: TraceFields, reading: Reading, source: _Source, stamp: Stamp, observation: ObservationChange
) -> None:
    is_root = reading.span.parent_id is None
    said: Said = (
        reading.trace_name or (observation.name if is_root else None),
        reading.user_id,
        reading.session_id,
        reading.release or (source.release if is_root else None),
        reading.version or (source.version if is_root else None),
        reading.public,
        reading.tags,
        reading.trace_input or (reading.input if is_root else None),
        reading.trace_output or (reading.output if is_root else None),
        _trace_metadata(reading, source, is_root=is_root),
    )
    traces.add(reading.span.trace_id, stamp, observation.environment or DEFAULT_ENVIRONMENT, said)
    if observation.is_root:
        stand_in = (observation.name, *SAYS_NOTHING[1:7], reading.input, reading.output, None)
        traces.stand_in(reading.span.trace_id, Stamp(STANDS_IN, stamp.time, stamp.index), stand_in)


def _trace_metadata(reading: Reading, source: _Source, *, is_root: bool) -> JSONBytes | None:
    """A root's metadata is its trace's too; other spans add what they say of the trace."""
    if is_root:
        if not reading.trace_metadata and not reading.metadata:
            return source.metadata
        return _encode((reading.trace_metadata or {}) | (reading.metadata or {}) | source.origin)
    return _encode(reading.trace_metadata) if reading.trace_metadata else None


def _release_of(version: str) -> tuple[int, int]:
    """Major and minor number of an SDK's version; zeros for what is none."""
    parts = version.split(".")[:2]
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        return (0, 0)
    return (int(parts[0]), int(parts[1]))
