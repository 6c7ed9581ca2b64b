"""Fetches and compiles go on, with right bytes and in time, whatever happens to the Redis beside them."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from serving.registries import PlainEncoder, create, new_registry, text
from serving.valkey_server import Valkey
from trunkline.registry.registry import Registry
from trunkline.serving.answers import PromptServer
from trunkline.serving.cache import SharedCache
from trunkline.serving.compiling import CompileRequest

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600)]

ROUNDS = int(os.environ.get("TRUNKLINE_CHAOS_ROUNDS", "1"))
SECRET = b"s" * 32
TIMEOUT = 0.02
PROMPTS = 5
SLOWEST_S = 0.05 if ROUNDS > 1 else 0.25
"""Bound of the 99th percentile: the promise, or, among a thousand other tests, that nothing hangs."""
PACE_S = 0.002
"""500 fetches a second."""
SLOW = "{% for n in range(300) %}{{ n * 3 }}{% endfor %}{{ who }}"


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = new_registry(tmp_path)
    create(made, "tone", "Be kind.", "production")
    for number in range(PROMPTS):
        create(made, f"p{number}", f"@@@langfusePrompt:name=tone|label=production@@@ {number}", "production")
    create(made, "slow", text(SLOW, jinja2=True), "production")
    return made


class Traffic:
    """Fetches at a steady pace, each by a server that remembers nothing, so that each asks Redis."""

    def __init__(self, registry: Registry, shared: SharedCache) -> None:
        self._registry = registry
        self.shared = shared
        self._compiler = self._server()
        self.seconds: list[float] = []

    async def run(self, fetches: int) -> None:
        for number in range(fetches):
            began = time.perf_counter()
            await (self._compile(number) if number % 5 == 4 else self._fetch(number))
            self.seconds.append(time.perf_counter() - began)
            await asyncio.sleep(PACE_S)

    async def _fetch(self, number: int) -> None:
        answer = await self._server().fetch("default", f"p{number % PROMPTS}")
        assert json.loads(answer.body)["prompt"] == f"Be kind. {number % PROMPTS}"

    async def _compile(self, number: int) -> None:
        request = CompileRequest(name="slow", variables={"who": str(number)})
        answer = await self._compiler.compile("default", request)
        assert json.loads(answer.body)["prompt"] == "".join(str(n * 3) for n in range(300)) + str(number)

    def _server(self) -> PromptServer:
        return PromptServer({"default": self._registry}, PlainEncoder(), self.shared, secret=SECRET)


@pytest.fixture
async def traffic(registry: Registry, valkey: Valkey) -> AsyncIterator[Traffic]:
    shared = SharedCache(valkey.url, SECRET, timeout=TIMEOUT, ttl=60, max_bytes=65_536)
    made = Traffic(registry, shared)
    await made.run(50)
    assert shared.written > 0
    made.seconds.clear()
    yield made
    await shared.aclose()


Fault = Callable[[Valkey, Redis], Awaitable[None]]


async def killed(valkey: Valkey, raw: Redis) -> None:
    valkey.kill()
    await asyncio.sleep(0.1)
    await asyncio.to_thread(valkey.start)


async def stopped(valkey: Valkey, raw: Redis) -> None:
    valkey.pause()
    await asyncio.sleep(0.3)
    valkey.resume()


async def wiped(valkey: Valkey, raw: Redis) -> None:
    await raw.flushall()


async def full(valkey: Valkey, raw: Redis) -> None:
    await raw.config_set("maxmemory", "1")
    await asyncio.sleep(0.2)
    await raw.config_set("maxmemory", "0")


async def poisoned(valkey: Valkey, raw: Redis) -> None:
    values = [await raw.get(key) for key in await raw.keys("*")]
    for turn, key in enumerate(await raw.keys("*")):
        other = values[(turn + 1) % len(values)] or b"x"
        await raw.set(key, [b"garbage", other, b"\x00" * 2_000_000][turn % 3])


@pytest.mark.parametrize("fault", [killed, stopped, wiped, full, poisoned])
async def test_fetches_go_on(fault: Fault, traffic: Traffic, valkey: Valkey) -> None:
    for _ in range(ROUNDS):
        raw: Redis = Redis.from_url(valkey.url)
        running = asyncio.create_task(traffic.run(250))
        await asyncio.sleep(0.05)
        await fault(valkey, raw)
        await running
        await raw.aclose()
    slowest = sorted(traffic.seconds)[-max(1, len(traffic.seconds) // 100)]
    assert slowest < SLOWEST_S, f"p99 {slowest * 1e3:.1f} ms"
    if fault is poisoned:
        assert traffic.shared.poisoned > 0


async def test_redis_takes_part_again_once_it_is_well(traffic: Traffic, valkey: Valkey) -> None:
    valkey.kill()
    await traffic.run(20)
    assert not traffic.shared.available
    valkey.start()
    until = time.monotonic() + 10
    hits = traffic.shared.hits
    while traffic.shared.hits == hits:
        assert time.monotonic() < until
        await traffic.run(10)


async def test_another_process_finds_what_one_has_made(traffic: Traffic, registry: Registry, valkey: Valkey) -> None:
    other = SharedCache(valkey.url, SECRET, timeout=1.0, ttl=60, max_bytes=65_536)
    server = PromptServer({"default": registry}, PlainEncoder(), other, secret=SECRET)
    await server.fetch("default", "p0")
    assert other.hits == 1
    await other.aclose()


async def test_variables_are_not_to_be_read_in_redis(traffic: Traffic, valkey: Valkey) -> None:
    raw: Redis = Redis.from_url(valkey.url)
    server = PromptServer({"default": traffic._registry}, PlainEncoder(), traffic.shared, secret=SECRET)
    for _ in range(4):
        await server.compile("default", CompileRequest(name="slow", variables={"who": "x", "unused": "hunter2"}))
    for key in await raw.keys("*"):
        assert "hunter2" not in f"{key!r} {await raw.get(key)!r}"
    await raw.aclose()
