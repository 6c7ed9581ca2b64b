"""Bodies as ASGI servers hand them on: in pieces, gzipped, too large, too many at once, never ending."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import pytest
from litestar import Request
from litestar.testing import RequestFactory

from trunkline.api.langfuse import body as bodies
from trunkline.api.langfuse.body import LARGE_BYTES, MOST_LARGE, HTTPRequest, decode_json, read_body, take_body
from trunkline.errors import InvalidRequest, PayloadTooLarge

LIMIT = 4 * LARGE_BYTES
Receive = Callable[[], Awaitable[dict[str, Any]]]


def made(receive: Receive, **headers: str) -> HTTPRequest:
    plain = RequestFactory().post("/", headers={name.replace("_", "-"): value for name, value in headers.items()})
    return cast("HTTPRequest", Request(plain.scope, receive=cast("Any", receive)))


def pieces(*parts: bytes) -> Receive:
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    return receive


@pytest.mark.parametrize("parts", [(b"",), (b"abc",), (b"a", b"", b"bc"), (b"x" * LARGE_BYTES, b"y")])
async def test_pieces_are_put_together(parts: Sequence[bytes]) -> None:
    assert await read_body(made(pieces(*parts)), LIMIT) == b"".join(parts)


@pytest.mark.parametrize("size", [10, 100_000, 3 * LARGE_BYTES])
async def test_gzip_is_inflated_whatever_its_size(size: int) -> None:
    body = bytes(index * 7 % 251 for index in range(size))
    assert await read_body(made(pieces(gzip.compress(body, 1)), content_encoding="gzip"), LIMIT) == body


async def test_what_is_announced_or_sent_or_inflated_past_the_limit_is_refused() -> None:
    async def never() -> dict[str, Any]:
        raise AssertionError("nothing is read of what is announced as too large")

    with pytest.raises(PayloadTooLarge):
        await read_body(made(never, content_length="101"), 100)
    with pytest.raises(PayloadTooLarge):
        await read_body(made(pieces(b"x" * 60, b"x" * 60)), 100)
    with pytest.raises(PayloadTooLarge):
        await read_body(made(pieces(gzip.compress(b"x" * 1000)), content_encoding="gzip"), 100)


async def test_a_broken_connection_and_an_unknown_encoding() -> None:
    async def broken() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(InvalidRequest):
        await read_body(made(broken), LIMIT)
    with pytest.raises(InvalidRequest):
        await read_body(made(pieces(b""), content_encoding="zstd"), LIMIT)


async def test_large_bodies_wait_for_their_turn_and_small_ones_do_not() -> None:
    release = asyncio.Event()
    started = 0

    def held(size: int) -> Receive:
        sent = False

        async def receive() -> dict[str, Any]:
            nonlocal sent, started
            if not sent:
                sent = True
                return {"type": "http.request", "body": b"x" * size, "more_body": True}
            started += 1
            await release.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        return receive

    large = [asyncio.create_task(take_body(made(held(LARGE_BYTES + 1)), LIMIT, len)) for _ in range(MOST_LARGE + 3)]
    small = await take_body(made(pieces(b"abc")), LIMIT, len)
    while started < MOST_LARGE:
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert (started, small) == (MOST_LARGE, 3)
    release.set()
    assert await asyncio.gather(*large) == [LARGE_BYTES + 1] * (MOST_LARGE + 3)


async def test_a_large_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "ARRIVAL_S", 0.05)
    begun = False

    async def stalled() -> dict[str, Any]:
        nonlocal begun
        if begun:
            await asyncio.Event().wait()
        begun = True
        return {"type": "http.request", "body": b"x" * (LARGE_BYTES + 1), "more_body": True}

    with pytest.raises(InvalidRequest, match="did not arrive"):
        await read_body(made(stalled), LIMIT)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff", b'"\xff"'])
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode_json(body)
