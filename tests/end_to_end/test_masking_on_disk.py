"""Masking on: whatever way a secret comes in, no file of the data folder and no line of the log has it afterwards."""

from __future__ import annotations

import gzip
import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import zstandard
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from server_process import ServerProcess, running
from tracing.otlp_spans import export, span
from tracing.secret_examples import SECRETS
from trunkline.store.texts import shipped_dictionary

TIME = "2026-11-23T22:00:00.000Z"
ZSTD = b"\x28\xb5\x2f\xfd"


def test_secrets_never_reach_the_disk_or_the_log(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, server.client() as client:
        assert client.patch("/api/v1/project/settings", json={"masking": True}).status_code == 200
        send_all(client)
        traces = client.get("/api/public/traces", params={"limit": 100}).json()
        shown = json.dumps([client.get(f"/api/public/traces/t{n}").json() for n in range(len(SECRETS))])
        assert traces["meta"]["totalItems"] >= 2 * len(SECRETS)
        assert hits(shown.encode()) == []
        assert shown.count("[masked") >= 10 * len(SECRETS)
        server.stop()
        assert hits("".join(server.output).encode()) == []
    found = [(path.name, hit) for path in files(server) for content in contents(path) for hit in hits(content)]
    assert found == []


def test_the_search_would_find_them(tmp_path: Path) -> None:
    """Without masking they are all there: the test above does not pass for want of looking."""
    with running(tmp_path / "data") as server, server.client() as client:
        send_all(client)
        server.stop()
    found = {hit for path in files(server) for content in contents(path) for hit in hits(content)}
    assert {secret.name for secret in SECRETS} - {name for name, _ in found} == set()


def send_all(client: httpx.Client) -> None:
    """Each secret in every field of every kind of event, by every route."""
    batch = [made for number, secret in enumerate(SECRETS) for made in events(number, secret.text)]
    answer = client.post("/api/public/ingestion", json={"batch": batch, "metadata": {"sdk": SECRETS[0].text}})
    assert {error["id"] for error in answer.json()["errors"]} == {"unknown"}, answer.text
    scores = [score(number, secret.text) for number, secret in enumerate(SECRETS)]
    assert client.post("/api/public/scores", json=scores).status_code == 202
    for each in scores[::10]:
        assert client.post("/api/public/scores", json=each).status_code == 200
    whole = " ".join(secret.text for secret in SECRETS)
    spans = [otlp_span(number, secret.text) for number, secret in enumerate(SECRETS)]
    body = export(*spans, resource={"process.command_args": whole}, scope=SECRETS[3].text)
    protobuf = {"content-type": "application/x-protobuf"}
    for data, headers in ((body, protobuf), (gzip.compress(body), {**protobuf, "content-encoding": "gzip"})):
        assert client.post("/api/public/otel/v1/traces", content=data, headers=headers).status_code == 200
    as_json = [json_span(number, secret.text) for number, secret in enumerate(SECRETS)]
    exported = {"resourceSpans": [{"scopeSpans": [{"spans": as_json}]}]}
    assert client.post("/api/public/otel/v1/traces", json=exported).status_code == 200
    client.post("/api/public/ingestion", content=b"{" + whole.encode())
    client.get("/api/public/traces", params={"name": SECRETS[3].text})


def events(number: int, text: str) -> list[dict[str, Any]]:
    document, short = {text: 1, "in": text, "json": json.dumps({"x": text})}, text[:400]
    common = {"name": short, "version": short, "input": document, "output": text, "metadata": document}
    ids = {"userId": short, "sessionId": short, "release": short, "tags": [short, "a"]}
    more = {"modelParameters": {"header": text}, "usageDetails": {short: 1}, "promptName": short, "model": short}
    return [
        event("trace-create", {"id": f"t{number}", **common, **ids}),
        event("generation-create", {"traceId": f"t{number}", "statusMessage": text, **more, **common}),
        event("score-create", {"traceId": f"t{number}", "name": short, "value": short, "comment": text}),
        event("trace-create", {"id": short, "name": "its own id"}),
        event(short, {"id": "x"}) | {"id": "unknown"},
    ]


def event(type_: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "type": type_, "timestamp": TIME, "body": body}


def score(number: int, text: str) -> dict[str, Any]:
    document = {text: 1, "in": text}
    given = {"name": "n", "comment": text, "metadata": document, "dataType": "TEXT", "value": text[:400]}
    return {"traceId": f"t{number}", **given}


def otlp_span(number: int, text: str) -> Span:
    attributes = {"langfuse.observation.input": json.dumps({"in": text}), "langfuse.user.id": text[:400], text: "z"}
    more = {"gen_ai.prompt.0.content": text, "langfuse.trace.tags": [text[:400]], "nested": {"a": [text], text: 1}}
    said = [("e", 5, {"exception.message": text})]
    trace = f"{number + 1:032x}"
    return span({**attributes, **more}, trace=trace, name=text[:400], code=2, message=text, events=said)


def json_span(number: int, text: str) -> dict[str, Any]:
    attributes = [{"key": "input.value", "value": {"stringValue": text}}]
    ids = {"traceId": f"{number + 1001:032x}", "spanId": "0102030405060708"}
    return {**ids, "name": text[:400], "attributes": attributes}


def hits(content: bytes) -> list[tuple[str, str]]:
    return [(secret.name, part) for secret in SECRETS for part in secret.parts if part.encode() in content]


def files(server: ServerProcess) -> list[Path]:
    return [path for path in server.data.rglob("*") if path.is_file()]


def contents(path: Path) -> Iterator[bytes]:
    """A file's bytes; of a database also each value, decompressed where it is."""
    yield path.read_bytes()
    if not path.read_bytes().startswith(b"SQLite format 3"):
        return
    decompress = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(shipped_dictionary())).decompress
    with closing(sqlite3.connect(path)) as database:
        # What a virtual table holds stands in ordinary ones beside it.
        ordinary = "type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
        tables = database.execute(f"SELECT name FROM sqlite_schema WHERE {ordinary}").fetchall()
        for (table,) in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    if isinstance(value, bytes):
                        yield decompress(value, max_output_size=1 << 24) if value.startswith(ZSTD) else value
                    elif isinstance(value, str):
                        yield value.encode()
