"""OpenInference (Arize's instrumentations): ``openinference.span.kind``, ``input.value``, ``llm.*``.

Source: https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md.
"""

from __future__ import annotations

import msgspec

from trunkline.tracing.documents import encoded
from trunkline.tracing.nesting import nested
from trunkline.tracing.reading import Dialect, Reading, parameters_of, parsed_json
from trunkline.tracing.token_counts import COUNTED_TYPES, cost_from, read_counts, take_out
from trunkline.types import ObservationType

_KINDS = {
    "LLM": ObservationType.GENERATION,
    **{
        each.value: each
        for each in (
            ObservationType.CHAIN,
            ObservationType.RETRIEVER,
            ObservationType.EMBEDDING,
            ObservationType.AGENT,
            ObservationType.TOOL,
            ObservationType.GUARDRAIL,
            ObservationType.EVALUATOR,
        )
    },
}
_COSTS = {"input": "llm.cost.prompt", "output": "llm.cost.completion", "total": "llm.cost.total"}


def type_of(reading: Reading) -> ObservationType | None:
    kind = reading.attributes.get("openinference.span.kind")
    return _KINDS.get(kind.upper()) if isinstance(kind, str) else None


def _read(reading: Reading) -> None:
    if reading.input is None and reading.output is None:
        asked, answered = nested(reading, "llm.input_messages"), nested(reading, "llm.output_messages")
        reading.input = encoded(asked) if asked else None
        reading.output = encoded(answered) if answered else None
    if reading.input is not None or reading.output is not None:
        reading.use("input.mime_type", "output.mime_type")
    if reading.parameters is None:
        kind = "embedding" if reading.type is ObservationType.EMBEDDING else "llm"
        reading.parameters = parameters_of(nested(reading, f"{kind}.invocation_parameters"))
    _read_metadata(reading)
    if reading.type in COUNTED_TYPES:
        if reading.usage is None:
            reading.usage = take_out(read_counts(reading, "llm.token_count."))
        _read_cost(reading)


def _read_cost(reading: Reading) -> None:
    costs = {kind: cost_from(reading.attributes.get(key)) for kind, key in _COSTS.items()}
    given = {kind: cost for kind, cost in costs.items() if cost is not None}
    if reading.cost is None and given:
        reading.use(*_COSTS.values())
        given.setdefault("total", sum(given.values()))
        reading.cost = given


def _read_metadata(reading: Reading) -> None:
    """``metadata`` is an object as JSON."""
    text = reading.attributes.get("metadata")
    parsed = parsed_json(text) if isinstance(text, str) else None
    if isinstance(parsed, dict):
        reading.use("metadata")
        entries = reading.metadata or {}
        reading.metadata = {key: msgspec.Raw(encoded(value)) for key, value in parsed.items()} | entries


DIALECT = Dialect(
    name="openinference",
    heads=frozenset({"openinference", "input", "output", "llm", "metadata", "tag"}),
    fields={
        "model": ("llm.response.model", "llm.model_name", "embedding.model_name"),
        "tags": ("tag.tags",),
    },
    texts=((("input.value",), ("output.value",)),),
    read=_read,
)
