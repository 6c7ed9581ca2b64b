"""What the released SDKs 2.60.10 and 5.0.4 really send, recorded from a session of each on loopback, field by field.

Two things were changed after recording: headers are left out, and a stack trace had its paths taken out.
"""

from __future__ import annotations

from pathlib import Path

from tracing.otlp_spans import NOW, document, traces_of
from trunkline.tracing.ingestion import read_batch
from trunkline.tracing.otlp import changes_of, decode_protobuf, inflate
from trunkline.tracing.scores import read_scores
from trunkline.types import Change, Level, ObservationChange, ObservationType, ScoreChange, ScoreType, TraceChange

RECORDED = Path(__file__).parent / "recorded"


def batch(name: str) -> tuple[Change, ...]:
    read = read_batch((RECORDED / name).read_bytes(), now=NOW)
    assert read.errors == ()
    return read.changes


def spans(name: str) -> tuple[list[TraceChange], dict[str, ObservationChange]]:
    made = changes_of(decode_protobuf(inflate((RECORDED / name).read_bytes(), 1_000_000)), now=NOW)
    observations = {change.name or "": change for change in made if isinstance(change, ObservationChange)}
    return traces_of(made), observations


def test_sdk_2_trace() -> None:
    first, *_, last = [change for change in batch("py2-simple-query.json") if isinstance(change, TraceChange)]
    assert (first.id, first.name) == ("trace-simple-query", "simple-query")
    assert (first.user_id, first.session_id, first.tags) == ("user-17", "session-3", ("a", "b"))
    assert (first.release, first.version, first.environment) == ("v1.2.3", "7", "production")
    assert document(first.input) == {"question": "What is a trace?"}
    assert document(first.metadata) == {"env": "test", "nested": {"a": 1}}
    assert (last.name, document(last.output)) == (None, {"answer": "A record."})
    assert first.stamp < last.stamp


def test_sdk_2_generation() -> None:
    created, updated, ended = [change for change in batch("py2-simple-query.json") if change.id == "gen-1"]
    assert isinstance(created, ObservationChange)
    assert isinstance(updated, ObservationChange)
    assert isinstance(ended, ObservationChange)
    assert created.type is ObservationType.GENERATION
    assert (created.name, created.parent_id, created.model) == ("openai-generation", "span-1", "gpt-4o-mini")
    assert document(created.model_parameters) == {"temperature": "0.2", "max_tokens": 100, "stop": ["a", "b"]}
    assert (created.prompt_name, created.prompt_version) == ("support/triage", 8)
    assert document(created.metadata) == {"interface": "whatsapp"}
    assert (updated.output, updated.usage) == (b'"A record."', {"input": 12, "output": 30, "total": 42})
    assert updated.completion_start_time is not None
    assert updated.start_time is None
    assert ended.end_time is not None
    assert created.stamp < updated.stamp < ended.stamp


def test_sdk_2_other_observations() -> None:
    by_id: dict[str, list[ObservationChange]] = {}
    for change in batch("py2-simple-query.json"):
        if isinstance(change, ObservationChange):
            by_id.setdefault(change.id, []).append(change)
    assert [change.type for change in by_id["span-1"]] == [ObservationType.SPAN] * 2
    assert by_id["span-1"][1].output == b'"done"'
    [noticed] = by_id["event-1"]
    assert (noticed.type, noticed.level, noticed.parent_id) == (ObservationType.EVENT, Level.WARNING, "span-1")
    assert by_id["gen-2"][0].usage == {"input": 5, "output": 6, "total": 11}
    assert (by_id["gen-2"][1].level, by_id["gen-2"][1].status_message) == (Level.ERROR, "rate limited")
    assert by_id["gen-3"][0].usage == {"input": 5, "output": 6, "cache_read": 3, "total": 14}
    assert by_id["gen-3"][0].cost == {"input": 0.1, "output": 0.2, "total": 0.1 + 0.2}


def test_sdk_2_scores() -> None:
    scores = {change.name: change for change in batch("py2-simple-query.json") if isinstance(change, ScoreChange)}
    assert (scores["helpful"].data_type, scores["helpful"].value) == (ScoreType.NUMERIC, 1.0)
    assert (scores["tone"].string_value, scores["tone"].observation_id) == ("friendly", "gen-1")
    assert (scores["ok"].data_type, scores["ok"].string_value) == (ScoreType.BOOLEAN, "True")
    assert scores["helpful"].trace_id == "trace-simple-query"


def test_sdk_2_error_path() -> None:
    """``trace.update(level="ERROR", status_message=…)`` has no field on a trace; the event is taken all the same."""
    created, updated = batch("py2-failing.json")
    assert isinstance(created, TraceChange)
    assert isinstance(updated, TraceChange)
    assert (created.id, created.name, updated.id, updated.name) == ("trace-err", "x", "trace-err", None)


