"""Quantiles within the stated error; adding and taking away are exact."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.store.histogram import RELATIVE_ERROR, bucket, compact, decode, encode, merge, quantile, value

DURATIONS = st.lists(st.integers(0, 10**12), max_size=40)


def histogram(durations: list[int]) -> dict[int, int]:
    return merge({bucket(duration): 1} for duration in durations)


@given(st.integers(1, 10**15))
def test_a_bucket_stands_for_its_durations_within_the_error(duration: int) -> None:
    assert value(bucket(duration)) == pytest.approx(duration, rel=RELATIVE_ERROR * 1.0001)


def test_nothing_and_less_are_zero() -> None:
    assert [value(bucket(0)), value(bucket(-5))] == [0.0, 0.0]


@pytest.mark.parametrize("q", [0.0, 0.5, 0.95, 0.99, 1.0])
@pytest.mark.parametrize("spread", ["uniform", "lognormal", "two modes"])
def test_quantiles_are_within_the_error(q: float, spread: str) -> None:
    rng = random.Random(3)
    draw: Callable[[], float] = {
        "uniform": lambda: rng.uniform(1e3, 1e7),
        "lognormal": lambda: rng.lognormvariate(13, 1.5),
        "two modes": lambda: rng.gauss(5e5, 1e4) if rng.random() < 0.7 else rng.gauss(8e6, 2e5),
    }[spread]
    durations = sorted(max(1, int(draw())) for _ in range(5001))
    true = durations[max(1, math.ceil(q * len(durations))) - 1]
    assert quantile(histogram(durations), q) == pytest.approx(true, rel=RELATIVE_ERROR * 1.001)


def test_the_95th_percentile_of_two_is_the_longer() -> None:
    assert quantile(histogram([1_000_000, 3_000_000]), 0.95) == pytest.approx(3_000_000, rel=RELATIVE_ERROR)


def test_an_empty_histogram_has_no_quantile() -> None:
    assert quantile({}, 0.5) is None


@given(DURATIONS, DURATIONS)
def test_bytes_put_behind_each_other_are_the_sum(a: list[int], b: list[int]) -> None:
    both = encode(histogram(a)) + encode(histogram(b))
    assert decode(both) == histogram(a + b)
    assert decode(compact(both)) == histogram(a + b)
    assert len(compact(both)) == 6 * len(histogram(a + b))


@given(DURATIONS, DURATIONS)
def test_what_is_taken_away_leaves_no_trace(kept: list[int], moved: list[int]) -> None:
    away = {number: -count for number, count in histogram(moved).items()}
    assert decode(encode(histogram(kept + moved)) + encode(away)) == histogram(kept)
