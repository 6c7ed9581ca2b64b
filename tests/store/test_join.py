"""The join against a plain model that sees all events in order, and its laws."""

from __future__ import annotations

import json
from functools import reduce
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from trunkline.store.join import (
    FIRST,
    OBSERVATION_FIELDS,
    TRACE_FIELDS,
    State,
    decode_observation,
    decode_trace,
    encode_stamps,
    fold_traces,
    join,
    join_all,
    merged_observation,
    merged_trace,
    newer_score,
    state_of,
)
from trunkline.store.metadata import expanded
from trunkline.types import (
    Level,
    ObservationChange,
    ObservationType,
    ScoreChange,
    ScoreType,
    Stamp,
    TraceChange,
)

TIMES = st.integers(0, 5)
STAMPS = st.builds(Stamp, st.integers(0, 1), TIMES, st.integers(0, 1))
WORDS = st.one_of(st.none(), st.sampled_from(["", "a", "b"]))
TEXTS = st.one_of(st.none(), st.sampled_from([b"", b"null", b'""', b"{}", b'"x"', b"[1]"]))
METADATA = st.one_of(
    st.none(), st.sampled_from([b"{}", b'{"a":1}', b'{"a":{"b":2}}', b'{"a":{"c":null}}', b'{"d":[1]}'])
)
USAGE = st.one_of(st.none(), st.dictionaries(st.sampled_from(["input", "output"]), st.integers(0, 2)))
NUMBERS = st.one_of(st.none(), st.integers(0, 3))


def observation_changes(stamps: st.SearchStrategy[Stamp] = STAMPS) -> st.SearchStrategy[ObservationChange]:
    return st.builds(
        ObservationChange,
        id=st.just("o"),
        trace_id=st.sampled_from(["t", "u"]),
        stamp=stamps,
        type=st.one_of(st.none(), st.sampled_from(ObservationType)),
        name=WORDS,
        start_time=NUMBERS,
        end_time=NUMBERS,
        parent_id=WORDS,
        level=st.one_of(st.none(), st.sampled_from(Level)),
        environment=WORDS,
        model=WORDS,
        usage=USAGE,
        cost=st.one_of(st.none(), st.dictionaries(st.sampled_from(["input", "total"]), st.floats(0, 1))),
        prompt_name=WORDS,
        prompt_version=NUMBERS,
        input=TEXTS,
        metadata=METADATA,
        is_root=st.one_of(st.none(), st.booleans()),
    )


def trace_changes(stamps: st.SearchStrategy[Stamp] = STAMPS) -> st.SearchStrategy[TraceChange]:
    return st.builds(
        TraceChange,
        id=st.just("t"),
        stamp=stamps,
        timestamp=NUMBERS,
        name=WORDS,
        user_id=WORDS,
        environment=WORDS,
        public=st.one_of(st.none(), st.booleans()),
        tags=st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
        input=TEXTS,
        metadata=METADATA,
    )


def distinct(changes: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(changes(), min_size=1, max_size=6, unique_by=lambda change: change.stamp)


def model(changes: list[Any], fields: tuple[str, ...]) -> dict[str, Any]:
    """What someone who sees all events at once, creates first and then by time, would say."""
    said: dict[str, Any] = {}
    for change in sorted(changes, key=lambda change: change.stamp):
        for name in fields:
            value = getattr(change, name)
            silent = value is None or value in ("", b"", b"null", b'""', {})
            if not silent and not (name in FIRST and name in said):
                said[name] = value
    return said


def said_by(state: State) -> dict[str, Any]:
    return {name: value for name, (_, value) in state.registers.items()}


def whole(state: State) -> State:
    """The state with its metadata taken apart, which says the same."""
    metadata = None if state.metadata is None else expanded(state.metadata)
    return msgspec.structs.replace(state, metadata=metadata)


@given(distinct(observation_changes), st.randoms())
def test_observation_in_any_order_is_the_model(changes: list[ObservationChange], random: Any) -> None:
    random.shuffle(changes)
    joined = join_all(changes)
    assert said_by(joined) == model(changes, OBSERVATION_FIELDS)
    assert joined.said == min(change.stamp.time for change in changes)
    assert join_all([*changes, *reversed(changes)]) == joined


@given(distinct(trace_changes), st.randoms())
def test_trace_in_any_order_is_the_model(changes: list[TraceChange], random: Any) -> None:
    random.shuffle(changes)
    joined = join_all(changes)
    assert said_by(joined) == model(changes, TRACE_FIELDS)
    assert merged_trace("t", joined).tags == tuple(sorted({tag for change in changes for tag in change.tags}))


@given(observation_changes(), observation_changes(), observation_changes())
def test_join_of_observations_is_a_join(a: ObservationChange, b: ObservationChange, c: ObservationChange) -> None:
    is_a_join(state_of(a), state_of(b), state_of(c))


@given(trace_changes(), trace_changes(), trace_changes())
def test_join_of_traces_is_a_join(a: TraceChange, b: TraceChange, c: TraceChange) -> None:
    is_a_join(state_of(a), state_of(b), state_of(c))


def is_a_join(a: State, b: State, c: State) -> None:
    assert join(a, b) == join(b, a)
    assert join(join(a, b), c) == join(a, join(b, c))
    assert join(a, a) == a
    assert join(join(a, b), b) == join(a, b)


@given(st.lists(trace_changes(), min_size=1, max_size=8))
def test_fold_is_the_join(changes: list[TraceChange]) -> None:
    assert fold_traces(changes) == reduce(join, map(state_of, changes))


@given(st.lists(observation_changes(), min_size=1, max_size=5))
def test_an_observation_and_its_stamps_are_its_state(changes: list[ObservationChange]) -> None:
    state = join_all(changes)
    decoded = decode_observation(merged_observation("o", state), encode_stamps(state, OBSERVATION_FIELDS))
    assert whole(decoded) == whole(state)


@given(st.lists(trace_changes(), min_size=1, max_size=5))
def test_a_trace_and_its_stamps_are_its_state(changes: list[TraceChange]) -> None:
    state = join_all(changes)
    assert whole(decode_trace(merged_trace("t", state), encode_stamps(state, TRACE_FIELDS))) == whole(state)


def test_an_update_that_comes_before_its_create_is_merged_after_it() -> None:
    create = ObservationChange(id="o", trace_id="t", stamp=Stamp(0, 50), name="first", start_time=40, input=b'"in"')
    update = ObservationChange(id="o", trace_id="t", stamp=Stamp(1, 30), name="second", output=b'"out"')
    merged = merged_observation("o", join_all([update, create]))
    assert (merged.name, merged.start_time, merged.input, merged.output) == ("second", 40, b'"in"', b'"out"')


def test_metadata_of_many_changes_is_merged() -> None:
    changes = [TraceChange(id="t", stamp=Stamp(0, n), metadata=json.dumps({str(n): n}).encode()) for n in range(3)]
    assert json.loads(merged_trace("t", fold_traces(changes)).metadata or b"") == {"0": 0, "1": 1, "2": 2}


@given(
    st.lists(
        st.builds(
            ScoreChange, id=st.just("s"), stamp=STAMPS, name=st.just("n"), data_type=st.just(ScoreType.NUMERIC),
            timestamp=TIMES, value=st.floats(0, 1),
        ), min_size=2, max_size=4,
    )
)  # fmt: skip
def test_the_newest_score_replaces_the_others_in_any_order(scores: list[ScoreChange]) -> None:
    newest = reduce(newer_score, scores)
    assert newest.stamp == max(score.stamp for score in scores)
    assert reduce(newer_score, reversed(scores)) == newest
