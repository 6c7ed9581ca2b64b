"""Query parameters of the compatible reads, taken one by one with every fault collected.

An empty value counts as not given, as upstream has it. A route reads all of its parameters, then calls `check`, which
raises InvalidData with one issue a fault; parameters that a route does not know are ignored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar
from urllib.parse import parse_qsl, unquote

from litestar.types import HTTPScope

from trunkline.api.langfuse.formats import EPOCH
from trunkline.errors import InvalidData
from trunkline.types import Micros

Choice = TypeVar("Choice", bound=StrEnum)
Value = TypeVar("Value")

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
MAX_PAGE = 1_000_000
MAX_FIELDS = 1000
MAX_SEVERAL = 500
MAX_TEXT = 1000
"""Characters of one parameter: ids are at most 800."""


class Params:
    """The parameters of one request."""

    def __init__(self, query: bytes) -> None:
        self._issues: list[dict[str, object]] = []
        self._values: dict[str, list[str]] = {}
        try:
            pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError:
            self._issues.append({"code": "too_big", "path": [], "message": f"at most {MAX_FIELDS} query parameters"})
            pairs = []
        for name, value in pairs:
            self._values.setdefault(name.removesuffix("[]"), []).append(value)

    def fault(self, name: str, message: str, code: str = "custom") -> None:
        self.fault_at((name,), message, code)

    def fault_at(self, path: Sequence[str | int], message: str, code: str = "custom") -> None:
        """A fault within a parameter that is a document."""
        self._issues.append({"code": code, "path": list(path), "message": message})

    def leave_out(self, name: str) -> None:
        """Reads the parameter as not given from now on: another takes precedence."""
        self._values.pop(name, None)

    def check(self) -> None:
        if self._issues:
            raise InvalidData(self._issues)

    def given(self, name: str) -> bool:
        """Whether the parameter is there, even if empty."""
        return name in self._values

    def text(self, name: str, most: int = MAX_TEXT) -> str | None:
        value = self._values.get(name, [""])[-1]
        if len(value) > most:
            self.fault(name, f"at most {most} characters", "too_big")
            return None
        return value or None

    def texts(self, name: str) -> tuple[str, ...]:
        """A repeatable parameter: every value that is not empty."""
        return tuple(value for value in self._values.get(name, ()) if value)

    def several(self, name: str) -> tuple[str, ...]:
        """A repeatable parameter; where it is given once, commas separate its values, as upstream has it."""
        values = self.texts(name)
        values = values if len(values) > 1 else self.listed(name)
        if len(values) > MAX_SEVERAL:
            self.fault(name, f"at most {MAX_SEVERAL} values", "too_big")
            return ()
        return values

    def listed(self, name: str) -> tuple[str, ...]:
        """Values with commas between them; the parameter may be repeated too."""
        parts = ",".join(self._values.get(name, ())).split(",")
        return tuple(part.strip() for part in parts if part.strip())

    def page(self) -> int:
        return self._bounded("page", 1, 1, MAX_PAGE)

    def limit(self, largest: int = MAX_LIMIT) -> int:
        return self._bounded("limit", DEFAULT_LIMIT, 1, largest)

    def number(self, name: str) -> float | None:
        value = self.read(name, float, "expected a number")
        if value is not None and not math.isfinite(value):
            self.fault(name, "expected a finite number", "invalid_type")
            return None
        return value

    def flag(self, name: str) -> bool | None:
        value = self.text(name)
        if value is None:
            return None
        if value not in {"true", "false"}:
            self.fault(name, "expected true or false", "invalid_type")
        return value == "true"

    def time(self, name: str) -> Micros | None:
        return self.read(name, micros, "expected a date and time as in ISO 8601, such as 2026-01-31T12:00:00Z")

    def choice(self, name: str, choices: type[Choice]) -> Choice | None:
        names = ", ".join(choices)
        return self.read(name, choices, f"expected one of {names}")

    def choices(self, name: str, choices: type[Choice]) -> tuple[Choice, ...]:
        """Listed values of an enumeration, in either case."""
        known = [value for value in self.listed(name) if value.upper() in choices.__members__]
        if len(known) < len(self.listed(name)):
            self.fault(name, f"expected any of {', '.join(choices)}", "invalid_enum_value")
        return tuple(choices(value.upper()) for value in known)

    def groups(self, default: Collection[str], known: Collection[str], *, name: str = "fields") -> frozenset[str]:
        """Field groups that an answer is to have."""
        listed = self.listed(name)
        unknown = sorted(set(listed) - set(known))
        if unknown:
            self.fault(name, f"unknown field group {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        return frozenset(listed) if listed else frozenset(default)

    def refuse(self, name: str, message: str) -> None:
        """For a parameter that this server does not know how to honour: better said than silently ignored."""
        if self.text(name) is not None:
            self.fault(name, message, "unsupported")

    def bounded(self, name: str, default: int, largest: int) -> int:
        return self._bounded(name, default, 1, largest)

    def _bounded(self, name: str, default: int, least: int, largest: int) -> int:
        value = self.read(name, int, "expected a whole number")
        if value is None:
            return default
        if not least <= value <= largest:
            code = "too_small" if value < least else "too_big"
            self.fault(name, f"expected a number from {least} to {largest}", code)
        return value

    def read(self, name: str, read: Callable[[str], Value], message: str) -> Value | None:
        """What `read` makes of the parameter; a ValueError of it is a fault that says `message`."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return read(value)
        except (ValueError, OverflowError):
            self.fault(name, message, "invalid_type")
            return None


def micros(text: str) -> Micros:
    """An ISO 8601 date and time; one without an offset is UTC, as is a date alone. Raises ValueError or OverflowError.

    A space where the offset's plus was is read as a plus: some clients do not encode it.
    """
    moment = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    delta = aware - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def rest_of_path(scope: HTTPScope, prefix: str) -> str:
    """What follows ``prefix/`` in the path, which may hold slashes: an id is any text that a client made up.

    The router has folded and trimmed the slashes of its own copy, so the path is taken as it was sent.
    """
    path = unquote(scope.get("raw_path", b"").decode("latin-1")) or scope["path"]
    return path[len(prefix) + 1 :]
