"""JS SDK 5: what it records of traces, observations and scores is read back field by field."""

from __future__ import annotations

from typing import Any

import pytest

from node_sdks.node_world import NodeWorld
from python_sdks.sdk_world import said_in, subset

pytestmark = pytest.mark.sdk

NESTED = ("span", "agent", "tool", "chain", "retriever", "evaluator", "guardrail", "generation", "embedding")


def test_observations_of_every_type_nest_and_keep_their_fields(node: NodeWorld) -> None:
    told = node.told("js5", "traces")["nested"]
    found = node.world.observations(told["trace"])
    parent = told["root"]
    for kind in NESTED:
        expected: dict[str, Any] = {
            "type": kind.upper(),
            "name": f"a {kind}",
            "parentObservationId": parent,
            "input": {"to": kind},
            "output": [kind, 1.5],
            # The SDK sends every value in metadata as text: numbers and flags stay it, what looks like JSON is read.
            "metadata": {
                "kind": kind,
                "deep": {"list": [1, "two", None]},
                "count": "3",
                "flag": "true",
                "text": {"a": 1},
            },
            "level": "DEBUG",
            "statusMessage": f"at {kind}",
            "version": f"v-{kind}",
            "environment": "staging",
        }
        if kind in {"generation", "embedding"}:
            expected |= {
                "model": "gpt-4o-mini",
                "modelParameters": {"temperature": 0.5, "max_tokens": 10, "stop": "a"},
                "usageDetails": {"input": 3, "output": 4, "total": 7},
            }
            assert found[told["ids"][kind]]["calculatedTotalCost"] == pytest.approx(3 * 0.15e-6 + 4 * 0.6e-6)
        assert subset(found[told["ids"][kind]], expected) == expected
        parent = told["ids"][kind]
    expected = {
        "type": "EVENT",
        "name": "an event",
        "parentObservationId": told["ids"]["chain"],
        "input": "in",
        "output": "out",
        "metadata": {"e": "1"},
        "level": "WARNING",
    }
    assert subset(found[told["ids"]["event"]], expected) == expected


def test_a_trace_has_what_was_propagated(node: NodeWorld) -> None:
    told = node.told("js5", "traces")["nested"]
    trace = node.world.trace(told["trace"])
    expected = {
        "name": "js5-nested",
        "userId": "js5-user",
        "sessionId": "js5-session",
        "tags": ["a", "b"],
        "release": "r-7",
        "environment": "staging",
        "public": True,
        "input": {"asked": True},
        "output": {"told": True},
    }
    assert subset(trace, expected) == expected
    assert said_in(trace["metadata"]) == {"plan": "pro"}
    assert trace["totalCost"] == pytest.approx(2 * (3 * 0.15e-6 + 4 * 0.6e-6))
    assert told["url"] == f"{node.world.server.url}/project/default/traces/{told['trace']}"
    assert told["active"] == [told["trace"], told["root"]]


def test_generations_link_their_prompts(node: NodeWorld) -> None:
    told = node.told("js5", "traces")["links"]
    found = node.world.observations(told["trace"])
    for key, name in {"text": "js5/text", "update": "js5/chat"}.items():
        prompt = node.world.get(f"/v2/prompts/{name.replace('/', '%2F')}")
        expected = {
            "promptName": name,
            "promptVersion": prompt["version"],
            "promptCommit": prompt["commit"],
            "promptBlob": prompt["blob"],
        }
        assert subset(found[told["ids"][key]], expected) == expected
    fallback = found[told["ids"]["fallback"]]
    assert (told["isFallback"], fallback["promptName"], fallback["input"]) == (True, None, "Say it")
    propagated = node.world.observations(told["propagated"]["trace"])[told["propagated"]["id"]]
    assert (propagated["promptName"], propagated["promptVersion"]) == ("js5/chat", 1)


def test_remote_parents_and_times_of_ones_own(node: NodeWorld) -> None:
    told = node.told("js5", "traces")["remote"]
    found = node.world.observations(told["trace"])[told["afar"]]
    expected = {
        "type": "AGENT",
        "parentObservationId": "00000000000000a1",
        "startTime": "2026-02-03T04:05:06.789Z",
        "endTime": "2026-02-03T04:05:09.289Z",
        "latency": 2.5,
        "input": "from afar",
        "output": "arrived",
    }
    assert subset(found, expected) == expected


