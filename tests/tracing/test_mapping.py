from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from tracing.otlp_spans import NOW, ROOT, START, TRACE, changes, document, observation, span, traces_of
from trunkline.tracing.mapping import STANDS_IN
from trunkline.types import Change, Level, ObservationChange, ObservationType, Rank, Stamp, TraceChange

CHILD = "00f067aa0ba902b7"
OTHER = "00f067aa0ba902b8"


def name_of(made: Sequence[Change]) -> str | None:
    """The trace's name as the store's merge has it: the latest word counts."""
    named = [trace for trace in traces_of(made) if trace.name]
    return max(named, key=lambda trace: trace.stamp).name if named else None


def test_a_span_without_attributes() -> None:
    trace, made = changes(span(), resource={"service.name": "app", "service.version": "3"})
    assert isinstance(trace, TraceChange)
    assert isinstance(made, ObservationChange)
    assert made.metadata == trace.metadata
    assert document(made.metadata) == {
        "resourceAttributes": {"service.name": "app", "service.version": "3"},
        "scope": {"name": "tests", "version": "1.0", "attributes": {}},
    }
    assert (made.id, made.trace_id, made.type, made.name) == (ROOT, TRACE, ObservationType.SPAN, "answer")
    assert (made.start_time, made.end_time, made.stamp) == (START, START + 1000, Stamp(Rank.CREATE, START))
    assert (made.environment, made.version, made.level, made.is_root) == ("default", "3", None, None)
    assert (trace.name, trace.timestamp, trace.environment, trace.version) == ("answer", START, "default", "3")


def test_times_that_are_missing() -> None:
    assert observation({}, start=0).start_time == START + 1000
    without = observation({}, start=0, end=0)
    assert (without.start_time, without.end_time) == (NOW, None)
    assert observation({}, end=START - 5).end_time == START


def test_a_failed_status_is_an_error() -> None:
    failed = observation({}, code=2, message="boom")
    assert (failed.level, failed.status_message) == (Level.ERROR, "boom")
    said = observation(
        {"langfuse.observation.level": "WARNING", "langfuse.observation.status_message": "m"}, code=2, message="boom"
    )
    assert (said.level, said.status_message) == (Level.WARNING, "m")
    assert observation({"langfuse.observation.level": "LOUD"}, code=2).level is Level.ERROR


@pytest.mark.parametrize(
    ("attributes", "resource", "environment"),
    [
        ({}, {}, "default"),
        ({"langfuse.environment": "Prod"}, {"langfuse.environment": "other"}, "prod"),
        ({"deployment.environment": "a"}, {"langfuse.environment": "b"}, "b"),
        ({"deployment.environment.name": "a"}, {"deployment.environment": "b"}, "a"),
        ({}, {"deployment.environment": "b"}, "b"),
        ({"langfuse.environment": 5}, {}, "5"),
        ({"langfuse.environment": "not allowed!"}, {}, "default"),
    ],
)
def test_environments(attributes: dict[str, object], resource: dict[str, object], environment: str) -> None:
    trace, made = changes(span(attributes), resource=resource)
    assert isinstance(trace, TraceChange)
    assert isinstance(made, ObservationChange)
    assert (made.environment, trace.environment) == (environment, environment)


def test_the_root_names_the_trace() -> None:
    assert name_of(changes(span())) == "answer"
    assert name_of(changes(span({"langfuse.trace.name": "query"}))) == "query"


def test_a_later_child_with_a_name_wins_in_any_order() -> None:
    root = span({"langfuse.trace.name": "query"})
    child = span({"langfuse.trace.name": "renamed"}, id=CHILD, parent=ROOT, start=START + 10)
    nameless = span(id=OTHER, parent=ROOT, start=START + 20)
    for order in itertools.permutations((root, child, nameless)):
        assert name_of(changes(*order)) == "renamed"
        apart = [change for each in order for change in changes(each)]
        assert name_of(apart) == "renamed"


def test_a_true_root_wins_over_who_stands_in() -> None:
    """Whatever starts first, and in whatever order they come."""
    root = span({"langfuse.observation.input": "question"}, start=START)
    joined = span(
        {"langfuse.internal.as_root": True, "langfuse.observation.input": "part"},
        id=CHILD,
        parent=OTHER,
        name="joined",
        start=START + 10,
    )
    assert name_of(changes(joined)) == "joined"
    for order in ((root, joined), (joined, root)):
        made = changes(*order)
        assert name_of(made) == "answer"
        assert max((trace for trace in traces_of(made) if trace.input), key=lambda trace: trace.stamp).input == (
            b'"question"'
        )
    [stand_in] = [trace for trace in traces_of(changes(joined)) if trace.name]
    assert stand_in.stamp == Stamp(STANDS_IN, START + 10)


