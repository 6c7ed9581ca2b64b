"""Reading the body of a request: whole, bounded as sent and as inflated, decoded off the event loop where it is large.

Litestar's own limit is fixed when a route is declared and its reading goes through parsing that is not needed
here; the bound is the server's setting, and the bytes are handed on as they came. Large bodies are few at a time, so
that a hundred clients who send the largest ones at once cost the memory of a few.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, TypeVar
from weakref import WeakKeyDictionary

import msgspec
from litestar import Request
from litestar.datastructures import State

from trunkline.api.services import Services
from trunkline.errors import InvalidRequest, PayloadTooLarge, Unavailable
from trunkline.tracing.otlp import inflate
from trunkline.types import JSON

HTTPRequest = Request[object, object, State]
Result = TypeVar("Result")

INLINE_BYTES = 256 * 1024
"""Bodies up to this size are decoded on the event loop: a thread hop would cost more than it gives."""
INLINE_GZIP_BYTES = 48 * 1024
LARGE_BYTES = 1024 * 1024
MOST_LARGE = 4
"""Bodies above LARGE_BYTES that are received or decoded at one time; others wait, their clients slowed by TCP."""
MOST_HELD = 128_000_000
"""Bytes of bodies that a process holds, from their coming until what they said is on disk. Beyond that clients shall
come again: memory must not grow because a disk is slow."""
ARRIVAL_S = 60.0
"""How long a large body may take to arrive once it has its turn."""

_decoders = ThreadPoolExecutor(2, thread_name_prefix="ingestion")
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def parts(request: HTTPRequest) -> Services:
    """The process's parts, for routes that must be quick.

    To inject them beside the caller would be simpler, but two parameters make Litestar run a task group: 0.2 ms.
    """
    services: Services = request.app.state["services"]
    return services


class Body:
    """The body of a request as it came."""

    __slots__ = ("_data", "_is_gzip", "_limit")

    def __init__(self, data: bytes, limit: int, *, is_gzip: bool) -> None:
        self._data, self._limit, self._is_gzip = data, limit, is_gzip

    @property
    def size(self) -> int:
        """Bytes, as sent."""
        return len(self._data)

    @property
    def is_small(self) -> bool:
        """Whether reading it takes less than a thread hop costs."""
        return self.size <= (INLINE_GZIP_BYTES if self._is_gzip else INLINE_BYTES)

    def plain(self) -> bytes:
        """Raises PayloadTooLarge where it inflates past the limit, InvalidRequest where it is no gzip."""
        return inflate(self._data, self._limit) if self._is_gzip else self._data


class _Hold:
    """The share of one body in what the process holds."""

    __slots__ = ("_size",)
    total: ClassVar[int] = 0

    def __init__(self) -> None:
        self._size = 0

    def __enter__(self) -> _Hold:
        return self

    def __exit__(self, *_: object) -> None:
        _Hold.total -= self._size

    def add(self, size: int) -> None:
        """Raises Unavailable where there is no room for so many bytes."""
        _check_room(size)
        self._size += size
        _Hold.total += size


def _check_room(size: int) -> None:
    if _Hold.total + size > MOST_HELD:
        raise Unavailable("More comes in than can be stored: try again.", retry_after=2)


@contextlib.asynccontextmanager
async def received(request: HTTPRequest, limit: int) -> AsyncIterator[Body]:
    """The body of a request, while there is room for it in memory.

    Raises PayloadTooLarge past `limit` bytes, InvalidRequest for one that does not arrive whole, and Unavailable while
    there is no room.
    """
    is_gzip = _is_gzip(request)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    _check_room(int(announced) if announced.isdecimal() else 0)
    async with contextlib.AsyncExitStack() as stack:
        yield Body(await _receive(request, limit, stack), limit, is_gzip=is_gzip)


async def take_body(request: HTTPRequest, limit: int, read: Callable[[bytes], Result]) -> Result:
    """What `read` makes of the body, which is inflated if it came gzipped.

    Raises PayloadTooLarge past `limit` bytes, as sent or as inflated, and what `read` raises.
    """
    async with received(request, limit) as body:
        return read(body.plain()) if body.is_small else await read_apart(body, read)


async def read_apart(body: Body, read: Callable[[bytes], Result]) -> Result:
    """As `read` of the body, in a thread of its own: for large ones."""
    return await asyncio.get_running_loop().run_in_executor(_decoders, lambda: read(body.plain()))


async def read_body(request: HTTPRequest, limit: int) -> bytes:
    """The body as bytes, within the same bounds."""
    return await take_body(request, limit, bytes)


def decode_json(body: bytes) -> JSON:
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply to be JSON of a client.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}") from None


async def _receive(request: HTTPRequest, limit: int, stack: contextlib.AsyncExitStack) -> bytes:
    chunks: list[bytes] = []
    size = 0
    hold = stack.enter_context(_Hold())
    try:
        async with asyncio.timeout(None) as clock:
            while True:
                message = await request.receive()
                if message["type"] != "http.request":
                    raise InvalidRequest("The connection was closed before the whole body had come.")
                before, size = size, size + len(message["body"])
                if size > limit:
                    raise _too_large(limit)
                hold.add(size - before)
                if before <= LARGE_BYTES < size:
                    await stack.enter_async_context(_turn())
                    clock.reschedule(asyncio.get_running_loop().time() + ARRIVAL_S)
                chunks.append(message["body"])
                if not message.get("more_body", False):
                    return b"".join(chunks) if len(chunks) > 1 else chunks[0]
    except TimeoutError:
        raise InvalidRequest(f"The body did not arrive within {ARRIVAL_S:g} s. Send smaller batches.") from None


def _turn() -> asyncio.Semaphore:
    """The few places for large bodies of this event loop."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MOST_LARGE))


def _is_gzip(request: HTTPRequest) -> bool:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise InvalidRequest(f"The content encoding {encoding!r} is not known here; send gzip or none.")
    return encoding.endswith("gzip")


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The body is larger than {limit} bytes. Send smaller batches, or raise the limit: ingestion_body_bytes of "
        "the project, TRUNKLINE_MAX_BODY_BYTES of the server."
    )
