"""POST /api/public/otel/v1/traces: protobuf and JSON, gzip and chunks, and exports that are refused as a whole."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from api.contract import check, check_error

PATH = "/api/public/otel/v1/traces"
PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
TRACE = "0af7651916cd43dd8448eb211c80319c"
START = 1_767_225_600_000_000_000


def export(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    for key, value in (resource or {"service.name": "test"}).items():
        resource_spans.resource.attributes.add(key=key).value.string_value = value
    scope = resource_spans.scope_spans.add()
    for index, span in enumerate(spans):
        added = scope.spans.add(
            trace_id=span.get("trace_id", bytes.fromhex(TRACE)),
            span_id=span.get("span_id", bytes([index + 1] * 8)),
            parent_span_id=span.get("parent_id", b""),
            name=span.get("name", f"span-{index}"),
            start_time_unix_nano=START,
            end_time_unix_nano=START + 1_500_000_000,
        )
        for key, value in span.get("attributes", {}).items():
            added.attributes.add(key=key).value.string_value = value
    return message


GENERATION = {
    "name": "draft",
    "attributes": {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "gpt-4o",
        "langfuse.observation.usage_details": '{"input": 10, "output": 5}',
        "langfuse.observation.input": '{"q": "héllo"}',
        "langfuse.observation.output": "plain",
        "langfuse.trace.name": "answer",
        "session.id": "s",
        "user.id": "u",
    },
}
JSON_EXPORT = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "test"}}]},
            "scopeSpans": [
                {
                    "scope": {"name": "langfuse-sdk"},
                    "spans": [
                        {
                            "traceId": TRACE,
                            "spanId": "b7ad6b7169203331",
                            "name": "draft",
                            "kind": 1,
                            "startTimeUnixNano": str(START),
                            "endTimeUnixNano": str(START + 1_500_000_000),
                            "attributes": [
                                {"key": "langfuse.observation.type", "value": {"stringValue": "generation"}},
                                {"key": "langfuse.observation.prompt.version", "value": {"intValue": "1"}},
                                {"key": "langfuse.observation.prompt.name", "value": {"stringValue": "p"}},
                            ],
                        }
                    ],
                }
            ],
        }
    ]
}


async def post(api: httpx.AsyncClient, content: Any, **headers: str) -> httpx.Response:
    return await api.post(PATH, content=content, headers={name.replace("_", "-"): v for name, v in headers.items()})


async def read(api: httpx.AsyncClient, path: str) -> Any:
    answer = await api.get(f"/api/public/{path}")
    assert answer.status_code == 200, answer.text
    return check(answer).json()


async def count(api: httpx.AsyncClient) -> int:
    total: int = (await read(api, "observations?limit=1"))["meta"]["totalItems"]
    return total


@pytest.mark.parametrize("zipped", [False, True])
async def test_protobuf_reads_back(api: httpx.AsyncClient, zipped: bool) -> None:
    body = export(GENERATION).SerializeToString()
    headers = {**PROTOBUF, **({"content-encoding": "gzip"} if zipped else {})}
    answer = await api.post(PATH, content=gzip.compress(body) if zipped else body, headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("application/x-protobuf")
    trace = await read(api, f"traces/{TRACE}")
    assert (trace["name"], trace["userId"], trace["sessionId"]) == ("answer", "u", "s")
    (generation,) = trace["observations"]
    assert (generation["type"], generation["model"], generation["latency"]) == ("GENERATION", "gpt-4o", 1.5)
    assert (generation["input"], generation["output"]) == ({"q": "héllo"}, "plain")
    assert generation["usageDetails"] == {"input": 10, "output": 5, "total": 15}


async def test_json_reads_back_when_it_comes_in_chunks(api: httpx.AsyncClient) -> None:
    body = json.dumps(JSON_EXPORT).encode()

    async def chunks() -> Any:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    answer = await api.post(PATH, content=chunks(), headers=JSON)
    assert (answer.status_code, answer.json()) == (200, {})
    check(answer)
    (generation,) = (await read(api, f"traces/{TRACE}"))["observations"]
    assert (generation["id"], generation["promptName"], generation["promptVersion"]) == ("b7ad6b7169203331", "p", 1)


async def test_the_same_export_again_changes_nothing(api: httpx.AsyncClient) -> None:
    body = export(GENERATION, {"name": "child", "parent_id": bytes([1] * 8)}).SerializeToString()
    for _ in range(3):
        assert (await api.post(PATH, content=body, headers=PROTOBUF)).status_code == 200
    assert await count(api) == 2


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"\xff\xff\xff", PROTOBUF),
        (b"{", JSON),
        (b"[]", JSON),
        (b'{"resourceSpans": 1}', JSON),
        (b"\x0a\x80" + b"\x0a" * 50, PROTOBUF),
        (b"{}", {"content-type": "text/plain"}),
        (b"not gzip", {**PROTOBUF, "content-encoding": "gzip"}),
        (gzip.compress(b"x" * 1000, mtime=0)[:-10], {**PROTOBUF, "content-encoding": "gzip"}),
        (export({"trace_id": b"short"}).SerializeToString(), PROTOBUF),
        (export(GENERATION, {"span_id": b""}).SerializeToString(), PROTOBUF),
    ],
    ids=["garbage", "no-json", "list", "wrong-shape", "cut", "type", "no-gzip", "cut-gzip", "trace-id", "second-span"],
)
async def test_a_bad_export_is_refused_as_a_whole(api: httpx.AsyncClient, content: bytes, headers: Any) -> None:
    answer = await api.post(PATH, content=content, headers=headers)
    assert answer.status_code == 400, answer.text
    check_error(answer)
    assert await count(api) == 0


async def test_an_empty_export_is_fine(api: httpx.AsyncClient) -> None:
    assert (await api.post(PATH, content=b"", headers=PROTOBUF)).status_code == 200
    assert (await api.post(PATH, content=b'{"resourceSpans":[]}', headers=JSON)).status_code == 200
