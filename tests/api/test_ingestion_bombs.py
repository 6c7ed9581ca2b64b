"""Bodies that are meant to hurt, against the real server: refused in bounded time and memory; others are served on."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from api.contract import check_error
from api.test_otel_routes import export
from server_process import ServerProcess, running

INGESTION = "/api/public/ingestion"
OTEL = "/api/public/otel/v1/traces"
SCORES = "/api/public/scores"
JSON = {"content-type": "application/json"}
PROTOBUF = {"content-type": "application/x-protobuf"}
GZIP = {"content-encoding": "gzip"}
LONGEST_S = 10.0
"""Of one refusal; generous, since test machines are shared. Most take milliseconds."""

pytestmark = pytest.mark.fuzz


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running(tmp_path_factory.mktemp("bombs") / "data") as started:
        yield started


def nested_protobuf(levels: int) -> bytes:
    """A span whose one attribute is a list in a list in a list."""
    value = AnyValue(string_value="x")
    for _ in range(levels):
        outer = AnyValue()
        outer.array_value.values.add().CopyFrom(value)
        value = outer
    message = export({"name": "deep"})
    message.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="deep").value.CopyFrom(value)
    return message.SerializeToString()


def batch(document: bytes) -> bytes:
    body = b'{"id":"t","input":' + document + b"}"
    return b'{"batch":[{"id":"e","type":"trace-create","timestamp":"2026-03-01T12:00:00Z","body":' + body + b"}]}"


ZEROS = gzip.compress(bytes(200_000_000), 9)
BOMBS: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "brackets": (INGESTION, b"[" * 400_000, JSON),
    "braces": (INGESTION, b'{"a":' * 100_000, JSON),
    "brackets in a score": (SCORES, b'{"metadata":' + b"[" * 400_000, JSON),
    "brackets in an export": (OTEL, b'{"resourceSpans":' + b"[" * 400_000, JSON),
    "gzip of zeros, JSON": (INGESTION, ZEROS, {**JSON, **GZIP}),
    "gzip of zeros, score": (SCORES, ZEROS, {**JSON, **GZIP}),
    "gzip of zeros, protobuf": (OTEL, ZEROS, {**PROTOBUF, **GZIP}),
    "gzip of gzip": (OTEL, gzip.compress(ZEROS), {**PROTOBUF, **GZIP}),
    "many gzip members": (OTEL, gzip.compress(b"", mtime=0) * 100_000, {**PROTOBUF, **GZIP}),
    "protobuf 60 deep": (OTEL, nested_protobuf(60), PROTOBUF),
    "protobuf of empty messages": (OTEL, b"\x0a\x00" * 1_000_000 + b"\x0b", PROTOBUF),
    "a number of a million digits": (INGESTION, batch(b"1" * 1_000_000) + b"x", JSON),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused(server: ServerProcess, bomb: str) -> None:
    path, content, headers = BOMBS[bomb]
    before, began = memory_mb(server), time.monotonic()
    with server.client() as client:
        answer = client.post(path, content=content, headers=headers)
    assert answer.status_code in {400, 413}, answer.text[:300]
    check_error(answer)
    assert time.monotonic() - began < LONGEST_S
    assert memory_mb(server) - before < 128


def test_documents_that_are_deep_are_an_error_of_their_event(server: ServerProcess) -> None:
    with server.client() as client:
        for depth in (200, 5_000):
            answer = client.post(INGESTION, content=batch(b"[" * depth + b"]" * depth), headers=JSON)
            assert answer.status_code in {207, 400}
            if answer.status_code == 207:
                (error,) = answer.json()["errors"]
                assert (error["id"], error["status"]) == ("e", 400)


@pytest.mark.parametrize("path", [INGESTION, OTEL, SCORES])
@pytest.mark.parametrize("announced", [True, False], ids=["content-length", "chunked"])
def test_a_hundred_megabytes(server: ServerProcess, path: str, announced: bool) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1_000_000

    before = memory_mb(server)
    headers = {**JSON, **({"content-length": "100000000"} if announced else {})}
    with server.client() as client:
        answer = client.post(path, content=chunks(), headers=headers)
    assert answer.status_code == 413
    check_error(answer)
    assert memory_mb(server) - before < 128


def test_others_are_served_while_bombs_come_in(server: ServerProcess) -> None:
    """Forty bombs from four clients, while another sends and reads."""
    answers: list[int] = []

    def attack() -> None:
        with server.client() as client:
            for path, content, headers in list(BOMBS.values())[:10]:
                answers.append(client.post(path, content=content, headers=headers).status_code)

    before = memory_mb(server)
    attackers = [threading.Thread(target=attack) for _ in range(4)]
    for attacker in attackers:
        attacker.start()
    slowest, served = 0.0, 0
    with server.client() as client:
        while any(attacker.is_alive() for attacker in attackers):
            began = time.monotonic()
            sent = client.post(OTEL, content=export({"name": "fine"}).SerializeToString(), headers=PROTOBUF)
            assert sent.status_code == 200
            assert client.get("/api/public/observations?limit=1").json()["meta"]["totalItems"] == 1
            slowest, served = max(slowest, time.monotonic() - began), served + 1
    assert set(answers) <= {400, 413}
    assert len(answers) == 40
    assert served > 0
    assert slowest < LONGEST_S
    assert memory_mb(server) - before < 256


def test_a_client_that_goes_away_stores_nothing(server: ServerProcess) -> None:
    def half() -> Iterator[bytes]:
        yield b'{"batch":[{"id":"e","type":"trace-create",'
        raise ConnectionAbortedError

    with server.client() as client:
        with pytest.raises(ConnectionAbortedError):
            client.post(INGESTION, content=half(), headers=JSON)
        assert client.get("/api/public/traces/e").status_code == 404
        assert client.get("/health").status_code == httpx.codes.OK


def memory_mb(server: ServerProcess) -> float:
    """Resident memory now, of the one process."""
    assert server.process is not None
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    fields: dict[str, Any] = dict(line.split(":", 1) for line in lines)
    return int(fields["VmRSS"].split()[0]) / 1024