def test_sdk_5_trace() -> None:
    traces, observations = spans("py5-observe.pb.gz")
    told = [trace for trace in traces if trace.id == observations["answer"].trace_id]
    root = next(trace for trace in told if trace.input is not None)
    assert document(root.input) == {"args": ["What is a trace?"], "kwargs": {}}
    assert root.output == b'"A record."'
    assert (root.timestamp, root.environment) == (observations["answer"].start_time, "production")
    for trace in told:
        assert (trace.name, trace.user_id, trace.session_id) == ("simple-query", "user-17", "session-3")
        assert (trace.tags, trace.release, trace.version) == (("a", "b"), "v1.2.3", "7")
        assert document(trace.metadata).items() >= {"tier": "gold", "n": "7"}.items()
    assert len(told) == 2, "three children that say the same are told once"


def test_sdk_5_generation() -> None:
    _, observations = spans("py5-observe.pb.gz")
    generation = observations["openai-generation"]
    assert generation.type is ObservationType.GENERATION
    assert generation.parent_id == observations["answer"].id
    assert (generation.model, generation.version) == ("gpt-4o-mini", "7")
    assert document(generation.model_parameters) == {"temperature": 0.2, "stop": '["a"]'}
    assert generation.usage == {"input": 12, "output": 30, "cache_read": 4, "total": 46}
    assert generation.cost == {"input": 0.1, "output": 0.2, "total": 0.1 + 0.2}
    assert (generation.prompt_name, generation.prompt_version) == ("support/triage", 8)
    assert document(generation.input) == [{"role": "user", "content": "What is a trace?"}]
    assert document(generation.output) == "A record."
    assert generation.start_time is not None
    assert generation.completion_start_time is not None
    assert generation.start_time < generation.completion_start_time


def test_sdk_5_metadata() -> None:
    """From 5 on the Python SDK writes text as JSON: ``"x"`` and ``"1"`` are told apart from 1."""
    _, observations = spans("py5-observe.pb.gz")
    metadata = document(observations["openai-generation"].metadata)
    assert (metadata["s"], metadata["n"], metadata["d"]) == ("x", 1, {"a": 1})
    assert metadata["scope"] == {"name": "langfuse-sdk", "version": "5.0.4", "attributes": {"public_key": "pk-lf-1"}}
    assert metadata["resourceAttributes"]["langfuse.release"] == "v1.2.3"
    assert "attributes" not in metadata


def test_sdk_5_failures() -> None:
    _, observations = spans("py5-observe.pb.gz")
    tool, failing = observations["tool-call"], observations["failing"]
    assert (tool.type, tool.level, tool.status_message) == (ObservationType.TOOL, Level.ERROR, "broken")
    assert (tool.input, tool.output) == (b'"str in"', b"3")
    assert (failing.level, failing.status_message) == (Level.ERROR, "ValueError: boom")
    [raised] = document(failing.metadata)["events"]
    assert raised["name"] == "exception"
    assert raised["attributes"]["exception.type"] == "ValueError"
    assert raised["timestamp"].startswith("2026-11-23T19:04:11.78")


def test_sdk_5_event() -> None:
    traces, observations = spans("py5-observe.pb.gz")
    noticed = observations["evt"]
    assert (noticed.type, noticed.input) == (ObservationType.EVENT, b'{"a": 1}')
    assert next(trace for trace in traces if trace.id == noticed.trace_id).name == "evt"


def test_sdk_5_scores() -> None:
    read = read_scores((RECORDED / "py5-observe-scores.json").read_bytes(), now=NOW)
    assert (read.is_array, read.errors) == (True, ())
    scores = {score.name: score for score in read.changes}
    assert scores["tone"].string_value == "friendly"
    assert (scores["helpful"].value, scores["helpful"].comment) == (0.9, "good")
    assert (scores["ok"].data_type, scores["ok"].observation_id) == (ScoreType.BOOLEAN, None)
    assert (scores["sess"].session_id, scores["sess"].trace_id) == ("session-3", None)


def test_sdk_5_joins_a_trace_by_its_id() -> None:
    """The SDK makes up a parent that nobody ever sends; the span stands in as the root."""
    traces, observations = spans("py5-experiment.pb.gz")
    joined = observations["joined"]
    assert joined.parent_id is not None
    assert joined.is_root is True
    told = [trace for trace in traces if trace.id == joined.trace_id]
    assert [trace.timestamp for trace in told if trace.timestamp] == [joined.start_time]
    stand_in = next(trace for trace in told if trace.name)
    assert (stand_in.name, stand_in.input, stand_in.output) == ("joined", b'"q"', b'"a"')
    assert document(joined.metadata)["metadata"] == "just text"


def test_sdk_5_experiments_leave_no_attributes_behind() -> None:
    """`trunkline.evaluation.experiment_spans` reads them."""
    _, observations = spans("py5-experiment.pb.gz")
    task = observations["experiment-item-task"]
    assert task.environment == "sdk-experiment"
    assert b"langfuse.experiment" not in (task.metadata or b"")
    assert observations["ev"].type is ObservationType.EVALUATOR
    assert document(observations["ev"].metadata)["evaluator_index"] == 0
