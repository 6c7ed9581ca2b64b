"""A load generator for machines without wrk: it takes more CPU than wrk, so rates are lower and ratios nearer to 1.

Reads a plan as JSON from standard input, ``{"port", "connections", "seconds", "paths", "method", "headers", "body"}``,
and prints ``{"requests", "rate", "p99_ms"}``. An answer that is neither 2xx nor 3xx ends it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import httptools
import uvloop

HOST = "127.0.0.1"


class Connection(asyncio.Protocol):
    """Sends one request after another on a connection that is kept."""

    def __init__(self, requests: Iterator[bytes], taken: list[float], until: float, done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._taken = taken
        self._until = until
        self._done = done
        self._began = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self._taken.append(now - self._began)
        status = self._parser.get_status_code()
        if status >= 400 and not self._done.done():
            self._done.set_exception(AssertionError(f"an answer was {status}"))
        elif now < self._until:
            self._ask()
        elif self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def _ask(self) -> None:
        assert self._transport is not None
        self._began = time.perf_counter()
        self._transport.write(next(self._requests))


def requests_of(plan: dict[str, Any]) -> list[bytes]:
    body = plan["body"].encode()
    headers = {"Host": f"{HOST}:{plan['port']}", **plan["headers"]}
    if body:
        headers["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return [f"{plan['method']} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body for path in plan["paths"]]


async def run(plan: dict[str, Any]) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    requests = itertools.cycle(requests_of(plan))
    taken: list[float] = []
    began = time.perf_counter()
    ends: list[asyncio.Future[None]] = [loop.create_future() for _ in range(plan["connections"])]
    for done in ends:
        connection = partial(Connection, requests, taken, began + plan["seconds"], done)
        await loop.create_connection(connection, HOST, plan["port"])
    await asyncio.gather(*ends)
    taken.sort()
    rate = len(taken) / (time.perf_counter() - began)
    return {"requests": len(taken), "rate": rate, "p99_ms": taken[len(taken) * 99 // 100] * 1e3}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(json.load(sys.stdin)))))
