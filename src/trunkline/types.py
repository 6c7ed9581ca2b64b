"""The domain's frozen types: prompts, labels, versions, actors, and what tracing records.

No I/O here and no camelCase. A time is an ``int``: microseconds since the Unix epoch, UTC (`Micros`). A duration is
microseconds too until it is shown. Free JSON that a client sent (inputs, outputs, metadata) is kept as the bytes of a
JSON document (`JSONBytes`), so that a string stays a string and nothing is decoded that nobody reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum, StrEnum
from typing import Any

import msgspec

JSON = Any
"""A decoded JSON value. Stays in decoders and in free fields such as a prompt's config."""
JSONBytes = bytes
Micros = int
Message = Mapping[str, JSON]
"""A chat entry as the API knows it: ``{"role", "content"}`` or ``{"type": "placeholder", "name"}``; other keys kept."""


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    """What all domain types have in common: immutable, by keyword, encodable with msgspec."""


# --- prompts ---------------------------------------------------------------------------------------------------------


class PromptType(StrEnum):
    TEXT = "text"
    CHAT = "chat"


class TemplateEngine(StrEnum):
    MUSTACHE = "mustache"
    JINJA2 = "jinja2"


class Variable(Struct, frozen=True, kw_only=True):
    """One line of a prompt's contract."""

    required: bool = False
    description: str = ""


class PromptContent(Struct, frozen=True, kw_only=True):
    """What a prompt file says: everything of a version but its number, commit and labels."""

    type: PromptType
    prompt: str | tuple[Message, ...]
    template: TemplateEngine = TemplateEngine.MUSTACHE
    config: JSON = msgspec.field(default_factory=dict)
    tags: tuple[str, ...] = ()
    variables: Mapping[str, Variable] = msgspec.field(default_factory=dict)


class Arm(Struct, frozen=True, kw_only=True):
    """One version that a label serves. `blob` is None only where a hand-written label file leaves it out."""

    version: int
    blob: str | None = None
    weight: int = 100


class LabelTarget(Struct, frozen=True, kw_only=True):
    """What a label file says: one arm, or several that share the traffic by weight."""

    arms: tuple[Arm, ...]


class Reference(Struct, frozen=True, kw_only=True):
    """``@@@langfusePrompt:name=NAME|label=LABEL@@@`` or ``…|version=N@@@``; exactly one selector is set."""

    name: str
    label: str | None = None
    version: int | None = None


class Version(Struct, frozen=True, kw_only=True):
    """One version of a prompt: number, commit and blob are three names of the same text."""

    name: str
    version: int
    commit: str
    blob: str
    created_at: Micros
    author: str = ""
    message: str = ""
    deleted: bool = False


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Fault(Struct, frozen=True, kw_only=True):
    """Something wrong in a registry. `line` counts from 1, 0 is the whole file. `fixable`: `check --fix` mends it."""

    path: str
    message: str
    line: int = 0
    severity: Severity = Severity.ERROR
    code: str = "invalid"
    fixable: bool = False

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.severity.value}: {self.message} [{self.code}]"


# --- who acts --------------------------------------------------------------------------------------------------------


class ActorKind(StrEnum):
    USER = "user"
    KEY = "key"
    OPERATOR = "operator"
    PUSH = "push"
    """Somebody who pushed by ``file://``: Git tells no identity."""


class Actor(Struct, frozen=True, kw_only=True):
    """Who causes a commit. The policy is asked about the actor; Git records name and address as the author."""

    kind: ActorKind
    name: str
    email: str
    id: str = ""


class KeyKind(StrEnum):
    FULL = "full"
    READ_ONLY = "read-only"


class Caller(Struct, frozen=True, kw_only=True):
    """An authenticated request: which project, through which key or user, and what it may do."""

    project_id: str
    actor: Actor
    can_write: bool = True
    scores_only: bool = False
    """A browser with the public key alone: it may create scores and nothing else."""


class Project(Struct, frozen=True, kw_only=True):
    id: str
    name: str
    created_at: Micros


# --- tracing ---------------------------------------------------------------------------------------------------------


class Level(StrEnum):
    DEBUG = "DEBUG"
    DEFAULT = "DEFAULT"
    WARNING = "WARNING"
    ERROR = "ERROR"


class ObservationType(StrEnum):
    SPAN = "SPAN"
    GENERATION = "GENERATION"
    EVENT = "EVENT"
    AGENT = "AGENT"
    TOOL = "TOOL"
    CHAIN = "CHAIN"
    RETRIEVER = "RETRIEVER"
    EVALUATOR = "EVALUATOR"
    EMBEDDING = "EMBEDDING"
    GUARDRAIL = "GUARDRAIL"


class ScoreType(StrEnum):
    NUMERIC = "NUMERIC"
    CATEGORICAL = "CATEGORICAL"
    BOOLEAN = "BOOLEAN"
    TEXT = "TEXT"
    CORRECTION = "CORRECTION"


class ScoreSource(StrEnum):
    API = "API"
    ANNOTATION = "ANNOTATION"
    EVAL = "EVAL"


class Rank(IntEnum):
    """Creates are merged before updates, whatever their times."""

    CREATE = 0
    UPDATE = 1


class Stamp(msgspec.Struct, frozen=True, order=True, array_like=True):
    """When a field was said: the order in which what was said last wins.

    `time` is the event's own time (the timestamp of an ingestion event, the start of an OTLP span), never that of its
    arrival; `index` is the place in its request and breaks ties. A repeat has the same stamp, so merging it is a no-op.
    """

    rank: int
    time: Micros
    index: int = 0


