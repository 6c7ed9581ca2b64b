from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest
from genai_prices import Usage, calc_price

from trunkline.tracing.cost import price

NOW = 1_795_460_651_000_000
MOMENT = datetime.fromtimestamp(NOW / 1e6, UTC)


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-mini", "claude-3-5-sonnet-20241022", "gemini-1.5-pro"])
def test_prices_are_those_of_the_list(model: str) -> None:
    """Kinds add up here, while the list's own usage counts cached tokens as input too."""
    ours = price(model, {"input": 1000, "input_cached_tokens": 500, "output": 200, "total": 1700}, NOW)
    listed = calc_price(
        Usage(input_tokens=1500, cache_read_tokens=500, output_tokens=200), model, genai_request_timestamp=MOMENT
    )
    assert ours is not None
    assert ours["input"] + ours["input_cached_tokens"] == pytest.approx(float(listed.input_price))
    assert ours["output"] == pytest.approx(float(listed.output_price))
    assert ours["total"] == pytest.approx(float(listed.total_price))


def test_a_router_s_prefix_names_the_provider() -> None:
    assert price("openai/gpt-4o", {"input": 1000}, NOW) == price("gpt-4o", {"input": 1000}, NOW)


def test_embeddings_have_a_price_though_their_names_say_no_provider() -> None:
    embedded = price("text-embedding-3-small", {"input": 1_000_000}, NOW)
    assert embedded is not None
    assert embedded["total"] == pytest.approx(0.02)


def test_other_details_cost_what_their_side_costs() -> None:
    detailed = price("gpt-4o", {"input_something": 10, "output_something": 5}, NOW)
    plain = price("gpt-4o", {"input": 10, "output": 5}, NOW)
    assert detailed is not None
    assert plain is not None
    assert [*detailed] == ["input_something", "output_something", "total"]
    assert [*detailed.values()] == [*plain.values()]


def test_reasoning_costs_as_output_where_it_has_no_price() -> None:
    reasoned = price("gpt-4o", {"output_reasoning_tokens": 100}, NOW)
    written = price("gpt-4o", {"output": 100}, NOW)
    assert reasoned is not None
    assert written is not None
    assert reasoned == {"output_reasoning_tokens": written["output"], "total": written["total"]}


def test_details_of_nothing_are_left_out() -> None:
    assert price("gpt-4o", {"input": 10, "input_cached_tokens": 0, "output": 0, "total": 10}, NOW) == price(
        "gpt-4o", {"input": 10, "output": 0}, NOW
    )


def test_the_tier_is_that_of_the_whole_input() -> None:
    small = price("gemini-1.5-pro", {"input": 1000, "output": 10}, NOW)
    large = price("gemini-1.5-pro", {"input": 1000, "input_cached_tokens": 900_000, "output": 10}, NOW)
    assert small is not None
    assert large is not None
    assert large["output"] == pytest.approx(2 * small["output"])


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        (None, {"input": 1}),
        ("", {"input": 1}),
        ("a-model-of-our-own", {"input": 1}),
        ("x" * 10_000, {"input": 1}),
        ("/", {"input": 1}),
        ("gpt-4o", {}),
        ("gpt-4o", {"total": 100}),
    ],
)
def test_no_price(model: str | None, usage: dict[str, int]) -> None:
    assert price(model, usage, NOW) is None


def test_nothing_goes_to_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a price was looked up over the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert price("gpt-4o-2024-08-06", {"input": 1}, NOW) is not None
    assert price("never-heard-of-it", {"input": 1}, NOW) is None
