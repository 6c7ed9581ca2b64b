"""SDK 5's OpenAI wrapper and LangChain handler, against an LLM that speaks OpenAI's API."""

from __future__ import annotations

from typing import Any

import pytest

from python_sdks.sdk_world import World, subset

pytestmark = pytest.mark.sdk

USAGE = {"input": 6, "output": 6, "total": 15}
ANSWER = "gpt-4o-mini read 2 messages."
ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why is the sky blue?"}]


@pytest.fixture
def calls(shared: World) -> dict[str, Any]:
    """What the OpenAI wrapper recorded, by name."""
    told = shared.told("py5", "openai_wrapper")
    return {each["name"]: each for each in shared.observations(told["trace"]).values()}


@pytest.mark.parametrize("name", ["plain", "streamed", "async", "async streamed"])
def test_chat_completions(shared: World, calls: dict[str, Any], name: str) -> None:
    told = shared.told("py5", "openai_wrapper")
    assert told["answers"][name] == ANSWER
    call = calls[name]
    expected: dict[str, Any] = {
        "type": "GENERATION",
        "model": "gpt-4o-mini",
        "input": ASKED,
        "output": ANSWER if "streamed" in name else {"role": "assistant", "content": ANSWER},
        "promptName": "py5/wrapped",
        "promptVersion": told["version"],
        "promptTokens": 8,
        "completionTokens": 7,
        "totalTokens": 15,
    }
    assert subset(call, expected) == expected
    assert subset(call["usageDetails"], USAGE) == USAGE
    assert call["usageDetails"]["input_cached_tokens"] == 2
    assert call["usageDetails"]["output_reasoning_tokens"] == 1
    assert call["calculatedTotalCost"] == pytest.approx(6 * 0.15e-6 + 2 * 0.075e-6 + 7 * 0.6e-6)
    assert call["promptCommit"] is not None
    assert (call["timeToFirstToken"] is not None) == ("streamed" in name)


def test_parameters_and_metadata(shared: World, calls: dict[str, Any]) -> None:
    expected: dict[str, Any] = {"temperature": 0.25, "max_tokens": 99, "seed": 7, "top_p": 1}
    assert subset(calls["plain"]["modelParameters"], expected) == expected
    assert calls["plain"]["metadata"] == {"ticket": "T-1"}
    assert calls["several"]["modelParameters"]["n"] == 2
    assert len(calls["several"]["output"]) == 2
    trace = shared.trace(shared.told("py5", "openai_wrapper")["trace"])
    expected = {"userId": "wrapped-user", "sessionId": "wrapped-session", "tags": ["wrapped"]}
    assert subset(trace, expected) == expected


def test_tools(calls: dict[str, Any]) -> None:
    called = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    for name in ("tools", "streamed tools"):
        assert calls[name]["output"]["tool_calls"] == [called]
        assert calls[name]["input"]["tools"][0]["function"]["name"] == "weather"
    assert [message["role"] for message in calls["after the tool"]["input"]["messages"]][-2:] == ["assistant", "tool"]


def test_other_endpoints(shared: World, calls: dict[str, Any]) -> None:
    assert shared.told("py5", "openai_wrapper")["answers"]["parsed"] == "structured"
    assert calls["parsed"]["metadata"]["response_format"]["title"] == "Answer"
    assert (calls["old"]["input"], calls["old"]["model"]) == ("Once upon", "gpt-3.5-turbo-instruct")
    expected: dict[str, Any] = {
        "type": "EMBEDDING",
        "model": "text-embedding-3-small",
        "input": ["one text", "another"],
        "output": {"dimensions": 3, "count": 2},
        "modelParameters": {"dimensions": 3},
        "usageDetails": {"input": 4, "total": 4},
    }
    assert subset(calls["embedded"], expected) == expected
    assert calls["embedded"]["calculatedTotalCost"] == pytest.approx(4 * 0.02e-6)
    assert calls["async embedded"]["type"] == "EMBEDDING"
    for name in ("response", "streamed response"):
        assert calls[name]["output"]["content"][0]["text"] == "gpt-4o-mini responds."
        assert calls[name]["usageDetails"]["output"] == 6
    assert calls["streamed response"]["timeToFirstToken"] is not None
    assert calls["within"]["parentObservationId"] == calls["around"]["id"]


