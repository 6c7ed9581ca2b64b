"""What tells Trunkline of its work without an SDK of Langfuse: OpenTelemetry's own, pydantic-ai, OpenInference."""

from __future__ import annotations

from typing import Any

import pytest

from python_sdks.sdk_world import World, subset

pytestmark = pytest.mark.sdk

EXPORTERS = ("protobuf", "gzip", "json", "json gzip")
USAGE = {"input": 1, "input_cached_tokens": 2, "output": 6, "output_reasoning_tokens": 1, "total": 10}


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_genai_spans_of_plain_opentelemetry(shared: World, exporter: str) -> None:
    told = shared.told("otel", "plain_otel")[exporter]
    found = shared.observations(told["trace"])
    expected: dict[str, dict[str, Any]] = {
        "agent": {"type": "AGENT", "parentObservationId": told["root"]},
        "chat": {
            "type": "GENERATION",
            "parentObservationId": told["agent"],
            "model": "gpt-4o-mini",
            "modelParameters": {"temperature": 0.5, "max_tokens": 10},
            "usageDetails": {"input": 11, "output": 7, "total": 18},
            "input": [{"role": "user", "parts": [{"type": "text", "content": "Why?"}]}],
            "output": [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": "Because."}],
                    "finish_reason": "stop",
                }
            ],
        },
        "tool": {
            "type": "TOOL",
            "name": "search",
            "parentObservationId": told["agent"],
            "input": {"q": "why"},
            "output": ["doc"],
        },
        "embedding": {
            "type": "EMBEDDING",
            "model": "text-embedding-3-small",
            "usageDetails": {"input": 5, "total": 5},
        },
        "failed": {
            "type": "SPAN",
            "parentObservationId": told["root"],
            "level": "ERROR",
            "statusMessage": "too hot",
            "latency": 2.5,
        },
    }
    assert {key: subset(found[told[key]], expected[key]) for key in expected} == expected
    assert found[told["chat"]]["calculatedTotalCost"] == pytest.approx(11 * 0.15e-6 + 7 * 0.6e-6)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_events_links_and_resources_are_kept(shared: World, exporter: str) -> None:
    told = shared.told("otel", "plain_otel")[exporter]
    trace = shared.trace(told["trace"])
    expected: dict[str, Any] = {
        "name": f"GET /answer by {exporter}",
        "userId": "otel-user",
        "sessionId": "otel-session",
        "environment": "staging",
    }
    assert subset(trace, expected) == expected
    metadata = {each["id"]: each["metadata"] for each in trace["observations"]}
    root = metadata[told["root"]]
    (event,) = root["events"]
    assert event["name"] == "cache miss"
    assert event["attributes"] == {"key": "k", "count": 3, "ratio": 0.5, "hit": False, "tried": ["a", "b"]}
    (link,) = root["links"]
    assert (link["spanId"], link["attributes"]) == (told["elsewhere"], {"why": "retried"})
    assert root["attributes"]["http.request.method"] == "GET"
    assert root["resourceAttributes"]["service.name"] == "shop"
    assert root["scope"] == {"name": "shop.answers", "version": "1.2", "attributes": {"team": "search"}}
    (exception,) = metadata[told["failed"]]["events"]
    assert exception["attributes"]["exception.type"] == "ValueError"


@pytest.mark.parametrize("model", ["pydantic-ai", "pydantic-ai test"])
def test_pydantic_ai(shared: World, model: str) -> None:
    told = shared.told("otel", "emitters")[model]
    found = shared.observations(told["trace"]).values()
    (root,) = [each for each in found if each["parentObservationId"] is None]
    (agent,) = [each for each in found if each["type"] == "AGENT"]
    (tool,) = [each for each in found if each["type"] == "TOOL"]
    generations = [each for each in found if each["type"] == "GENERATION"]
    asked, answered = sorted(generations, key=lambda each: len(each["input"]))
    name = "gpt-4o-mini" if model == "pydantic-ai" else "test"
    assert (agent["type"], agent["parentObservationId"]) == ("AGENT", root["id"])
    for generation in (asked, answered):
        expected = {"type": "GENERATION", "model": name, "parentObservationId": agent["id"]}
        assert subset(generation, expected) == expected
        assert generation["usageDetails"]["total"] > 0
    expected = {"type": "TOOL", "name": "weather", "output": {"sky": "clear"}, "parentObservationId": agent["id"]}
    assert subset(tool, expected) == expected
    assert [message["role"] for message in answered["input"]] == ["user", "assistant", "user"]
    assert asked["output"][0]["parts"][0]["name"] == "weather"
    assert agent["usageDetails"] == {}, "the generations below count it"
    if model == "pydantic-ai":
        assert agent["output"] == told["said"]
        assert answered["output"][0]["parts"] == [{"type": "text", "content": told["said"]}]
        assert answered["calculatedTotalCost"] > 0


def test_openinference(shared: World) -> None:
    told = shared.told("otel", "emitters")["openinference"]
    found = list(shared.observations(told["trace"]).values())
    (root,) = [each for each in found if each["parentObservationId"] is None]
    found.remove(root)
    chat, tool, stream, embedding, broken = sorted(found, key=lambda each: str(each["startTime"]))
    for each in (chat, tool, stream, broken):
        expected: dict[str, Any] = {"type": "GENERATION", "parentObservationId": root["id"]}
        assert subset(each, expected) == expected
    assert (chat["model"], chat["modelParameters"]["temperature"]) == ("gpt-4o-mini", 0.5)
    assert [message["role"] for message in chat["input"]["messages"]] == ["system", "user"]
    assert chat["output"]["choices"][0]["message"]["content"] == told["said"]
    assert subset(chat["usageDetails"], USAGE) == USAGE
    assert chat["metadata"]["plan"] == "pro"
    assert chat["calculatedTotalCost"] > 0
    assert tool["output"]["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "weather"
    assert stream["usageDetails"]["total"] == 8
    expected = {
        "type": "EMBEDDING",
        "model": "text-embedding-3-small",
        "usageDetails": {"input": 2, "total": 2},
        "modelParameters": {"model": "text-embedding-3-small", "encoding_format": "base64"},
    }
    assert subset(embedding, expected) == expected
    assert embedding["calculatedTotalCost"] > 0
    assert broken["level"] == "ERROR"
    assert "broken-model" in broken["statusMessage"]
    trace = shared.trace(told["trace"])
    expected = {"name": "openinference", "userId": "oi-user", "sessionId": "oi-session", "tags": ["b", "oi"]}
    assert subset(trace, expected) == expected
