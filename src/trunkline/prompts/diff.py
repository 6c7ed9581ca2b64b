"""Differences between two versions of a prompt: lines, words, messages, config.

Time is bounded for any input: lines that are unique on both sides anchor the comparison (Cohen's patience diff), what
lies between them is compared by Myers' algorithm up to a number of edits, and past that it counts as replaced.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum

from trunkline.prompts.splice import same
from trunkline.types import JSON, Message, Struct

MAX_EDITS = 300
"""Edits between two anchors; Myers' algorithm takes time and memory that grow with their square."""
MAX_WORK = 2_000_000
"""Steps of one comparison in all."""

_WORDS = re.compile(r"\w+|\n|[^\S\n]+|[^\w\s]")


class Op(StrEnum):
    EQUAL = "equal"
    DELETE = "delete"
    INSERT = "insert"


Span = tuple[Op, str]


class MessageChange(Struct, frozen=True, kw_only=True):
    """One chat entry on both sides; None where it is missing. `spans` compares the contents word by word."""

    before: Message | None
    after: Message | None
    spans: tuple[Span, ...] = ()

    @property
    def changed(self) -> bool:
        return self.before != self.after


class ValueChange(Struct, frozen=True, kw_only=True):
    """A value in a config at `path` (keys and indices).

    `op`: INSERT has no `before`, DELETE no `after`, EQUAL means that the key stays and its value changed.
    """

    path: tuple[str | int, ...]
    op: Op
    before: JSON = None
    after: JSON = None


def line_diff(before: str, after: str) -> list[Span]:
    """One span a line, without its line end."""
    return _Comparison(before.split("\n"), after.split("\n")).spans()


def word_diff(before: str, after: str) -> list[Span]:
    """Spans of words, blanks and signs; neighbours of one kind are one span. Joined, they give the texts."""
    merged: list[tuple[Op, list[str]]] = []
    for op, text in _Comparison(_WORDS.findall(before), _WORDS.findall(after)).spans():
        if merged and merged[-1][0] is op:
            merged[-1][1].append(text)
        else:
            merged.append((op, [text]))
    return [(op, "".join(parts)) for op, parts in merged]


def message_diff(before: Sequence[Message], after: Sequence[Message]) -> list[MessageChange]:
    """The entries of two chats side by side: equal ones are matched, the others paired in their order."""
    changes: list[MessageChange] = []
    gone: list[Message] = []
    new: list[Message] = []
    comparison = _Comparison(list(map(_comparable, before)), list(map(_comparable, after)))
    olds, news = iter(before), iter(after)
    for op, _ in comparison.spans():
        if op is Op.DELETE:
            gone.append(next(olds))
        elif op is Op.INSERT:
            new.append(next(news))
        else:
            changes += _paired(gone, new)
            gone, new = [], []
            changes.append(MessageChange(before=next(olds), after=next(news)))
    return changes + _paired(gone, new)


def config_diff(before: JSON, after: JSON) -> list[ValueChange]:
    """The values that differ, by path."""
    changes: list[ValueChange] = []
    _compare_values((), before, after, changes)
    return changes


def _comparable(message: Message) -> str:
    return repr(sorted(message.items()))


def _paired(gone: list[Message], new: list[Message]) -> list[MessageChange]:
    changes = []
    for index in range(max(len(gone), len(new))):
        old = gone[index] if index < len(gone) else None
        fresh = new[index] if index < len(new) else None
        spans: tuple[Span, ...] = ()
        if old is not None and fresh is not None:
            spans = tuple(word_diff(str(old.get("content", "")), str(fresh.get("content", ""))))
        changes.append(MessageChange(before=old, after=fresh, spans=spans))
    return changes


def _compare_values(path: tuple[str | int, ...], before: JSON, after: JSON, changes: list[ValueChange]) -> None:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            if key not in after:
                changes.append(ValueChange(path=(*path, key), op=Op.DELETE, before=before[key]))
            elif key not in before:
                changes.append(ValueChange(path=(*path, key), op=Op.INSERT, after=after[key]))
            else:
                _compare_values((*path, key), before[key], after[key], changes)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            _compare_values((*path, index), old, new, changes)
    elif not same(before, after):
        changes.append(ValueChange(path=path, op=Op.EQUAL, before=before, after=after))


