"""What of a document is searched."""

from __future__ import annotations

import json

import pytest

from trunkline.store.search_texts import MARK, MOST_CHARACTERS, searched, shown


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("plain", "plain"),
        ("", ""),
        ("two\nlines", "two\nlines"),
        ([{"role": "user", "content": "hi"}], f"user {MARK} hi"),
        ({"order_id": "A17", "count": 3, "ok": True, "none": None}, "order_id A17 count 3 ok none"),
        ({"content": [{"type": "text", "text": "deep"}]}, f"text {MARK} deep"),
        ('{"city": "Rome\\nor"}', "city Rome\nor"),
        ('{"not json', '{"not json'),
        ({"a": {"b": ["c", 1.5]}}, "a b c 1.5"),
        ("日本語", "日 本 語 "),
        ("data " + "QUJD" * 100 + " after " + "x y " * 1000, "data   after " + "x y " * 1000),
    ],
    ids=range(11),
)
def test_words(document: object, words: str) -> None:
    found = searched(json.dumps(document).encode())
    assert found == words or found.replace(f" {MARK} ", " ") == words


def test_what_is_no_json_is_searched_as_it_is() -> None:
    assert searched(b"not \\n json") == "not   json"
    assert searched(None) == ""


def test_deep_documents_are_read() -> None:
    assert "needle" in searched(b"[" * 100_000 + b'"needle"' + b"]" * 100_000)


def test_long_documents_are_cut() -> None:
    assert len(searched(json.dumps("word " * MOST_CHARACTERS).encode())) <= MOST_CHARACTERS * 4


def test_shown_for_people() -> None:
    assert shown(searched('["日本語", "b\\n c"]'.encode())) == "日本語 · b c"
