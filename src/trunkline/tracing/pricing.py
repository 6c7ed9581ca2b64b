"""What an observation cost: by the project's own prices where one of its models matches, else by the built-in list.

A definition that matches decides alone, as upstream has it: kinds of usage that it gives no price cost nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
import structlog

from trunkline.store.models import (
    AttributeCondition,
    Definitions,
    ModelDefinition,
    ModelStore,
    PricingTier,
    UsageCondition,
)
from trunkline.tracing.cost import price_observation
from trunkline.tracing.expressions import compiled
from trunkline.types import JSONBytes, Micros, ObservationChange

log = structlog.get_logger(__name__)

MAX_MODEL = 200
"""Characters of a model's name that are matched."""
PATTERN_BYTES = 256 << 10
"""Memory of one pattern, compiled and at work."""
_MEMO_MODELS = 4096
_MEMO_KINDS = 1024
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le, "eq": operator.eq, "neq": operator.ne,
}  # fmt: skip
_ALIASES = (
    ("output_reasoning_tokens", "output_reasoning", "reasoning.output_tokens", "reasoning_tokens",
     "completion_details.reasoning"),
    ("input_cached_tokens", "cache_read_input_tokens", "input_cache_read", "cached_tokens"),
    ("input_cache_creation", "cache_creation_input_tokens", "input_cache_write", "cache_write_tokens"),
    ("input_cache_creation_5m", "cache_creation.ephemeral_5m_input_tokens", "ephemeral_5m_input_tokens"),
    ("input_cache_creation_1h", "cache_creation.ephemeral_1h_input_tokens", "ephemeral_1h_input_tokens"),
    ("input_audio_tokens", "audio_input_tokens"),
    ("output_audio_tokens", "audio_output_tokens"),
    ("output_text_tokens", "text_output_tokens"),
)  # fmt: skip
"""Names of one kind: a price for one of them is a price for all. Source: upstream's alias map."""
_FAMILIES = {name: family for family in _ALIASES for name in family}
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


class Pricing:
    """The store's pricer. Safe to call from any thread that writes; one a process."""

    def __init__(self, models: ModelStore) -> None:
        self._own = models.remembered(_own_models)

    def __call__(self, project_id: str, change: ObservationChange) -> Mapping[str, float] | None:
        """US dollars by kind and their ``total``; None where no price is known."""
        own = self._own.current().get(project_id)
        if own is not None and change.model:
            model = own.find(change.model, change.stamp.time if change.start_time is None else change.start_time)
            if model is not None:
                return model.price(change)
        return price_observation(project_id, change)


class _OwnModels:
    """One project's definitions, in the order in which they are asked."""

    def __init__(self, definitions: tuple[ModelDefinition, ...]) -> None:
        self._models = tuple(_usable(definitions))
        self._memo: dict[str, tuple[_Model, ...]] = {}

    def find(self, name: str, start: Micros) -> _Model | None:
        matching = self._memo.get(name)
        if matching is None:
            matching = self._matching(name)
        for model in matching:
            if model.since is None or model.since <= start:
                return model
        return None

    def _matching(self, name: str) -> tuple[_Model, ...]:
        text = name[:MAX_MODEL].encode(errors="replace")
        matching = tuple(model for model in self._models if model.pattern.search(text))
        if len(self._memo) >= _MEMO_MODELS:
            self._memo.clear()
        self._memo[name[:MAX_MODEL]] = matching
        return matching


class _Model:
    def __init__(self, definition: ModelDefinition) -> None:
        self.pattern = compiled(definition.match_pattern, PATTERN_BYTES)
        self.since = definition.start_date
        tiers = sorted(definition.pricing_tiers, key=lambda tier: tier.priority)
        self._tiers = tuple(_Tier(tier) for tier in tiers if not tier.is_default)
        self._default = next((_rates(tier) for tier in tiers if tier.is_default), {})

    def price(self, change: ObservationChange) -> Mapping[str, float] | None:
        usage = change.usage or {}
        rates = next((tier.rates for tier in self._tiers if tier.holds(usage, change)), self._default)
        cost = {kind: units * rates[kind] for kind, units in usage.items() if kind in rates}
        if cost and "total" not in cost:
            cost["total"] = sum(cost.values())
        return cost or None


class _Tier:
    def __init__(self, tier: PricingTier) -> None:
        self.rates = _rates(tier)
        self._usage = [_Sum(each) for each in tier.conditions if isinstance(each, UsageCondition)]
        self._attributes = [each for each in tier.conditions if isinstance(each, AttributeCondition)]

    def holds(self, usage: Mapping[str, int], change: ObservationChange) -> bool:
        return all(condition.holds(usage) for condition in self._usage) and all(
            _has(condition, change) for condition in self._attributes
        )


class _Sum:
    """A condition on usage, which remembers which kinds it counts."""

    def __init__(self, condition: UsageCondition) -> None:
        pattern = condition.pattern if condition.case_sensitive else f"(?i){condition.pattern}"
        self._pattern = compiled(pattern, PATTERN_BYTES)
        self._compare, self._value = _OPERATORS[condition.operator], condition.value
        self._counts: dict[str, bool] = {}

    def holds(self, usage: Mapping[str, int]) -> bool:
        return self._compare(sum(units for kind, units in usage.items() if self._is_counted(kind)), self._value)

    def _is_counted(self, kind: str) -> bool:
        counted = self._counts.get(kind)
        if counted is None:
            counted = self._pattern.search(kind[:MAX_MODEL].encode(errors="replace")) is not None
            if len(self._counts) < _MEMO_KINDS:
                self._counts[kind] = counted
        return counted


def _has(condition: AttributeCondition, change: ObservationChange) -> bool:
    document = change.model_parameters if condition.source == "model_parameters" else change.metadata
    value = _text_under(condition.key, document)
    return value is not None and value in condition.values


def _text_under(key: str, document: JSONBytes | None) -> str | None:
    try:
        return _decode_text(_decode_object(document or b"{}").get(key, msgspec.Raw(b"null")))
    except msgspec.DecodeError:  # no object, or no text there
        return None


def _rates(tier: PricingTier) -> Mapping[str, float]:
    """US dollars a unit for each kind, by all of the kind's names."""
    rates = {name: amount for kind, amount in tier.prices.items() for name in _FAMILIES.get(kind, ())}
    return {**rates, **tier.prices}


def _own_models(definitions: Definitions) -> Mapping[str, _OwnModels]:
    return {project_id: _OwnModels(theirs) for project_id, theirs in definitions.items()}


def _usable(definitions: Iterable[ModelDefinition]) -> Iterator[_Model]:
    for definition in definitions:
        try:
            yield _Model(definition)
        except ValueError as error:  # a later release of RE2 may take less than the one that it was checked with
            log.warning("model_not_usable", model=definition.id, error=str(error))
