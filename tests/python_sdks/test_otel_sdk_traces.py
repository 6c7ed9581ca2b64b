"""SDK 3, 4 and 5: what they record of traces, observations and scores is read back field by field."""

from __future__ import annotations

from typing import Any

import pytest

from python_sdks.sdk_world import World, said_in, subset

pytestmark = pytest.mark.sdk

SDKS = ("py3", "py4", "py5")
NESTED = ("span", "agent", "tool", "chain", "retriever", "evaluator", "guardrail", "generation", "embedding")


@pytest.mark.parametrize("sdk", SDKS)
def test_observations_of_every_type_nest_and_keep_their_fields(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "traces_otel")["nested"]
    found = shared.observations(told["trace"])
    parent = told["root"]
    for kind in NESTED:
        expected: dict[str, Any] = {
            "type": kind.upper(),
            "name": f"a {kind}",
            "parentObservationId": parent,
            "input": {"to": kind},
            "output": [kind, 1.5],
            "metadata": {"kind": kind, "deep": {"list": [1, "two", None]}, "count": 3, "flag": True},
            "level": "DEBUG",
            "statusMessage": f"at {kind}",
            "version": f"v-{kind}",
            "environment": "staging",
        }
        if kind in {"generation", "embedding"}:
            expected |= {
                "model": "gpt-4o-mini",
                "modelParameters": {"temperature": 0.5, "max_tokens": 10, "stop": '["a"]', "stream": True},
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
        "metadata": {"e": 1},
        "level": "WARNING",
        "latency": 0.0,
    }
    assert subset(found[told["ids"]["event"]], expected) == expected


@pytest.mark.parametrize("sdk", SDKS)
def test_a_trace_has_what_was_propagated(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "traces_otel")["nested"]
    trace = shared.trace(told["trace"])
    expected = {
        "name": f"{sdk}-nested",
        "userId": f"{sdk}-user",
        "sessionId": f"{sdk}-session",
        "tags": ["a", "b"],
        "release": "r-7",
        "environment": "staging",
        "public": True,
        # Version 5 has no input and output of a trace: they are the root's.
        "input": {"q": 1} if sdk == "py5" else {"asked": True},
        "output": "done" if sdk == "py5" else {"told": True},
    }
    assert subset(trace, expected) == expected
    assert said_in(trace["metadata"]) == {"plan": "pro"}
    assert trace["totalCost"] == pytest.approx(2 * (3 * 0.15e-6 + 4 * 0.6e-6))
    assert told["urls"]["current"] == f"{shared.server.url}/project/default/traces/{told['trace']}"
    assert told["urls"]["id"] == told["ids"]["embedding"]


@pytest.mark.parametrize("sdk", SDKS)
def test_every_way_to_link_a_prompt_links(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "traces_otel")
    links, versions = told["links"], told["prompts"]
    found = shared.observations(links["trace"])
    expected = {"create": "text", "update": "chat", "current": "text", "started": "chat", "child": "text"}
    expected |= {"start_generation": "text", "start_as_current_generation": "text"} if sdk == "py3" else {}
    expected |= {} if sdk == "py3" else {"propagated": "chat"}
    for key, prompt in expected.items():
        served = shared.get(f"/v2/prompts/{sdk}%2F{prompt}", version=versions[prompt])
        link = {
            "promptName": f"{sdk}/{prompt}",
            "promptVersion": versions[prompt],
            "promptId": served["id"],
            "promptCommit": served["commit"],
            "promptBlob": served["blob"],
        }
        assert subset(found[links["ids"][key]], link) == link, key
    # Links count on generations; a fallback is no version of anything.
    for key in links["ids"].keys() - expected.keys():
        assert found[links["ids"][key]]["promptName"] is None, key
    assert (links["is_fallback"], links["version"]) == (True, 0)
    fallback = found[links["ids"]["fallback"]]
    assert (fallback["input"], fallback["metadata"]) == ("Say it", {"fallback": True})


@pytest.mark.parametrize("sdk", SDKS)
def test_a_trace_that_another_process_began(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "traces_otel")["remote"]
    found = shared.observations(told["trace"])
    assert {key: found[told[key]]["type"] for key in ("afar", "alone", "event")} == {
        "afar": "AGENT",
        "alone": "TOOL",
        "event": "EVENT",
    }
    assert found[told["afar"]]["parentObservationId"] == "00000000000000a1"
    assert found[told["event"]]["parentObservationId"] == "00000000000000a1"
    trace = shared.trace(told["trace"])
    assert (trace["input"], trace["output"]) == ("from afar", "arrived")


