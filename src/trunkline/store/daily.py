"""Questions about days and users: what each day cost by model, what each user did."""

from __future__ import annotations

from enum import StrEnum

from trunkline.types import Micros, Struct


class DailyQuery(Struct, frozen=True, kw_only=True):
    """A page of days, the latest first. Name, user and tags (all of them) are those of the traces.

    Traces count by their timestamp, observations by their start: both within the window.
    """

    limit: int = 50
    offset: int = 0
    trace_name: str | None = None
    user_id: str | None = None
    tags: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    since: Micros | None = None
    until: Micros | None = None

    def of_traces(self) -> bool:
        """Whether the traces must be looked at to know which observations count."""
        return self.trace_name is not None or self.user_id is not None or bool(self.tags)


class ModelUsage(Struct, frozen=True, kw_only=True):
    """What one model was used for on one day. `traces` are those in which it was; cost in US dollars."""

    model: str | None
    observations: int
    traces: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost: float


class DayUsage(Struct, frozen=True, kw_only=True):
    """One day in UTC; `day` is its beginning."""

    day: Micros
    traces: int
    models: tuple[ModelUsage, ...]


class UserOrder(StrEnum):
    LAST_SEEN = "last_seen"
    FIRST_SEEN = "first_seen"
    TRACES = "traces"
    USER = "user"


class UserQuery(Struct, frozen=True, kw_only=True):
    """A page of users, whoever came last first. The window and the environments are of their traces."""

    limit: int = 50
    offset: int = 0
    order_by: UserOrder = UserOrder.LAST_SEEN
    descending: bool = True
    contains: str | None = None
    environments: tuple[str, ...] = ()
    since: Micros | None = None
    until: Micros | None = None


class UserSummary(Struct, frozen=True, kw_only=True):
    """What a user did. Seen is when a trace of theirs began; cost in US dollars."""

    user: str
    traces: int
    observations: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost: float
    first_seen: Micros
    last_seen: Micros
