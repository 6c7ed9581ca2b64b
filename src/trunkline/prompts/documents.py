"""YAML documents, read within bounds.

Files come from pushes, so they are hostile until read. The parser is driven event by event and stopped at the first
event that breaks a rule: the usual composer recurses and crashes the process on 400 KB of brackets, and takes 7 s on 40
KB of them. Refused are aliases, anchors, tags, duplicate keys, keys that are no text, more than one document, more
than 32 levels, and files over a size or number of values.

Scalars are read as YAML 1.2's core schema has them, with three differences on the safe side: a number with leading
zeros is text, so is `.inf` or `.nan` (JSON has no such number), and a number too large for a float is a fault.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import yaml
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from trunkline.errors import InvalidFile
from trunkline.types import JSON

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
BYTES_PER_NODE = 12
"""A file may have as many keys and values as its size limit in bytes divided by this; more of them take too long."""
MAX_NODES = MAX_BYTES // BYTES_PER_NODE
MAX_INTEGER_DIGITS = 1000
"""Reading an integer takes time that grows with the square of its digits."""

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
}
_FIRST_OF_NUMBER = frozenset("+-.0123456789")


class Node(msgspec.Struct):
    """A part of a document: its value and where it stands (`start`, `end`: character offsets; `line` from 1)."""

    start: int
    end: int
    line: int
    column: int


class Scalar(Node):
    text: str
    plain: bool
    """Neither quoted nor a block: only then may it be a number, a boolean or null."""


class Sequence(Node):
    items: list[Node]
    flow: bool


class Mapping(Node):
    keys: dict[str, Scalar]
    values: dict[str, Node]
    flow: bool


def read(data: bytes, path: str = "", *, limit: int = MAX_BYTES) -> Node:
    """The document as nodes. InvalidFile with path and line for whatever breaks a rule."""
    return _Composer(decode(data, path, limit=limit), path, limit // BYTES_PER_NODE).compose()


def decode(data: bytes, path: str = "", *, limit: int = MAX_BYTES) -> str:
    """The file as text, without a byte order mark."""
    if len(data) > limit:
        raise InvalidFile(f"The file has {len(data):,} bytes, at most {limit:,} are possible. Shorten it.", path=path)
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidFile("The file is not UTF-8. Save it as UTF-8.", path=path, line=line) from None


def value_of(node: Node, path: str = "") -> JSON:
    """The node as JSON has it, plain scalars resolved."""
    if isinstance(node, Scalar):
        return resolve(node, path) if node.plain else node.text
    if isinstance(node, Mapping):
        return {key: value_of(value, path) for key, value in node.values.items()}
    assert isinstance(node, Sequence)
    return [value_of(item, path) for item in node.items]


def resolve(scalar: Scalar, path: str = "") -> JSON:
    """What a plain scalar means: null, a boolean, a number, or its text."""
    text = scalar.text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _FIRST_OF_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        if len(text) > MAX_INTEGER_DIGITS:
            raise InvalidFile("The number is too long. Quote it to keep it as text.", path=path, line=scalar.line)
        return int(text)
    if _BASED.fullmatch(text) and len(text) <= MAX_INTEGER_DIGITS:
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return _float(text, scalar, path)
    return text


def _float(text: str, scalar: Scalar, path: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise InvalidFile("The number is too large. Quote it to keep it as text.", path=path, line=scalar.line)
    return number


class _Composer:
    """Builds the nodes of one document from libyaml's events, with its errors as ours."""

    def __init__(self, text: str, path: str, nodes: int) -> None:
        self._nodes_left = nodes
        self._text = text
        self._path = path
        self._root: Node | None = None
        self._open: list[Mapping | Sequence] = []
        self._key: Scalar | None = None

    def compose(self) -> Node:
        try:
            parser = CParser(self._text)
            while (event := parser.get_event()) is not None:
                self._take(event)
        except (yaml.YAMLError, UnicodeError) as error:
            raise self._broken(error) from None
        if self._root is None:
            raise InvalidFile("The file is empty.", path=self._path)
        return self._root

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is ScalarEvent:
            self._place(self._scalar(event))
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            self._open.pop().end = event.end_mark.index
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            node = self._collection(event)
            self._place(node)
            if len(self._open) >= MAX_DEPTH:
                raise self._fault(f"More than {MAX_DEPTH} levels. Make it flatter.", node.line)
            self._open.append(node)
        elif kind is AliasEvent:
            raise self._fault("Aliases (*name) are not read. Write the text out.", event.start_mark.line + 1)
        elif kind is DocumentStartEvent and self._root is not None:
            raise self._fault("More than one document ('---'). Keep one.", event.start_mark.line + 1)

    def _place(self, node: Node) -> None:
        """Hangs the node into the innermost open one: as an item, as a key, or as the value of the key before."""
        self._nodes_left -= 1
        if self._nodes_left < 0:
            raise self._fault("Too many keys and values. Divide the file.", node.line)
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if type(parent) is Sequence:
            parent.items.append(node)
            return
        assert type(parent) is Mapping
        if self._key is None:
            self._key = self._valid_key(node, parent)
        else:
            parent.values[self._key.text] = node
            parent.keys[self._key.text] = self._key
            self._key = None

    def _scalar(self, event: Any) -> Scalar:
        if event.anchor is not None or event.tag is not None:
            raise self._anchored(event)
        start = event.start_mark
        return Scalar(
            start=start.index,
            end=event.end_mark.index,
            line=start.line + 1,
            column=start.column,
            text=event.value,
            plain=not event.style,
        )

    def _collection(self, event: Any) -> Mapping | Sequence:
        if event.anchor is not None or event.tag is not None:
            raise self._anchored(event)
        mark = event.start_mark
        start, line, column, flow = mark.index, mark.line + 1, mark.column, bool(event.flow_style)
        if type(event) is MappingStartEvent:
            return Mapping(start=start, end=start, line=line, column=column, keys={}, values={}, flow=flow)
        return Sequence(start=start, end=start, line=line, column=column, items=[], flow=flow)

    def _valid_key(self, node: Node, parent: Mapping) -> Scalar:
        if type(node) is not Scalar:
            raise self._fault("A key must be text. If braces are meant as text, quote them.", node.line)
        if node.text in parent.values:
            first = parent.keys[node.text].line
            raise self._fault(f"The key {shortened(node.text)} stands twice (first in line {first}).", node.line)
        return node

    def _anchored(self, event: Any) -> InvalidFile:
        what = "Tags (!name)" if event.tag is not None else "Anchors (&name)"
        return self._fault(f"{what} are not read. Leave it out, or quote it if it is text.", event.start_mark.line + 1)

    def _broken(self, error: Exception) -> InvalidFile:
        if isinstance(error, yaml.MarkedYAMLError):
            mark = error.problem_mark or error.context_mark
            last = self._text.rstrip().count("\n")
            if mark and mark.line > last:  # the end of the file: better to say where it began
                mark = error.context_mark or mark
            reason = ", ".join(part for part in (error.context, error.problem) if part)
            return self._fault(f"Not valid YAML: {reason}.", min(mark.line, last) + 1 if mark else 0)
        position = getattr(error, "position", None)
        reason = str(getattr(error, "reason", None) or error)
        line = self._text.count("\n", 0, position) + 1 if isinstance(position, int) else 0
        return self._fault(f"Not valid YAML: {reason}.", line)

    def _fault(self, message: str, line: int) -> InvalidFile:
        return InvalidFile(message, path=self._path, line=line)


def shortened(text: str) -> str:
    """Text as a message can show it: quoted, never long."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