@pytest.mark.parametrize("sdk", SDKS)
def test_errors_are_told(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "traces_otel")["errors"]
    found = shared.observations(told["trace"])
    levels = {key: (found[told[key]]["level"], found[told[key]]["statusMessage"]) for key in ("root", "told", "raised")}
    raised = ("ERROR", "ValueError: too hot")
    assert levels == {"root": raised, "told": ("ERROR", "no such tool"), "raised": raised}
    (event,) = found[told["raised"]]["metadata"]["events"]
    assert event["name"] == "exception"
    assert event["attributes"]["exception.message"] == "too hot"


@pytest.mark.parametrize("sdk", SDKS)
def test_updates_before_the_end(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "traces_otel")["updates"]
    expected = {
        "name": "after",
        "input": "two",
        "output": {"text": "ünï — 漢字 🚀 \x00"},
        "metadata": {"a": 1, "b": {"c": 2}, "d": 4},
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
        "promptTokens": 12,
        "completionTokens": 30,
        "totalTokens": 42,
    }
    generation = shared.observations(told["trace"])[told["generation"]]
    assert subset(generation, expected) == expected
    assert generation["timeToFirstToken"] == pytest.approx(0.5, abs=0.1)
    assert generation["latency"] == pytest.approx(2, abs=0.1)
    priced = shared.get(f"/observations/{told['priced']}")
    assert priced["usageDetails"] == {"input": 10, "output": 5, "cache_read_input_tokens": 3, "total": 18}
    assert priced["costDetails"] == {"input": 0.25, "output": 0.5, "total": 0.75}


@pytest.mark.parametrize("sdk", SDKS)
def test_scores_of_every_type_on_every_subject(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "traces_otel")["scores"]
    scores = {each["name"]: each for each in shared.trace(told["trace"])["scores"]}
    generation = told["generation"]
    expected = {
        "numeric": ("NUMERIC", 0.5, None, generation),
        "boolean": ("BOOLEAN", 1, "True", generation),
        "category": ("CATEGORICAL", 0, "warm", generation),
        "text": ("TEXT", None, "well said", generation),
        "of the trace": ("NUMERIC", 3, None, None),
        "current span": ("NUMERIC", 2, None, generation),
        "current trace": ("BOOLEAN", 0, "False", None),
        "untyped text": ("CATEGORICAL", 0, "blue", None),
        "then": ("NUMERIC", 1, None, generation),
    }
    expected |= {} if sdk == "py3" else {"elsewhere": ("NUMERIC", 1, None, None)}
    keys = ("dataType", "value", "stringValue", "observationId")
    assert {name: tuple(score.get(key) for key in keys) for name, score in scores.items()} == expected
    assert (scores["numeric"]["comment"], scores["numeric"]["metadata"]) == ("half", {"by": "me"})
    assert scores["then"]["timestamp"] == "2026-02-03T04:05:06.789Z"
    assert {score["environment"] for name, score in scores.items() if name != "elsewhere"} == {"staging"}
    if sdk != "py3":
        assert scores["elsewhere"]["environment"] == "production"
        (corrected,) = shared.get("/v2/scores", traceId=told["trace"], dataType="CORRECTION")["data"]
        assert corrected["stringValue"] == "so it should read"


@pytest.mark.parametrize("sdk", SDKS)
def test_scores_of_sessions_and_runs(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "traces_otel")["scores"]
    (score,) = shared.get("/v2/scores", sessionId=told["session"])["data"]
    expected = {"id": told["score"], "value": 5, "comment": "second", "traceId": None, "dataType": "NUMERIC"}
    assert subset(score, expected) == expected
    (score,) = shared.get("/v2/scores", datasetRunId=f"{sdk}-run")["data"]
    assert (score["name"], score["value"], score["traceId"]) == ("run", 0.75, None)


@pytest.mark.parametrize("sdk", SDKS)
def test_contents_come_back_as_the_sdk_sent_them(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "traces_otel")["contents"]
    found = shared.observations(told["trace"])
    expected: dict[str, Any] = {
        "none": None,
        "empty": None,
        "number": 12.5,
        "zero": 0,
        "false": False,
        "list": [1, [2, [3]]],
        "json text": {"a": 1},
        "long": "x" * 100_000,
        "date": "2026-01-02T00:00:00Z",
        "object": {"inner": [1, 2]},
        "bytes": "abc",
        # Beyond what JavaScript's numbers hold: SDKs send text.
        "big": str(2**60),
        "infinity": "Infinity",
    }
    for key, value in expected.items():
        each = found[told["ids"][key]]
        assert (each["input"], each["output"]) == (value, value), key
    assert found[told["root"]]["metadata"] == {"metadata": "only text"}
    if sdk == "py5":  # It encodes strings in metadata too, so that nothing is guessed.
        expected |= {"empty": "", "json text": '{"a": 1}'}
        metadata = {key: found[told["ids"][key]]["metadata"].get("it") for key in expected}
        assert metadata == expected
