"""Reading the body of an ingestion request: whole, bounded as sent and as inflated, and decoded off the event loop
when it is large.

Litestar's own limit is fixed when a route is declared and its reading goes through parsing that ingestion does not
need; here the bound is the server's setting and the bytes are handed on as they came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec
from litestar import Request
from litestar.datastructures import State

from trunkline.errors import InvalidRequest, PayloadTooLarge
from trunkline.tracing.otlp import inflate
from trunkline.types import JSON

HTTPRequest = Request[object, object, State]
Result = TypeVar("Result")

INLINE_BYTES = 256 * 1024
"""Bodies up to this size are decoded on the event loop (about 2 ms); a thread hop would cost more than it gives."""


async def read_body(request: HTTPRequest, limit: int) -> bytes:
    """The body, inflated if it came gzipped. Raises PayloadTooLarge past `limit` bytes, as sent or as inflated."""
    body = await _receive(request, limit)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "x-gzip"}:
        raise InvalidRequest(f"The content encoding {encoding!r} is not known here; send gzip or none.")
    return await off_loop(len(body) * 8, inflate, body, limit)


async def off_loop(size: int, function: Callable[..., Result], *arguments: object) -> Result:
    """Calls `function`, in a thread when `size` says that it takes long enough to be felt by other requests."""
    if size <= INLINE_BYTES:
        return function(*arguments)
    return await asyncio.to_thread(function, *arguments)


def decode_json(body: bytes) -> JSON:
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply to be JSON of a client.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}") from None


async def _receive(request: HTTPRequest, limit: int) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    message = await request.receive()
    chunks: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        size += len(message["body"])
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join((*chunks, message["body"])) if chunks else message["body"]
        chunks.append(message["body"])
        message = await request.receive()
    raise InvalidRequest("The connection was closed before the whole body had come.")


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The body is larger than {limit} bytes. Send smaller batches, or raise TRUNKLINE_MAX_BODY_BYTES."
    )
