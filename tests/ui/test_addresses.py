from __future__ import annotations

import pytest

from trunkline.ui import addresses


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("support/triage", "/p/prompts/support/triage"),
        ("a b?c#d", "/p/prompts/a%20b%3Fc%23d"),
        ("50%", "/p/prompts/50%25"),
        ("..", "/p/prompt?name=.."),
        ("a/../b", "/p/prompt?name=a%2F..%2Fb"),
        ("./a", "/p/prompt?name=.%2Fa"),
    ],
)
def test_names_that_a_browser_would_change_go_into_the_query(name: str, address: str) -> None:
    assert addresses.prompt("/p", name) == address


def test_ids_of_traces() -> None:
    assert addresses.trace("/p", "abc", observation="x y") == "/p/traces/abc?observation=x+y"
    assert addresses.trace("/p", "a/b") == "/p/traces/a%2Fb"
    assert addresses.trace("/p", "a//b", page=2) == "/p/trace?id=a%2F%2Fb&page=2"


def test_what_is_not_given_is_left_out() -> None:
    assert addresses.traces("/p", name=None, user="") == "/p/traces"
