from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from trunkline.errors import InvalidRequest
from trunkline.tracing.usage import cost_of, read_legacy, usage_of


def test_other_kinds_stay_as_sent_with_their_sum() -> None:
    assert usage_of({"input": 5, "output": 6, "cache_read": 3}) == {
        "input": 5,
        "output": 6,
        "cache_read": 3,
        "total": 14,
    }
    assert usage_of({"input": 5, "total": 9}) == {"input": 5, "total": 9}
    assert usage_of({"prompt_tokens": 5, "completion_tokens": 6}) == {
        "prompt_tokens": 5,
        "completion_tokens": 6,
        "total": 11,
    }


def test_openai_completions() -> None:
    assert usage_of(
        {
            "prompt_tokens": 12,
            "completion_tokens": 30,
            "total_tokens": 42,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": None},
            "completion_tokens_details": {"reasoning_tokens": 10},
        }
    ) == {
        "input": 8,
        "input_cached_tokens": 4,
        "output": 20,
        "output_reasoning_tokens": 10,
        "total": 42,
    }


def test_openai_responses() -> None:
    assert usage_of(
        {
            "input_tokens": 12,
            "output_tokens": 30,
            "total_tokens": 42,
            "input_tokens_details": None,
            "output_tokens_details": {"reasoning_tokens": 40},
        }
    ) == {"input": 12, "output": 0, "output_reasoning_tokens": 40, "total": 42}


def test_openai_shapes_are_strict() -> None:
    """One more key, and it is somebody else's shape: all stays as sent."""
    assert usage_of({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "queue_time": 4}) == {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "queue_time": 4,
        "total": 10,
    }


@pytest.mark.parametrize(
    ("usage", "units", "cost"),
    [
        ({"input": 5, "output": 6, "unit": "TOKENS"}, {"input": 5, "output": 6, "total": 11}, None),
        (
            {"promptTokens": 5, "completionTokens": 6, "totalTokens": 12},
            {"input": 5, "output": 6, "total": 12},
            None,
        ),
        (
            {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11},
            {"input": 5, "output": 6, "total": 11},
            None,
        ),
        (
            {"input": 5, "inputCost": 0.5, "outputCost": 0.25},
            {"input": 5, "total": 5},
            {"input": 0.5, "output": 0.25, "total": 0.75},
        ),
        ({"totalCost": 2, "unit": None}, None, {"total": 2.0}),
        ({}, None, None),
    ],
)
def test_the_older_usage(
    usage: Mapping[str, Any], units: Mapping[str, int] | None, cost: Mapping[str, float] | None
) -> None:
    assert read_legacy(usage) == (units, cost)


def test_nulls_and_nested_counts_are_left_out() -> None:
    assert usage_of({"input": 5, "output": None, "details": {"a": 1}, "list": [1]}) == {"input": 5, "total": 5}
    assert usage_of({"input": None}) is None
    assert usage_of({"input": 5.0}) == {"input": 5, "total": 5}


@pytest.mark.parametrize("wrong", [-1, 1.5, "5", True, 10**16, float("inf"), 1e300])
def test_wrong_counts_are_refused(wrong: object) -> None:
    with pytest.raises(InvalidRequest, match="usage 'input'"):
        usage_of({"input": wrong})


@pytest.mark.parametrize("wrong", [-1, "5", True, float("inf"), float("nan"), {}])
def test_wrong_costs_are_refused(wrong: object) -> None:
    with pytest.raises(InvalidRequest, match="cost 'input'"):
        cost_of({"input": wrong})


def test_costs() -> None:
    assert cost_of({"input": 0.5, "output": 0.25, "cache": None}) == {"input": 0.5, "output": 0.25, "total": 0.75}
    assert cost_of({"input": 0.5, "total": 2}) == {"input": 0.5, "total": 2.0}
    assert cost_of({}) is None
