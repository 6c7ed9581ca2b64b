"""What the native API takes and gives; `--json` of a command prints the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from trunkline.errors import InvalidRequest
from trunkline.prompts.labels import MAX_WEIGHT
from trunkline.types import Quantiles, Struct, VersionMetrics


class ArmBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int
    weight: Annotated[int, msgspec.Meta(ge=1, le=MAX_WEIGHT)]


class PromotionBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which version a label is to serve, or a `split` of several. `expected` is the version that it serves now."""

    name: str
    label: str
    version: int | None = None
    split: tuple[ArmBody, ...] | None = None
    expected: int | None = None
    message: str | None = None


class RollbackBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a label (`label`, and `leaving` the version that it is thought to serve) or of a text (`to` a version)."""

    name: str
    label: str | None = None
    leaving: int | None = None
    to: int | None = None

    def check(self) -> None:
        if (self.label is None) == (self.to is None):
            raise InvalidRequest("Give `label` to roll a label back, or `to` for a new version with an old text.")
        if self.leaving is not None and self.label is None:
            raise InvalidRequest("`leaving` is the version that a label is expected to leave: give the `label` too.")


class KeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    kind: str = "full"


class MovedShape(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={"from_version": "from", "to_version": "to"},
):
    """What a change of a label did; `to` is null where the label was removed, `from` where there was none.

    Of a split both are the heaviest version; `split` is there where the label serves one now.
    """

    label: str
    from_version: int | None
    to_version: int | None
    split: tuple[ArmBody, ...] = ()
    commit: str


class VersionShape(Struct, frozen=True, kw_only=True):
    """A version by its three names."""

    name: str
    version: int
    commit: str
    blob: str
    author: str
    message: str
    created_at: str
    labels: tuple[str, ...] = ()


class HistoryShape(Struct, frozen=True, kw_only=True):
    """One commit that changed a prompt or a label of it; `what` says in words what `kind` and the rest say."""

    commit: str
    time: str
    author: str
    message: str
    kind: str
    what: str
    label: str | None
    version: int | None
    blob: str | None


class Mean(Struct, frozen=True, kw_only=True):
    mean: float | None


class Cost(Struct, frozen=True, kw_only=True):
    mean: float | None
    sum: float


class ScoreNumbers(Struct, frozen=True, kw_only=True):
    count: int
    mean: float | None
    values: Mapping[str, int]


class MetricsRow(Struct, frozen=True, kw_only=True):
    """What one version did. `commit` and `blob` are null for a version that the registry does not know."""

    version: int
    commit: str | None
    blob: str | None
    labels: tuple[str, ...]
    generations: int
    latency_ms: Quantiles
    input_tokens: Mean
    output_tokens: Mean
    cost_usd: Cost
    scores: Mapping[str, ScoreNumbers]
    trace_scores: Mapping[str, ScoreNumbers]
    comments: int
    """On the version itself and on what it generated, over all time."""
    first_seen: str | None
    last_seen: str | None


class SearchHitShape(Struct, frozen=True, kw_only=True):
    """A hit of a search: a trace (without `observation_id`, of the type TRACE) or an observation."""

    trace_id: str
    observation_id: str | None
    type: str
    name: str | None
    environment: str
    time: str
    field: str
    snippet: str


NO_METRICS = VersionMetrics(
    version=0,
    generations=0,
    latency_ms=Quantiles(p50=None, p95=None),
    input_tokens_mean=None,
    output_tokens_mean=None,
    cost_mean=None,
    cost_sum=0.0,
    scores={},
    trace_scores={},
    first_seen=None,
    last_seen=None,
)