def test_a_call_that_fails_and_one_alone(shared: World, calls: dict[str, Any]) -> None:
    assert calls["broken"]["level"] == "ERROR"
    assert "does not exist" in calls["broken"]["statusMessage"]
    alone = shared.told("py5", "openai_wrapper")["alone"]
    trace = shared.trace(alone["trace"])
    assert (trace["name"], trace["userId"]) == ("alone", "u")
    assert trace["output"] == {"role": "assistant", "content": alone["text"]}


# --- LangChain


@pytest.fixture
def chains(shared: World) -> Any:
    return shared.told("py5", "langchain_handler")


def of(shared: World, chains: Any, name: str, kind: str) -> list[dict[str, Any]]:
    found = shared.observations(chains[name]["trace"]).values()
    return [each for each in found if each["type"] == kind and each["id"] != chains[name].get("root")]


@pytest.mark.parametrize(("name", "count"), [("invoke", 1), ("stream", 1), ("batch", 2), ("async", 2)])
def test_chains(shared: World, chains: Any, name: str, count: int) -> None:
    assert chains["answer"] == chains["streamed"] == ANSWER
    generations = of(shared, chains, name, "GENERATION")
    assert len(generations) == count
    for generation in generations:
        expected: dict[str, Any] = {
            "name": "ChatOpenAI",
            "model": "gpt-4o-mini",
            "modelParameters": {"temperature": 0.25, "max_completion_tokens": 99},
            "promptName": "py5/langchain",
            "promptVersion": 1,
            "completionTokens": 7,
        }
        assert subset(generation, expected) == expected
        assert [message["role"] for message in generation["input"]] == ["system", "user"]
        assert generation["output"]["content"] == ANSWER
        assert generation["calculatedTotalCost"] > 0
    parents = {each["id"]: each["name"] for each in of(shared, chains, name, "CHAIN")}
    assert {parents[each["parentObservationId"]] for each in generations} <= {"chain", "RunnableSequence"}
    if name == "stream":
        assert generations[0]["timeToFirstToken"] is not None


def test_a_text_prompt_and_a_completion(shared: World, chains: Any) -> None:
    (generation,) = of(shared, chains, "text", "GENERATION")
    expected: dict[str, Any] = {"input": "Tell of rain", "promptName": "py5/langchain text", "promptVersion": 1}
    assert subset(generation, expected) == expected


def test_tools_retrievers_and_agents(shared: World, chains: Any) -> None:
    (caller,) = of(shared, chains, "tools", "GENERATION")
    assert caller["output"]["tool_calls"][0]["args"] == {"city": "Paris"}
    (retriever,) = of(shared, chains, "retrieve", "RETRIEVER")
    assert (retriever["input"], retriever["output"][0]["page_content"]) == ("whales", "about whales")
    assert chains["agent answer"] == "gpt-4o-mini read 3 messages."
    (tool,) = of(shared, chains, "agent", "TOOL")
    assert (tool["name"], tool["input"], tool["output"]["content"]) == ("weather", {"city": "Paris"}, "sunny in Paris")
    assert len(of(shared, chains, "agent", "GENERATION")) == 2
    (broken,) = of(shared, chains, "broken", "GENERATION")
    assert broken["level"] == "ERROR"


def test_a_chain_alone_names_its_trace(shared: World, chains: Any) -> None:
    trace = shared.trace(chains["root"]["trace"])
    expected: dict[str, Any] = {
        "name": "as root",
        "userId": "chain-user",
        "sessionId": "chain-session",
        "tags": ["from metadata", "tagged"],
        "input": {"how": "brief", "what": "the sky"},
        "output": ANSWER,
    }
    assert subset(trace, expected) == expected
    assert trace["metadata"]["ticket"] == 12
