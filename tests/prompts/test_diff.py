"""Differences: they rebuild both texts, are small where the change is small, and take bounded time."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.prompts.diff import Op, Span, ValueChange, config_diff, line_diff, message_diff, word_diff

few = st.text("ab \n", max_size=40)
lines = st.lists(st.sampled_from(["a", "b", "c", "", "}"]), max_size=25).map("\n".join)


def sides(spans: list[Span]) -> tuple[list[str], list[str]]:
    before = [text for op, text in spans if op is not Op.INSERT]
    after = [text for op, text in spans if op is not Op.DELETE]
    return before, after


@given(lines | st.text(), lines | st.text())
def test_lines_rebuild_both_texts(one: str, other: str) -> None:
    before, after = sides(line_diff(one, other))
    assert ("\n".join(before), "\n".join(after)) == (one, other)


@given(few | st.text(), few | st.text())
def test_words_rebuild_both_texts(one: str, other: str) -> None:
    before, after = sides(word_diff(one, other))
    assert ("".join(before), "".join(after)) == (one, other)


@given(lines, lines)
def test_a_diff_is_as_small_as_it_can_be_without_anchors(one: str, other: str) -> None:
    doubled = [f"{text}\n{text}" for text in (one, other)]  # no line is unique, so there are no anchors
    spans = line_diff(*doubled)
    a, b = (text.split("\n") for text in doubled)
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, left in enumerate(a):
        for j, right in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
    assert sum(op is Op.EQUAL for op, _ in spans) == table[-1][-1]


def test_lines() -> None:
    assert line_diff("a\nb\nc", "a\nx\nc\nd") == [
        (Op.EQUAL, "a"),
        (Op.DELETE, "b"),
        (Op.INSERT, "x"),
        (Op.EQUAL, "c"),
        (Op.INSERT, "d"),
    ]


def test_words() -> None:
    assert word_diff("Be brief, {{name}}.", "Be very brief, {{user}}.") == [
        (Op.EQUAL, "Be "),
        (Op.INSERT, "very "),
        (Op.EQUAL, "brief, {{"),
        (Op.DELETE, "name"),
        (Op.INSERT, "user"),
        (Op.EQUAL, "}}."),
    ]


def test_messages() -> None:
    system, user = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "{{x}}"}
    changed = {"role": "system", "content": "Be very brief."}
    extra = {"type": "placeholder", "name": "history"}
    found = message_diff([system, user], [changed, extra, user])
    assert [(change.before, change.after) for change in found] == [(system, changed), (None, extra), (user, user)]
    assert (Op.INSERT, "very ") in found[0].spans
    assert [change.changed for change in found] == [True, True, False]


def test_config() -> None:
    before = {"model": "a", "n": 1, "stop": ["x", "y"], "gone": 0, "same": {"k": [1]}}
    after = {"model": "b", "n": True, "stop": ["x", "z"], "new": None, "same": {"k": [1]}}
    assert config_diff(before, after) == [
        ValueChange(path=("model",), op=Op.EQUAL, before="a", after="b"),
        ValueChange(path=("n",), op=Op.EQUAL, before=1, after=True),
        ValueChange(path=("stop", 1), op=Op.EQUAL, before="y", after="z"),
        ValueChange(path=("gone",), op=Op.DELETE, before=0),
        ValueChange(path=("new",), op=Op.INSERT, after=None),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a\n" * 120_000, "b\n" * 120_000),
        ("a\nb\n" * 60_000, "b\na\n" * 60_000),
        ("a b " * 60_000, "b a " * 60_000),
        ("x" * 250_000, "y" * 250_000),
        ("\n".join(map(str, range(40_000))), "\n".join(map(str, reversed(range(40_000))))),
        (
            "\n".join(random.Random(1).choices("abcdef", k=120_000)),
            "\n".join(random.Random(2).choices("abcdef", k=120_000)),
        ),
        (
            " ".join(random.Random(1).choices("abcdef", k=120_000)),
            " ".join(random.Random(2).choices("abcdef", k=120_000)),
        ),
    ],
    ids=range(7),
)
def test_time_is_bounded(one: str, other: str) -> None:
    started = time.process_time()
    for compare in (line_diff, word_diff):
        before, after = sides(compare(one, other))
        glue = "\n" if compare is line_diff else ""
        assert (glue.join(before), glue.join(after)) == (one, other)
    assert time.process_time() - started < 8