@pytest.mark.parametrize("flag", [True, "true"])
@pytest.mark.parametrize("key", ["langfuse.internal.as_root", "langfuse.internal.is_app_root"])
def test_logical_roots(key: str, flag: object) -> None:
    for parent, is_root in ((OTHER, True), ("", None)):
        made = changes(span({key: flag}, id=CHILD, parent=parent))[-1]
        assert isinstance(made, ObservationChange)
        assert made.is_root is is_root
    plain = changes(span({key: False}, id=CHILD, parent=OTHER))[-1]
    assert isinstance(plain, ObservationChange)
    assert plain.is_root is None


def test_what_many_spans_say_alike_is_told_once() -> None:
    said = {"user.id": "u", "session.id": "s", "langfuse.trace.tags": ["b", "a"]}
    children = [span(said, id=f"{index + 1:016x}", parent=ROOT, start=START + index + 1) for index in range(20)]
    traces = traces_of(changes(*children, span(said)))
    assert len(traces) == 2
    root, latest = sorted(traces, key=lambda trace: trace.stamp)
    assert (root.name, root.timestamp, root.user_id) == ("answer", START, "u")
    assert (latest.stamp.time, latest.timestamp, latest.environment) == (START + 20, None, None)
    assert (latest.name, latest.user_id, latest.session_id, latest.tags) == (None, "u", "s", ("a", "b"))


def test_children_that_say_nothing_still_begin_their_trace() -> None:
    early = span(id=CHILD, parent=ROOT, start=START + 1)
    late = span(id=OTHER, parent=ROOT, start=START + 2)
    [trace] = traces_of(changes(late, early))
    assert trace == TraceChange(
        id=TRACE, stamp=Stamp(Rank.CREATE, START + 1, 1), timestamp=START + 1, environment="default"
    )


def test_spans_of_several_traces_and_scopes() -> None:
    other = "1e50d8b1cf5c94bbe0643af0d16f28f0"
    made = changes(span(), span(trace=other, name="second"))
    assert {trace.id: trace.name for trace in traces_of(made)} == {TRACE: "answer", other: "second"}
    assert [change.stamp.index for change in made if isinstance(change, ObservationChange)] == [0, 1]


def test_events_and_links_are_kept_in_metadata() -> None:
    made = observation({}, events=[("tick", START + 5, {"n": 1})], links=[(TRACE, CHILD)])
    metadata = document(made.metadata)
    assert metadata["events"] == [{"name": "tick", "timestamp": "2026-11-23T19:04:11.000005Z", "attributes": {"n": 1}}]
    assert metadata["links"] == [{"traceId": TRACE, "spanId": CHILD, "attributes": {}}]


def test_a_client_s_own_key_is_not_overwritten() -> None:
    made = observation({"langfuse.observation.metadata.events": "mine"}, events=[("tick", START, {})])
    assert document(made.metadata)["events"] == "mine"


def test_what_no_field_takes_is_kept() -> None:
    made = observation({"langfuse.observation.type": "span", "custom.key": 5, "list": ["a"], "empty": ""})
    assert document(made.metadata)["attributes"] == {"custom.key": 5, "list": ["a"], "empty": ""}


def test_a_root_s_metadata_is_its_trace_s() -> None:
    trace, made = changes(span({"langfuse.observation.metadata.a": "1", "langfuse.trace.metadata.b": "2"}))
    assert isinstance(trace, TraceChange)
    assert isinstance(made, ObservationChange)
    assert document(trace.metadata).items() >= {"a": "1", "b": "2"}.items()
    assert "b" not in document(made.metadata)


def test_the_same_export_again_says_the_same() -> None:
    spans = (span({"user.id": "u", "a": "b"}), span({"user.id": "u"}, id=CHILD, parent=ROOT))
    assert changes(*spans) == changes(*spans)


def test_nul_characters_do_not_reach_names() -> None:
    made = changes(span({"user.id": "u\0", "langfuse.trace.tags": ["a\0"]}, name="na\0me"))
    [trace] = traces_of(made)
    assert (trace.name, trace.user_id, trace.tags) == ("name", "u", ("a",))
