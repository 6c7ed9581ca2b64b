"""What a store of traces does, whatever engine keeps it, and the queries that it answers.

Every call names its project and sees nothing of another. Lists come as ``(items, total)``: `total` counts all that
match, over all pages, or is -1 where the query did not ask for it (`count=False`). Times of a range are half-open:
``since <= time < until``. In a query None and the empty tuple mean "any".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Literal, Protocol

from trunkline.store.daily import DailyQuery, DayUsage, UserQuery, UserSummary
from trunkline.store.filters import Condition
from trunkline.store.metrics_query import Group, MetricsQuery
from trunkline.store.search import SearchPage, SearchQuery, SearchStatus
from trunkline.store.sessions import Session, SessionQuery
from trunkline.types import (
    Change,
    Level,
    Micros,
    Observation,
    ObservationChange,
    ObservationType,
    Score,
    ScoreSource,
    ScoreType,
    Struct,
    Trace,
    TraceDetail,
    VersionMetrics,
)

Pricer = Callable[[str, ObservationChange], Mapping[str, float] | None]
"""US dollars by kind (with ``total``) for what an observation of a project used; None where no price is known.

Called in the thread that writes, once an observation, for those that name a model and a usage and give no cost."""

GENERATION_LIKE = frozenset(ObservationType) - {ObservationType.SPAN, ObservationType.EVENT}
"""Types that count as generations of a prompt version where they carry its link, as upstream has it."""


class TraceOrder(StrEnum):
    TIMESTAMP = "timestamp"
    NAME = "name"
    USER_ID = "user_id"
    SESSION_ID = "session_id"
    RELEASE = "release"
    VERSION = "version"
    ENVIRONMENT = "environment"
    PUBLIC = "public"
    ID = "id"


class TraceQuery(Struct, frozen=True, kw_only=True):
    """A page of traces, newest first unless said otherwise. A trace matches `tags` when it has all of them."""

    limit: int = 50
    offset: int = 0
    order_by: TraceOrder = TraceOrder.TIMESTAMP
    descending: bool = True
    ids: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    name: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    tags: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    version: str | None = None
    release: str | None = None
    since: Micros | None = None
    until: Micros | None = None
    texts: bool = True
    """Also read input, output and metadata."""
    sums: bool = True
    """Also read latency, cost, and the ids of observations and scores."""
    count: bool = True


class ObservationCursor(Struct, frozen=True, kw_only=True):
    """The last observation of a page; the next page begins after it. Stable while rows come in."""

    start_time: Micros
    id: str


class ObservationQuery(Struct, frozen=True, kw_only=True):
    """A page of observations, latest start first unless said otherwise. `after` takes the place of `offset`."""

    limit: int = 50
    offset: int = 0
    after: ObservationCursor | None = None
    descending: bool = True
    conditions: tuple[Condition, ...] = ()
    name: str | None = None
    types: tuple[ObservationType, ...] = ()
    trace_id: str | None = None
    parent_id: str | None = None
    is_root: bool | None = None
    """Without a parent, or said to be a root although it has one."""
    user_id: str | None = None
    session_id: str | None = None
    level: Level | None = None
    environments: tuple[str, ...] = ()
    version: str | None = None
    model: str | None = None
    prompt_name: str | None = None
    prompt_version: int | None = None
    since: Micros | None = None
    until: Micros | None = None
    texts: bool = True
    """Also read input, output, metadata and model_parameters."""
    count: bool = True


class ScoreCursor(Struct, frozen=True, kw_only=True):
    """The last score of a page."""

    timestamp: Micros
    id: str


class ScoreQuery(Struct, frozen=True, kw_only=True):
    """A page of scores, newest first. `user_id` and `trace_tags` are those of its trace. `after` takes the place of
    `offset`."""

    limit: int = 50
    offset: int = 0
    after: ScoreCursor | None = None
    conditions: tuple[Condition, ...] = ()
    ids: tuple[str, ...] = ()
    name: str | None = None
    trace_id: str | None = None
    observation_id: str | None = None
    session_id: str | None = None
    run_id: str | None = None
    source: ScoreSource | None = None
    data_type: ScoreType | None = None
    operator: Literal["=", "!=", "<", "<=", ">", ">="] | None = None
    value: float | None = None
    """Compared by `operator` with the numeric value; both are given or neither."""
    config_id: str | None = None
    queue_id: str | None = None
    environments: tuple[str, ...] = ()
    user_id: str | None = None
    trace_tags: tuple[str, ...] = ()
    since: Micros | None = None
    until: Micros | None = None
    count: bool = True


class TraceStore(Protocol):
    """Where traces, observations and scores are kept."""

    async def write(self, project_id: str, changes: Sequence[Change]) -> None:
        """Merges `changes` with what is there; returns when they are on disk, all of them or (on an error) none.

        Raises InvalidRequest for what cannot be stored, Unavailable (with Retry-After) where the queue is full or the
        store busy beyond its bound, InsufficientStorage on a full disk.
        """

    async def take(self, project_id: str, read: Callable[[], Sequence[Change]], *, size: int) -> None:
        """As `write`, of changes that are yet to be read out of a body of about `size` bytes.

        `read` is called once, in the thread that writes; what it raises is raised here and stores nothing. It must not
        wait for anything: every other write waits for it.
        """

    async def trace(self, project_id: str, trace_id: str) -> TraceDetail | None: ...

    async def traces(self, project_id: str, query: TraceQuery) -> tuple[list[Trace], int]: ...

    async def observation(self, project_id: str, observation_id: str) -> Observation | None: ...

    async def observations(self, project_id: str, query: ObservationQuery) -> tuple[list[Observation], int]: ...

    async def score(self, project_id: str, score_id: str) -> Score | None: ...

    async def scores(self, project_id: str, query: ScoreQuery) -> tuple[list[Score], int]: ...

    async def sessions(self, project_id: str, query: SessionQuery) -> tuple[list[Session], int]: ...

    async def session(self, project_id: str, session_id: str) -> Session | None:
        """None where no trace names it."""

    async def delete_scores(self, project_id: str, ids: Sequence[str]) -> int:
        """Returns how many there were. On disk when it returns."""

    async def delete_traces(self, project_id: str, ids: Sequence[str]) -> int:
        """Deletes traces with their observations and scores; returns how many traces there were."""

    async def version_metrics(
        self,
        project_id: str,
        prompt_name: str,
        *,
        since: Micros | None = None,
        until: Micros | None = None,
        environment: str | None = None,
    ) -> list[VersionMetrics]:
        """What each version of a prompt did, highest version first. `since` and `until` are taken to the full hour.

        The window is over the start times of the generations; their scores count whenever they came.
        """

    async def metrics(self, project_id: str, query: MetricsQuery) -> list[Group]:
        """Raises InvalidRequest where the view does not have what is asked for."""

    async def daily_usage(self, project_id: str, query: DailyQuery) -> tuple[list[DayUsage], int]: ...

    async def users(self, project_id: str, query: UserQuery) -> tuple[list[UserSummary], int]: ...

    async def generations_by_prompt(self, project_id: str, since: Micros) -> Mapping[str, int]:
        """Generations by prompt name from the hour of `since` on; names without any are absent."""

    async def search(self, project_id: str, query: SearchQuery) -> SearchPage:
        """Observations and traces by the words of their input, output and name.

        New texts are found within seconds; what was replaced or deleted is not found any more at once. Raises NotFound
        where the store keeps no index, InvalidRequest for a search that would take too long.
        """

    async def search_status(self) -> SearchStatus | None:
        """How far the index follows; None where there is none."""

    async def keep_search(self) -> None:
        """Keeps what `search` reads up to date, until it is cancelled: one process of those that share a store does."""

    async def close(self) -> None:
        """Writes what was accepted, then lets go of the files. No call may follow."""