def test_errors_and_exceptions(node: NodeWorld) -> None:
    told = node.told("js5", "traces")["errors"]
    found = node.world.observations(told["trace"])
    for key in ("root", "raised"):
        expected = {"level": "ERROR", "statusMessage": "too hot"}
        assert subset(found[told[key]], expected) == expected
    (event,) = found[told["raised"]]["metadata"]["events"]
    assert (event["name"], event["attributes"]["exception.message"]) == ("exception", "seen before")


def test_updates_before_the_end(node: NodeWorld) -> None:
    told = node.told("js5", "traces")["updates"]
    found = node.world.observations(told["trace"])[told["generation"]]
    expected = {
        "name": "updated",
        "input": "two",
        "output": {"text": "ünï — 漢字 🚀"},
        "metadata": {"a": "1", "d": "4"},
        "model": "gpt-4o-mini",
        "modelParameters": {"temperature": 0, "seed": 7},
        "version": "7",
        "statusMessage": "done",
        "usageDetails": {
            "input": 8,
            "input_cached_tokens": 4,
            "output": 20,
            "output_reasoning_tokens": 10,
            "total": 42,
        },
    }
    assert subset(found, expected) == expected
    # The SDK's clock of spans runs finer than the application's.
    assert found["latency"] == pytest.approx(2, abs=0.05)
    assert found["timeToFirstToken"] == pytest.approx(0.5, abs=0.05)
    priced = node.world.observations(told["pricedTrace"])[told["priced"]]
    assert priced["costDetails"] == {"input": 0.25, "output": 0.5, "total": 0.75}


def test_observed_functions(node: NodeWorld) -> None:
    told = node.told("js5", "traces")["observed"]
    found = node.world.observations(told["trace"])
    agent, tool = found[told["agent"]], found[told["tool"]]
    assert (agent["name"], agent["type"], agent["output"]) == ("answer", "AGENT", {"said": "WHY?"})
    assert agent["metadata"] == {"by": "observe"}
    assert (tool["name"], tool["type"], tool["output"]) == ("shout", "TOOL", "WHY?")
    assert tool["parentObservationId"] == told["agent"]


def test_scores(node: NodeWorld) -> None:
    told = node.told("js5", "traces")["scores"]
    scores = {each["name"]: each for each in node.world.trace(told["trace"])["scores"]}
    assert scores.keys() == {"numeric", "boolean", "category", "of the trace", "elsewhere"}
    expected: dict[str, Any] = {"value": 0.5, "comment": "half", "metadata": {"by": "me"}, "dataType": "NUMERIC"}
    assert subset(scores["numeric"], expected) == expected
    assert scores["numeric"]["observationId"] == told["generation"]
    assert (scores["boolean"]["value"], scores["boolean"]["stringValue"]) == (1, "True")
    assert (scores["category"]["dataType"], scores["category"]["stringValue"]) == ("CATEGORICAL", "warm")
    assert scores["of the trace"]["value"] == 3
    assert scores["elsewhere"]["environment"] == "production"
    active = {each["name"]: each for each in node.world.trace(told["active"])["scores"]}
    assert (active["active observation"]["value"], active["active trace"]["stringValue"]) == (1, "blue")
    (session,) = node.world.get("/v2/scores", sessionId="js5-scored-session")["data"]
    assert (session["id"], session["value"]) == ("js5-score", 5), "the same id again is an update"


def test_contents(node: NodeWorld) -> None:
    told = node.told("js5", "traces")["contents"]
    found = node.world.observations(told["trace"])
    read = {key: found[each]["output"] for key, each in told["ids"].items()}
    assert read == {
        "empty": None,
        "number": 12.5,
        "zero": 0,
        "false": False,
        "list": [1, [2, [3]]],
        "json text": {"a": 1},
        "long": "x" * 100_000,
        "date": "2026-01-02T00:00:00.000Z",
    }
    assert found[told["root"]]["metadata"] == {"metadata": "only text"}
