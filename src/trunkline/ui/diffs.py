"""Two texts as the rows of a unified diff, with the changed words of changed lines marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from trunkline.prompts.diff import line_diff, word_diff
from trunkline.types import Struct

CONTEXT = 4
"""Unchanged lines shown around a change."""
MAX_WORD_DIFF = 20_000
"""Characters of a changed block past which only whole lines are marked."""

Words = tuple[tuple[bool, str], ...]
"""Pieces of a line: whether it changed, and its text."""


class DiffRow(Struct, frozen=True, kw_only=True):
    """`kind`: ``same``, ``added``, ``removed``, or ``gap`` for `hidden` unchanged lines. Numbers count from 1."""

    kind: str
    old: int = 0
    new: int = 0
    words: Words = ()
    hidden: int = 0


def diff_rows(before: str, after: str, *, whole: bool = False) -> list[DiffRow]:
    """The rows; unchanged lines far from a change are folded into gaps unless `whole`."""
    rows = list(_rows(before, after))
    return rows if whole else list(_folded(rows))


def _rows(before: str, after: str) -> Iterator[DiffRow]:
    old = new = 0
    for is_same, block in groupby(line_diff(before, after), key=lambda line: line[0] == "equal"):
        if is_same:
            for _, text in block:
                old, new = old + 1, new + 1
                yield DiffRow(kind="same", old=old, new=new, words=((False, text),))
            continue
        changed = list(block)
        removed, added = _marked(
            [text for op, text in changed if op == "delete"], [text for op, text in changed if op == "insert"]
        )
        for words in removed:
            old += 1
            yield DiffRow(kind="removed", old=old, words=words)
        for words in added:
            new += 1
            yield DiffRow(kind="added", new=new, words=words)


def _marked(removed: Sequence[str], added: Sequence[str]) -> tuple[list[Words], list[Words]]:
    """Lines of a changed block with their changed words; nothing is marked where a side is empty or too long."""
    before, after = "\n".join(removed), "\n".join(added)
    if not removed or not added or len(before) + len(after) > MAX_WORD_DIFF:
        return [((False, line),) for line in removed], [((False, line),) for line in added]
    spans = word_diff(before, after)
    return (
        _lines((op == "delete", text) for op, text in spans if op != "insert"),
        _lines((op == "insert", text) for op, text in spans if op != "delete"),
    )


def _lines(pieces: Iterator[tuple[bool, str]]) -> list[Words]:
    """Pieces that may span lines, cut at the line ends."""
    lines: list[list[tuple[bool, str]]] = [[]]
    for changed, text in pieces:
        first, *following = text.split("\n")
        lines[-1].append((changed, first))
        lines.extend([(changed, line)] for line in following)
    return [tuple(piece for piece in line if piece[1]) for line in lines]


def _folded(rows: Sequence[DiffRow]) -> Iterator[DiffRow]:
    runs = [(is_same, list(run)) for is_same, run in groupby(rows, key=lambda row: row.kind == "same")]
    for place, (is_same, run) in enumerate(runs):
        lead = CONTEXT if place > 0 else 0
        tail = CONTEXT if place < len(runs) - 1 else 0
        hidden = len(run) - lead - tail
        if not is_same or hidden < 3:
            yield from run
            continue
        yield from run[:lead]
        yield DiffRow(kind="gap", hidden=hidden)
        yield from run[len(run) - tail :]
