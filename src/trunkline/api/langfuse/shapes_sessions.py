"""What the compatible API says of sessions, alone and with their traces."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Raw

from trunkline.api.langfuse.formats import Shape, embedded, embedded_object, iso
from trunkline.store.sessions import Session
from trunkline.types import Trace


class SessionShape(Shape, kw_only=True):
    id: str
    created_at: str
    project_id: str
    environment: str


class SessionTrace(Shape, kw_only=True):
    """A trace as its session shows it: what it says itself, nothing of what hangs on it."""

    id: str
    project_id: str
    timestamp: str
    created_at: str
    updated_at: str
    name: str | None
    input: Raw | None
    output: Raw | None
    metadata: Raw
    session_id: str | None
    user_id: str | None
    release: str | None
    version: str | None
    environment: str
    tags: tuple[str, ...]
    public: bool
    bookmarked: bool = False


class SessionWithTraces(SessionShape, kw_only=True):
    traces: list[SessionTrace]


def session_shape(session: Session, project_id: str) -> SessionShape:
    return SessionShape(
        id=session.id, created_at=iso(session.created_at), project_id=project_id, environment=session.environment
    )


def session_with_traces(session: Session, traces: Iterable[Trace], project_id: str) -> SessionWithTraces:
    return SessionWithTraces(
        id=session.id,
        created_at=iso(session.created_at),
        project_id=project_id,
        environment=session.environment,
        traces=[_trace(trace, project_id) for trace in traces],
    )


def _trace(trace: Trace, project_id: str) -> SessionTrace:
    return SessionTrace(
        id=trace.id,
        project_id=project_id,
        timestamp=iso(trace.timestamp),
        created_at=iso(trace.created_at),
        updated_at=iso(trace.updated_at),
        name=trace.name,
        input=embedded(trace.input),
        output=embedded(trace.output),
        metadata=embedded_object(trace.metadata),
        session_id=trace.session_id,
        user_id=trace.user_id,
        release=trace.release,
        version=trace.version,
        environment=trace.environment,
        tags=trace.tags,
        public=trace.public,
    )
