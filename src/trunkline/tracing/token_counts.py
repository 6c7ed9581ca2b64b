"""Token counts as instrumentations name them, brought into the contract's kinds.

Their input counts hold what was cached, their output counts the reasoning: both are taken out, so that kinds add up.
Sources: the GenAI semantic conventions, OpenInference's ``llm.token_count``, upstream's tests of the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trunkline.tracing.reading import Reading, number_of
from trunkline.tracing.usage import MAX_UNITS
from trunkline.types import JSON, ObservationType

INPUT = "input"
OUTPUT = "output"
CACHED = "input_cached_tokens"
CREATED = "input_cache_creation"
REASONING = "output_reasoning_tokens"
COUNTED_TYPES = frozenset({ObservationType.GENERATION, ObservationType.EMBEDDING})
"""Agents and other wrappers repeat the counts of the calls inside of them; counting those would count twice."""

KINDS: Mapping[str, str] = {
    **dict.fromkeys(("input", "input_tokens", "prompt_tokens", "prompt"), INPUT),
    **dict.fromkeys(("output", "output_tokens", "completion_tokens", "completion"), OUTPUT),
    **dict.fromkeys(("total", "total_tokens"), "total"),
    **dict.fromkeys(
        (
            "cached_tokens",
            "cached_input_tokens",
            "cache_read_tokens",
            "cache_read_input_tokens",
            "cache_read.input_tokens",
            "input_tokens.cached",
            "details.cached_tokens",
            "details.cache_read_tokens",
            "details.cache_read_input_tokens",
            "prompt_details.cache_read",
        ),
        CACHED,
    ),
    **dict.fromkeys(
        (
            "cache_write_tokens",
            "cache_creation_input_tokens",
            "cache_creation.input_tokens",
            "details.cache_write_tokens",
            "details.cache_creation_input_tokens",
            "prompt_details.cache_write",
        ),
        CREATED,
    ),
    **dict.fromkeys(
        (
            "reasoning_tokens",
            "thoughts_tokens",
            "reasoning.output_tokens",
            "output_tokens.reasoning",
            "details.reasoning_tokens",
            "details.thoughts_tokens",
            "completion_details.reasoning",
        ),
        REASONING,
    ),
    "prompt_details.audio": "input_audio_tokens",
    "completion_details.audio": "output_audio_tokens",
}
_REPEATED = frozenset({"details.input_tokens", "details.output_tokens"})
"""What Pydantic AI says a second time."""


def read_counts(reading: Reading, prefix: str, *, besides: Iterable[str] = ()) -> dict[str, int]:
    """Counts of all attributes that begin with `prefix`; those in `besides` (without the prefix) are something else."""
    counts: dict[str, int] = {}
    skipped = _REPEATED.union(besides)
    for key, value in reading.attributes.items():
        if not key.startswith(prefix):
            continue
        name = key[len(prefix) :]
        if name in skipped:
            continue
        units = count_of(value)
        if units is not None:
            counts[KINDS.get(name, name)] = units
            reading.use(key)
    return counts


def count_of(value: JSON) -> int | None:
    """A count, also as text; None for what is none, is negative or beyond all measure."""
    number = number_of(value)
    return int(number) if number is not None and 0 <= number <= MAX_UNITS else None


def cost_from(value: JSON) -> float | None:
    """US dollars, also as text; None for what is none, is negative or beyond all measure."""
    number = number_of(value)
    return number if number is not None and 0 <= number <= MAX_UNITS else None


def take_out(counts: Mapping[str, int]) -> Mapping[str, int] | None:
    """Takes details out of the sums that hold them, and adds the total where it is absent; None for no counts."""
    if not counts:
        return None
    units = dict(counts)
    whole = units.get(INPUT, 0) + units.get(OUTPUT, 0)
    for side in (INPUT, OUTPUT):
        details = sum(count for kind, count in units.items() if kind.startswith(side + "_"))
        if side in units:
            units[side] = max(0, units[side] - details)
    units.setdefault("total", whole or sum(units.values()))
    return units
