"""What the built-in list shows must be what it charges."""

from __future__ import annotations

import re

import pytest

from trunkline.store.control import now_micros
from trunkline.store.models import PricingTier, UsageCondition
from trunkline.tracing.built_in_models import built_in_model, built_in_models
from trunkline.tracing.cost import price


def test_every_pattern_finds_its_model_and_every_price_is_that_which_is_charged() -> None:
    models = built_in_models()
    assert len(models) > 1000
    assert len({model.id for model in models}) == len(models)
    for model in models:
        re.compile(model.match_pattern)
        assert model.pricing_tiers[0].is_default
        assert all(tier.prices.keys() == model.pricing_tiers[0].prices.keys() for tier in model.pricing_tiers)


@pytest.mark.parametrize(
    ("id", "names", "others"),
    [
        ("openai:gpt-4o", ["gpt-4o", "GPT-4o", "openai/gpt-4o"], ["gpt-4o-mini", "xgpt-4o", "gpt-4oo"]),
        ("openai:gpt-4o-mini", ["gpt-4o-mini"], ["gpt-4o"]),
        ("anthropic:claude-sonnet-4-0", ["claude-sonnet-4-20250514"], ["gpt-4o"]),
    ],
)
def test_patterns(id: str, names: list[str], others: list[str]) -> None:
    model = built_in_model(id)
    assert model is not None
    assert all(re.search(model.match_pattern, name) for name in names)
    assert not any(re.search(model.match_pattern, name) for name in others)
    for name in names:
        cost = price(name, {"input": 1000, "output": 1000}, now_micros())
        assert cost is not None
        prices = model.pricing_tiers[0].prices
        assert cost["input"] == pytest.approx(prices["input"] * 1000)
        assert cost["output"] == pytest.approx(prices["output"] * 1000)


def test_tiers_are_those_that_are_charged() -> None:
    model = next(each for each in built_in_models() if each.id.startswith("google:") and len(each.pricing_tiers) > 1)

    def charged(units: int) -> float:
        cost = price(f"google/{model.model_name}", {"input": units, "output": 100}, now_micros())
        assert cost is not None
        return cost["output"] / 100

    standard, *above = model.pricing_tiers
    (condition,) = above[-1].conditions
    assert isinstance(condition, UsageCondition)
    assert charged(1) == pytest.approx(standard.prices["output"])
    assert charged(int(condition.value) + 1) == pytest.approx(_lowest(above).prices["output"])


def _lowest(tiers: list[PricingTier]) -> PricingTier:
    return max(tiers, key=lambda tier: tier.priority)
