"""What the compatible API says of traces and observations: Langfuse's camelCase shapes, made from the domain's types.

Times are ISO 8601 with milliseconds and Z, latencies are seconds, costs are US dollars. JSON that a client sent is
embedded as it is stored, without being decoded. Beside Langfuse's keys an observation has `promptCommit` and
`promptBlob`: the Git names of the version that it is linked to, null where that version is not known, and
`promptStatus`, which says why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar, final
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Raw, UnsetType

from trunkline.api.langfuse.formats import (
    Shape,
    embedded,
    embedded_object,
    iso,
    iso_or_none,
    raw_string,
    seconds_between,
)
from trunkline.api.langfuse.shapes_scores import ScoreShape, score_v1
from trunkline.types import JSON, JSONBytes, Observation, ScoreType, Struct, Trace, TraceDetail

TRACE_GROUPS = frozenset({"core", "io", "scores", "observations", "metrics"})
V2_GROUPS = frozenset(
    {"core", "basic", "time", "io", "metadata", "model", "usage", "prompt", "metrics", "trace_context"}
)
V2_DEFAULT_GROUPS = frozenset({"core", "basic"})
METADATA_CUT = 200
"""Characters that v2 shows of a metadata value that was not asked for by `expandMetadata`."""
Amount = TypeVar("Amount", int, float)
NOT_ASKED_FOR = -1.0
"""What the contract gives for a trace's cost and latency when the group `metrics` is left out."""


@final
class PromptLink(Struct, frozen=True, kw_only=True):
    """The version that an observation names, as the registry knows it."""

    id: str
    commit: str
    blob: str


Links = Callable[[str, int], PromptLink | None]
"""Prompt name and version to its link; None where the registry has no such version."""


class UsageShape(Shape, kw_only=True):
    """The deprecated sums. Input is every kind of unit that starts with `input`, output likewise."""

    unit: str
    input: int
    output: int
    total: int
    input_cost: float | None
    output_cost: float | None
    total_cost: float | None


class ObservationShape(Shape, kw_only=True):
    id: str
    project_id: str
    trace_id: str
    parent_observation_id: str | None
    type: str
    name: str | None
    environment: str
    level: str
    status_message: str | None
    version: str | None
    start_time: str
    end_time: str | None
    completion_start_time: str | None
    created_at: str
    updated_at: str
    latency: float | None
    time_to_first_token: float | None
    model: str | None
    model_parameters: Raw
    model_id: str | None = None
    input_price: float | None = None
    output_price: float | None = None
    total_price: float | None = None
    usage: UsageShape
    usage_details: Mapping[str, int]
    cost_details: Mapping[str, float]
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    calculated_input_cost: float | None
    calculated_output_cost: float | None
    calculated_total_cost: float | None
    prompt_id: str | None
    prompt_name: str | None
    prompt_version: int | None
    prompt_commit: str | None
    prompt_blob: str | None
    prompt_status: str | None
    input: Raw | None
    output: Raw | None
    metadata: Raw


class TraceShape(Shape, kw_only=True):
    """A trace in a list (ids of what hangs on it) or alone (everything that hangs on it)."""

    id: str
    project_id: str
    timestamp: str
    created_at: str
    updated_at: str
    name: str | None
    user_id: str | None
    session_id: str | None
    release: str | None
    version: str | None
    environment: str
    public: bool
    bookmarked: bool = False
    tags: tuple[str, ...]
    html_path: str
    latency: float
    total_cost: float
    input: Raw | UnsetType | None = UNSET
    output: Raw | UnsetType | None = UNSET
    metadata: Raw | UnsetType = UNSET
    observations: tuple[str, ...] | list[ObservationShape]
    scores: tuple[str, ...] | list[ScoreShape]


