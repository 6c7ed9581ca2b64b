from __future__ import annotations

import pytest

from trunkline.errors import InvalidRequest
from trunkline.tracing.texts import check_hex_id, check_id, clean, clean_or_none, environment_of


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("production", "production"),
        ("Production", "production"),
        ("langfuse-evaluation", "evaluation"),
        ("LANGFUSE-x", "x"),
        ("sdk-experiment", "sdk-experiment"),
        ("a" * 40, "a" * 40),
        ("a" * 41, "default"),
        ("with space", "default"),
        ("langfuse-", "default"),
        ("prod\n", "default"),
        ("", "default"),
        (None, "default"),
    ],
)
def test_environments(given: str | None, kept: str) -> None:
    assert environment_of(given) == kept


def test_ids_may_have_800_characters() -> None:
    assert check_id("x" * 800, "The id") == "x" * 800
    with pytest.raises(InvalidRequest, match="801 characters"):
        check_id("x" * 801, "The id")
    with pytest.raises(InvalidRequest, match="empty"):
        check_id("\0", "The id")


def test_nul_characters_are_dropped() -> None:
    assert clean("a\0b") == "ab"
    assert clean_or_none("\0") is None
    assert clean_or_none(None) is None
    assert check_id("a\0", "The id") == "a"


def test_hexadecimal_ids_come_back_in_lower_case() -> None:
    assert check_hex_id("AD6BCBDF4D937718", 8, "spanId") == "ad6bcbdf4d937718"


@pytest.mark.parametrize("text", ["", "ad6b", "zz6bcbdf4d937718", "0" * 16, "ad6bcbdf4d93771 ", "ａd6bcbdf4d937718"])
def test_other_ids_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="spanId"):
        check_hex_id(text, 8, "spanId")
