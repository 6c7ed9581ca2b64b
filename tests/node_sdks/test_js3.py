"""JS SDK 3: what it writes of traces, prompts, datasets and media is read back field by field."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from node_sdks.node_world import NodeWorld
from node_sdks.test_js5_client import uri
from python_sdks.sdk_world import subset
from trunkline.api.operations import OPERATIONS

pytestmark = pytest.mark.sdk


def test_a_trace(node: NodeWorld) -> None:
    told = node.told("js3", "traces")
    trace = node.world.trace(quote(told["trace"], safe=""))
    expected: dict[str, Any] = {
        "id": "js3 trace/with slash",
        "name": "answer",
        "timestamp": "2026-03-01T12:00:00.123Z",
        "userId": "js3-user",
        "sessionId": "js3-session",
        "version": "1.2",
        "release": "r-1",
        "environment": "staging",
        "public": True,
        "tags": ["a", "b", "c"],
        "input": {"question": "why?"},
        "output": {"answer": "because"},
        "metadata": {"deep": {"one": 1, "two": 2}},
    }
    assert subset(trace, expected) == expected
    scores = {each["name"]: each for each in trace["scores"]}
    assert scores["helpful"]["observationId"] == told["ids"]["generation"]
    assert (scores["helpful"]["value"], scores["helpful"]["comment"]) == (0.9, "on the point")
    assert (scores["resolved"]["stringValue"], scores["tone"]["stringValue"]) == ("True", "warm")


def test_observations(node: NodeWorld) -> None:
    ids = node.told("js3", "traces")["ids"]
    prompt = node.world.get("/v2/prompts/js3%2Flinked")
    expected: dict[str, dict[str, Any]] = {
        "span": {"type": "SPAN", "input": ["in"], "output": "out", "metadata": {"a": 1, "b": {"c": 2, "d": 3}}},
        "generation": {
            "type": "GENERATION",
            "parentObservationId": ids["span"],
            "model": "gpt-4o-mini",
            "modelParameters": {"temperature": 0.7, "max_tokens": 100, "stop": ["a", "b"]},
            "input": [{"role": "user", "content": "Say 1"}],
            "output": "one",
            "version": "9",
            "latency": 1.5,
            "timeToFirstToken": 0.25,
            "usageDetails": {"input": 11, "output": 7, "total": 18},
            "promptName": "js3/linked",
            "promptVersion": prompt["version"],
            "promptCommit": prompt["commit"],
        },
        "event": {
            "type": "EVENT",
            "parentObservationId": ids["span"],
            "level": "WARNING",
            "statusMessage": "cold",
            "input": 1,
            "output": 2,
        },
        "detailed": {
            "usageDetails": {"input": 3, "output": 4, "cache_read_input_tokens": 5, "total": 12},
            "costDetails": {"input": 0.25, "output": 0.5, "total": 0.75},
            "level": "ERROR",
            "statusMessage": "no such model",
        },
        "fallback": {"promptName": None, "input": "Say it"},
    }
    found = {key: node.world.get(f"/observations/{ids[key]}") for key in expected}
    assert {key: subset(found[key], expected[key]) for key in expected} == expected


def test_reads_masks_and_a_disabled_client(node: NodeWorld) -> None:
    told = node.told("js3", "traces")
    assert told["read"] == {"name": "answer", "observations": 5, "scores": 3}
    assert told["listed"] == [told["trace"]]
    assert (told["observations"], told["observation"]) == ([told["ids"]["generation"]], told["ids"]["generation"])
    assert told["url"] == f"{node.world.server.url}/trace/{told['trace']}"
    masked = node.world.trace(told["ids"]["masked"])
    assert (masked["input"], masked["output"]) == ({"text": "my ***"}, "***")
    assert not node.world.is_there(told["ids"]["never"])
    if ("GET", "/api/public/sessions") in OPERATIONS:
        assert "js3-session" in told["sessions"]


def test_prompts(node: NodeWorld) -> None:
    told = node.told("js3", "prompts")
    expected: dict[str, Any] = {
        "name": "js3/shop/greet me",
        "version": 1,
        "tags": ["x", "a"],
        "config": {"model": "gpt-4o", "temperature": 0.25},
        "prompt": "Grüße {{name}} from {{shop}} 🚀\n",
        "isFallback": False,
    }
    assert told["text"] == expected | {"labels": ["a.b-c", "production", "latest"]}
    assert told["production"] == expected | {"labels": ["production"]}
    assert told["moved"] == ["a.b-c", "staging", "latest"]
    assert told["compiled"] == "Grüße Zoë from us 🚀\n"
    assert [message["content"] for message in told["chat"]] == ["You are a bot.", "two", "Why?"]
    assert (told["staging"], told["one"], told["cached"], told["uncached"]) == (2, 1, 0, 1)
    assert told["fallback"] == [True, "Say it"]
    assert told["missing"] == "Prompt not found: 'js3/nowhere' with label 'production'"


def test_datasets(node: NodeWorld) -> None:
    told = node.told("js3", "datasets")
    assert (told["description"], told["metadata"]) == ("of tests", {"owner": "us"})
    assert told["items"] == [[f"js3-item-{each}", {"number": each}, each * 2, {"k": each}] for each in range(3)]
    assert (told["item"], told["runs"]) == ({"number": 1}, ["js3 run/1", "js3 run/2"])
    assert told["run"] == ["tried", {"model": "m"}]
    assert [item for item, *_ in told["linked"]] == [f"js3-item-{each}" for each in range(3)]
    for _, trace_id, observation_id in told["linked"]:
        assert node.world.observations(trace_id)[observation_id]["name"] == "work"


def test_media(node: NodeWorld) -> None:
    told = node.told("js3", "media")
    picture = {"type": "image_url", "image_url": {"url": uri("image/png", b"picture", 70_000)}}
    assert told["input"] == {"messages": [{"role": "user", "content": [picture]}]}
    assert told["output"] == uri("audio/wav", b"sound", 700_000)
    assert told["paper"] == uri("application/pdf", b"paper", 2_000)
    assert "base64," not in str(told["stored"]), "references are stored, not bytes"
