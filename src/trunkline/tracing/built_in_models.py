"""The built-in price list (genai-prices) as definitions of models, to be shown. What is priced goes through `cost`.

Only kinds for which the list has a price of their own are shown; what has none costs what its side costs. The patterns
say which names `cost` finds at a provider: all that the provider is known by, or those with its id before them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    Provider,
)

from trunkline.store.models import ModelDefinition, PricingTier, UsageCondition, UsageUnit
from trunkline.tracing.cost import Rates, rates_from
from trunkline.types import Micros

CREATED: Micros = 1_735_689_600_000_000
"""2025-01-01: the list does not say since when it has a model."""
_SHOWN = {
    "input": "input_mtok",
    "output": "output_mtok",
    "input_cached_tokens": "cache_read_mtok",
    "input_cache_creation": "cache_write_mtok",
    "input_cache_creation_5m": "cache_write_5m_mtok",
    "input_cache_creation_1h": "cache_write_1h_mtok",
    "input_audio_tokens": "input_audio_mtok",
    "input_cached_audio_tokens": "cache_audio_read_mtok",
    "input_image_tokens": "input_image_mtok",
    "input_video_tokens": "input_video_mtok",
    "output_audio_tokens": "output_audio_mtok",
    "output_image_tokens": "output_image_mtok",
    "output_video_tokens": "output_video_mtok",
    "output_reasoning_tokens": "output_reasoning_mtok",
}
_SPECIAL = re.compile(r"[.^$*+?()\[\]{}|\\]")
_DAY_S = 86_400


def built_in_models() -> tuple[ModelDefinition, ...]:
    """All of them by name, with the prices of this day. The first call of a day takes some tens of milliseconds."""
    return _all_of_day(int(time.time()) // _DAY_S)


def built_in_model(id: str) -> ModelDefinition | None:
    return _by_id(int(time.time()) // _DAY_S).get(id)


@lru_cache(maxsize=1)
def _all_of_day(day: int) -> tuple[ModelDefinition, ...]:
    moment = datetime.fromtimestamp(day * _DAY_S, UTC)
    found = [
        definition
        for provider in get_snapshot().providers
        for model in provider.models
        if (definition := _definition(provider, model, moment)) is not None
    ]
    return tuple(sorted(found, key=lambda definition: (definition.model_name, definition.id)))


@lru_cache(maxsize=1)
def _by_id(day: int) -> dict[str, ModelDefinition]:
    return {definition.id: definition for definition in _all_of_day(day)}


def _definition(provider: Provider, model: ModelInfo, moment: datetime) -> ModelDefinition | None:
    prices = model.get_prices(moment)
    rates = rates_from(prices)
    if rates is None:
        return None
    shown = {kind: rates[kind] for kind in _own_kinds(prices)}
    id = f"{provider.id}:{model.id}"
    return ModelDefinition(
        id=id,
        project_id=None,
        model_name=model.id,
        match_pattern=_pattern(provider, model),
        unit=UsageUnit.TOKENS,
        pricing_tiers=tuple(_tiers(id, shown)),
        created_at=CREATED,
    )


def _own_kinds(prices: ModelPrice) -> list[str]:
    return [kind for kind, key in _SHOWN.items() if getattr(prices, key) is not None]


def _tiers(id: str, rates: Rates) -> Iterator[PricingTier]:
    base = {kind: rate.base for kind, rate in rates.items()}
    yield PricingTier(id=f"{id}:standard", name="Standard", is_default=True, priority=0, prices=base)
    starts = sorted({start for rate in rates.values() for start, _ in rate.tiers}, reverse=True)
    for priority, start in enumerate(starts, 1):
        condition = UsageCondition(pattern="^input", operator="gt", value=start)
        prices = {
            kind: next((amount for begin, amount in rate.tiers if begin <= start), rate.base)
            for kind, rate in rates.items()
        }
        yield PricingTier(
            id=f"{id}:above-{start}",
            name=f"Input above {start:,} tokens",
            is_default=False,
            priority=priority,
            conditions=(condition,),
            prices=prices,
        )


def _pattern(provider: Provider, model: ModelInfo) -> str:
    prefix = f"({_escaped(provider.id)}/)"
    optional = "?" if provider.model_match is not None else ""
    return f"(?i)^{prefix}{optional}{_expression(model.match)}$"


def _expression(match: MatchLogic) -> str:
    """What the list asks of a name, as an expression for the whole name."""
    match match:
        case ClauseEquals(equals=text):
            return _escaped(text)
        case ClauseStartsWith(starts_with=text):
            return f"{_escaped(text)}.*"
        case ClauseEndsWith(ends_with=text):
            return f".*{_escaped(text)}"
        case ClauseContains(contains=text):
            return f".*{_escaped(text)}.*"
        case ClauseRegex(regex=regex):
            return f".*({regex}).*"
        case ClauseOr(or_=clauses):
            return f"({'|'.join(map(_expression, clauses))})"
        case ClauseAnd(and_=clauses):
            return f"{''.join(f'(?={_expression(clause)}$)' for clause in clauses)}.*"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", text)
