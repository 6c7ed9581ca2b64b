"""The cache that workers and replicas share: Redis or Valkey, a mirror and never a need.

What can happen to it, and what a fetch sees of that:

- killed, unreachable, stopped: the first call that fails opens the circuit. While it is open nobody waits for Redis; a
  task of its own asks in growing intervals whether it is back, on fresh connections.
- slow: no call lasts longer than the timeout, and a request passes one deadline to all of its calls.
- wiped: a miss. Full or read-only: writes rest for a second, reads go on.
- poisoned: an entry carries an HMAC by the installation's signing key over its key and value. One that does not match
  is a counted miss and is overwritten. More than the largest entry is never read.

Nothing here raises for what Redis does. Entries are written by a task behind the answer; when they queue up, they are
dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import random
from collections import deque

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from trunkline.errors import InvalidRequest

log = structlog.get_logger(__name__)

MAC_BYTES = 16
MOST_READS = 64
"""Reads under way at once. More would only queue up for connections; they go on without Redis."""
MOST_QUEUED = 512
WRITES_AT_ONCE = 64
FIRST_PROBE_S, LAST_PROBE_S = 0.1, 2.0
LEAST_PROBE_S = 0.05
RELAPSE_S = 5.0
WRITE_REST_S = 1.0
FAILURES = (RedisError, OSError, TimeoutError)


class SharedCache:
    """Bytes by key. `secret` is the signing key of the installation; servers that share a Redis share it.

    `timeout`, `ttl` in seconds; `max_bytes` is the largest value that is put. `namespace` keeps releases with another
    format of their entries apart.
    """

    def __init__(
        self, url: str, secret: bytes, *, timeout: float, ttl: int, max_bytes: int, namespace: str = "trunkline:1:"
    ) -> None:
        self._url = url
        self._secret = hmac.digest(secret, b"entries of the shared cache", "sha256")
        self.timeout = timeout
        self._ttl = ttl
        self.max_bytes = max_bytes
        self._namespace = namespace.encode()
        try:
            self._client = self._connect()
        except ValueError as error:
            raise InvalidRequest(f"TRUNKLINE_REDIS_URL: {error}") from None
        self._reading = 0
        self._queue: deque[tuple[bytes, bytes]] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._prober: asyncio.Task[None] | None = None
        self._rest_until = 0.0
        self._back_at = float("-inf")
        self._patience = FIRST_PROBE_S
        self._closed = False
        self.hits = self.misses = self.failures = self.poisoned = self.written = self.dropped = 0

    @property
    def available(self) -> bool:
        """False while the circuit is open."""
        return self._prober is None and not self._closed

    def deadline(self) -> float:
        """When a request that begins now stops waiting for Redis (on the clock of the event loop)."""
        return asyncio.get_running_loop().time() + self.timeout

    async def get(self, key: bytes, deadline: float | None = None) -> bytes | None:
        """The value that was put under `key`, or None: unknown, not authentic, too late, or no Redis."""
        if not self.available or self._reading >= MOST_READS:
            return None
        latest = self.deadline()
        until = latest if deadline is None else min(deadline, latest)
        if until <= latest - self.timeout:
            return None
        self._reading += 1
        try:
            async with asyncio.timeout_at(until):
                stored = await self._client.getrange(self._namespace + key, 0, MAC_BYTES + self.max_bytes)
        except ResponseError as error:
            self._refused(error)
            return None
        except FAILURES as error:
            self._open(error)
            return None
        finally:
            self._reading -= 1
        return self._authentic(key, stored)

    def put(self, key: bytes, value: bytes) -> None:
        """Keeps a value, some time soon, if Redis can."""
        if len(value) > self.max_bytes or not self.available:
            return
        if len(self._queue) >= MOST_QUEUED or asyncio.get_running_loop().time() < self._rest_until:
            self.dropped += 1
            return
        self._queue.append((key, value))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def aclose(self) -> None:
        self._closed = True
        tasks = [task for task in (self._writer, self._prober) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._disconnect(self._client)

    def _authentic(self, key: bytes, stored: bytes | str) -> bytes | None:
        if not stored:
            self.misses += 1
            return None
        assert isinstance(stored, bytes)
        value = stored[MAC_BYTES:]
        if not hmac.compare_digest(stored[:MAC_BYTES], self._mac(key, value)):
            self.poisoned += 1
            return None
        self.hits += 1
        return value

    def _mac(self, key: bytes, value: bytes) -> bytes:
        signed = len(key).to_bytes(4, "big") + key + value
        return hmac.digest(self._secret, signed, "sha256")[:MAC_BYTES]

    async def _write(self) -> None:
        try:
            while self._queue and self.available:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), WRITES_AT_ONCE))]
                await self._write_batch(batch)
        finally:
            self._writer = None
            self._queue.clear()

    async def _write_batch(self, batch: list[tuple[bytes, bytes]]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for key, value in batch:
            pipeline.set(self._namespace + key, self._mac(key, value) + value, ex=self._ttl)
        try:
            async with asyncio.timeout(self.timeout):
                results = await pipeline.execute(raise_on_error=False)
        except FAILURES as error:
            self.dropped += len(batch)
            self._open(error)
            return
        refused = [result for result in results if isinstance(result, Exception)]
        self.written += len(results) - len(refused)
        self.dropped += len(refused)
        if refused:
            self._rest_until = asyncio.get_running_loop().time() + WRITE_REST_S
            self._refused(refused[0])

    def _refused(self, error: Exception) -> None:
        """Redis answered, but not with what was asked for: a key of another type, no memory, no permission."""
        if "WRONGTYPE" in str(error):
            self.poisoned += 1
        else:
            self.failures += 1
            log.debug("redis_refused", error=str(error))

    def _open(self, error: Exception) -> None:
        self.failures += 1
        if self._prober is None and not self._closed:
            log.warning("redis_left_out", error=f"{type(error).__name__}: {error}")
            self._prober = asyncio.create_task(self._probe())

    async def _probe(self) -> None:
        broken, self._client = self._client, self._connect()
        try:
            await asyncio.sleep(self.timeout)  # by then everybody who waits for the old connections has given up
        finally:
            await self._disconnect(broken)
        # One that comes back only to be lost again (it answers, but too slowly) is left out longer each time.
        clock = asyncio.get_running_loop().time
        relapse = clock() - self._back_at < RELAPSE_S
        self._patience = self._patience * 2 if relapse else FIRST_PROBE_S
        while True:
            self._patience = min(self._patience, LAST_PROBE_S)
            await asyncio.sleep(self._patience * random.uniform(0.75, 1.25))  # noqa: S311 - spreads the workers
            if await self._answers():
                break
            self._patience *= 2
        log.info("redis_back")
        self._back_at = clock()
        self._prober = None

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(max(self.timeout, LEAST_PROBE_S)):
                await self._client.ping()
        except FAILURES:
            await self._disconnect(self._client)
            return False
        return True

    def _connect(self) -> Redis:
        return Redis.from_url(
            self._url,
            socket_timeout=self.timeout,
            socket_connect_timeout=self.timeout,
            retry=Retry(NoBackoff(), 0),
            max_connections=MOST_READS + 2,
            protocol=2,  # no HELLO round trips, no pushed messages
        )

    async def _disconnect(self, client: Redis) -> None:
        with contextlib.suppress(*FAILURES):
            async with asyncio.timeout(1.0):
                await client.connection_pool.disconnect(inuse_connections=True)
