"""Where what clients send of traces is taken in, whatever route it came by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trunkline.api.langfuse.body import HTTPRequest, parts, read_apart, received
from trunkline.types import Caller, Change

SMALL_BYTES = 2_000_000
"""Bodies up to this size are read where they are written. Larger ones would keep others waiting there."""


async def take_in(request: HTTPRequest, writer: Caller, read: Callable[[bytes], Sequence[Change]]) -> None:
    """Stores the changes that `read` makes of the request's body; they are on disk when it returns.

    Raises PayloadTooLarge, InvalidRequest, what `read` raises, and what the store raises where it cannot follow.
    """
    services = parts(request)
    async with received(request, services.settings.max_body_bytes) as body:
        if body.size <= SMALL_BYTES:
            await services.traces.take(writer.project_id, lambda: read(body.plain()), size=body.size)
        else:
            await services.traces.write(writer.project_id, await read_apart(body, read))
