"""Bodies for ingestion benchmarks: traces of five spans (chain, retriever, tool, two LLM calls) of about 2.7 KB each.

Texts are seeded and drawn from a pool, ids are random, so every body is new to the server. The same content is given as
OTLP protobuf and as Langfuse's JSON batches.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

SPANS_A_TRACE = 5
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-3-5-sonnet-20241022", "gemini-1.5-pro")
NAMES = ("answer-question", "search-docs", "lookup-order", "draft-answer", "review-answer")
TEXT = (
    "the customer asked whether their refund for order would arrive before Friday and which carrier handles returns "
    "please answer politely cite the policy section mention limits keep it short context document paragraph summary "
    "invoice delivery account premium support ticket résumé"
)

Span = dict[str, Any]


class Payloads:
    """Makes spans whose start times move forward, 20 ms a trace, from six hours ago."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)
        self._inputs = [self._text(1400) for _ in range(64)]
        self._outputs = [self._text(650) for _ in range(64)]
        self._clock = time.time_ns() - 6 * 3600 * 10**9

    def otlp(self, spans: int, batch: int) -> Iterator[bytes]:
        for part in self._batches(spans, batch):
            yield _otlp(part)

    def ingestion(self, spans: int, batch: int) -> Iterator[bytes]:
        for part in self._batches(spans, batch):
            yield json.dumps({"batch": [event for span in part for event in _events(span)]}).encode()

    def _batches(self, spans: int, batch: int) -> Iterator[list[Span]]:
        part: list[Span] = []
        for _ in range(-(-spans // SPANS_A_TRACE)):
            for span in self._trace():
                part.append(span)
                if len(part) == batch:
                    yield part
                    part = []
        if part:
            yield part

    def _trace(self) -> Iterator[Span]:
        draw = self._random
        self._clock += 20_000_000
        trace_id, root, start = os.urandom(16), os.urandom(8), self._clock
        session, user = f"session-{draw.randrange(2000)}", f"user-{draw.randrange(500)}"
        for index, name in enumerate(NAMES):
            begin = start + index * 200_000_000
            yield {
                "trace_id": trace_id,
                "span_id": os.urandom(8) if index else root,
                "parent_id": root if index else b"",
                "is_generation": index >= 3,
                "name": name,
                "start": begin,
                "end": begin + draw.randrange(50, 190) * 1_000_000 if index else start + 1_200_000_000,
                "input": [
                    {"role": "system", "content": "You are a support agent. Answer from the context only."},
                    {"role": "user", "content": draw.choice(self._inputs)},
                ],
                "output": {"role": "assistant", "content": draw.choice(self._outputs)},
                "model": draw.choice(MODELS),
                "usage": {"input": draw.randrange(300, 500), "output": draw.randrange(100, 250)},
                "prompt_name": f"prompt-{draw.randrange(20)}",
                "prompt_version": draw.randrange(1, 4),
                "session": session,
                "user": user,
            }

    def _text(self, size: int) -> str:
        words: list[str] = []
        words_of_text = TEXT.split()
        while sum(map(len, words)) + len(words) < size:
            words.append(self._random.choice(words_of_text))
        return " ".join(words)[:size]


def _otlp(spans: list[Span]) -> bytes:
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    service = resource.resource.attributes.add(key="service.name")
    service.value.string_value = "bench-app"
    scope = resource.scope_spans.add()
    scope.scope.name = "bench"
    for span in spans:
        proto = scope.spans.add(
            trace_id=span["trace_id"],
            span_id=span["span_id"],
            parent_span_id=span["parent_id"],
            name=span["name"],
            kind=OtlpSpan.SPAN_KIND_INTERNAL,
            start_time_unix_nano=span["start"],
            end_time_unix_nano=span["end"],
        )
        proto.status.code = Status.STATUS_CODE_OK
        for key, value in _attributes(span).items():
            attribute = proto.attributes.add(key=key)
            if isinstance(value, int):
                attribute.value.int_value = value
            else:
                attribute.value.string_value = value
    encoded: bytes = message.SerializeToString()
    return encoded


def _attributes(span: Span) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        "langfuse.observation.type": "generation" if span["is_generation"] else "span",
        "langfuse.observation.input": json.dumps(span["input"]),
        "langfuse.observation.output": json.dumps(span["output"]),
        "session.id": span["session"],
        "user.id": span["user"],
        "langfuse.environment": "production",
    }
    if not span["parent_id"]:
        attributes["langfuse.trace.name"] = span["name"]
    if span["is_generation"]:
        attributes |= {
            "langfuse.observation.model.name": span["model"],
            "langfuse.observation.usage_details": json.dumps(span["usage"]),
            "langfuse.observation.prompt.name": span["prompt_name"],
            "langfuse.observation.prompt.version": span["prompt_version"],
        }
    return attributes


def _events(span: Span) -> Iterator[dict[str, Any]]:
    trace_id, started = span["trace_id"].hex(), _iso(span["start"])
    if not span["parent_id"]:
        trace = {"id": trace_id, "name": span["name"], "timestamp": started, "environment": "production"}
        yield _event("trace-create", started, {**trace, "sessionId": span["session"], "userId": span["user"]})
    body = {
        "id": span["span_id"].hex(),
        "traceId": trace_id,
        "parentObservationId": span["parent_id"].hex() or None,
        "name": span["name"],
        "startTime": started,
        "endTime": _iso(span["end"]),
        "input": span["input"],
        "output": span["output"],
    }
    if span["is_generation"]:
        body |= {"model": span["model"], "usageDetails": span["usage"]}
        body |= {"promptName": span["prompt_name"], "promptVersion": span["prompt_version"]}
    yield _event("generation-create" if span["is_generation"] else "span-create", started, body)


def _event(kind: str, timestamp: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"id": os.urandom(16).hex(), "type": kind, "timestamp": timestamp, "body": body}


def _iso(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