def trace_in_list(trace: Trace, project_id: str, groups: Collection[str] = TRACE_GROUPS) -> TraceShape:
    """A left out group gives no input, output and metadata, empty lists, or -1 for cost and latency."""
    metrics = "metrics" in groups
    shape = TraceShape(
        id=trace.id,
        project_id=project_id,
        timestamp=iso(trace.timestamp),
        created_at=iso(trace.created_at),
        updated_at=iso(trace.updated_at),
        name=trace.name,
        user_id=trace.user_id,
        session_id=trace.session_id,
        release=trace.release,
        version=trace.version,
        environment=trace.environment,
        public=trace.public,
        tags=trace.tags,
        html_path=f"/project/{quote(project_id, safe='')}/traces/{quote(trace.id, safe='')}",
        latency=(trace.latency or 0) / 1_000_000 if metrics else NOT_ASKED_FOR,
        total_cost=trace.total_cost if metrics else NOT_ASKED_FOR,
        observations=trace.observation_ids if "observations" in groups else (),
        scores=trace.score_ids if "scores" in groups else (),
    )
    if "io" in groups:
        shape.input, shape.output = embedded(trace.input), embedded(trace.output)
        shape.metadata = embedded_object(trace.metadata)
    return shape


def trace_with_details(
    detail: TraceDetail, project_id: str, links: Links, groups: Collection[str] = TRACE_GROUPS
) -> TraceShape:
    """One trace with its observations and scores. The contract's first score form knows no CORRECTION: left out."""
    shape = trace_in_list(detail.trace, project_id, groups)
    if "observations" in groups:
        shape.observations = [observation_view(each, project_id, links) for each in detail.observations]
    if "scores" in groups:
        shown = [score for score in detail.scores if score.trace_id and score.data_type is not ScoreType.CORRECTION]
        shape.scores = [score_v1(score, project_id) for score in shown]
    return shape


def observation_view(observation: Observation, project_id: str, links: Links) -> ObservationShape:
    usage = usage_shape(observation)
    link = prompt_link(observation, links)
    return ObservationShape(
        id=observation.id,
        project_id=project_id,
        trace_id=observation.trace_id,
        parent_observation_id=observation.parent_id,
        type=observation.type.value,
        name=observation.name,
        environment=observation.environment,
        level=observation.level.value,
        status_message=observation.status_message,
        version=observation.version,
        start_time=iso(observation.start_time),
        end_time=iso_or_none(observation.end_time),
        completion_start_time=iso_or_none(observation.completion_start_time),
        created_at=iso(observation.created_at),
        updated_at=iso(observation.updated_at),
        latency=seconds_between(observation.start_time, observation.end_time),
        time_to_first_token=seconds_between(observation.start_time, observation.completion_start_time),
        model=observation.model,
        model_parameters=embedded_object(observation.model_parameters),
        usage=usage,
        usage_details=observation.usage,
        cost_details=observation.cost,
        prompt_tokens=usage.input,
        completion_tokens=usage.output,
        total_tokens=usage.total,
        calculated_input_cost=usage.input_cost,
        calculated_output_cost=usage.output_cost,
        calculated_total_cost=usage.total_cost,
        prompt_id=link and link.id,
        prompt_name=observation.prompt_name,
        prompt_version=observation.prompt_version,
        prompt_commit=link and link.commit,
        prompt_blob=link and link.blob,
        prompt_status=prompt_status(observation, link),
        input=embedded(observation.input),
        output=embedded(observation.output),
        metadata=embedded_object(observation.metadata),
    )


def observation_v2(
    observation: Observation,
    project_id: str,
    links: Links,
    *,
    groups: Collection[str] = V2_DEFAULT_GROUPS,
    trace: Trace | None = None,
    expand: Collection[str] = (),
) -> dict[str, object]:
    """The second form: core keys always, the rest by group; input and output are strings; `expand` names metadata keys
    whose values are not cut. `trace` gives what the form tells of an observation's trace, null without one."""
    shape: dict[str, object] = {
        "id": observation.id,
        "traceId": observation.trace_id,
        "startTime": iso(observation.start_time),
        "endTime": iso_or_none(observation.end_time),
        "projectId": project_id,
        "parentObservationId": observation.parent_id,
        "type": observation.type.value,
        "modelId": None,
        "inputPrice": None,
        "outputPrice": None,
        "totalPrice": None,
    }
    for group, fields in _V2_FIELDS.items():
        if group in groups:
            shape |= fields(observation, trace)
    if "metadata" in groups:
        shape["metadata"] = cut_metadata(observation.metadata, expand)
    if "prompt" in groups:
        shape |= _v2_prompt(observation, links)
    return shape


def _v2_basic(observation: Observation, trace: Trace | None) -> dict[str, object]:
    return {
        "name": observation.name,
        "level": observation.level.value,
        "statusMessage": observation.status_message,
        "version": observation.version,
        "environment": observation.environment,
        "bookmarked": False,
        "public": trace is not None and trace.public,
        "userId": trace and trace.user_id,
        "sessionId": trace and trace.session_id,
        "isRootObservation": observation.is_root or observation.parent_id is None,
    }


