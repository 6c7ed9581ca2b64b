"""Query parameters: what is read, and that every fault is told with its place."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.api.langfuse.params import MAX_FIELDS, Params, micros
from trunkline.errors import InvalidData
from trunkline.types import Level, ScoreSource


def params(*pairs: tuple[str, str]) -> Params:
    return Params(urlencode(pairs).encode())


def faults(given: Params) -> list[Any]:
    with pytest.raises(InvalidData) as raised:
        given.check()
    return [(issue["path"], issue["code"]) for issue in raised.value.issues]


def test_pages() -> None:
    given = params(("page", "3"), ("limit", "100"))
    assert (given.page(), given.limit()) == (3, 100)
    assert (params().page(), params().limit()) == (1, 50)
    assert params(("limit", "1000")).limit(1000) == 1000
    given.check()


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("page", "0", "too_small"),
        ("page", "-1", "too_small"),
        ("limit", "101", "too_big"),
        ("limit", "x", "invalid_type"),
        ("page", "1.5", "invalid_type"),
        ("page", "9" * 900, "too_big"),
        ("page", "9" * 5000, "too_big"),
    ],
)
def test_wrong_pages(name: str, value: str, code: str) -> None:
    given = params((name, value))
    given.page()
    given.limit()
    assert faults(given) == [([name], code)]


def test_every_fault_is_told() -> None:
    given = params(("page", "x"), ("fromTimestamp", "soon"), ("level", "LOUD"), ("public", "1"), ("value", "nan"))
    given.page()
    given.time("fromTimestamp")
    given.choice("level", Level)
    given.flag("public")
    given.number("value")
    assert [path for path, _ in faults(given)] == [["page"], ["fromTimestamp"], ["level"], ["public"], ["value"]]


def test_repeated_and_listed_values() -> None:
    given = params(("environment", "a"), ("environment", "b"), ("tags[]", "x,y"), ("fields", "core, io"), ("name", ""))
    assert given.texts("environment") == ("a", "b")
    assert given.texts("tags") == ("x,y",)
    assert given.groups((), {"core", "io"}) == {"core", "io"}
    assert given.text("name") is None
    assert given.text("absent") is None
    given.check()


def test_choices_come_in_either_case() -> None:
    given = params(("source", "api,EVAL"))
    assert given.choices("source", ScoreSource) == (ScoreSource.API, ScoreSource.EVAL)
    given.check()


def test_unknown_groups_are_refused() -> None:
    given = params(("fields", "core,secrets"))
    given.groups((), {"core"})
    assert faults(given) == [(["fields"], "custom")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T00:00:01.000250", 1_000_250),
        ("1970-01-01T01:00:01+01:00", 1_000_000),
        ("1970-01-01T01:00:01 01:00", 1_000_000),
        ("1970-01-02", 86_400_000_000),
        ("1969-12-31T23:59:59Z", -1_000_000),
    ],
)
def test_times(text: str, expected: int) -> None:
    assert micros(text) == expected


def test_too_many_parameters() -> None:
    given = params(*((f"x{i}", "1") for i in range(MAX_FIELDS + 1)))
    assert faults(given) == [([], "too_big")]


@given(st.binary(max_size=200))
def test_any_query_is_read_or_refused(query: bytes) -> None:
    given = Params(query)
    given.page()
    given.time("t")
    given.choice("c", Level)
    given.texts("x")
    with contextlib.suppress(InvalidData):
        given.check()
