"""What a generation used, in the contract's form: units by kind, with ``total``, details taken out of their sum.

Three ways of writing come in: ``{input, output, total, unit, inputCost, …}`` and ``{promptTokens, …}`` as ``usage``,
and free kinds as ``usageDetails``. The strict shapes of OpenAI's two APIs are recognised in either; their details
become kinds of their own (``input_cached_tokens``), so that the kinds add up. Source: upstream's ``UsageDetails``.
"""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.errors import InvalidRequest
from trunkline.types import JSON

MAX_UNITS = 10**15
"""More than any model can use, and small enough that sums over millions of rows fit 64 bits."""

_COMPLETIONS = ("prompt", "completion")
_RESPONSES = ("input", "output")
_LEGACY = {
    "input": "input",
    "promptTokens": "input",
    "output": "output",
    "completionTokens": "output",
    "total": "total",
    "totalTokens": "total",
}
_LEGACY_COSTS = {"inputCost": "input", "outputCost": "output", "totalCost": "total"}


def usage_of(details: Mapping[str, JSON]) -> Mapping[str, int] | None:
    """Reads ``usageDetails``: one of OpenAI's shapes, or any other kinds as they are, and their sum as ``total``.

    None where nothing is counted. Raises InvalidRequest for a count that is negative, broken or beyond `MAX_UNITS`.
    """
    for sides in (_COMPLETIONS, _RESPONSES):
        if _is_openai(details, sides):
            return _from_openai(details, sides)
    return with_total({kind: units for kind, value in details.items() if (units := _units(kind, value)) is not None})


def read_legacy(usage: Mapping[str, JSON]) -> tuple[Mapping[str, int] | None, Mapping[str, float] | None]:
    """Reads ``usage``, which may name costs too: units and US dollars by kind."""
    if any(_is_openai(usage, sides) for sides in (_COMPLETIONS, _RESPONSES)):
        return usage_of(usage), None
    units = {kind: counted for key, kind in _LEGACY.items() if (counted := _units(key, usage.get(key))) is not None}
    costs = {kind: usage[key] for key, kind in _LEGACY_COSTS.items() if usage.get(key) is not None}
    return with_total(units), cost_of(costs)


def cost_of(details: Mapping[str, JSON]) -> Mapping[str, float] | None:
    """Reads ``costDetails``, US dollars by kind, with their sum as ``total`` where it is absent.

    None where nothing is given. Raises InvalidRequest for what is no finite number of 0 or more.
    """
    costs: dict[str, float] = {}
    for kind, value in details.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_UNITS:
            raise InvalidRequest(f"The cost {kind[:80]!r} must be a number of US dollars, 0 or more.")
        costs[kind] = float(value)
    if costs and "total" not in costs:
        costs["total"] = sum(costs.values())
    return costs or None


def with_total(units: dict[str, int]) -> Mapping[str, int] | None:
    """Adds ``total``, the sum of all kinds, where it is absent; None for no kinds at all."""
    if units and "total" not in units:
        units["total"] = sum(units.values())
    return units or None


def _is_openai(usage: Mapping[str, JSON], sides: tuple[str, str]) -> bool:
    """Strict: all three counts, their details or nothing, and no other key."""
    if "total_tokens" not in usage:
        return False
    needed = {f"{sides[0]}_tokens", f"{sides[1]}_tokens", "total_tokens"}
    allowed = needed | {f"{side}_tokens_details" for side in sides}
    return needed <= usage.keys() <= allowed and all(usage[key] is not None for key in needed)


def _from_openai(usage: Mapping[str, JSON], sides: tuple[str, str]) -> Mapping[str, int]:
    units: dict[str, int] = {}
    for side, kind in zip(sides, _RESPONSES, strict=True):
        left = _units(f"{side}_tokens", usage[f"{side}_tokens"]) or 0
        for detail, value in (usage.get(f"{side}_tokens_details") or {}).items():
            if (counted := _units(detail, value)) is not None:
                units[f"{kind}_{detail}"] = counted
                left = max(0, left - counted)
        units[kind] = left
    units["total"] = _units("total_tokens", usage["total_tokens"]) or 0
    return units


def _units(kind: str, value: JSON) -> int | None:
    """A count; None for null and for what is nested, which some integrations send along."""
    if value is None or isinstance(value, dict | list):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise InvalidRequest(f"The usage {kind[:80]!r} must be a whole number, got {str(value)[:40]!r}.")
    if not 0 <= value <= MAX_UNITS:
        raise InvalidRequest(f"The usage {kind[:80]!r} must lie between 0 and {MAX_UNITS}, got {str(value)[:40]}.")
    return int(value)
