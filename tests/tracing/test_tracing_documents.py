from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import InvalidRequest
from trunkline.tracing.documents import (
    MAX_DEPTH,
    encoded,
    from_attribute,
    optional,
    optional_object,
    strict_body,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(VALUES)
def test_valid_documents_are_kept_byte_for_byte(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    data = text.encode()
    assert strict_body(data) == data
    assert optional(msgspec.Raw(data)) == (None if value is None or value == "" else data)
    if not isinstance(value, str):
        assert from_attribute(text) == data


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"[NaN]", [None]),
        (b'{"a":NaN,"b":[Infinity,-Infinity]}', {"a": None, "b": [None, None]}),
        (b'"\\ud800"', "\ufffd"),
        (b'{"\\udc00":1}', {"\ufffd": 1}),
        (b'"\\ud83d\\ude00"', "😀"),
        (b"[NaN," + b"1" * 400 + b"]", [None, int("1" * 400)]),
    ],
)
def test_what_lenient_encoders_write_is_mended(given: bytes, kept: Any) -> None:
    assert msgspec.json.decode(strict_body(given)) == kept
    assert msgspec.json.decode(from_attribute(given.decode())) == kept


def test_a_nul_stays_escaped_within_a_document() -> None:
    assert optional(msgspec.Raw(b'"a\\u0000b"')) == b'"a\\u0000b"'
    assert from_attribute("a\0b") == b'"a\\u0000b"'


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"{",
        b"[1,]",
        b"nope",
        b"\xff",
        b'"\xff"',
        b'"\xc3',
        b'["\xe2\x82"]',
        b"[" * 2000 + b"]" * 2000,
        b'{"a":NaN',
    ],
)
def test_what_is_no_json_is_refused(given: bytes) -> None:
    with pytest.raises(InvalidRequest):
        strict_body(given)


def test_utf8_is_checked_piece_by_piece() -> None:
    body = b'"' + "é".encode() * (1 << 20) + b'"'
    assert strict_body(body) == body
    assert strict_body(b'"x' + body[1:]) == b'"x' + body[1:]
    with pytest.raises(InvalidRequest):
        strict_body(body[:-2] + b'"')


def test_numbers_may_be_larger_than_a_float() -> None:
    assert optional(msgspec.Raw(b"[1e999]")) == b"[1e999]"
    assert from_attribute("1e999") == b"1e999"
    many = "[" + ",".join(["[1e999]"] * 200) + "]"
    assert from_attribute(many) == many.encode()


def test_depth_is_bounded() -> None:
    levels = MAX_DEPTH
    deep = b"[" * levels + b"1" + b"]" * levels
    assert optional(msgspec.Raw(deep)) == deep
    for open_, close in ((b"[", b"]"), (b'{"a":', b"}")):
        with pytest.raises(InvalidRequest, match="128 levels"):
            optional(msgspec.Raw(open_ * (levels + 1) + b"1" + close * (levels + 1)))
    wide = b"[" + b",".join([b"[]"] * 500) + b"]"
    assert optional(msgspec.Raw(wide)) == wide


def test_nothing_is_nothing() -> None:
    for silent in (b"", b"null", b'""'):
        assert optional(msgspec.Raw(silent)) is None
        assert optional_object(msgspec.Raw(silent)) is None
    assert optional(msgspec.Raw(b"{}")) == b"{}"
    assert optional_object(msgspec.Raw(b"{}")) is None
    assert optional_object(msgspec.Raw(b"[]")) is None


def test_metadata_that_is_no_object_is_put_in_one() -> None:
    assert optional_object(msgspec.Raw(b'"text"')) == b'{"metadata":"text"}'
    assert optional_object(msgspec.Raw(b"[1]")) == b'{"metadata":[1]}'
    assert optional_object(msgspec.Raw(b'{"a":1}')) == b'{"a":1}'


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ('{"a": 1}', b'{"a": 1}'),
        ("3", b"3"),
        ("true", b"true"),
        ("trueish", b'"trueish"'),
        ("A record.", b'"A record."'),
        ("{broken", b'"{broken"'),
        ("", b'""'),
        (" [1] ", b"[1]"),
    ],
)
def test_attributes_are_json_where_they_parse_as_json(text: str, data: bytes) -> None:
    assert from_attribute(text) == data


def test_text_that_nests_too_deep_stays_text() -> None:
    text = "[" * 200 + "]" * 200
    assert msgspec.json.decode(from_attribute(text)) == text


def test_encoding() -> None:
    assert encoded({"a": float("nan"), "b": "\ud800"}) == b'{"a":null,"b":"\xef\xbf\xbd"}'
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    with pytest.raises(InvalidRequest, match="128 levels"):
        encoded(deep)


def test_a_body_is_mended_only_where_it_can_be() -> None:
    assert strict_body(b'{"a":NaN}') == b'{"a":null}'
    for wrong in (b"{", b'{"a":NaN', b"[" * 100_000):
        with pytest.raises(InvalidRequest):
            strict_body(wrong)
