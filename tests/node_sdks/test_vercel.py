"""The Vercel AI SDK: what its telemetry tells arrives by the Langfuse span processor and by a plain OTLP exporter."""

from __future__ import annotations

from typing import Any

import pytest

from node_sdks.node_world import NodeWorld
from python_sdks.sdk_world import subset

pytestmark = pytest.mark.sdk

WAYS = ("inside", "outside")
BY = {"inside": "by langfuse", "outside": "by otlp"}


def named(node: NodeWorld, way: str) -> dict[str, list[Any]]:
    """Observations by name, the earliest first."""
    found: dict[str, list[Any]] = {}
    observations = node.world.observations(node.told("js5", "vercel")[way]["trace"]).values()
    for each in sorted(observations, key=lambda each: str(each["startTime"])):
        found.setdefault(each["name"], []).append(each)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_observations_nest(node: NodeWorld, way: str) -> None:
    found = named(node, way)
    (root,) = found[BY[way]]
    for function in ("text", "tools", "broken"):
        (outer,) = found[f"{function}:ai.generateText"]
        assert (outer["type"], outer["parentObservationId"]) == ("SPAN", root["id"])
        for inner in found[f"{function}:ai.generateText.doGenerate"]:
            assert (inner["type"], inner["parentObservationId"]) == ("GENERATION", outer["id"])
    (outer,) = found["stream:ai.streamText"]
    (inner,) = found["stream:ai.streamText.doStream"]
    assert (inner["type"], inner["parentObservationId"]) == ("GENERATION", outer["id"])


@pytest.mark.parametrize("way", WAYS)
def test_text_and_streams(node: NodeWorld, way: str) -> None:
    found = named(node, way)
    (text,) = found["text:ai.generateText.doGenerate"]
    expected: dict[str, Any] = {
        "model": "gpt-4o-mini",
        "input": [
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": [{"type": "text", "text": "Why?"}]},
        ],
        "output": "gpt-4o-mini read 2 messages.",
        "usageDetails": {
            "input": 1,
            "input_cached_tokens": 2,
            "output": 6,
            "output_reasoning_tokens": 1,
            "total": 10,
        },
    }
    assert subset(text, expected) == expected
    assert text["modelParameters"]["temperature"] == 0.5
    assert text["metadata"]["plan"] == "pro"
    assert text["calculatedTotalCost"] > 0
    (stream,) = found["stream:ai.streamText.doStream"]
    assert stream["output"] == "gpt-4o-mini read 1 messages."
    assert 0 < stream["timeToFirstToken"] <= stream["latency"]
    assert stream["usageDetails"]["total"] == 9
    assert [event["name"] for event in stream["metadata"]["events"]] == ["ai.stream.firstChunk", "ai.stream.finish"]
    (outer,) = found["text:ai.generateText"]
    assert outer["usageDetails"] == {}, "the generation below counts it"


@pytest.mark.parametrize("way", WAYS)
def test_tools_failures_and_embeddings(node: NodeWorld, way: str) -> None:
    found = named(node, way)
    calls, answers = found["tools:ai.generateText.doGenerate"]
    assert [call["toolName"] for call in calls["output"]] == ["weather"]
    assert [message["role"] for message in answers["input"]] == ["user", "assistant", "tool"]
    (tool,) = found["weather"]
    assert (tool["type"], tool["input"], tool["output"]) == ("TOOL", {}, {"sky": "clear"})
    assert tool["parentObservationId"] == calls["parentObservationId"]
    (broken,) = found["broken:ai.generateText.doGenerate"]
    expected: dict[str, Any] = {
        "level": "ERROR",
        "statusMessage": "The model `broken-model` does not exist",
        "model": "broken-model",
    }
    assert subset(broken, expected) == expected
    (embedding,) = found["embed:ai.embed.doEmbed"]
    expected = {"type": "EMBEDDING", "model": "text-embedding-3-small", "usageDetails": {"total": 2}}
    assert subset(embedding, expected) == expected


@pytest.mark.parametrize("way", WAYS)
def test_the_trace(node: NodeWorld, way: str) -> None:
    trace = node.world.trace(node.told("js5", "vercel")[way]["trace"])
    expected = {"name": BY[way], "userId": "ai-user", "sessionId": "ai-session", "tags": ["ai", "b"]}
    assert subset(trace, expected) == expected


def test_prompts_named_in_telemetry_are_linked(node: NodeWorld) -> None:
    (text,) = named(node, "outside")["text:ai.generateText.doGenerate"]
    prompt = node.world.get("/v2/prompts/js5%2Ftext")
    expected = {"promptName": "js5/text", "promptVersion": 1, "promptCommit": prompt["commit"]}
    assert subset(text, expected) == expected
