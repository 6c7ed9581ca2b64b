"""Vercel's AI SDK (``ai.*``). Source: https://ai-sdk.dev/docs/ai-sdk-core/telemetry."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from trunkline.tracing.documents import encoded, from_attribute
from trunkline.tracing.langfuse import raw_of
from trunkline.tracing.reading import Dialect, Reading, number_of, parameters_of, parsed_json, text_of, version_of
from trunkline.tracing.times import LATEST
from trunkline.tracing.token_counts import CACHED, COUNTED_TYPES, CREATED, INPUT, OUTPUT, REASONING, count_of, take_out
from trunkline.types import JSON, ObservationType

_GENERATIONS = tuple(
    f"ai.{call}"
    for call in ("generateText.doGenerate", "streamText.doStream", "generateObject.doGenerate", "streamObject.doStream")
)
_EMBEDDINGS = ("ai.embedMany.doEmbed", "ai.embed.doEmbed")
_METADATA = "ai.telemetry.metadata."
_PROMPT = "ai.telemetry.metadata.langfusePrompt"
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "maxSteps": ("ai.settings.maxSteps",),
    "toolChoice": ("ai.prompt.toolChoice",),
    "maxTokens": ("gen_ai.request.max_tokens",),
    "finishReason": ("gen_ai.response.finish_reasons", "gen_ai.finishReason"),
    "system": ("gen_ai.system", "ai.model.provider"),
    "maxRetries": ("ai.settings.maxRetries",),
    "mode": ("ai.settings.mode",),
    "temperature": ("gen_ai.request.temperature",),
    "service_tier": ("gen_ai.request.service_tier",),
}
_COUNTS: Mapping[str, tuple[str, ...]] = {
    INPUT: ("gen_ai.usage.prompt_tokens", "gen_ai.usage.input_tokens", "ai.usage.promptTokens", "ai.usage.inputTokens"),
    OUTPUT: (
        "gen_ai.usage.completion_tokens",
        "gen_ai.usage.output_tokens",
        "ai.usage.completionTokens",
        "ai.usage.outputTokens",
    ),
    "total": ("ai.usage.tokens", "ai.usage.totalTokens"),
    CACHED: ("ai.usage.cachedInputTokens", "gen_ai.usage.cache_read.input_tokens"),
    CREATED: ("gen_ai.usage.cache_creation.input_tokens",),
    REASONING: ("ai.usage.reasoningTokens",),
}
_PROVIDER_COUNTS: Mapping[tuple[str, ...], Mapping[str, str]] = {
    ("openai",): {"cachedPromptTokens": CACHED, "reasoningTokens": REASONING},
    ("anthropic", "usage"): {"cache_read_input_tokens": CACHED, "cache_creation_input_tokens": CREATED},
    ("bedrock", "usage"): {"cacheReadInputTokens": CACHED, "cacheWriteInputTokens": CREATED},
}
"""Where providers tell of their caches in ``ai.response.providerMetadata``."""


def type_of(reading: Reading) -> ObservationType | None:
    operation, operation_id = (
        text_of(reading.attributes.get(key)) or "" for key in ("operation.name", "ai.operationId")
    )
    if _is_one_of(_GENERATIONS, operation, operation_id):
        return ObservationType.GENERATION
    if _is_one_of(_EMBEDDINGS, operation, operation_id):
        return ObservationType.EMBEDDING
    if _is_one_of(("ai.toolCall",), operation, operation_id):
        return ObservationType.TOOL
    return ObservationType.SPAN if operation_id.startswith("ai.") or operation.startswith("ai.") else None


def _is_one_of(calls: tuple[str, ...], operation: str, operation_id: str) -> bool:
    """``operation.name`` may have the function's id behind it."""
    return operation.startswith(calls) or operation_id in calls


