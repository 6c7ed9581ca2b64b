"""Spans of foreign instrumentations. Attribute names are those of their own documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tracing.otlp_spans import START, changes, document, observation, span, traces_of
from trunkline.tracing.dialects import DIALECTS
from trunkline.types import ObservationType

GENERATION, SPAN, TOOL, AGENT = (ObservationType[name] for name in ("GENERATION", "SPAN", "TOOL", "AGENT"))
EMBEDDING = ObservationType.EMBEDDING


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"langfuse.observation.type": "tool", "openinference.span.kind": "LLM"}, TOOL),
        ({"openinference.span.kind": "LLM"}, GENERATION),
        ({"openinference.span.kind": "RETRIEVER"}, ObservationType.RETRIEVER),
        ({"openinference.span.kind": "AGENT", "gen_ai.operation.name": "chat"}, AGENT),
        ({"openinference.span.kind": "UNKNOWN", "gen_ai.operation.name": "chat"}, GENERATION),
        *(({"gen_ai.operation.name": name}, GENERATION) for name in ("chat", "text_completion", "generate_content")),
        ({"gen_ai.operation.name": "completion"}, GENERATION),
        ({"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "m"}, EMBEDDING),
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"}, AGENT),
        ({"gen_ai.operation.name": "create_agent"}, AGENT),
        ({"gen_ai.operation.name": "execute_tool"}, TOOL),
        ({"operation.name": "ai.generateText.doGenerate my-function", "ai.model.id": "m"}, GENERATION),
        ({"ai.operationId": "ai.streamText.doStream"}, GENERATION),
        ({"ai.operationId": "ai.embedMany.doEmbed"}, EMBEDDING),
        ({"ai.operationId": "ai.toolCall"}, TOOL),
        ({"ai.operationId": "ai.generateText", "ai.model.id": "m"}, SPAN),
        ({"gen_ai.tool.name": "search"}, TOOL),
        ({"gen_ai.tool.call.id": "1"}, TOOL),
        *(({key: "m"}, GENERATION) for key in ("gen_ai.request.model", "gen_ai.response.model", "llm.model_name")),
        ({"model": "m"}, GENERATION),
        ({"langfuse.observation.model.name": "m"}, GENERATION),
        ({"model": ""}, SPAN),
        ({"http.method": "GET"}, SPAN),
    ],
)
def test_types(attributes: dict[str, Any], kind: ObservationType) -> None:
    assert observation(attributes).type is kind


@pytest.mark.parametrize(
    ("attributes", "model"),
    [
        ({"langfuse.observation.model.name": "a", "gen_ai.response.model": "b"}, "a"),
        ({"gen_ai.response.model": "a", "ai.model.id": "b", "gen_ai.request.model": "c"}, "a"),
        ({"ai.model.id": "a", "gen_ai.request.model": "b"}, "a"),
        ({"llm.response.model": "a", "llm.model_name": "b"}, "a"),
        ({"llm.model_name": "a", "model": "b"}, "a"),
        ({"model": "a"}, "a"),
    ],
)
def test_models(attributes: dict[str, Any], model: str) -> None:
    assert observation(attributes).model == model


def test_gen_ai() -> None:
    asked = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
    made = observation(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.request.temperature": 0.2,
            "gen_ai.request.stop_sequences": ["a", "b"],
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 600,
            "gen_ai.usage.reasoning_tokens": 500,
            "gen_ai.usage.cache_read.input_tokens": 40,
            "gen_ai.usage.cost": 0.25,
            "gen_ai.input.messages": json.dumps(asked),
            "gen_ai.output.messages": "[]",
        }
    )
    assert made.usage == {
        "input": 60,
        "input_cached_tokens": 40,
        "output": 100,
        "output_reasoning_tokens": 500,
        "total": 700,
    }
    assert made.cost == {"total": 0.25}
    assert document(made.model_parameters) == {"temperature": 0.2, "stop_sequences": '["a","b"]'}
    assert document(made.input) == asked
    assert document(made.metadata)["attributes"] == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
    }


def test_gen_ai_conversations_are_sessions() -> None:
    [trace] = traces_of(changes(span({"gen_ai.operation.name": "chat", "gen_ai.conversation.id": "c"})))
    assert trace.session_id == "c"


def test_gen_ai_messages_as_events() -> None:
    made = observation(
        {"gen_ai.operation.name": "chat"},
        events=[
            ("gen_ai.system.message", START, {"content": "be brief"}),
            ("gen_ai.user.message", START, {"content": "hi"}),
            ("gen_ai.choice", START, {"index": 0, "message": "hello"}),
        ],
    )
    assert document(made.input) == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
    assert document(made.output) == {"index": 0, "message": "hello"}


def test_gen_ai_messages_as_numbered_attributes() -> None:
    made = observation(
        {
            "gen_ai.request.model": "m",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "be brief",
            "gen_ai.prompt.10.content": "last",
            "gen_ai.prompt.2.tool_calls.0.name": "search",
            "gen_ai.completion.0.content": "hello",
        }
    )
    assert document(made.input) == [
        {"content": "be brief", "role": "system"},
        {"tool_calls": [{"name": "search"}]},
        {"content": "last"},
    ]
    assert document(made.output) == [{"content": "hello"}]
    assert "attributes" not in document(made.metadata)


def test_agents_repeat_the_usage_of_their_calls() -> None:
    made = observation(
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.cost": 1}
    )
    assert (made.usage, made.cost) == (None, None)
    assert document(made.metadata)["attributes"]["gen_ai.usage.input_tokens"] == 5


def test_openinference() -> None:
    made = observation(
        {
            "openinference.span.kind": "LLM",
            "input.value": '{"messages": []}',
            "input.mime_type": "application/json",
            "output.value": "hello",
            "llm.model_name": "gpt-4o",
            "llm.invocation_parameters": '{"temperature": 0.1, "tools": [1]}',
            "llm.token_count.prompt": 80,
            "llm.token_count.completion": 150,
            "llm.token_count.prompt_details.cache_read": 30,
            "llm.token_count.completion_details.reasoning": 120,
            "llm.token_count.total": 230,
            "llm.cost.prompt": 0.1,
            "llm.cost.completion": 0.2,
            "llm.cost.total": 0.3,
            "metadata": '{"tier": "gold"}',
            "session.id": "s",
            "tag.tags": ["b", "a"],
        }
    )
    assert (made.input, made.output, made.model) == (b'{"messages": []}', b'"hello"', "gpt-4o")
    assert document(made.model_parameters) == {"temperature": 0.1, "tools": "[1]"}
    assert made.usage == {
        "input": 50,
        "input_cached_tokens": 30,
        "output": 30,
        "output_reasoning_tokens": 120,
        "total": 230,
    }
    assert made.cost == {"input": 0.1, "output": 0.2, "total": 0.3}
    metadata = document(made.metadata)
    assert metadata["tier"] == "gold"
    assert metadata["attributes"] == {"openinference.span.kind": "LLM"}


def test_openinference_messages_and_parameters_spread_out() -> None:
    made = observation(
        {
            "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "hi",
            "llm.output_messages.0.message.content": "hello",
            "llm.invocation_parameters.max_tokens": 6000,
        }
    )
    assert document(made.input) == [{"message": {"content": "hi", "role": "user"}}]
    assert document(made.output) == [{"message": {"content": "hello"}}]
    assert document(made.model_parameters) == {"max_tokens": 6000}


def test_vercel() -> None:
    made = observation(
        {
            "operation.name": "ai.generateText.doGenerate chat-fn",
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.telemetry.functionId": "chat-fn",
            "ai.model.id": "gpt-4o",
            "ai.model.provider": "openai.chat",
            "ai.prompt.messages": '[{"role":"user","content":"hi"}]',
            "ai.prompt.tools": ["{}"],
            "ai.response.text": "hello",
            "ai.response.msToFirstChunk": 12.3,
            "ai.settings.maxRetries": 2,
            "gen_ai.request.temperature": 0.2,
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 50,
            "ai.usage.reasoningTokens": "20",
            "ai.response.providerMetadata": '{"openai": {"cachedPromptTokens": 30, "serviceTier": "priority"}}',
            "ai.telemetry.metadata.userId": "u",
            "ai.telemetry.metadata.sessionId": "s",
            "ai.telemetry.metadata.tags": ["t"],
            "ai.telemetry.metadata.langfusePrompt": '{"name": "support/triage", "version": 8}',
            "ai.telemetry.metadata.tier": "gold",
        },
        scope="ai",
    )
    assert (made.type, made.name) == (GENERATION, "chat-fn:ai.generateText.doGenerate")
    assert (made.model, made.prompt_name, made.prompt_version) == ("gpt-4o", "support/triage", 8)
    assert document(made.input) == [{"role": "user", "content": "hi"}]
    assert made.output == b'"hello"'
    assert made.completion_start_time == START + 13_000
    assert made.usage == {
        "input": 70,
        "input_cached_tokens": 30,
        "output": 30,
        "output_reasoning_tokens": 20,
        "total": 150,
    }
    parameters = document(made.model_parameters)
    assert parameters == {"maxRetries": 2, "system": "openai.chat", "temperature": 0.2, "service_tier": "priority"}
    metadata = document(made.metadata)
    assert (metadata["tier"], metadata["tools"]) == ("gold", ["{}"])
    assert "userId" not in metadata


def test_vercel_trace_fields() -> None:
    [trace] = traces_of(
        changes(
            span(
                {
                    "ai.operationId": "ai.toolCall",
                    "ai.toolCall.name": "search",
                    "ai.toolCall.args": '{"q": 1}',
                    "ai.toolCall.result": "[]",
                    "ai.telemetry.metadata.userId": "u",
                    "ai.telemetry.metadata.sessionId": "s",
                    "ai.telemetry.metadata.tags": ["t"],
                }
            ),
            scope="ai",
        )
    )
    assert (trace.name, trace.user_id, trace.session_id, trace.tags) == ("search", "u", "s", ("t",))
    assert (trace.input, trace.output) == (b'{"q": 1}', b"[]")


def test_vercel_text_with_tool_calls() -> None:
    made = observation(
        {"ai.operationId": "ai.generateText.doGenerate", "ai.response.text": "hi", "ai.response.toolCalls": "[1]"}
    )
    assert document(made.output) == {"role": "assistant", "content": "hi", "tool_calls": [1]}


def test_vercel_wrappers_repeat_the_usage_of_their_calls() -> None:
    assert observation({"ai.operationId": "ai.generateText", "ai.usage.inputTokens": 5}).usage is None


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("prompt", "all_messages_events"),
        ("mlflow.spanInputs", "mlflow.spanOutputs"),
        ("traceloop.entity.input", "traceloop.entity.output"),
        ("input", "output"),
        ("pydantic_ai.all_messages", "final_result"),
        ("tool_arguments", "tool_response"),
        ("gcp.vertex.agent.llm_request", "gcp.vertex.agent.llm_response"),
        ("lk.chat_ctx", "lk.response.text"),
        ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
    ],
)
def test_texts_of_frameworks(asked: str, answered: str) -> None:
    made = observation({asked: "in", answered: "out"})
    assert (made.input, made.output) == (b'"in"', b'"out"')
    assert "attributes" not in document(made.metadata)


def test_langfuse_attributes_win() -> None:
    made = observation(
        {
            "langfuse.observation.input": "mine",
            "input.value": "theirs",
            "output.value": "theirs",
            "gen_ai.usage.input_tokens": 5,
            "langfuse.observation.usage_details": '{"input": 1}',
            "gen_ai.request.model": "m",
        }
    )
    assert (made.input, made.output) == (b'"mine"', None)
    assert made.usage == {"input": 1, "total": 1}
    assert document(made.metadata)["attributes"]["input.value"] == "theirs"


@pytest.mark.parametrize("value", [True, "x", -1, float("nan"), float("inf"), 10**17, [1]])
def test_counts_that_are_none_are_kept_as_attributes(value: object) -> None:
    made = observation({"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": value})
    assert made.usage is None
    assert "gen_ai.usage.input_tokens" in document(made.metadata)["attributes"]


def test_paths_that_contradict_each_other() -> None:
    made = observation(
        {"llm.input_messages.0": "text", "llm.input_messages.0.content": "x", "llm.input_messages..": "y"}
    )
    assert made.input is not None


def test_names_like_javascript_s_own_are_only_names() -> None:
    made = observation(
        {"gen_ai.prompt.__proto__.x": "y", "constructor": "z", "langfuse.observation.metadata.__proto__": "p"}
    )
    assert document(made.input) == {"__proto__": {"x": "y"}}
    assert document(made.metadata)["__proto__"] == "p"


def test_every_dialect_has_a_name_of_its_own() -> None:
    assert len({dialect.name for dialect in DIALECTS}) == len(DIALECTS)
