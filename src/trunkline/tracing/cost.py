"""What a generation cost, from the price list that genai-prices ships.

The list is the package's built-in data: nothing here goes to the network (its updates run only where somebody starts
an ``UpdatePrices``). Prices are turned once, per model and quarter of an hour (some change by the time of day), into
US dollars per unit of a kind; what is left to do per generation is a handful of multiplications.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from genai_prices.data_snapshot import find_provider_by_id, get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from trunkline.types import Micros, ObservationChange

_SLOT: Micros = 15 * 60 * 1_000_000
_PER_MILLION = 1e-6
_MAX_MODEL = 200

_MAKERS = ("openai", "cohere")
"""Providers that are asked for any name: what they list goes beyond the names that the list knows as theirs."""

_INPUT = ("input_mtok",)
_OUTPUT = ("output_mtok",)
_READ = ("cache_read_mtok", "input_mtok")
_WRITE = ("cache_write_mtok", "cache_write_5m_mtok", "input_mtok")
_PRICE_KEYS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("input", "input_tokens", "prompt_tokens"), _INPUT),
    **dict.fromkeys(("output", "output_tokens", "completion_tokens"), _OUTPUT),
    **dict.fromkeys(
        (
            "input_cached_tokens",
            "input_cached",
            "input_cache_read",
            "input_cache_read_input_tokens",
            "cache_read",
            "cache_read_input_tokens",
            "cached_tokens",
        ),
        _READ,
    ),
    **dict.fromkeys(
        (
            "input_cache_creation",
            "input_cache_write",
            "cache_creation",
            "cache_write",
            "cache_creation_input_tokens",
            "cache_write_input_tokens",
            "cache_write_tokens",
        ),
        _WRITE,
    ),
    **dict.fromkeys(
        ("input_cache_creation_5m", "cache_creation.ephemeral_5m_input_tokens", "ephemeral_5m_input_tokens"),
        ("cache_write_5m_mtok", *_WRITE),
    ),
    **dict.fromkeys(
        ("input_cache_creation_1h", "cache_creation.ephemeral_1h_input_tokens", "ephemeral_1h_input_tokens"),
        ("cache_write_1h_mtok", *_WRITE),
    ),
    **dict.fromkeys(("input_audio_tokens", "input_audio", "audio_input_tokens"), ("input_audio_mtok", "input_mtok")),
    **dict.fromkeys(("input_cached_audio_tokens", "input_cached_audio"), ("cache_audio_read_mtok", *_READ)),
    **dict.fromkeys(("input_image_tokens", "input_image"), ("input_image_mtok", "input_mtok")),
    **dict.fromkeys(("input_video_tokens", "input_video"), ("input_video_mtok", "input_mtok")),
    **dict.fromkeys(
        ("output_audio_tokens", "output_audio", "audio_output_tokens"), ("output_audio_mtok", "output_mtok")
    ),
    **dict.fromkeys(("output_image_tokens", "output_image"), ("output_image_mtok", "output_mtok")),
    **dict.fromkeys(("output_video_tokens", "output_video"), ("output_video_mtok", "output_mtok")),
    **dict.fromkeys(
        (
            "output_reasoning_tokens",
            "output_reasoning",
            "reasoning_tokens",
            "reasoning",
            "reasoning.output_tokens",
            "completion_details.reasoning",
        ),
        ("output_reasoning_mtok", "output_mtok"),
    ),
}
"""Kinds of usage to the price that counts, the first that the model has. Other kinds go by their prefix."""

_OUTPUT_KINDS = frozenset(kind for kind, keys in _PRICE_KEYS.items() if keys[-1] == "output_mtok")
_SIDES = ("input", "output")


class Rate(NamedTuple):
    """US dollars a unit; `tiers` (highest start first) hold where the whole input is larger than their start."""

    base: float
    tiers: tuple[tuple[int, float], ...] = ()


Rates = Mapping[str, Rate]


def price(model: str | None, usage: Mapping[str, int], start_time: Micros) -> Mapping[str, float] | None:
    """US dollars by the kinds of `usage` and as ``total``; None for an unknown model or usage without a priced kind.

    The kinds of `usage` add up: ``input`` is what was neither cached nor written to a cache.
    """
    if not model or not usage:
        return None
    rates = _rates(model, start_time // _SLOT)
    return _sum(rates, usage) if rates is not None else None


def price_observation(project_id: str, change: ObservationChange) -> Mapping[str, float] | None:
    """The store's pricer where projects have no prices of their own."""
    start = change.start_time
    return price(change.model, change.usage or {}, change.stamp.time if start is None else start)


