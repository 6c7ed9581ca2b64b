"""The dialects that this server understands besides Langfuse's own, and the order in which they are asked.

To add one, write a module with a `Dialect` (mostly tables) and put it in `DIALECTS`; where it says a span's type in a
way of its own, put that rule in `TYPE_RULES`.
"""

from __future__ import annotations

from collections.abc import Callable

from trunkline.tracing import genai, openinference, vercel
from trunkline.tracing.reading import Dialect, Reading, read_dialect
from trunkline.types import ObservationType

_MODELS = (
    "langfuse.observation.model.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "llm.model_name",
    "model",
)


def _model_type_of(reading: Reading) -> ObservationType | None:
    """Who names a model calls one."""
    return ObservationType.GENERATION if any(reading.attributes.get(key) for key in _MODELS) else None


TYPE_RULES: tuple[Callable[[Reading], ObservationType | None], ...] = (
    openinference.type_of,
    genai.type_of,
    vercel.type_of,
    genai.tool_type_of,
    _model_type_of,
)
"""The first that knows decides."""

FRAMEWORKS = Dialect(
    name="frameworks",
    heads=frozenset(
        ("logfire", "model", "model_config", "prompt", "all_messages_events", "mlflow", "traceloop", "input", "output")
    )
    | {"pydantic_ai", "final_result", "tool_arguments", "tool_response", "gcp", "lk"},
    fields={"name": ("logfire.msg",), "model": ("model",), "parameters": ("model_config",)},
    texts=(
        (("prompt",), ("all_messages_events",)),
        (("mlflow.spanInputs",), ("mlflow.spanOutputs",)),
        (("traceloop.entity.input",), ("traceloop.entity.output",)),
        (("input",), ("output",)),
        (("pydantic_ai.all_messages",), ("final_result",)),
        (("tool_arguments",), ("tool_response",)),
        (
            ("gcp.vertex.agent.llm_request", "gcp.vertex.agent.tool_call_args"),
            ("gcp.vertex.agent.llm_response", "gcp.vertex.agent.tool_response"),
        ),
        (("lk.input_text", "lk.user_transcript", "lk.chat_ctx"), ("lk.function_tool.output", "lk.response.text")),
    ),
)
"""Single attributes of Logfire, MLflow, Traceloop, Pipecat, Pydantic AI, Google's ADK and LiveKit."""

DIALECTS = (vercel.DIALECT, openinference.DIALECT, genai.DIALECT, FRAMEWORKS)


def type_of(reading: Reading) -> ObservationType:
    """The type of a span that does not say it in Langfuse's own attribute."""
    return next((found for rule in TYPE_RULES if (found := rule(reading)) is not None), ObservationType.SPAN)


def read_foreign(reading: Reading) -> None:
    """Fills what Langfuse's own attributes left open. The type must be known: usage counts on some types only."""
    heads = {key.partition(".")[0] for key in reading.attributes}
    for dialect in DIALECTS:
        if not heads.isdisjoint(dialect.heads):
            read_dialect(dialect, reading)
