"""Uploaded bytes as answers. They are hostile: nothing in them may run; what is no picture or sound is a download."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus

from litestar import Response
from litestar.response import Stream

from trunkline.store.media import MediaContents
from trunkline.store.media_records import Media
from trunkline.store.media_types import disposition

CONTENT_SECURITY_POLICY = "sandbox; default-src 'none'"
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


def media_answer(
    media: Media, contents: MediaContents, *, asked: str | None, max_age: int, embeddable: bool
) -> Response[bytes] | Stream:
    """The bytes, or those of one range; several ranges in one request get the whole, as HTTP allows.

    `embeddable`: pages of other origins may show them, for who has a signed address may.
    """
    start, stop = wanted(asked, media.content_length)
    headers = {
        "content-type": media.content_type,
        "content-disposition": disposition(media.id, media.content_type),
        "content-security-policy": CONTENT_SECURITY_POLICY,
        "x-content-type-options": "nosniff",
        "x-robots-tag": "noindex, nofollow",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "cross-origin" if embeddable else "same-origin",
        "cache-control": f"private, max-age={max_age}, immutable",
        "accept-ranges": "bytes",
        "etag": f'"{media.sha256.hex()}"',
    }
    if start >= stop:
        headers["content-range"] = f"bytes */{media.content_length}"
        return Response(b"", status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
    status = HTTPStatus.OK
    if (start, stop) != (0, media.content_length):
        status = HTTPStatus.PARTIAL_CONTENT
        headers["content-range"] = f"bytes {start}-{stop - 1}/{media.content_length}"
    headers["content-length"] = str(stop - start)
    pieces = contents.read(media, start, stop)
    return Stream(_in_threads(pieces), status_code=status, headers=headers, media_type=media.content_type)


def wanted(asked: str | None, length: int) -> tuple[int, int]:
    """First byte and the one after the last of a Range header; the whole for none, or one that is not understood."""
    match = _RANGE.fullmatch(asked.strip()) if asked else None
    if match is None or match.groups() == ("", ""):
        return 0, length
    first, last = match.groups()
    if not first:
        return max(0, length - int(last)), length
    if last and int(last) < int(first):
        return 0, length
    return int(first), min(length, int(last) + 1) if last else length


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each piece is read in a thread. Closes the file or connection also where the client went away."""
    try:
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
