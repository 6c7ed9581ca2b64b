"""Texts come back byte for byte and name their dictionary."""

from __future__ import annotations

import json

import zstandard
from hypothesis import given
from hypothesis import strategies as st

from trunkline.store.texts import (
    SHIPPED,
    BlockReader,
    BlockWriter,
    Part,
    block_of,
    place_of,
    reference,
    shipped_dictionary,
)

DOCUMENTS = st.one_of(st.none(), st.binary(max_size=300))
PARTS = st.one_of(st.none(), st.tuples(st.integers(1, 2**40), DOCUMENTS, DOCUMENTS, DOCUMENTS, DOCUMENTS))
WRITER = BlockWriter(shipped_dictionary())


def reader() -> BlockReader:
    return BlockReader({SHIPPED: shipped_dictionary()}.__getitem__)


def part(document: bytes) -> Part:
    return (1, document, None, None, None)


@given(st.lists(PARTS, max_size=20))
def test_texts_come_back_as_they_were(parts: list[Part | None]) -> None:
    assert reader().unpack(WRITER.pack(parts)) == parts


@given(st.integers(1, 2**50), st.integers(0, 255))
def test_a_reference_names_block_and_place(block: int, place: int) -> None:
    number = reference(block, place)
    assert (block_of(number), place_of(number)) == (block, place)


def test_a_block_names_its_dictionary() -> None:
    assert zstandard.get_frame_parameters(WRITER.pack([part(b'"x"')])).dict_id == SHIPPED


def test_blocks_of_two_dictionaries_are_read_side_by_side() -> None:
    texts = [json.dumps({"word": n % 7, "text": "abc" * (n % 5)}).encode() for n in range(500)]
    other = zstandard.train_dictionary(2000, [*texts], dict_id=7).as_bytes()
    both = BlockReader({SHIPPED: shipped_dictionary(), 7: other}.__getitem__)
    for writer in (BlockWriter(other), WRITER):
        assert both.unpack(writer.pack([part(texts[3])])) == [part(texts[3])]


def test_a_large_text_comes_back() -> None:
    large = json.dumps(list(range(500_000))).encode()
    assert reader().unpack(WRITER.pack([part(large)])) == [part(large)]


def test_the_dictionary_halves_a_small_chat() -> None:
    chat = json.dumps([
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "What is the difference between a refund and a discount?"},
    ]).encode()  # fmt: skip
    assert len(WRITER.pack([part(chat)])) < len(zstandard.compress(chat)) * 0.6
