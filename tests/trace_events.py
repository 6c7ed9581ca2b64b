"""Short ways to spell what events say, and a price list, for the tests of trace stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from trunkline.types import (
    JSON,
    Change,
    Level,
    Micros,
    ObservationChange,
    ObservationType,
    ScoreChange,
    ScoreType,
    Stamp,
    TraceChange,
)

T: Micros = 1_700_000_000_000_000
"""2023-11-14 22:13:20 UTC: the time at which these tests take place."""
SECOND: Micros = 1_000_000
HOUR = 3600 * SECOND
PROJECT = "project-1"


def at(seconds: float, rank: int = 0, index: int = 0) -> Stamp:
    return Stamp(rank, T + int(seconds * SECOND), index)


def trace(id: str = "trace-1", stamp: Stamp | None = None, **fields: Any) -> TraceChange:
    return TraceChange(id=id, stamp=stamp or at(0), **fields)


def span(id: str = "span-1", trace_id: str = "trace-1", stamp: Stamp | None = None, **fields: Any) -> ObservationChange:
    stamp = stamp or at(0)
    fields = {"start_time": stamp.time if stamp.rank == 0 else None} | fields
    return ObservationChange(id=id, trace_id=trace_id, stamp=stamp, **fields)


def generation(
    id: str = "generation-1", trace_id: str = "trace-1", start: float = 0, seconds: float = 1, **fields: Any
) -> ObservationChange:
    """A generation of version 3 of "support/triage" that took `seconds`."""
    given: JSON = {
        "type": ObservationType.GENERATION,
        "name": "answer",
        "model": "gpt-4o",
        "usage": {"input": 100, "output": 10, "total": 110},
        "prompt_name": "support/triage",
        "prompt_version": 3,
        "end_time": T + int((start + seconds) * SECOND),
    }
    return span(id, trace_id, at(start), **(given | fields))


def score(id: str = "score-1", stamp: Stamp | None = None, **fields: Any) -> ScoreChange:
    stamp = stamp or at(0)
    given: JSON = {"name": "helpful", "data_type": ScoreType.NUMERIC, "timestamp": stamp.time, "value": 0.5}
    return ScoreChange(id=id, stamp=stamp, **(given | fields))


def price(project_id: str, change: ObservationChange) -> Mapping[str, float] | None:
    """A dollar for 1,000 tokens in, two for those out; only gpt-4o has a price."""
    if change.model != "gpt-4o":
        return None
    usage = change.usage or {}
    given, made = usage.get("input", 0) / 1000, usage.get("output", 0) / 500
    return {"input": given, "output": made, "total": given + made}


def events() -> st.SearchStrategy[list[Change]]:
    """Creates and updates of few traces, observations and scores, so that they meet often."""
    stamps = st.builds(at, st.integers(0, 3), st.integers(0, 1), st.integers(0, 1))
    traces = st.builds(trace, st.sampled_from(["t1", "t2"]), stamps, timestamp=st.sampled_from([None, T, T + HOUR]),
                       name=st.sampled_from([None, "a", "b"]), environment=st.sampled_from([None, "e"]))  # fmt: skip
    observations = st.builds(
        span, st.sampled_from(["o1", "o2", "o3"]), st.sampled_from(["t1", "t2"]), stamps,
        type=st.sampled_from([None, ObservationType.GENERATION]), start_time=st.sampled_from([None, T, T + 2 * HOUR]),
        end_time=st.sampled_from([None, T + SECOND, T + 3 * HOUR]), environment=st.sampled_from([None, "e", "f"]),
        level=st.sampled_from([None, Level.ERROR]), model=st.sampled_from([None, "gpt-4o", "other"]),
        usage=st.sampled_from([None, {"input": 3, "output": 1, "total": 4}, {"input": 1, "audio": 2}]),
        cost=st.sampled_from([None, None, {"total": 0.25}]), prompt_name=st.sampled_from([None, "p"]),
        prompt_version=st.sampled_from([None, 1, 2]), output=st.sampled_from([None, b'"x"', b'"y"']),
        metadata=st.sampled_from([None, b'{"a":1}', b'{"b":{"c":1}}']),
    )  # fmt: skip
    scores = st.builds(
        score, st.sampled_from(["s1", "s2"]), stamps, value=st.sampled_from([0.0, 1.0]),
        trace_id=st.sampled_from([None, "t1", "t2"]), observation_id=st.sampled_from([None, "o1", "o2"]),
    )  # fmt: skip
    return st.lists(st.one_of(traces, observations, scores), min_size=1, max_size=10)
