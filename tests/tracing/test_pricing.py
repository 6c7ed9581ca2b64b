"""Which prices hold: a project's own before the built-in ones, the latest that had started, by tiers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trunkline.store.control import ControlStore
from trunkline.store.models import AttributeCondition, ModelDefinition, ModelStore, PricingTier, UsageCondition
from trunkline.tracing.cost import price
from trunkline.tracing.pricing import Pricing
from trunkline.types import ObservationChange, Rank, Stamp

NOW = 1_795_460_651_000_000
DAY = 86_400_000_000
STANDARD = PricingTier(id="s", name="Standard", is_default=True, priority=0, prices={"input": 1.0, "output": 3.0})


@pytest.fixture
def control(tmp_path: Path) -> Iterator[ControlStore]:
    control = ControlStore(tmp_path / "control.db", b"k" * 32)
    for project in ("one", "two"):
        control.create_project(project, project_id=project)
    yield control
    control.close()


@pytest.fixture
def models(control: ControlStore) -> ModelStore:
    return ModelStore(control)


@pytest.fixture
def pricing(models: ModelStore) -> Pricing:
    return Pricing(models)


def model(id: str = "m", pattern: str = "^mine$", *tiers: PricingTier, **fields: Any) -> ModelDefinition:
    given = {"project_id": "one", "model_name": id, "created_at": 1, **fields}
    return ModelDefinition(id=id, match_pattern=pattern, pricing_tiers=tiers or (STANDARD,), **given)


def call(usage: dict[str, int], name: str = "mine", start: int = NOW, **fields: Any) -> ObservationChange:
    stamp = Stamp(Rank.CREATE, start)
    return ObservationChange(id="o", trace_id="t", stamp=stamp, start_time=start, model=name, usage=usage, **fields)


def test_own_prices_are_those_of_the_project_alone(models: ModelStore, pricing: Pricing) -> None:
    assert pricing("one", call({"input": 2})) is None
    models.create(model())
    assert pricing("one", call({"input": 2, "output": 1, "total": 3})) == {"input": 2.0, "output": 3.0, "total": 5.0}
    assert pricing("two", call({"input": 2})) is None
    models.delete("one", "m")
    assert pricing("one", call({"input": 2})) is None


def test_own_prices_go_before_the_built_in_ones(models: ModelStore, pricing: Pricing) -> None:
    listed = price("gpt-4o", {"input": 2}, NOW)
    assert pricing("one", call({"input": 2}, "gpt-4o")) == listed
    models.create(model("m", "(?i)^gpt-4O$"))
    assert pricing("one", call({"input": 2}, "gpt-4o")) == {"input": 2.0, "total": 2.0}
    assert pricing("one", call({"input": 2}, "gpt-4o-mini")) == price("gpt-4o-mini", {"input": 2}, NOW)


def test_the_latest_that_has_started_holds(models: ModelStore, pricing: Pricing) -> None:
    def costing(amount: float) -> PricingTier:
        return PricingTier(id="s", name="Standard", is_default=True, priority=0, prices={"input": amount})

    models.create(model("old", "mine", costing(1), start_date=NOW - 2 * DAY))
    models.create(model("new", "mine", costing(2), start_date=NOW - DAY))
    models.create(model("later", "mine", costing(4), start_date=NOW + DAY))
    models.create(model("ever", "mine", costing(8)))
    paid = {days: pricing("one", call({"input": 1}, start=NOW + days * DAY)) for days in (-3, -2, -1, 0, 2)}
    assert {days: cost and cost["total"] for days, cost in paid.items()} == {-3: 8, -2: 1, -1: 2, 0: 2, 2: 4}


def test_kinds_by_any_of_their_names_and_kinds_without_a_price(models: ModelStore, pricing: Pricing) -> None:
    prices = {"input": 1.0, "input_cached_tokens": 0.5, "output_reasoning": 4.0}
    models.create(model("m", "mine", PricingTier(id="s", name="S", is_default=True, priority=0, prices=prices)))
    usage = {
        "input": 1,
        "cache_read_input_tokens": 2,
        "output_reasoning_tokens": 1,
        "input_audio_tokens": 9,
        "output": 9,
    }
    assert pricing("one", call(usage)) == {
        "input": 1.0, "cache_read_input_tokens": 1.0, "output_reasoning_tokens": 4.0, "total": 6.0,
    }  # fmt: skip
    assert pricing("one", call({"output": 9})) is None


def test_a_price_of_the_total(models: ModelStore, pricing: Pricing) -> None:
    models.create(model("m", "mine", PricingTier(id="s", name="S", is_default=True, priority=0, prices={"total": 2.0})))
    assert pricing("one", call({"input": 1, "output": 2, "total": 3})) == {"total": 6.0}


def test_tiers_are_asked_by_priority(models: ModelStore, pricing: Pricing) -> None:
    def tier(priority: int, *conditions: UsageCondition | AttributeCondition) -> PricingTier:
        name, prices = str(priority), {"input": float(priority)}
        return PricingTier(
            id=name, name=name, is_default=False, priority=priority, conditions=conditions, prices=prices
        )

    def usage(pattern: str, operator: Any, value: float, **fields: Any) -> UsageCondition:
        return UsageCondition(pattern=pattern, operator=operator, value=value, **fields)

    flex = AttributeCondition(source="model_parameters", key="service_tier", values=("flex", "batch"))
    vip = AttributeCondition(source="metadata", key="plan", values=("vip",))
    default = PricingTier(id="0", name="0", is_default=True, priority=0, prices={"input": 0.5})
    tiers = (
        tier(5, flex),
        tier(4, usage("^input", "gt", 100)),
        tier(3, usage("^INPUT", "gte", 200), usage("output", "lt", 10)),
        tier(2, usage("^INPUT", "eq", 50, case_sensitive=True)),
        tier(1, vip, usage("input", "neq", 7)),
    )
    models.create(model("m", "mine", *tiers, default))

    def rate(units: dict[str, int], **fields: Any) -> float | None:
        cost = pricing("one", call(units, **fields))
        return None if cost is None else cost["input"] / units["input"]

    assert rate({"input": 50}) == 0.5
    assert rate({"input": 60, "input_cached_tokens": 60}) == 4
    assert rate({"input": 200, "output": 9}) == 3
    assert rate({"input": 200, "output": 10}) == 4
    assert rate({"input": 6}, metadata=b'{"plan":"vip"}') == 1
    assert rate({"input": 7}, metadata=b'{"plan":"vip"}') == 0.5
    assert rate({"input": 6}, model_parameters=b'{"service_tier":"batch"}') == 5
    for odd in (
        b'{"service_tier":["batch"]}',
        b'"batch"',
        b"null",
        b'{"service_tier":null}',
        b'{"Service_tier":"batch"}',
    ):
        assert rate({"input": 6}, model_parameters=odd, metadata=odd) == 0.5


def test_names_that_nobody_expects(models: ModelStore, pricing: Pricing) -> None:
    models.create(model("m", ".*"))
    for name in ("x" * 100_000, "\ud800", "名前", "a\x00b", "/"):
        assert pricing("one", call({"input": 1}, name)) == {"input": 1.0, "total": 1.0}
    for index in range(5000):
        pricing("one", call({"input": 1}, f"made up {index}"))


def test_another_process_s_change_holds_at_once(tmp_path: Path, models: ModelStore, pricing: Pricing) -> None:
    elsewhere = ControlStore(tmp_path / "control.db", b"k" * 32)
    theirs = ModelStore(elsewhere)
    for _ in range(5):
        theirs.create(model())
        assert pricing("one", call({"input": 2})) == {"input": 2.0, "total": 2.0}
        theirs.delete("one", "m")
        assert pricing("one", call({"input": 2})) is None
    elsewhere.close()


def test_a_pattern_that_cannot_be_run_takes_no_other_with_it(models: ModelStore, pricing: Pricing) -> None:
    models.create(model("bad", "(?=x)"))
    models.create(model("good"))
    assert pricing("one", call({"input": 2})) == {"input": 2.0, "total": 2.0}
