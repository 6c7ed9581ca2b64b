"""Metadata merges deeply, as one reader of all events in order would merge it, in whatever order they come."""

from __future__ import annotations

import json
from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.store.metadata import Node, join_nodes, node_from, node_of, render, stamps_of
from trunkline.types import Stamp

LEAVES = st.one_of(st.none(), st.integers(-3, 3), st.text("ab", max_size=2), st.lists(st.integers(0, 2), max_size=2))
KEYS = st.sampled_from("abc")
DOCUMENTS = st.dictionaries(
    KEYS, st.recursive(LEAVES, lambda below: st.dictionaries(KEYS, below, max_size=3)), max_size=3
)
TIMES = st.lists(DOCUMENTS, min_size=1, max_size=6)
STAMPS = st.builds(Stamp, st.integers(0, 1), st.integers(0, 2))


def merged(document: Any, more: Any) -> Any:
    """The plain merge of one event after another."""
    if isinstance(document, dict) and isinstance(more, dict):
        keys = {**document, **more}
        return {key: merged(document[key], more[key]) if key in document and key in more else keys[key] for key in keys}
    return document if more is None else more


def nodes(documents: list[Any]) -> list[Node]:
    return [node_of(json.dumps(document).encode(), Stamp(0, time)) for time, document in enumerate(documents)]


@given(TIMES, st.randoms())
def test_any_order_gives_what_the_events_in_order_give(documents: list[Any], random: Any) -> None:
    parts = nodes(documents)
    random.shuffle(parts)
    assert json.loads(render(reduce(join_nodes, parts))) == reduce(merged, documents)


@given(st.lists(st.tuples(DOCUMENTS, STAMPS), min_size=3, max_size=3))
def test_join_is_commutative_associative_and_idempotent(events: list[tuple[Any, Stamp]]) -> None:
    a, b, c = (node_of(json.dumps(document).encode(), stamp) for document, stamp in events)
    assert join_nodes(a, b) == join_nodes(b, a)
    assert join_nodes(join_nodes(a, b), c) == join_nodes(a, join_nodes(b, c))
    assert join_nodes(join_nodes(a, b), b) == join_nodes(a, b)
    assert join_nodes(a, a) == a


@given(TIMES)
def test_document_and_stamps_are_the_whole_node(documents: list[Any]) -> None:
    node = reduce(join_nodes, nodes(documents))
    table: list[Stamp] = []

    def number(stamp: Stamp) -> int:
        if stamp not in table:
            table.append(stamp)
        return table.index(stamp)

    stamps = msgspec.msgpack.decode(msgspec.msgpack.encode(stamps_of(node, number)))
    assert node_from(render(node), stamps, table) == node


def test_stamps_of_one_event_are_one_number() -> None:
    node = node_of(b'{"a": {"b": 1}, "c": [1]}', Stamp(0, 7))
    assert stamps_of(node, lambda stamp: 3) == 3


@pytest.mark.parametrize("document", [b"[1]", b'"text"', b"12", b"{broken", b'{"a":' * 3000 + b"1" + b"}" * 3000])
def test_what_is_no_object_is_a_value(document: bytes) -> None:
    assert render(join_nodes(node_of(document, Stamp(0, 1)), node_of(document, Stamp(0, 2)))) == document


def test_numbers_come_back_as_they_were_spelt() -> None:
    joined = join_nodes(node_of(b'{"a": 1.10}', Stamp(0, 1)), node_of(b'{"b": 123456789012345678901234}', Stamp(0, 2)))
    assert render(joined) == b'{"a":1.10,"b":123456789012345678901234}'