def _read(reading: Reading) -> None:
    attributes = reading.attributes
    if reading.name is None and (operation := text_of(attributes.get("ai.operationId"))):
        function = text_of(reading.take("ai.telemetry.functionId"))
        reading.name = f"{function}:{operation}" if function else operation
    _read_prompt(reading)
    _read_metadata(reading)
    _read_output(reading)
    provider = _provider_metadata(reading)
    if reading.parameters is None:
        reading.parameters = _parameters(reading, provider)
    if reading.completion_start is None:
        delay = number_of(reading.take("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"))
        if delay is not None and math.isfinite(delay) and 0 <= delay * 1000 <= LATEST - reading.span.start:
            reading.completion_start = reading.span.start + math.ceil(delay) * 1000
    if reading.usage is None and reading.type in COUNTED_TYPES:
        reading.usage = _usage(reading, provider)


def _read_prompt(reading: Reading) -> None:
    """The link to a prompt, as JSON with its name and version."""
    text = reading.attributes.get(_PROMPT)
    link = parsed_json(text) if isinstance(text, str) else text
    if isinstance(link, dict) and reading.prompt_name is None:
        reading.use(_PROMPT)
        reading.prompt_name = text_of(link.get("name"))
        # A fallback may carry the number that was asked for: it is not that version's text.
        reading.prompt_version = None if link.get("isFallback") is True else version_of(link.get("version"))


def _read_metadata(reading: Reading) -> None:
    entries: dict[str, msgspec.Raw] = {}
    for key, value in reading.attributes.items():
        if key.startswith(_METADATA) and not (reading.used and key in reading.used):
            entries[key[len(_METADATA) :]] = raw_of(value, is_encoded=False)
            reading.use(key)
    tools = reading.take("ai.prompt.tools")
    if tools is not None:
        entries["tools"] = msgspec.Raw(encoded(tools))
    if entries:
        reading.metadata = entries | (reading.metadata or {})


def _read_output(reading: Reading) -> None:
    """Text and tool calls of one answer belong together."""
    calls = reading.attributes.get("ai.response.toolCalls")
    text = reading.attributes.get("ai.response.text")
    if isinstance(text, str) and isinstance(calls, str) and text and calls:
        reading.use("ai.response.text", "ai.response.toolCalls")
        message = {"role": "assistant", "content": text, "tool_calls": msgspec.Raw(from_attribute(calls))}
        reading.output = msgspec.json.encode(message)


def _provider_metadata(reading: Reading) -> Mapping[str, JSON]:
    text = reading.attributes.get("ai.response.providerMetadata")
    parsed = parsed_json(text) if isinstance(text, str) else None
    return parsed if isinstance(parsed, dict) else {}


def _parameters(reading: Reading, provider: Mapping[str, JSON]) -> bytes | None:
    found = {name: value for name, keys in _PARAMETERS.items() if (value := reading.take(*keys)) is not None}
    openai = provider.get("openai")
    if isinstance(openai, dict) and openai.get("serviceTier"):
        found.setdefault("service_tier", openai["serviceTier"])
    return parameters_of(found)


def _usage(reading: Reading, provider: Mapping[str, JSON]) -> Mapping[str, int] | None:
    counts = {kind: count for kind, keys in _COUNTS.items() if (count := count_of(reading.take(*keys))) is not None}
    for path, kinds in _PROVIDER_COUNTS.items():
        found: JSON = provider
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None
        for name, kind in kinds.items() if isinstance(found, dict) else ():
            count = count_of(found.get(name))
            if count is not None:
                counts.setdefault(kind, count)
    return take_out(counts)


DIALECT = Dialect(
    name="vercel",
    heads=frozenset({"ai"}),
    fields={
        "name": ("gen_ai.tool.name", "ai.toolCall.name"),
        "model": ("gen_ai.response.model", "ai.model.id", "gen_ai.request.model"),
        "user_id": ("ai.telemetry.metadata.userId",),
        "session_id": ("ai.telemetry.metadata.sessionId",),
        "tags": ("ai.telemetry.metadata.tags",),
    },
    texts=(
        (
            ("ai.prompt.messages", "ai.prompt", "ai.toolCall.args", "ai.value", "ai.values"),
            (
                "ai.response.text",
                "ai.result.text",
                "ai.toolCall.result",
                "ai.response.object",
                "ai.result.object",
                "ai.response.toolCalls",
                "ai.result.toolCalls",
            ),
        ),
    ),
    read=_read,
)
