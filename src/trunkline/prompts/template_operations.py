"""Operators of a Jinja2 template, paid for before they allocate."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import nodes

from trunkline.prompts.template_data import Value
from trunkline.prompts.template_meter import ITEM, Meter

MAX_RANGE = 100_000
MAX_SLICE_STEP = 1_000_000

COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gteq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
    "in": lambda one, other: one in other,
    "notin": lambda one, other: one not in other,
}
ARITHMETIC: Mapping[type[nodes.Node], Callable[[Any, Any], Any]] = {
    nodes.Add: operator.add,
    nodes.Sub: operator.sub,
    nodes.Mul: operator.mul,
    nodes.Div: operator.truediv,
    nodes.FloorDiv: operator.floordiv,
    nodes.Mod: operator.mod,
    nodes.Pow: operator.pow,
}


def calculate(kind: type[nodes.Node], left: Value, right: Value, meter: Meter) -> Value:
    """``left <operator> right``."""
    if isinstance(left, int) and isinstance(right, int):
        meter.integer(_bits(kind, left, right))
    else:
        _pay(kind, left, right, meter)
    return ARITHMETIC[kind](left, right)


def compare(kind: str, left: Value, right: Value, meter: Meter) -> Value:
    meter.read(left)
    meter.read(right)
    return COMPARISONS[kind](left, right)


def slice_of(value: Value, bounds: list[Value], meter: Meter) -> Value:
    """``value[start:stop:step]``."""
    if isinstance(bounds[2], int) and abs(bounds[2]) > MAX_SLICE_STEP:
        raise meter.refusal(f"the step of a slice is at most {MAX_SLICE_STEP:,}.")
    if isinstance(value, str | list | tuple | range):
        meter.spend(len(value) * (1 if isinstance(value, str) else ITEM))
    return value[slice(*bounds)]


def range_of(args: list[Value], meter: Meter) -> range:
    """``range(…)``, which may be too long for ``len``."""
    found = range(*args)
    length = (found.stop - found.start + found.step - (1 if found.step > 0 else -1)) // found.step
    if length > MAX_RANGE:
        raise meter.refusal(f"a range has at most {MAX_RANGE:,} numbers.")
    return found


def _bits(kind: type[nodes.Node], left: int, right: int) -> int:
    """At most so many bits has the result."""
    if kind is nodes.Pow:
        return max(left.bit_length(), 1) * right if right > 0 and abs(left) > 1 else 1
    if kind is nodes.Mul:
        return left.bit_length() + right.bit_length()
    return max(left.bit_length(), right.bit_length())


def _pay(kind: type[nodes.Node], left: Value, right: Value, meter: Meter) -> None:
    """For text and lists, before they are put together."""
    if kind is nodes.Mod and isinstance(left, str):
        raise meter.refusal("'%' does not format text here. Use the filter format, or '~'.")
    for one, other in ((left, right), (right, left)):
        size = len(one) * (1 if isinstance(one, str) else ITEM) if isinstance(one, str | list | tuple) else 0
        meter.spend(size * max(other, 0) if kind is nodes.Mul and isinstance(other, int) else size)
