from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from redis.asyncio import Redis

from serving.valkey_server import Valkey
from trunkline.errors import InvalidRequest
from trunkline.serving.cache import MAC_BYTES, SharedCache

SECRET = b"s" * 32
TIMEOUT = 0.05
pytestmark = pytest.mark.chaos


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
async def cache(valkey: Valkey) -> AsyncIterator[SharedCache]:
    made = SharedCache(valkey.url, SECRET, timeout=TIMEOUT, ttl=60, max_bytes=1000)
    yield made
    await made.aclose()


@pytest.fixture
async def raw(valkey: Valkey) -> AsyncIterator[Redis]:
    client = Redis.from_url(valkey.url)
    yield client
    await client.aclose()


async def until_put(cache: SharedCache, key: bytes, value: bytes) -> None:
    """Puts until it is there: a circuit that was open closes in its own time."""
    until = time.monotonic() + 10
    while True:
        cache.put(key, value)
        await asyncio.sleep(0.01)
        if await cache.get(key) == value:
            return
        assert time.monotonic() < until


async def test_what_was_put_is_there_for_another_process(cache: SharedCache, valkey: Valkey) -> None:
    await until_put(cache, b"k", b"value \x00\xff")
    other = SharedCache(valkey.url, SECRET, timeout=TIMEOUT, ttl=60, max_bytes=1000)
    assert await other.get(b"k") == b"value \x00\xff"
    assert await other.get(b"unknown") is None
    assert (other.hits, other.misses, other.failures) == (1, 1, 0)
    await other.aclose()


async def test_entries_expire_and_are_bounded(cache: SharedCache, raw: Redis) -> None:
    await until_put(cache, b"k", b"v")
    assert 0 < await raw.ttl("trunkline:1:k") <= 60
    cache.put(b"large", bytes(1001))
    await until_put(cache, b"next", b"v")
    assert await raw.exists("trunkline:1:large") == 0


async def test_poisoned_entries_are_ignored_and_mended(cache: SharedCache, raw: Redis) -> None:
    await until_put(cache, b"a", b"right")
    authentic = await raw.get("trunkline:1:a")
    assert isinstance(authentic, bytes)
    poisons = [b"wrong", b"x" * MAC_BYTES, authentic[:-1], authentic + b"x", b"\xff" * 500, b"y" * 5_000_000]
    for poison in poisons:
        await raw.set("trunkline:1:a", poison)
        assert await cache.get(b"a") is None
    await raw.set("trunkline:1:b", authentic)  # authentic, but of another key
    assert await cache.get(b"b") is None
    assert cache.poisoned == len(poisons) + 1
    await raw.delete("trunkline:1:a")
    await raw.lpush("trunkline:1:a", "a list")
    assert await cache.get(b"a") is None
    await until_put(cache, b"a", b"right")
    assert cache.available


async def test_another_installations_entries_are_not_read(cache: SharedCache, valkey: Valkey) -> None:
    await until_put(cache, b"k", b"v")
    stranger = SharedCache(valkey.url, b"t" * 32, timeout=TIMEOUT, ttl=60, max_bytes=1000)
    assert await stranger.get(b"k") is None
    assert stranger.poisoned == 1
    await stranger.aclose()


async def test_killed_and_started_again(cache: SharedCache, valkey: Valkey) -> None:
    await until_put(cache, b"k", b"v")
    valkey.kill()
    assert await cache.get(b"k") is None
    assert not cache.available
    cache.put(b"k", b"v")
    valkey.start()
    await until_put(cache, b"k", b"v")
    assert cache.available


async def test_stopped_costs_one_timeout_and_no_more(cache: SharedCache, valkey: Valkey) -> None:
    await until_put(cache, b"k", b"v")
    valkey.pause()
    began = time.monotonic()
    answers = await asyncio.gather(*(cache.get(b"k") for _ in range(200)))
    assert time.monotonic() - began < 10 * TIMEOUT
    assert answers == [None] * 200
    began = time.monotonic()
    for _ in range(1000):
        assert await cache.get(b"k") is None
    assert time.monotonic() - began < TIMEOUT
    valkey.resume()
    await until_put(cache, b"k", b"w")


async def test_a_request_waits_for_all_its_calls_together(cache: SharedCache, valkey: Valkey) -> None:
    await until_put(cache, b"k", b"v")
    deadline = cache.deadline() - 10 * TIMEOUT
    assert await cache.get(b"k", deadline) is None


async def test_wiped(cache: SharedCache, raw: Redis) -> None:
    await until_put(cache, b"k", b"v")
    await raw.flushall()
    assert await cache.get(b"k") is None
    assert cache.available
    await until_put(cache, b"k", b"v")


async def test_full_goes_on_reading(cache: SharedCache, raw: Redis) -> None:
    await until_put(cache, b"k", b"v")
    await raw.config_set("maxmemory-policy", "noeviction")
    await raw.config_set("maxmemory", "1mb")
    await raw.config_set("maxmemory", "1")
    cache.put(b"other", b"v")
    until = time.monotonic() + 5
    while not cache.dropped:
        assert time.monotonic() < until
        await asyncio.sleep(0.01)
    assert await cache.get(b"k") == b"v"
    assert cache.available
    await raw.config_set("maxmemory", "0")
    await until_put(cache, b"other", b"v")


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def cache_of(talk: Talk) -> AsyncIterator[SharedCache]:
    """A cache at the address of something that is no Redis; every conversation has ended at the exit."""
    conversations: list[asyncio.Task[None]] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.append(task)
        with contextlib.suppress(OSError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    cache = SharedCache(f"redis://127.0.0.1:{port}", SECRET, timeout=TIMEOUT, ttl=60, max_bytes=1000)
    yield cache
    await cache.aclose()
    server.close()
    await server.wait_closed()
    await asyncio.gather(*conversations)


async def test_something_else_at_the_address() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with cache_of(babble) as cache:
        assert await cache.get(b"k") is None
        assert not cache.available


async def test_one_that_answers_too_slowly_costs_less_and_less() -> None:
    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while command := await reader.read(65_536):
            if b"PING" not in command:
                await asyncio.sleep(4 * TIMEOUT)
            writer.write(b"+OK\r\n")

    async with cache_of(dawdle) as cache:
        waited = 0.0
        until = time.monotonic() + 2
        while time.monotonic() < until:
            began = time.monotonic()
            assert await cache.get(b"k") is None
            waited += time.monotonic() - began
            await asyncio.sleep(0.005)
        assert waited < 1.0


async def test_nothing_at_the_address() -> None:
    cache = SharedCache("redis://127.0.0.1:9", SECRET, timeout=TIMEOUT, ttl=60, max_bytes=1000)
    cache.put(b"k", b"v")
    assert await cache.get(b"k") is None
    await cache.aclose()


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="TRUNKLINE_REDIS_URL"):
        SharedCache("http://example.invalid", SECRET, timeout=TIMEOUT, ttl=60, max_bytes=1000)
