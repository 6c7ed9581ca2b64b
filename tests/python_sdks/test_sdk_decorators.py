"""SDK 3, 4 and 5: what `@observe` records of functions, coroutines and generators."""

from __future__ import annotations

from typing import Any

import pytest

from python_sdks.sdk_world import World, subset

pytestmark = pytest.mark.sdk

SDKS = ("py3", "py4", "py5")


def observation(shared: World, told: Any, key: str) -> Any:
    return shared.observations(told[key]["trace"])[told[key]["id"]]


@pytest.mark.parametrize("sdk", SDKS)
def test_functions(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "decorators_otel")
    expected: dict[str, Any] = {
        "name": "bare",
        "type": "SPAN",
        "output": {"nested": ["abab", "hush"]},
        "metadata": {"k": "v"},
        "version": "3",
        "level": "WARNING",
        "statusMessage": "careful",
    }
    assert subset(observation(shared, told, "bare"), expected) == expected
    silent = observation(shared, told, "silent")
    assert (silent["input"], silent["output"], silent["parentObservationId"]) == (None, None, told["bare"]["id"])
    expected = {"name": "find", "type": "RETRIEVER", "output": ["docs"]}
    assert subset(observation(shared, told, "method"), expected) == expected
    failed = observation(shared, told, "fails")
    assert (failed["level"], failed["statusMessage"].split(": ")[-1]) == ("ERROR", "out of tokens")


@pytest.mark.parametrize("sdk", SDKS)
def test_generations_link_their_prompt(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "decorators_otel")
    expected = {
        "name": "llm",
        "type": "GENERATION",
        "model": "gpt-4o-mini",
        "input": [{"role": "user", "content": "Say why?"}],
        "usageDetails": {"input": 5, "output": 2, "total": 7},
        "metadata": {"attempt": 2},
        "promptName": f"{sdk}/decorated",
        "promptVersion": 1,
    }
    assert subset(observation(shared, told, "generation"), expected) == expected


@pytest.mark.parametrize("sdk", SDKS)
def test_generators_and_coroutines(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "decorators_otel")
    assert observation(shared, told, "generator")["output"] == "n0 n1 n2 "
    assert observation(shared, told, "chunks")["output"] == "1+2"
    agent = observation(shared, told, "agent")
    assert (agent["type"], agent["output"]) == ("AGENT", {"parts": [0, 2, 4], "stream": "abc", "question": "who?"})
    assert observation(shared, told, "async generator")["output"] == "abc"
    for number in range(3):
        expected = {"type": "CHAIN", "output": number * 2, "parentObservationId": told["agent"]["id"]}
        assert subset(observation(shared, told, f"step {number}"), expected) == expected


@pytest.mark.parametrize("sdk", SDKS)
def test_threads_and_ids_that_were_handed_in(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "decorators_otel")
    assert observation(shared, told, "thread")["parentObservationId"] == told["caller"]["id"]
    given = observation(shared, told, "given")
    assert (given["type"], given["output"], given["parentObservationId"]) == ("TOOL", "xx", "00000000000000b2")
