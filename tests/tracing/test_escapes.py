"""Views of escaped text, and the way back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.tracing.escapes import View, unescaped


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        (b"a\\nb\\\\nc", "a\nb\nc"),
        (b"sk\\u002dx \\\\u002d \\\\\\\\u002D", "sk-x - -"),
        (b'\\"\\\\\\"\\/', '""/'),
        (b"\\ud83d\\ude00 \\\\ud83d\\\\ude00", "😀 😀"),
        (b"\\ud83d \\ude00", "\ufffd \ufffd"),
        (b"C:\\\\dir\\x\\", "C:\\dir\\x\\"),
        (b"\\u00e9\\u00", "é\\u00"),
    ],
)
def test_escapes_of_any_level(data: bytes, text: str) -> None:
    assert View(data).text.decode() == text


@given(st.text())
def test_one_level_is_what_a_json_string_says(text: str) -> None:
    data = json.dumps(text).encode()[1:-1]
    said = json.loads(b'"' + data + b'"').encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert View(data, levels=1).text.decode() == said


@given(st.text(alphabet='aé\\"nu0/2d😀\n'), st.integers(1, 3), st.booleans())
def test_places_are_where_things_stand(text: str, levels: int, ascii_only: bool) -> None:
    for _ in range(levels):
        text = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
    data = text.encode()
    view = View(data)
    places = [view.place(offset) for offset in range(len(view.text) + 1)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, len(data))


@given(st.text(alphabet='abc-@é\\"nu0/2d'))
def test_the_quick_look_says_the_same_but_for_letters(text: str) -> None:
    data = json.dumps(json.dumps(text)).encode()
    assert unescaped(data).decode() == View(data).text.decode()
