"""OpenTelemetry's conventions for generative AI (``gen_ai.*``), and what OpenLLMetry and Pydantic AI add to them.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/.
"""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.tracing.documents import encoded
from trunkline.tracing.nesting import nested
from trunkline.tracing.reading import Dialect, Reading, parameters_of
from trunkline.tracing.spans import SpanEvent
from trunkline.tracing.token_counts import COUNTED_TYPES, cost_from, read_counts, take_out
from trunkline.types import JSON, ObservationType

_OPERATIONS = {
    **dict.fromkeys(
        ("chat", "completion", "text_completion", "generate_content", "generate"), ObservationType.GENERATION
    ),
    "embeddings": ObservationType.EMBEDDING,
    "invoke_agent": ObservationType.AGENT,
    "create_agent": ObservationType.AGENT,
    "execute_tool": ObservationType.TOOL,
}
_USAGE = "gen_ai.usage."
_REQUEST = "gen_ai.request."
_INPUT_EVENTS = frozenset(f"gen_ai.{role}.message" for role in ("system", "user", "assistant", "tool"))


def type_of(reading: Reading) -> ObservationType | None:
    operation = reading.attributes.get("gen_ai.operation.name")
    return _OPERATIONS.get(operation) if isinstance(operation, str) else None


def tool_type_of(reading: Reading) -> ObservationType | None:
    """Some frameworks name a tool but no operation."""
    get = reading.attributes.get
    return ObservationType.TOOL if get("gen_ai.tool.name") or get("gen_ai.tool.call.id") else None


def _read(reading: Reading) -> None:
    if reading.input is None and reading.output is None:
        _read_texts(reading)
    if reading.parameters is None:
        reading.parameters = _parameters(reading)
    if reading.type not in COUNTED_TYPES:
        return
    if reading.usage is None:
        reading.usage = take_out(read_counts(reading, _USAGE, besides=("cost",)))
    cost = cost_from(reading.attributes.get("gen_ai.usage.cost"))
    if reading.cost is None and cost is not None:
        reading.use("gen_ai.usage.cost")
        reading.cost = {"total": cost}


def _parameters(reading: Reading) -> bytes | None:
    keys = [key for key in reading.attributes if key.startswith(_REQUEST) and key != "gen_ai.request.model"]
    reading.use(*keys)
    return parameters_of({key[len(_REQUEST) :]: reading.attributes[key] for key in keys})


def _read_texts(reading: Reading) -> None:
    """Messages come as span events, as numbered attributes, or as JSON in one attribute (`DIALECT.texts`)."""
    events = reading.span.events
    asked = [_message(event) for event in events if event.name in _INPUT_EVENTS]
    answered = [dict(event.attributes) for event in events if event.name == "gen_ai.choice"]
    if not asked and not answered:
        asked = _contents(events, "gen_ai.content.prompt")
        answered = _contents(events, "gen_ai.content.completion")
    found_in: JSON = asked or nested(reading, "gen_ai.prompt")
    found_out: JSON = (answered[0] if len(answered) == 1 else answered) or nested(reading, "gen_ai.completion")
    reading.input = encoded(found_in) if found_in else None
    reading.output = encoded(found_out) if found_out else None


def _message(event: SpanEvent) -> JSON:
    return {"role": event.name.removeprefix("gen_ai.").removesuffix(".message"), **event.attributes}


def _contents(events: Sequence[SpanEvent], name: str) -> list[JSON]:
    return [dict(event.attributes) for event in events if event.name == name]


DIALECT = Dialect(
    name="gen_ai",
    heads=frozenset({"gen_ai"}),
    fields={
        "name": ("gen_ai.tool.name",),
        "model": ("gen_ai.response.model", "ai.model.id", "gen_ai.request.model"),
        "session_id": ("gen_ai.conversation.id",),
    },
    texts=(
        (("gen_ai.input.messages",), ("gen_ai.output.messages",)),
        (("gen_ai.tool.call.arguments",), ("gen_ai.tool.call.result",)),
    ),
    read=_read,
)
