"""What the compatible API says of scores, in the three forms that its versions have.

Version 1 hangs inside a trace, version 2 adds sessions, runs and something of the trace, version 3 has one `value`
whose type depends on `dataType`, and field groups.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import UNSET, Raw, UnsetType

from trunkline.api.langfuse.formats import Shape, embedded_object, iso
from trunkline.types import Score, ScoreType, Trace

V3_GROUPS = frozenset({"details", "subject", "annotation"})


class ScoreTrace(Shape, kw_only=True):
    """What version 2 tells of the trace that a score hangs on."""

    user_id: str | None
    tags: tuple[str, ...]
    environment: str
    session_id: str | None


class ScoreShape(Shape, kw_only=True):
    id: str
    project_id: str
    name: str
    data_type: str
    source: str
    timestamp: str
    created_at: str
    updated_at: str
    environment: str
    trace_id: str | None
    observation_id: str | None
    author_user_id: str | None
    comment: str | None
    config_id: str | None
    queue_id: str | None
    metadata: Raw
    value: float | UnsetType = UNSET
    string_value: str | UnsetType | None = UNSET
    session_id: str | UnsetType | None = UNSET
    dataset_run_id: str | UnsetType | None = UNSET
    trace: ScoreTrace | UnsetType | None = UNSET


class ScoreSubject(Shape, kw_only=True):
    kind: str
    id: str
    trace_id: str | UnsetType | None = UNSET


class ScoreV3Shape(Shape, kw_only=True):
    id: str
    project_id: str
    name: str
    data_type: str
    value: float | bool | str
    source: str
    timestamp: str
    environment: str
    created_at: str
    updated_at: str
    comment: str | UnsetType | None = UNSET
    config_id: str | UnsetType | None = UNSET
    metadata: Raw | UnsetType = UNSET
    subject: ScoreSubject | UnsetType | None = UNSET
    author_user_id: str | UnsetType | None = UNSET
    queue_id: str | UnsetType | None = UNSET


def score_v1(score: Score, project_id: str) -> ScoreShape:
    """TEXT carries no `value`; NUMERIC carries ``stringValue: null``; where the contract wants a number there is 0."""
    value: float | UnsetType = UNSET if score.data_type is ScoreType.TEXT else score.value or 0.0
    return ScoreShape(
        id=score.id,
        project_id=project_id,
        name=score.name,
        data_type=score.data_type.value,
        source=score.source.value,
        timestamp=iso(score.timestamp),
        created_at=iso(score.created_at),
        updated_at=iso(score.updated_at),
        environment=score.environment,
        trace_id=score.trace_id,
        observation_id=score.observation_id,
        author_user_id=score.author_id,
        comment=score.comment,
        config_id=score.config_id,
        queue_id=score.queue_id,
        metadata=embedded_object(score.metadata),
        value=value,
        string_value=None if score.data_type is ScoreType.NUMERIC else score.string_value or "",
    )


def score_v2(score: Score, project_id: str, trace: ScoreTrace | UnsetType | None = UNSET) -> ScoreShape:
    shape = score_v1(score, project_id)
    shape.session_id = score.session_id
    shape.dataset_run_id = score.run_id
    shape.trace = trace
    return shape


def score_trace(trace: Trace) -> ScoreTrace:
    return ScoreTrace(
        user_id=trace.user_id, tags=trace.tags, environment=trace.environment, session_id=trace.session_id
    )


def score_v3(score: Score, project_id: str, groups: Collection[str]) -> ScoreV3Shape:
    """`groups` is a subset of V3_GROUPS; the core fields are always there."""
    shape = ScoreV3Shape(
        id=score.id,
        project_id=project_id,
        name=score.name,
        data_type=score.data_type.value,
        value=_polymorphic(score),
        source=score.source.value,
        timestamp=iso(score.timestamp),
        environment=score.environment,
        created_at=iso(score.created_at),
        updated_at=iso(score.updated_at),
    )
    if "details" in groups:
        shape.comment, shape.config_id = score.comment, score.config_id
        shape.metadata = embedded_object(score.metadata)
    if "subject" in groups:
        shape.subject = _subject(score)
    if "annotation" in groups:
        shape.author_user_id, shape.queue_id = score.author_id, score.queue_id
    return shape


def _polymorphic(score: Score) -> float | bool | str:
    if score.data_type is ScoreType.NUMERIC:
        return score.value or 0.0
    if score.data_type is ScoreType.BOOLEAN:
        return bool(score.value)
    return score.string_value or ""


def _subject(score: Score) -> ScoreSubject | None:
    if score.observation_id:
        return ScoreSubject(kind="observation", id=score.observation_id, trace_id=score.trace_id)
    for kind, subject in (("trace", score.trace_id), ("session", score.session_id), ("experiment", score.run_id)):
        if subject:
            return ScoreSubject(kind=kind, id=subject)
    return None