def _v2_time(observation: Observation, _: Trace | None) -> dict[str, object]:
    return {
        "completionStartTime": iso_or_none(observation.completion_start_time),
        "createdAt": iso(observation.created_at),
        "updatedAt": iso(observation.updated_at),
    }


def _v2_io(observation: Observation, _: Trace | None) -> dict[str, object]:
    return {"input": raw_string(observation.input), "output": raw_string(observation.output)}


def _v2_model(observation: Observation, _: Trace | None) -> dict[str, object]:
    return {
        "providedModelName": observation.model,
        "internalModelId": None,
        "modelParameters": embedded_object(observation.model_parameters),
    }


def _v2_usage(observation: Observation, _: Trace | None) -> dict[str, object]:
    return {
        "usageDetails": observation.usage,
        "costDetails": observation.cost,
        "totalCost": observation.cost.get("total"),
        "usagePricingTierName": None,
    }


def _v2_metrics(observation: Observation, _: Trace | None) -> dict[str, object]:
    return {
        "latency": seconds_between(observation.start_time, observation.end_time),
        "timeToFirstToken": seconds_between(observation.start_time, observation.completion_start_time),
    }


def _v2_trace_context(_: Observation, trace: Trace | None) -> dict[str, object]:
    return {
        "tags": trace.tags if trace else (),
        "release": trace and trace.release,
        "traceName": trace and trace.name,
    }


_V2_FIELDS: Mapping[str, Callable[[Observation, Trace | None], dict[str, object]]] = {
    "basic": _v2_basic,
    "time": _v2_time,
    "io": _v2_io,
    "model": _v2_model,
    "usage": _v2_usage,
    "metrics": _v2_metrics,
    "trace_context": _v2_trace_context,
}


def _v2_prompt(observation: Observation, links: Links) -> dict[str, object]:
    link = prompt_link(observation, links)
    return {
        "promptId": link and link.id,
        "promptName": observation.prompt_name,
        "promptVersion": observation.prompt_version,
        "promptCommit": link and link.commit,
        "promptBlob": link and link.blob,
        "promptStatus": prompt_status(observation, link),
    }


def prompt_link(observation: Observation, links: Links) -> PromptLink | None:
    if observation.prompt_name is None or observation.prompt_version is None:
        return None
    return links(observation.prompt_name, observation.prompt_version)


def prompt_status(observation: Observation, link: PromptLink | None) -> str | None:
    """How it stands with the prompt that an observation names; null where it names none.

    `linked`: the registry knows the version. `missing`: it does not, or not yet: name and number stay, and are looked
    up again on each read. `fallback`: the client named a prompt without a version, as for a fallback of its own.
    """
    if observation.prompt_name is None:
        return None
    if observation.prompt_version is None:
        return "fallback"
    return "missing" if link is None else "linked"


def usage_shape(observation: Observation) -> UsageShape:
    usage, cost = observation.usage, observation.cost
    read, written = _sum_of(usage, "input") or 0, _sum_of(usage, "output") or 0
    return UsageShape(
        unit="TOKENS",
        input=read,
        output=written,
        total=usage.get("total", read + written),
        input_cost=_sum_of(cost, "input"),
        output_cost=_sum_of(cost, "output"),
        total_cost=cost.get("total", sum(cost.values()) if cost else None),
    )


def _sum_of(kinds: Mapping[str, Amount], prefix: str) -> Amount | None:
    found = [amount for kind, amount in kinds.items() if kind.startswith(prefix)]
    return sum(found[1:], start=found[0]) if found else None


def cut_metadata(document: JSONBytes | None, expand: Collection[str] = ()) -> dict[str, object]:
    """Metadata whose values are at most METADATA_CUT characters long, but for the keys in `expand`."""
    if document is None:
        return {}
    values: JSON = msgspec.json.decode(document, type=dict[str, Raw])
    return {key: Raw(bytes(value)) if key in expand else _cut(bytes(value)) for key, value in values.items()}


def _cut(value: bytes) -> object:
    if len(value) <= METADATA_CUT:
        return Raw(value)
    text = raw_string(value) or ""
    return text[:METADATA_CUT]
