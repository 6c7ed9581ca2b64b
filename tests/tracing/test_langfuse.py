from __future__ import annotations

from typing import Any

import pytest

from tracing.otlp_spans import NOW, changes, document, export, observation, span, traces_of
from trunkline.tracing.otlp import changes_of, decode_protobuf
from trunkline.types import Change, ObservationChange, ObservationType, TraceChange


def sdk_changes(attributes: dict[str, Any], version: str, language: str = "python") -> list[Change]:
    body = export(
        span(attributes), resource={"telemetry.sdk.language": language}, scope="langfuse-sdk", version=version
    )
    return changes_of(decode_protobuf(body), now=NOW)


def sdk_span(attributes: dict[str, Any], version: str, language: str = "python") -> ObservationChange:
    made = sdk_changes(attributes, version, language)
    return next(change for change in made if isinstance(change, ObservationChange))


def trace_of(attributes: dict[str, Any]) -> TraceChange:
    [trace] = traces_of(changes(span(attributes)))
    return trace


@pytest.mark.parametrize("kind", list(ObservationType))
def test_types(kind: ObservationType) -> None:
    assert observation({"langfuse.observation.type": kind.value.lower()}).type is kind
    assert observation({"langfuse.observation.type": kind.value}).type is kind


@pytest.mark.parametrize("kind", ["other", "", 5, ["span"], {"a": "b"}])
def test_unknown_types_are_spans(kind: object) -> None:
    assert observation({"langfuse.observation.type": kind}).type is ObservationType.SPAN


def test_a_generation() -> None:
    made = observation(
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o",
            "langfuse.observation.model.parameters": '{"temperature": 0.2, "stream": true, "stop": ["a"], "x": null}',
            "langfuse.observation.usage_details": '{"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}',
            "langfuse.observation.cost_details": '{"input": 0.5}',
            "langfuse.observation.completion_start_time": '"2026-11-23T19:04:11.776443Z"',
            "langfuse.observation.prompt.name": "support/triage",
            "langfuse.observation.prompt.version": "8",
        }
    )
    assert made.model == "gpt-4o"
    assert document(made.model_parameters) == {"temperature": 0.2, "stream": True, "stop": '["a"]', "x": None}
    assert made.usage == {"input": 1, "output": 2, "total": 3}
    assert made.cost == {"input": 0.5, "total": 0.5}
    assert made.completion_start_time == 1_795_460_651_776_443
    assert (made.prompt_name, made.prompt_version) == ("support/triage", 8)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("langfuse.observation.usage_details", "{broken"),
        ("langfuse.observation.usage_details", '{"input": -1}'),
        ("langfuse.observation.usage_details", '{"input": "x"}'),
        ("langfuse.observation.usage_details", "[1]"),
        ("langfuse.observation.usage_details", 5),
        ("langfuse.observation.cost_details", '{"input": "x"}'),
        ("langfuse.observation.cost_details", True),
        ("langfuse.observation.model.parameters", "text"),
        ("langfuse.observation.completion_start_time", "soon"),
        ("langfuse.observation.completion_start_time", 5),
        ("langfuse.observation.prompt.version", "eight"),
        ("langfuse.observation.prompt.version", 0),
        ("langfuse.observation.prompt.version", 0.5),
        ("langfuse.observation.level", ["ERROR"]),
    ],
)
def test_a_wrong_value_costs_its_field_only(key: str, value: object) -> None:
    made = observation({"langfuse.observation.type": "generation", "langfuse.observation.input": "x", key: value})
    assert made.input == b'"x"'
    assert (made.usage, made.cost, made.model_parameters, made.completion_start_time) == (None, None, None, None)
    assert (made.prompt_version, made.level) == (None, None)


@pytest.mark.parametrize(
    "attributes",
    [
        {"langfuse.observation.prompt.name": "p", "langfuse.observation.prompt.version": 2},
        {"langfuse.prompt.name": "p", "langfuse.prompt.version": 2},
        {"ai.telemetry.metadata.langfusePrompt": '{"name": "p", "version": 2, "type": "text"}'},
    ],
)
def test_links_to_prompts_count_on_generations_only(attributes: dict[str, Any]) -> None:
    generation = observation({"langfuse.observation.type": "generation", **attributes})
    assert (generation.prompt_name, generation.prompt_version) == ("p", 2)
    for kind in ("span", "agent", "embedding"):
        other = observation({"langfuse.observation.type": kind, **attributes})
        assert (other.prompt_name, other.prompt_version) == (None, None)


def test_texts_are_json_where_they_parse() -> None:
    made = observation({"langfuse.observation.input": '{"a": 1}', "langfuse.observation.output": "{a"})
    assert (made.input, made.output) == (b'{"a": 1}', b'"{a"')
    assert observation({"langfuse.observation.input": ""}).input is None
    assert observation({"langfuse.observation.input": ["a", 1]}).input == b'["a",1]'


