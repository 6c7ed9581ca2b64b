"""Model definitions as Langfuse's API shows and takes them. The flat prices are those of the default tier."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from trunkline.api.langfuse.formats import Shape, embedded, iso, iso_or_none
from trunkline.api.langfuse.params import micros
from trunkline.errors import InvalidData
from trunkline.store.models import (
    AttributeCondition,
    ModelDefinition,
    PricingTier,
    UsageCondition,
    UsageUnit,
)
from trunkline.tracing.expressions import compiled
from trunkline.tracing.pricing import PATTERN_BYTES
from trunkline.types import JSON, Micros

MAX_NAME = 255
MAX_MATCH_PATTERN = 1000
MAX_USAGE_PATTERN = 200
MAX_TIERS = 50
MAX_CONDITIONS = 20
MAX_PRICES = 100
MAX_PRICE = 1e6
"""US dollars a unit."""
MAX_TOKENIZER_CONFIG = 10_000
STANDARD = "Standard"
Operator = Literal["gt", "gte", "lt", "lte", "eq", "neq"]


class ConditionShape(Shape, kw_only=True, omit_defaults=True):
    """Either on the sum of usage (`usage_detail_pattern`), or on an attribute (`source`)."""

    usage_detail_pattern: str | UnsetType = UNSET
    operator: Operator | Literal["in"]
    value: float | UnsetType = UNSET
    case_sensitive: bool | UnsetType = UNSET
    source: Literal["model_parameters", "metadata"] | UnsetType = UNSET
    key: str | UnsetType = UNSET
    values: list[str] | UnsetType = UNSET


class TierInput(Shape, kw_only=True):
    name: str
    is_default: bool = False
    priority: int
    conditions: list[ConditionShape]
    prices: dict[str, float]


class TierShape(Shape, kw_only=True):
    id: str
    name: str
    is_default: bool
    priority: int
    conditions: list[ConditionShape]
    prices: Mapping[str, float]


class PriceShape(Shape, kw_only=True):
    price: float


class ModelShape(Shape, kw_only=True):
    id: str
    model_name: str
    match_pattern: str
    start_date: str | None
    unit: UsageUnit | None
    input_price: float | None
    output_price: float | None
    total_price: float | None
    tokenizer_id: str | None
    tokenizer_config: Raw | None
    is_langfuse_managed: bool
    created_at: str
    prices: dict[str, PriceShape]
    pricing_tiers: list[TierShape]


class CreateModel(Shape, kw_only=True):
    """Either flat prices, which make a default tier, or `pricing_tiers`."""

    model_name: str
    match_pattern: str
    start_date: str | None = None
    unit: UsageUnit | None = None
    input_price: float | None = None
    output_price: float | None = None
    total_price: float | None = None
    pricing_tiers: list[TierInput] | None = None
    tokenizer_id: str | None = None
    tokenizer_config: JSON = None


def model_shape(definition: ModelDefinition) -> ModelShape:
    default = next((tier.prices for tier in definition.pricing_tiers if tier.is_default), {})
    return ModelShape(
        id=definition.id,
        model_name=definition.model_name,
        match_pattern=definition.match_pattern,
        start_date=iso_or_none(definition.start_date),
        unit=definition.unit,
        input_price=default.get("input"),
        output_price=default.get("output"),
        total_price=default.get("total"),
        tokenizer_id=definition.tokenizer_id,
        tokenizer_config=embedded(definition.tokenizer_config),
        is_langfuse_managed=definition.project_id is None,
        created_at=iso(definition.created_at),
        prices={kind: PriceShape(price=amount) for kind, amount in default.items()},
        pricing_tiers=[_tier_shape(tier) for tier in definition.pricing_tiers],
    )


def _tier_shape(tier: PricingTier) -> TierShape:
    return TierShape(
        id=tier.id,
        name=tier.name,
        is_default=tier.is_default,
        priority=tier.priority,
        conditions=[_condition_shape(condition) for condition in tier.conditions],
        prices=tier.prices,
    )


def _condition_shape(condition: UsageCondition | AttributeCondition) -> ConditionShape:
    if isinstance(condition, AttributeCondition):
        return ConditionShape(source=condition.source, key=condition.key, operator="in", values=list(condition.values))
    return ConditionShape(
        usage_detail_pattern=condition.pattern,
        operator=condition.operator,
        value=condition.value,
        case_sensitive=condition.case_sensitive,
    )


def created(given: CreateModel, project_id: str, now: Micros) -> ModelDefinition:
    """The new definition. Raises InvalidData for the first thing that is wrong."""
    if not given.model_name.strip() or len(given.model_name) > MAX_NAME:
        raise fault("modelName", f"A name has 1 to {MAX_NAME} characters.")
    _check_pattern(given.match_pattern, MAX_MATCH_PATTERN, "matchPattern")
    if given.tokenizer_id is not None and not 1 <= len(given.tokenizer_id) <= 100:
        raise fault("tokenizerId", "1 to 100 characters.")
    config = None if given.tokenizer_config is None else msgspec.json.encode(given.tokenizer_config)
    if config is not None and len(config) > MAX_TOKENIZER_CONFIG:
        raise fault("tokenizerConfig", f"At most {MAX_TOKENIZER_CONFIG} bytes of JSON.")
    return ModelDefinition(
        id=uuid.uuid4().hex,
        project_id=project_id,
        model_name=given.model_name,
        match_pattern=given.match_pattern,
        start_date=_time(given.start_date),
        unit=given.unit,
        tokenizer_id=given.tokenizer_id,
        tokenizer_config=config,
        pricing_tiers=_tiers(given),
        created_at=now,
    )


def _time(text: str | None) -> Micros | None:
    try:
        return micros(text) if text else None
    except (ValueError, OverflowError):
        raise fault("startDate", "Expected a date as in ISO 8601, such as 2026-01-31T12:00:00Z.") from None


def _tiers(given: CreateModel) -> tuple[PricingTier, ...]:
    flat = {"input": given.input_price, "output": given.output_price, "total": given.total_price}
    prices = {kind: amount for kind, amount in flat.items() if amount is not None}
    if bool(prices) == bool(given.pricing_tiers):
        raise fault(
            "pricingTiers",
            "Must provide either flat prices (inputPrice/outputPrice/totalPrice) OR pricingTiers, not both or neither.",
        )
    if given.pricing_tiers:
        _check_tiers(given.pricing_tiers)
        return tuple(_tier(tier, f"pricingTiers.{index}") for index, tier in enumerate(given.pricing_tiers))
    if "total" in prices and len(prices) > 1:
        raise fault("totalPrice", "If input and/or output price is set, total price must be null")
    for kind, amount in prices.items():
        _check_price(amount, f"{kind}Price")
    return (PricingTier(id=uuid.uuid4().hex, name=STANDARD, is_default=True, priority=0, prices=prices),)


def _check_tiers(tiers: list[TierInput]) -> None:
    """What upstream asks of the tiers of one model together."""
    defaults = [tier for tier in tiers if tier.is_default]
    if len(tiers) > MAX_TIERS:
        raise fault("pricingTiers", f"At most {MAX_TIERS} tiers.")
    if len(defaults) != 1:
        raise fault("pricingTiers", "Exactly one pricing tier must have isDefault: true")
    if defaults[0].priority != 0 or defaults[0].conditions:
        raise fault("pricingTiers", "Default pricing tier must have priority: 0 and empty conditions array")
    for unique, values in (
        ("names", [tier.name for tier in tiers]),
        ("priorities", [tier.priority for tier in tiers]),
    ):
        if len(set(values)) < len(tiers):
            raise fault("pricingTiers", f"Pricing tier {unique} must be unique within a model")
    for tier in tiers:
        if not tier.is_default and not tier.conditions:
            raise fault("pricingTiers", f'Non-default pricing tier "{tier.name}" must have at least one condition')
        if tier.prices.keys() != defaults[0].prices.keys():
            raise fault("pricingTiers", f'Pricing tier "{tier.name}" must have the usage keys of the default tier')


def _tier(given: TierInput, place: str) -> PricingTier:
    if not 1 <= len(given.name) <= 100 or not 0 <= given.priority <= 999:
        raise fault(place, "A tier has a name of 1 to 100 characters and a priority from 0 to 999.")
    if not 1 <= len(given.prices) <= MAX_PRICES or len(given.conditions) > MAX_CONDITIONS:
        raise fault(place, f"A tier has 1 to {MAX_PRICES} prices and at most {MAX_CONDITIONS} conditions.")
    for kind, amount in given.prices.items():
        if not 1 <= len(kind) <= MAX_NAME:
            raise fault(f"{place}.prices", f"A kind of usage has 1 to {MAX_NAME} characters.")
        _check_price(amount, f"{place}.prices")
    return PricingTier(
        id=uuid.uuid4().hex,
        name=given.name,
        is_default=given.is_default,
        priority=given.priority,
        conditions=tuple(_condition(each, f"{place}.conditions") for each in given.conditions),
        prices=given.prices,
    )


def _condition(given: ConditionShape, place: str) -> UsageCondition | AttributeCondition:
    if given.source is not UNSET:
        if given.operator != "in" or not given.key or not given.values:
            raise fault(place, "A condition on an attribute has a key, the operator `in` and at least one value.")
        if len(given.key) > MAX_NAME or len(given.values) > MAX_PRICES:
            raise fault(place, f"At most {MAX_NAME} characters of a key and {MAX_PRICES} values.")
        return AttributeCondition(source=given.source, key=given.key, values=tuple(given.values))
    if given.usage_detail_pattern is UNSET or given.value is UNSET or given.operator == "in":
        raise fault(place, "A condition on usage has usageDetailPattern, value and an operator such as gt.")
    if not 0 <= given.value < math.inf:
        raise fault(place, "The value of a condition is a number, 0 or more.")
    _check_pattern(given.usage_detail_pattern, MAX_USAGE_PATTERN, f"{place}.usageDetailPattern")
    return UsageCondition(
        pattern=given.usage_detail_pattern,
        operator=given.operator,
        value=given.value,
        case_sensitive=given.case_sensitive is True,
    )


def _check_pattern(pattern: str, longest: int, place: str) -> None:
    if not 1 <= len(pattern) <= longest:
        raise fault(place, f"A pattern has 1 to {longest} characters.")
    try:
        compiled(pattern, PATTERN_BYTES)
    except ValueError as error:
        raise fault(
            place, f"Not a regular expression that runs in linear time (RE2: no look-around, no references): {error}"
        ) from None


def _check_price(amount: float, place: str) -> None:
    if not 0 <= amount <= MAX_PRICE:
        raise fault(place, f"A price is US dollars a unit, from 0 to {MAX_PRICE:,.0f}.")


def fault(field: str, message: str) -> InvalidData:
    return InvalidData([{"code": "custom", "path": field.split("."), "message": message}])
