"""Changes a YAML file in place: only what differs is written anew, comments and layout of the rest stay byte for byte.

A reviewer then sees the change and nothing else, and an author's comments outlive an edit through the API. What cannot
be changed in place (an entry that shares its line with another) is replaced as a whole, one level up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from trunkline.prompts import documents, emitter
from trunkline.prompts.documents import Node, Scalar
from trunkline.types import JSON

MAX_FLOW_LINE = 120
"""Characters up to which a list or mapping that stood on one line stays on one line."""
MAX_ALIGNED = 500
"""Items of a list up to which old and new are aligned; aligning takes time that grows with the square."""

_BLOCK_HEADER = re.compile(r"[|>][0-9+-]*([ \t]+#[^\n]*)?")
Edit = tuple[int, int, str]


def rewrite(text: str, root: documents.Mapping, before: Mapping[str, JSON], after: Mapping[str, JSON]) -> str | None:
    """The text with `after` instead of `before`; None where that is not possible in place.

    `root` is the text as nodes, `before` its meaning: a mapping or list in it is changed item by item only where nodes
    and meaning have the same keys or length.
    """
    edits = _Splicer(text).mapping(root, before, after)
    if edits is None:
        return None
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def same(one: JSON, other: JSON) -> bool:
    """Equal as JSON: unlike Python's ``==`` it tells 1 from 1.0 and from true."""
    if isinstance(one, str) or isinstance(other, str):
        return isinstance(one, str) and isinstance(other, str) and one == other
    if isinstance(one, Mapping):
        return (
            isinstance(other, Mapping)
            and one.keys() == other.keys()
            and all(same(value, other[key]) for key, value in one.items())
        )
    if isinstance(one, list | tuple):
        return isinstance(other, list | tuple) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


