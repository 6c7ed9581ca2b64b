"""Hourly sums of observations, so that a dashboard's cost does not grow with the rows.

A cell is one series (environment, type, name, model, prompt version) in one hour of start times. Each row of the store
contributes to one cell; a row that changes takes its old contribution away and gives the new one, all in integers, so
that the cells are always exactly the sum over the rows as they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trunkline.store.histogram import Counts, bucket, encode, merge, quantile
from trunkline.types import Level, Micros, ObservationType, Quantiles, Struct

HOUR: Micros = 3_600_000_000
DOLLAR = 10**12
"""Cost is summed in units of 1e-12 US dollars."""
DEAREST = 1e5
MOST_TOKENS = 10**12
LONGEST: Micros = 10**13
"""What one observation adds at most: beyond these the numbers are somebody's mistake and would overflow the sums."""


class Series(Struct, frozen=True, kw_only=True, array_like=True):
    """What observations have in common that are summed in one cell. An empty text and version 0 mean none."""

    type: ObservationType = ObservationType.SPAN
    environment: str = "default"
    name: str = ""
    model: str = ""
    prompt_name: str = ""
    prompt_version: int = 0


class Cell:
    """The sums of one series in one hour, or a change of them."""

    __slots__ = (
        "cost", "cost_count", "count", "errors", "histogram", "input_tokens", "latency_count", "latency_sum",
        "output_tokens", "total_tokens", "usage_count",
    )  # fmt: skip

    def __init__(self) -> None:
        self.count = self.errors = 0
        self.latency_count = self.latency_sum = 0
        self.usage_count = self.input_tokens = self.output_tokens = self.total_tokens = 0
        self.cost_count = self.cost = 0
        self.histogram: Counts = {}

    def add(
        self,
        times: int,
        level: Level | None,
        duration: Micros | None,
        tokens: tuple[int, int, int] | None,
        cost: float | None,
    ) -> None:
        """Adds one observation once (`times` 1) or takes it away (-1). `tokens` are input, output, total."""
        self.count += times
        if level is Level.ERROR:
            self.errors += times
        if duration is not None:
            duration = min(max(duration, 0), LONGEST)
            self.latency_count += times
            self.latency_sum += times * duration
            number = bucket(duration)
            self.histogram[number] = self.histogram.get(number, 0) + times
        if tokens is not None:
            if max(tokens) > MOST_TOKENS or min(tokens) < -MOST_TOKENS:
                tokens = _bounded(tokens[0]), _bounded(tokens[1]), _bounded(tokens[2])
            self.usage_count += times
            self.input_tokens += times * tokens[0]
            self.output_tokens += times * tokens[1]
            self.total_tokens += times * tokens[2]
        if cost is not None:
            self.cost_count += times
            self.cost += times * round(max(-DEAREST, min(cost, DEAREST)) * DOLLAR)

    def is_zero(self) -> bool:
        """Whether adding this cell changes nothing."""
        return not (any(self.sums()) or any(self.histogram.values()))

    def encoded_histogram(self) -> bytes:
        return encode(self.histogram)

    def sums(self) -> tuple[int, ...]:
        """In the order of `SUMS`."""
        return (
            self.count, self.errors, self.latency_count, self.latency_sum, self.usage_count, self.input_tokens,
            self.output_tokens, self.total_tokens, self.cost_count, self.cost,
        )  # fmt: skip


SUMS = (
    "count", "errors", "latency_count", "latency_sum", "usage_count", "input_tokens", "output_tokens", "total_tokens",
    "cost_count", "cost",
)  # fmt: skip


def _bounded(tokens: int) -> int:
    return max(-MOST_TOKENS, min(tokens, MOST_TOKENS))


def hour_of(start: Micros) -> int:
    """Hours since the epoch."""
    return start // HOUR


def token_sums(usage: Mapping[str, int]) -> tuple[int, int, int]:
    """Input, output and total of a usage: kinds such as ``input_cached`` belong to what they were taken out of."""
    if len(usage) == 3 and "input" in usage and "output" in usage and "total" in usage:  # nearly always
        return usage["input"], usage["output"], usage["total"]
    given = sum(count for kind, count in usage.items() if kind.startswith("input"))
    made = sum(count for kind, count in usage.items() if kind.startswith("output"))
    total = usage.get("total")
    return given, made, sum(usage.values()) if total is None else total


def total_cost(cost: Mapping[str, float]) -> float:
    """The ``total`` of a cost, or the sum of its kinds."""
    total = cost.get("total")
    return sum(cost.values()) if total is None else total


def latency_quantiles(histograms: Iterable[Counts]) -> Quantiles:
    """In milliseconds, within the histogram's relative error."""
    counts = merge(histograms)
    p50, p95, p99 = (quantile(counts, q) for q in (0.5, 0.95, 0.99))
    return Quantiles(p50=_ms(p50), p95=_ms(p95), p99=_ms(p99))


def _ms(duration: float | None) -> float | None:
    return None if duration is None else round(duration / 1000, 3)
