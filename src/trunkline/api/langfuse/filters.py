"""The parameter `filter`: conditions as JSON, read into those of the domain with every fault named.

A condition is ``{"type", "column", "operator", "value", "key"}``. What types, columns and operators there are stands in
the API's description of each list; an answer of 400 names the condition by its place and says what is allowed there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import msgspec

from trunkline.api.langfuse.filter_columns import Filterable, Filters, Kind
from trunkline.api.langfuse.params import Params, micros
from trunkline.store.filters import (
    AnyOf,
    Column,
    Comparison,
    Condition,
    FlagIs,
    IsNull,
    Members,
    Membership,
    NumberIs,
    TextIs,
    TextOperator,
    TimeIs,
)
from trunkline.types import JSON

MAX_CONDITIONS = 50
MAX_VALUES = 500
MAX_FILTER = 20_000
"""Characters of the parameter."""


TYPES: Mapping[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("string", "stringOptions", "null"),
    Kind.ID: ("string", "stringOptions", "null"),
    Kind.CONTENT: ("string", "null"),
    Kind.NUMBER: ("number", "null"),
    Kind.TIME: ("datetime", "null"),
    Kind.FLAG: ("boolean",),
    Kind.TAGS: ("arrayOptions", "null"),
    Kind.METADATA: ("stringObject", "numberObject", "categoryOptions", "null"),
    Kind.SCORE_NUMBERS: ("number", "numberObject"),
    Kind.SCORE_CATEGORIES: ("categoryOptions",),
    Kind.SCORE_FLAGS: ("booleanObject",),
}
_TEXTS = tuple(operator.value for operator in TextOperator if operator is not TextOperator.MATCHES)
_NUMBERS = ("=", ">", "<", ">=", "<=")
OPERATORS: Mapping[str, tuple[str, ...]] = {
    "datetime": (">", "<", ">=", "<="),
    "string": _TEXTS,
    "stringOptions": ("any of", "none of"),
    "categoryOptions": ("any of", "none of"),
    "arrayOptions": ("any of", "none of", "all of"),
    "number": _NUMBERS,
    "stringObject": _TEXTS,
    "numberObject": _NUMBERS,
    "booleanObject": ("=", "<>"),
    "boolean": ("=", "<>"),
    "null": ("is null", "is not null"),
}


class _Wrong(Exception):
    """A fault of one condition: the key that is wrong, and what would be right."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key, self.message = key, message


def read_filter(params: Params, filters: Filters) -> tuple[Condition, ...]:
    """The conditions of `filter`; faults are left in `params`."""
    text = params.text("filter", MAX_FILTER)
    if text is None:
        return ()
    try:
        given = msgspec.json.decode(text)
        text.encode()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        params.fault("filter", f"expected a JSON array of conditions: {error}", "invalid_type")
        return ()
    return read_conditions(params, given, filters, ("filter",))


def read_conditions(
    params: Params, given: JSON, filters: Filters, place: tuple[str | int, ...]
) -> tuple[Condition, ...]:
    """Conditions that stand, decoded, at a place of a parameter."""
    if not isinstance(given, list) or len(given) > MAX_CONDITIONS:
        params.fault_at(place, f"expected a JSON array of at most {MAX_CONDITIONS} conditions", "invalid_type")
        return ()
    found: list[Condition] = []
    for index, condition in enumerate(given):
        try:
            found.append(_read_condition(condition, filters))
        except _Wrong as wrong:
            params.fault_at((*place, index, wrong.key), wrong.message)
    return tuple(found)


def leave_out(params: Params, simple: Mapping[str, Column], conditions: Sequence[Condition]) -> None:
    """Passes over the simple parameters whose columns the conditions are about: `filter` takes precedence over them."""
    asked = {condition.column for condition in conditions}
    for name, column in simple.items():
        if column in asked:
            params.leave_out(name)


