"""How fast spans are taken in, on disk before the answer: the real server as a process, the load beside it.

    python tests/benchmarks/bench_ingest.py [--spans 40000] [--only otlp-50] [--url URL --public-key … --secret-key …]

Closed loops over 4 kept-alive connections from one process; bodies are made before the clock runs. `accepted` is spans
a second until the last 2xx, `read back` until the API counts all of them. Bytes a span is what the data folder grew by,
after a checkpoint was given time. Every run is bounded by its count and by `--seconds`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gzip
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httptools
import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.span_payloads import Payloads
from server_process import PUBLIC_KEY, SECRET_KEY, running

CONNECTIONS = 4
OTLP = "/api/public/otel/v1/traces"
INGESTION = "/api/public/ingestion"
PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Workload:
    name: str
    path: str
    batch: int
    share: float
    """Of the spans asked for: small batches are slower, and would take too long."""
    headers: tuple[str, ...]

    def bodies(self, payloads: Payloads, spans: int) -> list[bytes]:
        if self.path == INGESTION:
            return list(payloads.ingestion(spans, self.batch))
        bodies = payloads.otlp(spans, self.batch)
        return [gzip.compress(body, 6) for body in bodies] if "content-encoding: gzip" in self.headers else list(bodies)


WORKLOADS = (
    Workload("otlp-50", OTLP, 50, 1.0, (f"content-type: {PROTOBUF}",)),
    Workload("otlp-50-gzip", OTLP, 50, 0.5, (f"content-type: {PROTOBUF}", "content-encoding: gzip")),
    Workload("json-50", INGESTION, 50, 0.5, ("content-type: application/json",)),
    Workload("otlp-500", OTLP, 500, 1.0, (f"content-type: {PROTOBUF}",)),
    Workload("otlp-1", OTLP, 1, 0.1, (f"content-type: {PROTOBUF}",)),
)


class Connection(asyncio.Protocol):
    """One kept-alive connection with one request under way."""

    def __init__(self) -> None:
        self._waiter: asyncio.Future[tuple[int, bytes]] | None = None
        self._parser: Any = None
        self._chunks: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        self._parser, self._chunks = httptools.HttpResponseParser(self), []
        self._waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._waiter

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self._chunks.append(data)

    def on_message_complete(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result((self._parser.get_status_code(), b"".join(self._chunks)))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionResetError("the server closed the connection"))


@dataclass
class Load:
    """Sends requests to one server and keeps what it saw."""

    url: str
    keys: tuple[str, str]
    latencies: list[float] = field(default_factory=list)
    refused: list[tuple[int, bytes]] = field(default_factory=list)

    def request(self, method: str, path: str, body: bytes = b"", headers: tuple[str, ...] = ()) -> bytes:
        credentials = base64.b64encode(":".join(self.keys).encode()).decode()
        lines = [
            f"{method} {path} HTTP/1.1",
            f"host: {urlsplit(self.url).netloc}",
            f"authorization: Basic {credentials}",
        ]
        return "\r\n".join([*lines, *headers, f"content-length: {len(body)}"]).encode() + b"\r\n\r\n" + body

    async def connect(self) -> Connection:
        address = urlsplit(self.url)
        host, port = address.hostname or "127.0.0.1", address.port or 80
        _, connection = await asyncio.get_running_loop().create_connection(Connection, host, port)
        return connection

    async def send_all(self, requests: list[bytes], seconds: float) -> int:
        """Sends over all connections until the requests or the seconds are used up; returns how many were accepted."""
        source = iter(requests)
        deadline = time.perf_counter() + seconds
        connections = [await self.connect() for _ in range(CONNECTIONS)]
        accepted = await asyncio.gather(*(self._loop(connection, source, deadline) for connection in connections))
        for connection in connections:
            connection.transport.close()
        return sum(accepted)

    async def count(self, connection: Connection) -> int:
        status, body = await connection.send(self.request("GET", "/api/public/observations?limit=1"))
        assert status == 200, body
        total: int = json.loads(body)["meta"]["totalItems"]
        return total

    async def _loop(self, connection: Connection, source: Iterator[bytes], deadline: float) -> int:
        accepted = 0
        for request in source:
            began = time.perf_counter()
            status, body = await asyncio.wait_for(connection.send(request), 60)
            ended = time.perf_counter()
            self.latencies.append(ended - began)
            if 200 <= status < 300:
                accepted += 1
            else:
                self.refused.append((status, body))
            if ended > deadline:
                break
        return accepted


async def measure(workload: Workload, spans: int, seconds: float, load: Load, at: Server) -> dict[str, Any]:
    spans = int(spans * workload.share) // workload.batch * workload.batch
    bodies = workload.bodies(Payloads(), spans)
    requests = [load.request("POST", workload.path, body, workload.headers) for body in bodies]
    load.latencies, load.refused = [], []
    counter = await load.connect()
    before, size_before = await load.count(counter), at.stored_bytes()
    own_cpu, its_cpu, began = time.process_time(), at.cpu_seconds(), time.perf_counter()
    accepted = await load.send_all(requests, seconds) * workload.batch
    took = time.perf_counter() - began
    own_cpu, its_cpu = time.process_time() - own_cpu, at.cpu_seconds() - its_cpu
    while await load.count(counter) < before + accepted and time.perf_counter() - began < seconds + 30:
        await asyncio.sleep(0.005)
    read_back = time.perf_counter() - began
    missing = before + accepted - await load.count(counter)
    counter.transport.close()
    latencies = sorted(load.latencies)
    return {
        "workload": workload.name,
        "spans": accepted,
        "bytes sent a span": sum(map(len, bodies)) // spans,
        "accepted spans/s": round(accepted / took),
        "read back spans/s": round(accepted / read_back),
        "missing": missing,
        "refused": len(load.refused),
        "p50 ms": round(latencies[len(latencies) // 2] * 1000, 2),
        "p99 ms": round(latencies[int(len(latencies) * 0.99)] * 1000, 2),
        "server's CPU, us a span": round(its_cpu / max(accepted, 1) * 1e6, 1),
        "stored bytes a span": round((at.stored_bytes() - size_before) / max(accepted, 1)),
        "load generator's share of a core": round(own_cpu / took, 2),
    }


@dataclass(frozen=True)
class Server:
    """What can be known of a server that was started here; zeros for one that runs elsewhere."""

    data: Path | None = None
    pid: int = 0

    def stored_bytes(self) -> int:
        """Bytes of the trace store without its write-ahead log, which is bounded and does not grow with the spans."""
        return sum(path.stat().st_size for path in self.data.glob("traces.db")) if self.data else 0

    def cpu_seconds(self) -> float:
        """Unlike rates, this hardly depends on what else the machine does."""
        if not self.pid:
            return 0.0
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def run(options: argparse.Namespace, url: str, keys: tuple[str, str], at: Server) -> None:
    load = Load(url, keys)
    await measure(WORKLOADS[0], 1000, 10, load, at)  # warm: imports, caches, the first pages of the files
    for workload in WORKLOADS:
        if options.only and workload.name not in options.only:
            continue
        figures = await measure(workload, options.spans, options.seconds, load, at)
        sys.stdout.write(json.dumps(figures) + "\n")
        sys.stdout.flush()
        for status, body in load.refused[:3]:
            sys.stdout.write(f"  refused: {status} {body[:200]!r}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=40_000)
    parser.add_argument("--seconds", type=float, default=30, help="longest time of one workload")
    parser.add_argument("--only", nargs="*", help="names of workloads")
    parser.add_argument("--url", help="a server that runs already")
    parser.add_argument("--public-key", default=PUBLIC_KEY)
    parser.add_argument("--secret-key", default=SECRET_KEY)
    options = parser.parse_args()
    if options.url:
        uvloop.run(run(options, options.url, (options.public_key, options.secret_key), Server()))
        return
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as server:
        assert server.process is not None
        uvloop.run(run(options, server.url, (PUBLIC_KEY, SECRET_KEY), Server(server.data, server.process.pid)))


if __name__ == "__main__":
    main()