class TraceChange(Struct, frozen=True, kw_only=True):
    """What one event says of a trace. None and empty mean that it says nothing."""

    id: str
    stamp: Stamp
    timestamp: Micros | None = None
    name: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    release: str | None = None
    version: str | None = None
    environment: str | None = None
    public: bool | None = None
    tags: Sequence[str] = ()
    input: JSONBytes | None = None
    output: JSONBytes | None = None
    metadata: JSONBytes | None = None
    """A JSON object; merged deeply."""


class ObservationChange(Struct, frozen=True, kw_only=True):
    """What one event says of an observation. None and empty mean that it says nothing."""

    id: str
    trace_id: str
    stamp: Stamp
    type: ObservationType | None = None
    name: str | None = None
    start_time: Micros | None = None
    end_time: Micros | None = None
    completion_start_time: Micros | None = None
    parent_id: str | None = None
    level: Level | None = None
    status_message: str | None = None
    version: str | None = None
    environment: str | None = None
    model: str | None = None
    model_parameters: JSONBytes | None = None
    usage: Mapping[str, int] | None = None
    """Units by kind (``input``, ``output``, ``total``, …), already in the contract's form."""
    cost: Mapping[str, float] | None = None
    """US dollars by kind, as the client gave them; None lets the store's pricer compute them."""
    prompt_name: str | None = None
    prompt_version: int | None = None
    input: JSONBytes | None = None
    output: JSONBytes | None = None
    metadata: JSONBytes | None = None
    is_root: bool | None = None
    """A logical root although it has a parent (``langfuse.internal.as_root``)."""


class ScoreChange(Struct, frozen=True, kw_only=True):
    """A score. The same id again replaces what an older stamp said."""

    id: str
    stamp: Stamp
    name: str
    data_type: ScoreType
    timestamp: Micros
    value: float | None = None
    string_value: str | None = None
    trace_id: str | None = None
    observation_id: str | None = None
    session_id: str | None = None
    run_id: str | None = None
    comment: str | None = None
    source: ScoreSource = ScoreSource.API
    author_id: str | None = None
    config_id: str | None = None
    queue_id: str | None = None
    environment: str = "default"
    metadata: JSONBytes | None = None


Change = TraceChange | ObservationChange | ScoreChange


class Score(Struct, frozen=True, kw_only=True):
    """A score as it is read back."""

    id: str
    name: str
    data_type: ScoreType
    timestamp: Micros
    created_at: Micros
    updated_at: Micros
    source: ScoreSource
    environment: str
    value: float | None = None
    string_value: str | None = None
    trace_id: str | None = None
    observation_id: str | None = None
    session_id: str | None = None
    run_id: str | None = None
    comment: str | None = None
    author_id: str | None = None
    config_id: str | None = None
    queue_id: str | None = None
    metadata: JSONBytes | None = None


class Observation(Struct, frozen=True, kw_only=True):
    """An observation as it is read back. `input`, `output`, `metadata` are None where they were not asked for."""

    id: str
    trace_id: str
    type: ObservationType
    start_time: Micros
    created_at: Micros
    updated_at: Micros
    environment: str
    level: Level = Level.DEFAULT
    name: str | None = None
    end_time: Micros | None = None
    completion_start_time: Micros | None = None
    parent_id: str | None = None
    status_message: str | None = None
    version: str | None = None
    model: str | None = None
    model_parameters: JSONBytes | None = None
    usage: Mapping[str, int] = msgspec.field(default_factory=dict)
    cost: Mapping[str, float] = msgspec.field(default_factory=dict)
    cost_given: bool = False
    prompt_name: str | None = None
    prompt_version: int | None = None
    input: JSONBytes | None = None
    output: JSONBytes | None = None
    metadata: JSONBytes | None = None
    is_root: bool = False


class Trace(Struct, frozen=True, kw_only=True):
    """A trace as it is read back, with its sums. `latency` is microseconds from its first start to its last end."""

    id: str
    timestamp: Micros
    created_at: Micros
    updated_at: Micros
    environment: str
    name: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    release: str | None = None
    version: str | None = None
    public: bool = False
    tags: tuple[str, ...] = ()
    input: JSONBytes | None = None
    output: JSONBytes | None = None
    metadata: JSONBytes | None = None
    latency: Micros | None = None
    total_cost: float = 0.0
    observation_ids: tuple[str, ...] = ()
    score_ids: tuple[str, ...] = ()


class TraceDetail(Struct, frozen=True, kw_only=True):
    """One trace with everything that hangs on it; observations by start time."""

    trace: Trace
    observations: tuple[Observation, ...]
    scores: tuple[Score, ...]


class Quantiles(Struct, frozen=True, kw_only=True):
    """Latency quantiles in milliseconds, from a mergeable histogram (its relative error is stated where it is made)."""

    p50: float | None
    p95: float | None
    p99: float | None = None


class ScoreSummary(Struct, frozen=True, kw_only=True):
    """Scores of one name. `mean` is over those with a numeric value; categories are counted in `values`."""

    count: int
    mean: float | None = None
    values: Mapping[str, int] = msgspec.field(default_factory=dict)


class VersionMetrics(Struct, frozen=True, kw_only=True):
    """What one version of a prompt did in production. Means are per generation; cost in US dollars."""

    version: int
    generations: int
    latency_ms: Quantiles
    input_tokens_mean: float | None
    output_tokens_mean: float | None
    cost_mean: float | None
    cost_sum: float
    scores: Mapping[str, ScoreSummary]
    """Scores given to the generations themselves."""
    trace_scores: Mapping[str, ScoreSummary]
    """Scores given to traces in which the version generated."""
    first_seen: Micros | None
    last_seen: Micros | None