def _sum(rates: Rates, usage: Mapping[str, int]) -> Mapping[str, float] | None:
    cost: dict[str, float] = {}
    total = 0.0
    for kind, units in usage.items():
        rate = rates.get(kind) or _rate_by_prefix(rates, kind)
        if rate is None:
            continue
        paid = units * (rate.base if not rate.tiers else _tier(rate, usage))
        if units or kind in _SIDES:  # the many details that are 0 would cost a row its narrow form
            cost[kind] = paid
        total += paid
    if not cost:
        return None
    cost["total"] = total
    return cost


def _rate_by_prefix(rates: Rates, kind: str) -> Rate | None:
    if kind.startswith("input_"):
        return rates.get("input")
    return rates.get("output") if kind.startswith("output_") else None


def _tier(rate: Rate, usage: Mapping[str, int]) -> float:
    """Providers charge all tokens of a call by the tier that its whole input reaches."""
    whole = sum(units for kind, units in usage.items() if kind != "total" and not _is_output(kind))
    return next((amount for start, amount in rate.tiers if whole > start), rate.base)


def _is_output(kind: str) -> bool:
    return kind in _OUTPUT_KINDS or kind.startswith("output")


@lru_cache(maxsize=8192)
def _rates(model: str, slot: int) -> Rates | None:
    """Rates by kind for a model in a quarter of an hour; None where the list does not have the model."""
    info = _find_model(model[:_MAX_MODEL].lower())
    if info is None:
        return None
    moment = datetime.fromtimestamp(slot * (_SLOT // 1_000_000), UTC)
    return rates_from(info.get_prices(moment))


def _find_model(name: str) -> ModelInfo | None:
    """As the package's own search does it, whose memory of misses would grow with every name that a client makes up.

    ``provider/model``, as routers write it, is looked up at that provider.
    """
    snapshot = get_snapshot()
    for provider in snapshot.providers:
        matches = provider.model_match is not None and provider.model_match.is_match(name)
        if matches and (found := provider.find_model(name, all_providers=snapshot.providers)):
            return found
    prefix, slash, rest = name.partition("/")
    provider_named = find_provider_by_id(snapshot.providers, prefix) if slash else None
    if provider_named:
        return provider_named.find_model(rest, all_providers=snapshot.providers)
    makers = (find_provider_by_id(snapshot.providers, maker) for maker in _MAKERS)
    models = (maker.find_model(name, all_providers=snapshot.providers) for maker in makers if maker)
    return next((model for model in models if model), None)


def rates_from(prices: ModelPrice) -> Rates | None:
    rates: dict[str, Rate] = {}
    for kind, keys in _PRICE_KEYS.items():
        found = next((value for key in keys if (value := getattr(prices, key)) is not None), None)
        if found is not None:
            rates[kind] = _rate(found)
    return rates or None


def _rate(value: Decimal | TieredPrices) -> Rate:
    if isinstance(value, TieredPrices):
        tiers = tuple((tier.start, float(tier.price) * _PER_MILLION) for tier in reversed(value.tiers))
        return Rate(float(value.base) * _PER_MILLION, tiers)
    return Rate(float(value) * _PER_MILLION)
