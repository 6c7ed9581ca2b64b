"""What traces add up to by their session: a session exists as soon as a trace names it, and begins with its first."""

from __future__ import annotations

from trunkline.types import Micros, Struct


class Session(Struct, frozen=True, kw_only=True):
    """`created_at` and `environment` are those of its earliest trace."""

    id: str
    created_at: Micros
    environment: str


class SessionQuery(Struct, frozen=True, kw_only=True):
    """A page of sessions, the last begun first; ``since <= created_at < until``."""

    limit: int = 50
    offset: int = 0
    environments: tuple[str, ...] = ()
    since: Micros | None = None
    until: Micros | None = None
