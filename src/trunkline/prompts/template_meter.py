"""What a Jinja2 template may cost, counted while it runs.

Time and memory are bounded by counting, not by signals or clocks: the same template with the same variables is refused
on every machine, in every thread.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from trunkline.errors import InvalidRequest
from trunkline.types import JSON

MAX_STEPS = 20_000
"""Expressions and statements evaluated; about 1.5 µs each."""
MAX_WORK = 4 * 1024 * 1024
"""Characters read or written by operations; a list or mapping costs `COLLECTION`, and `ITEM` for each item."""
MAX_INTEGER_BITS = 8_192
ITEM = 60
COLLECTION = 300


class Mistake(InvalidRequest):
    """An operation that these values do not allow. With other values the template may well work."""


class Meter:
    """One budget, for one template or for all messages of one prompt."""

    __slots__ = ("line", "steps", "work")

    def __init__(self) -> None:
        self.steps = MAX_STEPS
        self.work = MAX_WORK
        self.line = 0

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise self.refusal(f"it takes more than {MAX_STEPS:,} steps. Loop over less.")

    def spend(self, characters: int) -> None:
        """To be called before the characters are made, because they may not fit into memory."""
        self.work -= characters
        if self.work < 0:
            raise self.refusal(f"it makes or reads more than {MAX_WORK:,} characters. Make it smaller.")

    def read(self, value: JSON, extra: int = 0, factor: int = 1) -> None:
        """Pays for going through the whole value once, as writing it out does.

        `extra`: characters more for each item. `factor`: what a character of text costs.
        """
        if isinstance(value, str):
            self.spend(len(value) * factor)
        elif isinstance(value, list | tuple):
            self._read_items(value, extra, factor)
        elif isinstance(value, Mapping):
            self._read_items(value, extra, factor)
            self._read_items(value.values(), extra, factor)
        elif isinstance(value, range):
            self.spend(ITEM * len(value))
        elif isinstance(value, int):
            self.spend(value.bit_length() // 3 + 1)
        else:
            self.spend(ITEM)

    def _read_items(self, items: Collection[JSON], extra: int, factor: int) -> None:
        self.spend(COLLECTION + (ITEM + extra) * len(items))
        characters = 0
        for item in items:
            if type(item) is str:
                characters += len(item)
            elif type(item) is not bool and item is not None:
                self.read(item, extra, factor)
        self.spend(characters * factor)

    def integer(self, bits: int) -> None:
        if bits > MAX_INTEGER_BITS:
            raise self.refusal(f"a number takes more than {MAX_INTEGER_BITS:,} bits. Use smaller ones.")

    def refusal(self, reason: str) -> InvalidRequest:
        return InvalidRequest(self.place(reason))

    def mistake(self, reason: str) -> Mistake:
        return Mistake(self.place(reason))

    def place(self, reason: str) -> str:
        return f"The template cannot be run, line {self.line}: {reason}" if self.line else f"The template: {reason}"
