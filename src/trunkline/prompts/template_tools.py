"""What values of a Jinja2 template can do: filters, tests, methods, functions. Nothing else can be called.

What is here gives what Jinja2 gives, but for: lists where Jinja2 has generators, no Markup (nothing is escaped twice),
nothing random.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import cast

import markupsafe
from jinja2 import filters as stock
from jinja2.environment import Environment
from jinja2.runtime import Undefined
from jinja2.tests import TESTS as STOCK_TESTS

from trunkline.prompts.template_data import Value, attribute_of, items_of, text_of
from trunkline.prompts.template_meter import ITEM, Meter

MAX_COUNT = 100_000
MAX_WIDTH = 1_000
MAX_INDENT = 16
MAX_PLACES = 100
_ENVIRONMENT = Environment(autoescape=False)
_CONVERSION = re.compile(r"%(?:\(\w+\))?[-+ #0]*(\d*)(?:\.(\d*))?([a-zA-Z%])")
_SIMPLE_CONVERSIONS = frozenset("diouxXeEfFgGsrac%")

Filter = Callable[..., Value]


class Toolbox:
    """Filters, tests and methods, bound to the meter that pays for them."""

    def __init__(self, meter: Meter, undefined: type[Undefined]) -> None:
        self.meter = meter
        self.undefined = undefined

    def filter(self, name: str, value: Value, args: list[Value], kwargs: dict[str, Value]) -> Value:
        own = FILTERS[name]
        if name not in _NO_READING:
            self.meter.read(value)
        for arg in (*args, *kwargs.values()):
            self.meter.read(arg)
        return own(self, value, *args, **kwargs)

    def test(self, name: str, value: Value, args: list[Value]) -> bool:
        self.meter.read(args)
        if name in {"in", "lower", "upper"} or args:
            self.meter.read(value)
        return bool(cast(Callable[..., object], STOCK_TESTS[name])(value, *args))

    def method(self, value: Value, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
        kind = "mapping" if isinstance(value, Mapping) else "string" if isinstance(value, str) else "list"
        if name not in METHODS[kind] or not isinstance(value, Mapping | str | list | tuple):
            listed = ", ".join(sorted(METHODS[kind]))
            raise self.meter.refusal(f"'{name}' cannot be called on this value. A {kind} has: {listed}.")
        for arg in (value, *args, *kwargs.values()):
            self.meter.read(arg)
        if name == "replace":
            return self.replace(value, *args)
        if name == "join":
            return self.join(args[0], value)
        if name in {"split", "rsplit", "splitlines"}:
            self.meter.spend(ITEM * len(value) // 2)
        result = getattr(value, name)(*args, **kwargs)
        return list(result) if isinstance(value, Mapping) and name != "get" else result

    def attribute(self, value: Value, path: str | int) -> Value:
        """What filters call an attribute: ``a.b.0``."""
        for part in str(path).split(".") if isinstance(path, str) else [path]:
            if isinstance(part, str) and part.startswith("__"):
                raise self.meter.refusal("names that start with '__' are not read.")
            value = attribute_of(value, int(part) if isinstance(part, str) and part.isdigit() else part, self.undefined)
        return value

    def getter(self, path: str | int | None, default: Value = None) -> Callable[[Value], Value]:
        def get(item: Value) -> Value:
            found = item if path is None else self.attribute(item, path)
            return default if default is not None and isinstance(found, Undefined) else found

        return get

    def folding(self, path: str | int | None, case_sensitive: bool) -> Callable[[Value], Value]:
        """A sort key: by attribute, strings by lower case unless told otherwise."""
        get = self.getter(path)

        def key(item: Value) -> Value:
            found = get(item)
            return found if case_sensitive or not isinstance(found, str) else found.lower()

        return key

    # -- text --

    def replace(self, text: Value, old: Value, new: Value, count: int | None = None) -> str:
        text, old, new = (text_of(part, self.meter) for part in (text, old, new))
        found = text.count(old) if count is None else min(text.count(old), count if count >= 0 else len(text) + 1)
        self.meter.spend(len(text) + max(0, found * (len(new) - len(old))))
        return str(text.replace(old, new, -1 if count is None else count))

    def join(self, value: Value, glue: Value = "", attribute: str | int | None = None) -> str:
        glue = text_of(glue, self.meter)
        parts = [text_of(self.getter(attribute)(item), self.meter) for item in items_of(value, self.meter)]
        self.meter.spend(sum(map(len, parts)) + len(glue) * len(parts))
        return str(glue.join(parts))

    def center(self, text: Value, width: int = 80) -> str:
        self.bounded(width, MAX_WIDTH, "a width")
        return str(text_of(text, self.meter).center(width))

    def indent(self, text: Value, width: Value = 4, first: bool = False, blank: bool = False) -> str:
        text = text_of(text, self.meter)
        size = len(width) if isinstance(width, str) else self.bounded(width, MAX_WIDTH, "a width")
        self.meter.spend((text.count("\n") + 2) * size + len(text))
        return str(stock.do_indent(text, width, first, blank))

    def wordwrap(
        self, text: Value, width: int = 79, break_long_words: bool = True, wrapstring: str | None = None,
        break_on_hyphens: bool = True,
    ) -> str:  # fmt: skip
        text = text_of(text, self.meter)
        if width < 1:
            raise self.meter.refusal("a width must be at least 1.")
        # textwrap splits with a slow pattern, and every piece may get the string between.
        self.meter.spend(64 * len(text) + (len(text) // 2 + 1) * len(wrapstring or "\n"))
        return str(stock.do_wordwrap(_ENVIRONMENT, text, width, break_long_words, wrapstring, break_on_hyphens))

    def truncate(
        self, text: Value, length: int = 255, killwords: bool = False, end: str = "...", leeway: int = 5
    ) -> str:
        return str(stock.do_truncate(_ENVIRONMENT, text, length, killwords, end, leeway))

    def format(self, text: Value, *args: Value, **kwargs: Value) -> str:
        """``%``: the widths are bounded, ``*`` is not possible."""
        text = text_of(text, self.meter)
        if args and kwargs:
            raise self.meter.mistake("format takes values by place or by name, not both.")
        for match in _CONVERSION.finditer(text):
            for digits in match.group(1, 2):
                self.bounded(int((digits or "0")[:9]), MAX_PLACES, "a width in a format")
            self.meter.spend(MAX_PLACES * 2)
        rest = _CONVERSION.sub(lambda match: "" if match[3] in _SIMPLE_CONVERSIONS else "%", text)
        if "%" in rest:
            raise self.meter.refusal("a format has a '%' that is not read. Write '%%' for the sign itself.")
        for _ in range(text.count("%(")):
            self.meter.read(kwargs)
        return str(text % (kwargs or args))

    def tojson(self, value: Value, indent: int | None = None) -> str:
        """As Jinja2's: sorted keys, and ``< > & '`` written so that HTML is safe."""
        spaces = 0 if indent is None else self.bounded(indent, MAX_INDENT, "an indent")
        self.meter.read(value, spaces * 4, factor=6)
        dumped = json.dumps(value, sort_keys=True, indent=indent)
        self.meter.spend(len(dumped))
        for sign in "<>&'":
            dumped = dumped.replace(sign, f"\\u{ord(sign):04x}")
        return dumped

    # -- lists --

    def sort(
        self, value: Value, reverse: bool = False, case_sensitive: bool = False, attribute: str | None = None
    ) -> Value:
        found = items_of(value, self.meter)
        paths = attribute.split(",") if isinstance(attribute, str) else [attribute]
        keys = [self.folding(path, case_sensitive) for path in paths]
        self.meter.spend(4 * ITEM * len(found))
        return sorted(found, key=lambda item: [key(item) for key in keys], reverse=reverse)

    def dictsort(self, value: Value, case_sensitive: bool = False, by: str = "key", reverse: bool = False) -> Value:
        if by not in {"key", "value"}:
            raise self.meter.mistake("dictsort is by 'key' or 'value'.")
        key = self.folding(0 if by == "key" else 1, case_sensitive)
        return sorted(self.items(value), key=key, reverse=reverse)

    def items(self, value: Value) -> list[Value]:
        if isinstance(value, Undefined):
            return []
        if not isinstance(value, Mapping):
            raise self.meter.mistake("only a mapping has items.")
        self.meter.spend(ITEM * len(value))
        return list(value.items())

    def map(self, value: Value, *args: Value, **kwargs: Value) -> list[Value]:
        found = self.some(value)
        if not args and "attribute" in kwargs:
            return list(map(self.getter(kwargs["attribute"], kwargs.get("default")), found))
        name, *rest = args or [None]
        self.known(name, FILTERS, "filter")
        return [self.paid(self.filter, name, item, rest, kwargs) for item in found]

    def select(self, value: Value, name: str | None = None, *args: Value) -> list[Value]:
        return [item for item in self.some(value) if self.holds(item, name, args)]

    def reject(self, value: Value, name: str | None = None, *args: Value) -> list[Value]:
        return [item for item in self.some(value) if not self.holds(item, name, args)]

    def selectattr(self, value: Value, attribute: str, name: str | None = None, *args: Value) -> list[Value]:
        get = self.getter(attribute)
        return [item for item in self.some(value) if self.holds(get(item), name, args)]

    def rejectattr(self, value: Value, attribute: str, name: str | None = None, *args: Value) -> list[Value]:
        get = self.getter(attribute)
        return [item for item in self.some(value) if not self.holds(get(item), name, args)]

    def some(self, value: Value) -> list[Value]:
        """The items; none of what is false, even if it is no list."""
        return items_of(value, self.meter) if value else []

    def holds(self, item: Value, name: str | None, args: Sequence[Value]) -> bool:
        if name is None:
            self.meter.step()
            return bool(item)
        self.known(name, TESTS, "test")
        return bool(self.paid(self.test, name, item, list(args)))

    def unique(self, value: Value, case_sensitive: bool = False, attribute: str | int | None = None) -> list[Value]:
        key = self.folding(attribute, case_sensitive)
        seen: dict[Value, Value] = {}
        for item in items_of(value, self.meter):
            seen.setdefault(key(item), item)
        return list(seen.values())

    def groupby(self, value: Value, attribute: str | int, default: Value = None, case_sensitive: bool = False) -> Value:
        get, key = self.getter(attribute, default), self.folding(attribute, case_sensitive)
        pairs = sorted(((get(item), key(item), item) for item in items_of(value, self.meter)), key=itemgetter(1))
        groups = [list(group) for _, group in groupby(pairs, key=itemgetter(1))]
        return [(group[0][0], [item for _, _, item in group]) for group in groups]

    def extreme(
        self, value: Value, pick: Callable[..., Value], case_sensitive: bool, attribute: str | int | None
    ) -> Value:
        found = items_of(value, self.meter)
        return pick(found, key=self.folding(attribute, case_sensitive)) if found else self.undefined(name="sequence")

    def sum(self, value: Value, attribute: str | int | None = None, start: Value = 0) -> Value:
        found = list(map(self.getter(attribute), items_of(value, self.meter)))
        for item in (*found, start):
            if not isinstance(item, int | float):
                raise self.meter.mistake("sum adds numbers only.")
        return sum(found, start)

    def batch(self, value: Value, linecount: int, fill_with: Value = None) -> Value:
        self.bounded(linecount, MAX_COUNT, "a count")
        self.meter.spend(ITEM * linecount)
        return list(stock.do_batch(items_of(value, self.meter), max(linecount, 1), fill_with))

    def slice(self, value: Value, slices: int, fill_with: Value = None) -> Value:
        self.bounded(slices, MAX_COUNT, "a count")
        self.meter.spend(ITEM * 2 * slices)
        return list(stock.sync_do_slice(items_of(value, self.meter), max(slices, 1), fill_with))

    def default(self, value: Value, default: Value = "", boolean: bool = False) -> Value:
        return default if isinstance(value, Undefined) or (boolean and not value) else value

    def round(self, value: Value, precision: int = 0, method: str = "common") -> Value:
        self.bounded(abs(precision), MAX_PLACES, "a precision")
        if not isinstance(value, int | float):
            raise self.meter.mistake("only numbers can be rounded.")
        return stock.do_round(value, precision, method)  # type: ignore[arg-type]

    def integer(self, value: Value, default: int = 0, base: int = 10) -> Value:
        if isinstance(value, str) and len(value) > MAX_WIDTH:
            raise self.meter.refusal("a number has too many digits.")
        return stock.do_int(value, default, base)

    # -- bounds --

    def bounded(self, number: Value, highest: int, what: str) -> int:
        if not isinstance(number, int):
            raise self.meter.mistake(f"{what} is a whole number.")
        if number > highest:
            raise self.meter.refusal(f"{what} is at most {highest:,}.")
        return number

    def known(self, name: Value, table: Iterable[str], what: str) -> None:
        if name not in table:
            raise self.meter.refusal(f"there is no {what} {str(name)[:40]!r} here.")

    def paid(self, call: Callable[..., Value], *args: Value) -> Value:
        for _ in range(3):
            self.meter.step()
        return call(*args)


def _on_text(function: Callable[[str], Value], cost: int = 1) -> Filter:
    """A filter that takes the value as text. `cost`: of a character, where it is slower than a copy."""

    def apply(box: Toolbox, value: Value) -> Value:
        text = text_of(value, box.meter)
        box.meter.spend(cost * len(text))
        return function(text)

    return apply


FILTERS: dict[str, Filter] = {
    "abs": lambda box, value: abs(value),
    "batch": Toolbox.batch,
    "capitalize": _on_text(str.capitalize),
    "center": Toolbox.center,
    "count": lambda box, value: len(value),
    "d": Toolbox.default,
    "default": Toolbox.default,
    "dictsort": Toolbox.dictsort,
    "e": _on_text(lambda text: str(markupsafe.escape(text))),
    "escape": _on_text(lambda text: str(markupsafe.escape(text))),
    "filesizeformat": lambda box, value, binary=False: stock.do_filesizeformat(value, binary),
    "first": lambda box, value: next(iter(items_of(value, box.meter)), box.undefined(name="first item")),
    "float": lambda box, value, default=0.0: stock.do_float(value, default),
    "format": Toolbox.format,
    "groupby": Toolbox.groupby,
    "indent": Toolbox.indent,
    "int": Toolbox.integer,
    "items": Toolbox.items,
    "join": Toolbox.join,
    "last": lambda box, value: next(reversed(items_of(value, box.meter)), box.undefined(name="last item")),
    "length": lambda box, value: len(value),
    "list": lambda box, value: items_of(value, box.meter),
    "lower": _on_text(str.lower),
    "map": Toolbox.map,
    "max": lambda box, value, case_sensitive=False, attribute=None: box.extreme(value, max, case_sensitive, attribute),
    "min": lambda box, value, case_sensitive=False, attribute=None: box.extreme(value, min, case_sensitive, attribute),
    "reject": Toolbox.reject,
    "rejectattr": Toolbox.rejectattr,
    "replace": Toolbox.replace,
    "reverse": lambda box, value: value[::-1] if isinstance(value, str) else items_of(value, box.meter)[::-1],
    "round": Toolbox.round,
    "safe": _on_text(str),
    "select": Toolbox.select,
    "selectattr": Toolbox.selectattr,
    "slice": Toolbox.slice,
    "sort": Toolbox.sort,
    "string": _on_text(str),
    "sum": Toolbox.sum,
    "title": _on_text(stock.do_title, cost=32),
    "tojson": Toolbox.tojson,
    "trim": lambda box, value, chars=None: text_of(value, box.meter).strip(chars),
    "truncate": Toolbox.truncate,
    "unique": Toolbox.unique,
    "upper": _on_text(str.upper),
    "urlencode": _on_text(stock.do_urlencode, cost=8),
    "wordcount": _on_text(lambda text: len(re.findall(r"\w+", text)), cost=8),
    "wordwrap": Toolbox.wordwrap,
}
_NO_READING = frozenset(("count", "d", "default", "length", "first", "last"))
TESTS = frozenset(STOCK_TESTS) - {"callable", "escaped", "filter", "test"}
METHODS: dict[str, frozenset[str]] = {
    "string": frozenset(
        [
            "capitalize",
            "count",
            "endswith",
            "find",
            "index",
            "isalnum",
            "isalpha",
            "isdigit",
            "islower",
            "isspace",
            "isupper",
            "join",
            "lower",
            "lstrip",
            "removeprefix",
            "removesuffix",
            "replace",
            "rfind",
            "rsplit",
            "rstrip",
            "split",
            "splitlines",
            "startswith",
            "strip",
            "title",
            "upper",
        ]
    ),
    "mapping": frozenset(("get", "items", "keys", "values")),
    "list": frozenset(("count", "index")),
}