class _Splicer:
    def __init__(self, text: str) -> None:
        self.text = text

    def value(self, node: Node, before: JSON, after: JSON) -> list[Edit] | None:
        """In place, or None."""
        if isinstance(node, documents.Mapping) and isinstance(before, Mapping) and isinstance(after, Mapping) and after:
            return self.mapping(node, before, after)
        if isinstance(node, documents.Sequence) and isinstance(before, list) and isinstance(after, list) and after:
            return self.sequence(node, before, after)
        return None

    def mapping(
        self, node: documents.Mapping, before: Mapping[str, JSON], after: Mapping[str, JSON]
    ) -> list[Edit] | None:
        if node.flow or node.values.keys() != before.keys() or not before:
            return None
        edits: list[Edit] = []
        for key, value in before.items():
            if key not in after:
                if not self._starts_line(node.keys[key].start):
                    return None
                edits.append(self._removed(node.keys[key].start, node.values[key]))
            elif not same(value, after[key]):
                inner = self.value(node.values[key], value, after[key])
                edits.extend(inner if inner is not None else self._entry(node, key, after[key]))
        added = [key for key in after if key not in before]
        if added:
            place = max(self._line_end(self._end(value)) for value in node.values.values())
            lines = [line for key in added for line in emitter.entry_lines(key, after[key], node.column)]
            edits.append((place, place, "".join(f"\n{line}" for line in lines)))
        return edits

    def sequence(self, node: documents.Sequence, before: list[JSON], after: list[JSON]) -> list[Edit] | None:
        if node.flow or len(node.items) != len(before) or not before or max(len(before), len(after)) > MAX_ALIGNED:
            return None
        dashes = [self._dash(item, node.column) for item in node.items]
        if min(dashes) < 0:
            return None
        edits: list[Edit] = []
        keys = [list(map(_comparable, side)) for side in (before, after)]
        for kind, i, i_end, j, j_end in SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes():
            if kind == "equal":
                continue
            paired = min(i_end - i, j_end - j)
            for offset in range(paired):
                item = node.items[i + offset]
                inner = self.value(item, before[i + offset], after[j + offset])
                edits.extend(
                    inner if inner is not None else self._item(item, dashes[i + offset], node, after[j + offset])
                )
            edits.extend(self._removed(dashes[index], node.items[index]) for index in range(i + paired, i_end))
            if j + paired < j_end:
                edits.append(self._inserted(node, dashes, i + paired, after[j + paired : j_end]))
        return edits

    def _entry(self, node: documents.Mapping, key: str, value: JSON) -> list[Edit]:
        """The value of one key, written anew after its colon."""
        old = node.values[key]
        colon = self.text.index(":", node.keys[key].end) + 1
        head, body = self._written(old, value, node.column)
        return self._replaced(colon, old, f" {head}" if head else "", body)

    def _item(self, item: Node, dash: int, node: documents.Sequence, value: JSON) -> list[Edit]:
        indent = node.column
        head, body = self._written(item, value, indent)
        if not head:
            head, body = body[0].strip(), body[1:]
        return self._replaced(dash + 1, item, f" {head}", body)

    def _written(self, old: Node, value: JSON, indent: int) -> tuple[str, list[str]]:
        """What goes on the line of the key or dash, and the lines below it."""
        if isinstance(value, Mapping | list) and value and not isinstance(value, emitter.Flow | emitter.FlowMapping):
            line = emitter.flow(value)
            if not isinstance(old, Scalar) and getattr(old, "flow", False) and len(line) <= MAX_FLOW_LINE:
                return line, []
            return "", emitter.block_lines(value, indent + 2)
        return emitter.scalar_parts(value, indent)

    def _replaced(self, start: int, old: Node, head: str, body: list[str]) -> list[Edit]:
        """From `start` to the end of the old value; a comment behind the old value stays on the first line."""
        end = self._end(old)
        comment = ""
        if isinstance(old, Scalar) and (header := self._header(old)):
            comment = header[1] or ""
        edits = [(start, end, head + comment)]
        if body:
            place = self._line_end(end)
            lines = "".join(f"\n{line}" for line in body)
            if place == end:
                return [(start, end, head + comment + lines)]
            edits.append((place, place, lines))
        return edits

    def _removed(self, start: int, value: Node) -> Edit:
        """From the line of the key or dash to the last line of its value."""
        end = self._line_end(max(self._end(value), start))
        return self._line_start(start), min(end + 1, len(self.text)), ""

    def _inserted(self, node: documents.Sequence, dashes: list[int], index: int, values: Sequence[JSON]) -> Edit:
        """New items behind the item before `index`, or before the first one."""
        lines = emitter.block_lines(list(values), node.column)
        if index == 0:
            place = self._line_start(dashes[0])
            return place, place, "".join(f"{line}\n" for line in lines)
        place = self._line_end(self._end(node.items[index - 1]))
        return place, place, "".join(f"\n{line}" for line in lines)

    def _end(self, node: Node) -> int:
        """Where the value's own text ends: libyaml counts the comments and blank lines behind a block to it."""
        if isinstance(node, documents.Mapping) and not node.flow and node.values:
            return max(self._end(value) for value in node.values.values())
        if isinstance(node, documents.Sequence) and not node.flow and node.items:
            return self._end(node.items[-1])
        if isinstance(node, Scalar) and (header := self._header(node)):
            own = self.text[node.start : node.end]
            own = own[: own.rfind("\n") + 1] or own if not own.rpartition("\n")[2].strip(" ") else own
            kept = own.removesuffix("\n") if "+" in header[0].partition("#")[0] else own.rstrip("\n")
            return node.start + max(len(kept), len(header[0]))
        return node.end

    def _header(self, node: Scalar) -> re.Match[str] | None:
        """The first line of a block scalar."""
        return None if node.plain else _BLOCK_HEADER.match(self.text, node.start)

    def _dash(self, item: Node, column: int) -> int:
        """The dash of an item in a block sequence at `column`, or -1 where it does not start its line."""
        start = item.start
        while True:
            line_start = self._line_start(start)
            dash = line_start + column
            if dash <= start and self.text[dash : dash + 1] == "-" and self._starts_line(dash):
                return dash
            if line_start == 0 or self.text[line_start:start].strip(" "):
                return -1
            start = line_start - 1

    def _starts_line(self, position: int) -> bool:
        return not self.text[self._line_start(position) : position].strip(" ")

    def _line_start(self, position: int) -> int:
        return self.text.rfind("\n", 0, position) + 1

    def _line_end(self, position: int) -> int:
        end = self.text.find("\n", position)
        return len(self.text) if end < 0 else end


def _comparable(value: JSON) -> str:
    """Equal for values that are the same, and hashable, for the alignment."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key!r}:{_comparable(item)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_comparable, value)) + "]"
    return repr(str(value)) if isinstance(value, str) else repr(value)
