"""Values of a running Jinja2 template: JSON, tuples, ranges, namespaces and ``loop``.

No Python attribute is ever looked up on a value: what a dot or a subscript reaches is data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2.runtime import Undefined

from trunkline.prompts.template_meter import ITEM, Meter
from trunkline.types import JSON

Value = Any


class Namespace(dict[str, JSON]):
    """``namespace(…)``: the one value that a template can change."""


class Unknown:
    """A value that only the caller will give; stands for every value while a template is checked."""

    def __repr__(self) -> str:
        return ""


UNKNOWN = Unknown()


def items_of(value: Value, meter: Meter) -> list[Value]:
    """What a loop or filter goes through, paid for."""
    if isinstance(value, list | tuple | range | str | Mapping):
        meter.spend(ITEM * len(value))
        return list(value)
    if isinstance(value, Undefined):
        return list(value)
    raise meter.mistake(f"a {type(value).__name__} cannot be looped over.")


def text_of(value: Value, meter: Meter) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, Undefined):
        meter.read(value)
    return str(value)


def attribute_of(value: Value, name: Value, undefined: type[Undefined]) -> Value:
    """``value.name`` and ``value[name]``: keys and indices of data, nothing of Python's."""
    if isinstance(value, Mapping):
        try:
            if name in value:
                return value[name]
        except TypeError:
            return undefined(obj=value, name=str(name))
    elif isinstance(value, list | tuple | str | range) and isinstance(name, int):
        if -len(value) <= name < len(value):
            return value[name]
    elif isinstance(value, Unknown):
        return value
    elif isinstance(value, Undefined):
        return value[name]
    return undefined(obj=value, name=name)


class Loop:
    """``loop`` inside of a for."""

    def __init__(self, items: list[Value], undefined: type[Undefined]) -> None:
        self._items = items
        self._undefined = undefined
        self.index0 = 0
        self._changed: Value = None

    def attribute(self, name: str) -> Value:
        length = len(self._items)
        match name:
            case "index":
                return self.index0 + 1
            case "index0":
                return self.index0
            case "revindex":
                return length - self.index0
            case "revindex0":
                return length - self.index0 - 1
            case "first":
                return self.index0 == 0
            case "last":
                return self.index0 == length - 1
            case "length":
                return length
            case "depth":
                return 1
            case "depth0":
                return 0
            case "previtem":
                return (
                    self._items[self.index0 - 1] if self.index0 else self._undefined(name="there is no previous item")
                )
            case "nextitem":
                following = self.index0 + 1
                return self._items[following] if following < length else self._undefined(name="there is no next item")
        return self._undefined(name=f"loop.{name}")

    def call(self, name: str, args: list[Value]) -> Value:
        if name == "cycle" and args:
            return args[self.index0 % len(args)]
        if name == "changed":
            same, self._changed = self._changed == tuple(args), tuple(args)
            return not same
        raise TypeError(f"'loop.{name}' cannot be called")
