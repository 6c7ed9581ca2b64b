"""Metadata as a tree of last-writer-wins registers: objects merge deeply, whatever order events come in.

A node keeps when it was last said to be null, a value, or an object; the values of an object are nodes again. What was
said later wins; an object and a value of one stamp: the object. Null never overwrites. Once a value was said, what the
node's object held before is gone for good. Arrays are values: they are replaced as a whole.

A single event needs no tree: its document is kept as it was sent (`Said`). From the second event on the document is
the tree rendered, and `stamps_of` says when each part of it was said, in as few bytes as can be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from trunkline.types import JSONBytes, Stamp, Struct

DEEPEST = 32
"""An object below this depth is taken as a value: replaced as a whole."""

StampTree = Any
"""A stamp's number (everything below was said then), or [null, value, object, {key: StampTree}] with -1 for never."""

_as_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_Register = TypeVar("_Register", Stamp | None, tuple[Stamp, JSONBytes] | None)


class Node(Struct, frozen=True, kw_only=True):
    null: Stamp | None = None
    value: tuple[Stamp, JSONBytes] | None = None
    object: Stamp | None = None
    children: Mapping[str, Node] = msgspec.field(default_factory=dict)


class Said(Struct, frozen=True):
    """What one event says, not yet taken apart. Most metadata is never said twice."""

    stamp: Stamp
    document: JSONBytes


Metadata = Said | Node


def expanded(metadata: Metadata) -> Node:
    return node_of(metadata.document, metadata.stamp) if isinstance(metadata, Said) else metadata


def join_metadata(a: Metadata, b: Metadata) -> Metadata:
    """As `join_nodes`. Where one event says all of it, the result is that event's document as it was sent."""
    if a == b:
        return a
    joined = join_nodes(expanded(a), expanded(b))
    whole = [each for each in (a, b) if isinstance(each, Said) and expanded(each) == joined]
    return max(whole, key=lambda said: said.document) if whole else joined


def document_of(metadata: Metadata) -> JSONBytes:
    return metadata.document if isinstance(metadata, Said) else render(metadata)


def node_of(document: JSONBytes, stamp: Stamp, depth: int = 0) -> Node:
    """What one event says. What is no JSON (nobody should have let it in) is taken as a value."""
    document = document.strip()
    if document == b"null":
        return Node(null=stamp)
    if document[:1] != b"{" or depth >= DEEPEST:
        return Node(value=(stamp, document))
    try:
        parts = _as_object(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Node(value=(stamp, document))
    return Node(object=stamp, children={key: node_of(bytes(raw), stamp, depth + 1) for key, raw in parts.items()})


def join_nodes(a: Node, b: Node) -> Node:
    """The later of each register: commutative, associative, idempotent."""
    value = _later(a.value, b.value)
    joined = Node(
        null=_later(a.null, b.null),
        value=value,
        object=_later(a.object, b.object),
        children=_join_children(a.children, b.children),
    )
    return joined if value is None else _prune_object(joined, value[0])


def _join_children(a: Mapping[str, Node], b: Mapping[str, Node]) -> Mapping[str, Node]:
    if not a or not b:
        return a or b
    joined = dict(a)
    for key, node in b.items():
        held = joined.get(key)
        joined[key] = node if held is None else join_nodes(held, node)
    return joined


def _later(a: _Register, b: _Register) -> _Register:
    if a is None or b is None:
        return b if a is None else a
    return a if a >= b else b


def _prune_object(node: Node, since: Stamp) -> Node:
    """The node without what was said of its object before `since`: a value that came then ended it."""
    children = {}
    for key, child in node.children.items():
        kept = _prune(child, since)
        if kept is not None:
            children[key] = kept
    if node.object is None or node.object < since:
        return Node(null=node.null, value=node.value, children=children)
    value = None if node.value is None else (node.value[0], b"")  # hidden: only its stamp counts from now on
    return Node(null=node.null, value=value, object=node.object, children=children)


def _prune(node: Node, since: Stamp) -> Node | None:
    kept = _prune_object(node, since)
    null = kept.null if kept.null is not None and kept.null >= since else None
    value = kept.value if kept.value is not None and kept.value[0] >= since else None
    if null is None and value is None and kept.object is None:
        return None
    return Node(null=null, value=value, object=kept.object, children=kept.children)


def render(node: Node) -> JSONBytes:
    if node.object is not None:
        return _encode({key: msgspec.Raw(render(child)) for key, child in sorted(node.children.items())})
    return b"null" if node.value is None else node.value[1]


def stamps_of_metadata(metadata: Metadata, number: Callable[[Stamp], int]) -> StampTree:
    """When each part was said; together with the document it is the whole of the metadata."""
    return number(metadata.stamp) if isinstance(metadata, Said) else stamps_of(metadata, number)


def metadata_from(document: JSONBytes, stamps: StampTree, table: list[Stamp]) -> Metadata:
    """The inverse of `document_of` and `stamps_of_metadata`."""
    return Said(table[stamps], document) if isinstance(stamps, int) else node_from(document, stamps, table)


def stamps_of(node: Node, number: Callable[[Stamp], int]) -> StampTree:
    """When each part was said; together with the rendered document it is the whole node."""
    children = {key: stamps_of(child, number) for key, child in node.children.items()}
    null = -1 if node.null is None else number(node.null)
    value = -1 if node.value is None else number(node.value[0])
    item = -1 if node.object is None else number(node.object)
    said = [each for each in (null, value, item) if each >= 0]
    if len(said) == 1 and all(child == said[0] for child in children.values()):
        return said[0]
    return [null, value, item, children]


def node_from(document: JSONBytes, stamps: StampTree, table: list[Stamp], depth: int = 0) -> Node:
    """The inverse of `render` and `stamps_of`."""
    if isinstance(stamps, int):
        return node_of(document, table[stamps], depth)
    null, value, item, children = stamps
    found: dict[str, Node] = {}
    if item >= 0:
        parts = _as_object(document)
        found = {key: node_from(bytes(parts[key]), below, table, depth + 1) for key, below in children.items()}
    return Node(
        null=None if null < 0 else table[null],
        value=None if value < 0 else (table[value], b"" if item >= 0 else document),
        object=None if item < 0 else table[item],
        children=found,
    )
