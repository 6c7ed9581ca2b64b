"""OpenTelemetry's own SDK for Python: protobuf, gzip, and JSON over plain HTTP; GenAI conventions, events and links."""

import base64
import gzip
import json
import os
import time
import urllib.request

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, format_span_id, format_trace_id

ENDPOINT = os.environ["LANGFUSE_BASE_URL"] + "/api/public/otel/v1/traces"
KEYS = os.environ["LANGFUSE_PUBLIC_KEY"] + ":" + os.environ["LANGFUSE_SECRET_KEY"]
AUTHORIZATION = {"Authorization": "Basic " + base64.b64encode(KEYS.encode()).decode()}
MESSAGES = [{"role": "user", "parts": [{"type": "text", "content": "Why?"}]}]


class JSONExporter(SpanExporter):
    """OTLP as JSON, as its specification has it: ids in hex, 64-bit integers as text, enumerations as numbers."""

    def __init__(self, compressed):
        self.compressed = compressed

    def export(self, spans):
        said = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
        for resource in said["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    for each in (span, *span.get("links", ())):
                        for key in ("traceId", "spanId", "parentSpanId"):
                            if key in each:
                                each[key] = base64.b64decode(each[key]).hex()
        body = json.dumps(said).encode()
        headers = AUTHORIZATION | {"Content-Type": "application/json"}
        if self.compressed:
            body, headers = gzip.compress(body), headers | {"Content-Encoding": "gzip"}
        with urllib.request.urlopen(urllib.request.Request(ENDPOINT, body, headers)) as answer:
            return SpanExportResult.SUCCESS if json.load(answer) == {} else SpanExportResult.FAILURE


def exporters():
    protobuf = {
        "protobuf": Compression.NoCompression,
        "gzip": Compression.Gzip,
    }
    found = {
        name: OTLPSpanExporter(endpoint=ENDPOINT, headers=AUTHORIZATION, compression=compression)
        for name, compression in protobuf.items()
    }
    return found | {"json": JSONExporter(False), "json gzip": JSONExporter(True)}


def run():
    return {name: trace_of(name, exporter) for name, exporter in exporters().items()}


def trace_of(name, exporter):
    resource = Resource({"service.name": "shop", "deployment.environment.name": "staging"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("shop.answers", "1.2", attributes={"team": "search"})
    ids = {}
    with tracer.start_as_current_span("elsewhere") as other:
        elsewhere = other.get_span_context()
    with tracer.start_as_current_span(
        f"GET /answer by {name}",
        kind=SpanKind.SERVER,
        links=[Link(elsewhere, {"why": "retried"})],
        attributes={"http.request.method": "GET", "user.id": "otel-user", "session.id": "otel-session"},
    ) as root:
        ids["trace"], ids["root"] = format_trace_id(root.get_span_context().trace_id), span_id(root)
        root.add_event("cache miss", {"key": "k", "count": 3, "ratio": 0.5, "hit": False, "tried": ["a", "b"]})
        with tracer.start_as_current_span("invoke_agent helper") as agent:
            agent.set_attributes({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper"})
            ids["agent"] = span_id(agent)
            with tracer.start_as_current_span("chat gpt-4o-mini", kind=SpanKind.CLIENT) as chat:
                chat.set_attributes(
                    {
                        "gen_ai.operation.name": "chat",
                        "gen_ai.provider.name": "openai",
                        "gen_ai.request.model": "gpt-4o-mini",
                        "gen_ai.request.temperature": 0.5,
                        "gen_ai.request.max_tokens": 10,
                        "gen_ai.usage.input_tokens": 11,
                        "gen_ai.usage.output_tokens": 7,
                        "gen_ai.input.messages": json.dumps(MESSAGES),
                        "gen_ai.output.messages": json.dumps(
                            [
                                {
                                    "role": "assistant",
                                    "parts": [{"type": "text", "content": "Because."}],
                                    "finish_reason": "stop",
                                }
                            ]
                        ),
                    }
                )
                ids["chat"] = span_id(chat)
            with tracer.start_as_current_span("execute_tool search") as tool:
                tool.set_attributes(
                    {
                        "gen_ai.operation.name": "execute_tool",
                        "gen_ai.tool.name": "search",
                        "gen_ai.tool.call.arguments": '{"q": "why"}',
                        "gen_ai.tool.call.result": '["doc"]',
                    }
                )
                ids["tool"] = span_id(tool)
            with tracer.start_as_current_span("embeddings text-embedding-3-small") as embedding:
                embedding.set_attributes(
                    {
                        "gen_ai.operation.name": "embeddings",
                        "gen_ai.request.model": "text-embedding-3-small",
                        "gen_ai.usage.input_tokens": 5,
                    }
                )
                ids["embedding"] = span_id(embedding)
        start = time.time_ns() - 3_000_000_000
        failed = tracer.start_span("failed", start_time=start)
        failed.record_exception(ValueError("too hot"))
        failed.set_status(Status(StatusCode.ERROR, "too hot"))
        failed.end(start + 2_500_000_000)
        ids["failed"] = span_id(failed)
    provider.force_flush()
    provider.shutdown()
    return ids | {"elsewhere": format_span_id(elsewhere.span_id)}


def span_id(span):
    return format_span_id(span.get_span_context().span_id)
