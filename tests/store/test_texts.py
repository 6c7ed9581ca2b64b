"""Texts come back byte for byte and name their dictionary."""

from __future__ import annotations

import json

import zstandard
from hypothesis import given
from hypothesis import strategies as st

from trunkline.store.texts import NO_TEXTS, SHIPPED, TextReader, Texts, TextWriter, shipped_dictionary

PARTS = st.one_of(st.none(), st.binary(max_size=300))
WRITER = TextWriter(shipped_dictionary())


def reader() -> TextReader:
    return TextReader({SHIPPED: shipped_dictionary()}.__getitem__)


@given(PARTS, PARTS, PARTS, PARTS)
def test_texts_come_back_as_they_were(
    input: bytes | None, output: bytes | None, metadata: bytes | None, parameters: bytes | None
) -> None:
    packed = WRITER.pack(input, output, metadata, parameters)
    expected = Texts(input=input, output=output, metadata=metadata, parameters=parameters)
    assert reader().unpack(packed) == (expected if packed is not None else NO_TEXTS)


def test_nothing_takes_no_row() -> None:
    assert WRITER.pack(None, None, None) is None


def test_a_text_names_its_dictionary() -> None:
    packed = WRITER.pack(b'"x"', None, None)
    assert packed is not None
    assert zstandard.get_frame_parameters(packed).dict_id == SHIPPED


def test_texts_of_two_dictionaries_are_read_side_by_side() -> None:
    texts = [json.dumps({"word": n % 7, "text": "abc" * (n % 5)}).encode() for n in range(500)]
    other = zstandard.train_dictionary(2000, [*texts], dict_id=7).as_bytes()
    both = TextReader({SHIPPED: shipped_dictionary(), 7: other}.__getitem__)
    for writer in (TextWriter(other), WRITER):
        assert both.unpack(writer.pack(texts[3], None, None)).input == texts[3]


def test_a_large_text_comes_back() -> None:
    large = json.dumps(list(range(500_000))).encode()
    assert reader().unpack(WRITER.pack(large, None, None)).input == large


def test_the_dictionary_halves_a_small_chat() -> None:
    chat = json.dumps([
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "What is the difference between a refund and a discount?"},
    ]).encode()  # fmt: skip
    packed = WRITER.pack(chat, None, None)
    assert packed is not None
    assert len(packed) < len(zstandard.compress(chat)) * 0.6