def _read_condition(given: JSON, filters: Filters) -> Condition:
    if not isinstance(given, dict):
        raise _Wrong("", "expected an object with type, column, operator and value")
    name, type, operator = (_text(given, key) for key in ("column", "type", "operator"))
    known = filters.columns.get(name)
    if known is None:
        raise _Wrong("column", f"there is no column {name[:60]!r}; columns are {', '.join(filters.columns)}")
    if type not in TYPES[known.kind]:
        raise _Wrong("type", f"{name} is no {type[:40]!r}; its types are {', '.join(TYPES[known.kind])}")
    allowed = _operators(type, known.kind, filters)
    if operator not in allowed:
        raise _Wrong("operator", f"{name} of type {type} takes {', '.join(allowed)}, not {operator[:40]!r}")
    return _READERS[type](known, operator, given)


def _operators(type: str, kind: Kind, filters: Filters) -> tuple[str, ...]:
    if filters.matches and (kind is Kind.CONTENT or type == "stringObject"):
        return (*OPERATORS[type], TextOperator.MATCHES.value)
    return OPERATORS[type]


# --- conditions by type ----------------------------------------------------------------------------------------------


def _read_text(known: Filterable, operator: str, given: dict[str, JSON]) -> Condition:
    value = _text(given, "value")
    if operator == TextOperator.MATCHES and not any(each.isalnum() for each in value):
        raise _Wrong("value", "matches needs a letter or digit to search for")
    return TextIs(column=known.column, operator=TextOperator(operator), value=value, key=_key(known, given))


def _read_options(known: Filterable, operator: str, given: dict[str, JSON]) -> Condition:
    values = _texts(given)
    if not values:
        raise _Wrong("value", "expected at least one text")
    return AnyOf(column=known.column, values=values, negated=operator == "none of", key=_key(known, given))


def _read_array(known: Filterable, operator: str, given: dict[str, JSON]) -> Condition:
    values = _texts(given)
    if not values and operator == "any of":
        raise _Wrong("value", "expected at least one text")
    return Members(column=known.column, operator=cast(Membership, operator), values=values)


def _read_number(known: Filterable, operator: str, given: dict[str, JSON]) -> Condition:
    value = given.get("value")
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _Wrong("value", "expected a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _Wrong("value", "expected a finite number")
    key = _key(known, given) if given["type"] == "numberObject" else None
    return NumberIs(column=known.column, operator=cast(Comparison, operator), value=number, key=key)


def _read_time(known: Filterable, operator: str, given: dict[str, JSON]) -> Condition:
    try:
        value = micros(_text(given, "value"))
    except (ValueError, OverflowError):
        raise _Wrong("value", "expected a date and time as in ISO 8601, such as 2026-01-31T12:00:00Z") from None
    return TimeIs(column=known.column, operator=cast(Comparison, operator), value=value)


def _read_flag(known: Filterable, operator: str, given: dict[str, JSON]) -> Condition:
    value = given.get("value")
    if not isinstance(value, bool):
        raise _Wrong("value", "expected true or false")
    return FlagIs(column=known.column, value=value, negated=operator == "<>", key=_key(known, given))


def _read_null(known: Filterable, operator: str, given: dict[str, JSON]) -> Condition:
    return IsNull(column=known.column, negated=operator == "is not null", key=_key(known, given))


_READERS: Mapping[str, Callable[[Filterable, str, dict[str, JSON]], Condition]] = {
    "string": _read_text,
    "stringObject": _read_text,
    "stringOptions": _read_options,
    "categoryOptions": _read_options,
    "arrayOptions": _read_array,
    "number": _read_number,
    "numberObject": _read_number,
    "datetime": _read_time,
    "boolean": _read_flag,
    "booleanObject": _read_flag,
    "null": _read_null,
}
_KEYED = frozenset({Kind.METADATA, Kind.SCORE_NUMBERS, Kind.SCORE_CATEGORIES, Kind.SCORE_FLAGS})


def _key(known: Filterable, given: dict[str, JSON]) -> str | None:
    """The metadata key or score name that a condition on such a column must name."""
    if known.kind not in _KEYED:
        return None
    if not _text(given, "key"):
        raise _Wrong("key", "expected the metadata key or score name that is meant")
    return _text(given, "key")


def _text(given: dict[str, JSON], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str):
        raise _Wrong(key, "expected a text")
    return value


def _texts(given: dict[str, JSON]) -> tuple[str, ...]:
    values = given.get("value")
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise _Wrong("value", "expected a list of texts")
    if len(values) > MAX_VALUES:
        raise _Wrong("value", f"expected at most {MAX_VALUES} texts")
    return tuple(values)