def test_trace_fields() -> None:
    trace = trace_of(
        {
            "langfuse.trace.name": "query",
            "langfuse.trace.input": "in",
            "langfuse.trace.output": '["out"]',
            "langfuse.observation.input": "other",
            "langfuse.trace.public": True,
            "langfuse.trace.tags": '["b", "a"]',
            "langfuse.release": "r",
            "langfuse.version": "v",
            "user.id": "u",
            "langfuse.user.id": "own",
            "session.id": 5,
        }
    )
    assert (trace.name, trace.input, trace.output) == ("query", b'"in"', b'["out"]')
    assert (trace.public, trace.tags, trace.release, trace.version) == (True, ("a", "b"), "r", "v")
    assert (trace.user_id, trace.session_id) == ("own", "5")


@pytest.mark.parametrize("tags", [["b", "a"], '["b","a"]', "b, a", ["a", "b", "a", ""]])
def test_tags(tags: object) -> None:
    assert trace_of({"langfuse.trace.tags": tags}).tags == ("a", "b")
    assert trace_of({"langfuse.tags": tags}).tags == ("a", "b")


def test_names_that_integrations_write_into_metadata() -> None:
    trace = trace_of(
        {
            "langfuse.observation.metadata.langfuse_user_id": "u",
            "langfuse.trace.metadata.langfuse_session_id": "s",
            "langfuse.observation.metadata.langfuse_tags": ["t"],
        }
    )
    assert (trace.user_id, trace.session_id, trace.tags) == ("u", "s", ("t",))


def test_names_in_metadata_that_is_encoded() -> None:
    attributes = {
        "langfuse.observation.metadata.langfuse_user_id": '"u"',
        "langfuse.observation.metadata.langfuse_tags": '["t"]',
    }
    [trace] = traces_of(sdk_changes(attributes, "5.0.4"))
    assert (trace.user_id, trace.tags) == ("u", ("t",))


def test_an_id_that_is_too_long_is_left_out() -> None:
    assert trace_of({"user.id": "u" * 801}).user_id is None


@pytest.mark.parametrize(
    ("version", "language", "value", "read"),
    [
        ("5.0.4", "python", '"x"', "x"),
        ("5.0.4", "python", '"1"', "1"),
        ("5.0.4", "python", "1", 1),
        ("5.0.4", "python", "not json", "not json"),
        ("12.0", "python", '"x"', "x"),
        ("4.18.0", "python", '"x"', '"x"'),
        ("4.18.0", "python", "1", "1"),
        ("4.18.0", "python", '{"a": 1}', {"a": 1}),
        ("3.15.0", "python", "[1]", [1]),
        ("3.15.0", "python", 7, 7),
        ("5.11.1", "nodejs", '"x"', '"x"'),
        ("5.11.1", "nodejs", '{"a": 1}', {"a": 1}),
        ("", "python", "1", "1"),
        ("five.zero", "python", "1", "1"),
    ],
)
def test_metadata_is_decoded_as_its_sdk_encodes_it(version: str, language: str, value: object, read: object) -> None:
    made = sdk_span({"langfuse.observation.metadata.key.with.dots": value}, version, language)
    assert document(made.metadata)["key.with.dots"] == read


def test_metadata_in_one_attribute() -> None:
    made = observation({"langfuse.observation.metadata": '{"a": {"b": 1}}', "langfuse.observation.metadata.c": "d"})
    assert document(made.metadata).items() >= {"a": {"b": 1}, "c": "d"}.items()
    assert document(observation({"langfuse.observation.metadata": "text"}).metadata)["metadata"] == "text"
    assert document(observation({"langfuse.metadata": {"a": 1}, "langfuse.metadata.b": "2"}).metadata)["b"] == "2"


def test_metadata_cannot_take_the_place_of_the_origin() -> None:
    made = observation({"langfuse.observation.metadata.scope": "mine"})
    assert document(made.metadata)["scope"]["name"] == "tests"


def test_a_prefix_is_more_than_a_beginning() -> None:
    made = observation({"langfuse.observation.metadatax": "y"})
    assert document(made.metadata)["attributes"] == {"langfuse.observation.metadatax": "y"}


@pytest.mark.parametrize(("version", "kind"), [("3.3.0", "GENERATION"), ("3.0.1", "GENERATION"), ("3.4.0", "SPAN")])
def test_python_sdks_up_to_3_3_call_generations_spans(version: str, kind: str) -> None:
    attributes = {"langfuse.observation.type": "span", "langfuse.observation.model.name": "gpt-4o"}
    assert sdk_span(attributes, version).type == kind
    assert sdk_span({"langfuse.observation.type": "span"}, version).type == "SPAN"
