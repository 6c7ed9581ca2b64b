"""The language of searches."""

from __future__ import annotations

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import InvalidRequest
from trunkline.store.search import AllOf, AnyOf, Expression, Not, SearchField, Words, parse_search, words_of
from trunkline.store.sqlite_search import expression_of


def word(text: str, field: str | None = None, *, prefix: bool = False) -> Words:
    return Words(text=text, prefix=prefix, field=SearchField(field) if field else None)


A, B, C = word("a"), word("b"), word("c")

MEANT: dict[str, Expression] = {
    "a": A,
    "a b": AllOf((A, B)),
    "a AND b": AllOf((A, B)),
    "a OR b": AnyOf((A, B)),
    "a b OR c": AnyOf((AllOf((A, B)), C)),
    "a (b OR c)": AllOf((A, AnyOf((B, C)))),
    "a NOT b": AllOf((A, Not(B))),
    "a AND NOT b": AllOf((A, Not(B))),
    "a -b": AllOf((A, Not(B))),
    "-a": Not(A),
    "NOT NOT a": A,
    "a -(b c)": AllOf((A, Not(AllOf((B, C))))),
    '"a b"': word("a b"),
    '-"a b" c': AllOf((Not(word("a b")), C)),
    "tick*": word("tick", prefix=True),
    '"open tick"*': word("open tick", prefix=True),
    "name:draft-answer": word("draft-answer", "name"),
    'output:"please wait" input:x*y': AllOf((word("please wait", "output"), word("x*y", "input"))),
    "and or not": AllOf((word("and"), word("or"), word("not"))),
    # what is not finished is taken as it was meant
    '"a b': word("a b"),
    "a OR": A,
    "OR a": A,
    "a AND": A,
    "(a": A,
    "a) b": AnyOf((A, B)),
    "() a": A,
    "a !!! b": AllOf((A, B)),
    "url:x": word("url:x"),
    "a NOT OR b": AnyOf((A, B)),
}


@pytest.mark.parametrize("text", MEANT)
def test_what_is_meant(text: str) -> None:
    assert parse_search(text) == MEANT[text]


@pytest.mark.parametrize("text", ["", "   ", "***", '""', "()", "AND OR NOT", "- -", "!? …"])
def test_nothing_to_look_for(text: str) -> None:
    with pytest.raises(InvalidRequest, match="no word"):
        parse_search(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [("a " * 33, "too long"), ("a " * 5000, "too long"), ("(" * 20 + "a", "nested"), ("t*", "2 letters")],
)
def test_bounds(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        parse_search(text)


def test_every_word_of_an_expression() -> None:
    expression = parse_search("a (b OR -c) NOT d")
    assert [words.text for words in words_of(expression)] == ["a", "b", "c", "d"]


@pytest.fixture(scope="module")
def documents() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE d USING fts5(input, output, name, facet)")
    for input, output in (("a b c", ""), ("a", "b"), ("c b a", "ticket"), ("", "x")):
        connection.execute("INSERT INTO d VALUES (?, ?, 'n', 'p1')", (input, output))
    return connection


def found(documents: apsw.Connection, text: str) -> list[int]:
    everything = 'facet : "p1"'
    match = f"{everything} AND {expression_of(parse_search(text), everything)}"
    return [row[0] for row in documents.execute("SELECT rowid FROM d WHERE d MATCH ? ORDER BY rowid", (match,))]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("a b", [1, 2, 3]), ('"a b"', [1]), ('"b a"', [3]), ("-c", [2, 4]), ("a -c", [2]), ("x OR -b", [4]),
        ("tick*", [3]), ("output:b", [2]), ("p1", []), ("(a c) OR x", [1, 3, 4]), ("a -b -c", []),
        ("-(a x)", [1, 2, 3, 4]),
    ],
)  # fmt: skip
def test_what_it_finds(documents: apsw.Connection, text: str, numbers: list[int]) -> None:
    assert found(documents, text) == numbers


PIECES = (
    "a", "b*", '"', "'", "(", ")", "AND", "OR", "NOT", "-", ":", "name:", "{input}", "^a", "+", "NEAR(a b)", "*", "\\",
    ";--", "日本", "é", "\x00", "\ud83d", "\ue000",
)  # fmt: skip


@given(
    st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join)
    | st.lists(st.sampled_from(PIECES)).map("".join)
    | st.text()
)
def test_no_text_is_a_fault_of_syntax(documents: apsw.Connection, text: str) -> None:
    text = text.encode(errors="replace").decode()
    try:
        parse_search(text)
    except InvalidRequest:
        return
    found(documents, text)