class _Comparison:
    """Compares two lists of strings."""

    def __init__(self, before: list[str], after: list[str]) -> None:
        self._before = before
        self._after = after
        self._work = MAX_WORK
        self._spans: list[Span] = []

    def spans(self) -> list[Span]:
        before, after = self._before, self._after
        start, ends = 0, 0
        shorter = min(len(before), len(after))
        while start < shorter and before[start] == after[start]:
            start += 1
        while ends < shorter - start and before[-1 - ends] == after[-1 - ends]:
            ends += 1
        self._equal(0, start)
        i, j = start, start
        stop, other_stop = len(before) - ends, len(after) - ends
        for anchor, other in (*self._anchors(start, stop, other_stop), (stop, other_stop)):
            self._between(i, anchor, j, other)
            self._equal(anchor, min(anchor + 1, stop))
            i, j = anchor + 1, other + 1
        self._equal(stop, len(before))
        return self._spans

    def _anchors(self, start: int, stop: int, other_stop: int) -> list[tuple[int, int]]:
        """Lines that stand once on each side: the longest run of them in the same order."""
        counts, others = Counter(self._before[start:stop]), Counter(self._after[start:other_stop])
        places = {line: place for place, line in enumerate(self._after[start:other_stop], start) if others[line] == 1}
        tails: list[int] = []
        chain: list[tuple[int, int, int]] = []
        ends: list[int] = []
        for index in range(start, stop):
            line = self._before[index]
            if counts[line] != 1 or line not in places:
                continue
            place = places[line]
            length = bisect_left(tails, place)
            previous = ends[length - 1] if length else -1
            chain.append((index, place, previous))
            tails[length : length + 1] = [place]
            ends[length : length + 1] = [len(chain) - 1]
        found = []
        link = ends[-1] if ends else -1
        while link >= 0:
            index, place, link = chain[link]
            found.append((index, place))
        return found[::-1]

    def _between(self, i: int, stop: int, j: int, other_stop: int) -> None:
        while i < stop and j < other_stop and self._before[i] == self._after[j]:
            self._equal(i, i + 1)
            i, j = i + 1, j + 1
        trail = self._search(i, stop, j, other_stop) if i < stop and j < other_stop else None
        if trail is None:
            self._spans.extend((Op.DELETE, text) for text in self._before[i:stop])
            self._spans.extend((Op.INSERT, text) for text in self._after[j:other_stop])
        else:
            self._follow(trail, i, stop, j, other_stop)

    def _search(self, i: int, stop: int, j: int, other_stop: int) -> list[dict[int, int]] | None:
        """Myers' greedy search (1986): the furthest point on each diagonal after each edit; None past the bounds."""
        height, width = stop - i, other_stop - j
        furthest = {1: 0}
        trail: list[dict[int, int]] = []
        for edits in range(min(height + width, MAX_EDITS) + 1):
            trail.append(furthest.copy())
            self._work -= len(furthest)
            for diagonal in range(-edits, edits + 1, 2):
                down = diagonal == -edits or (
                    diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
                )
                x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
                first = x
                y = x - diagonal
                while x < height and 0 <= y < width and self._before[i + x] == self._after[j + y]:
                    x, y = x + 1, y + 1
                self._work -= x - first + 1
                furthest[diagonal] = x
                if x >= height and y >= width:
                    return trail
                if self._work < 0:
                    return None
        return None

    def _follow(self, trail: list[dict[int, int]], i: int, stop: int, j: int, other_stop: int) -> None:
        """Walks Myers' search back from the end."""
        x, y = stop - i, other_stop - j
        back: list[Span] = []
        for edits in range(len(trail) - 1, -1, -1):
            furthest, diagonal = trail[edits], x - y
            down = diagonal == -edits or (
                diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
            )
            previous = diagonal + 1 if down else diagonal - 1
            old_x = furthest[previous]
            old_y = old_x - previous
            while x > max(old_x, 0) and y > max(old_y, 0) and not (edits and (x, y) == _after_edit(old_x, old_y, down)):
                x, y = x - 1, y - 1
                back.append((Op.EQUAL, self._before[i + x]))
            if edits:
                back.append((Op.INSERT, self._after[j + old_y]) if down else (Op.DELETE, self._before[i + old_x]))
            x, y = old_x, old_y
        self._spans.extend(reversed(back))

    def _equal(self, start: int, stop: int) -> None:
        self._spans.extend((Op.EQUAL, text) for text in self._before[start:stop])


def _after_edit(x: int, y: int, down: bool) -> tuple[int, int]:
    return (x, y + 1) if down else (x + 1, y)
