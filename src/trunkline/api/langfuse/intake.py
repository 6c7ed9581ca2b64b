"""Where what clients send of traces is taken in, whatever route it came by: limits, masking, the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from trunkline.api.langfuse.body import HTTPRequest, parts, read_apart, received, take_body
from trunkline.api.services import Services
from trunkline.types import Caller, Change

SMALL_BYTES = 2_000_000
"""Bodies up to this size are read where they are written. Larger ones would keep others waiting there."""

BROWSER_BYTES = 1 << 20
"""The largest body with the public key alone, which anybody may have: enough for thousands of scores."""

Read = Callable[[bytes], Sequence[Change]]
Result = TypeVar("Result")


async def take_in(request: HTTPRequest, writer: Caller, read: Read) -> None:
    """Stores the changes that `read` makes of the request's body; they are on disk when it returns.

    Raises PayloadTooLarge, InvalidRequest, what `read` raises, and what the store raises where it cannot follow.
    """
    services = parts(request)
    masked = masking(services, writer.project_id, read)
    async with received(request, body_limit(services, writer)) as body:
        services.limits.count_bytes(writer.project_id, body.size)
        if body.size <= SMALL_BYTES and masked is None:
            await services.traces.take(writer.project_id, lambda: read(body.plain()), size=body.size)
        else:
            await services.traces.write(writer.project_id, await read_apart(body, masked or read))


async def take_masked(request: HTTPRequest, writer: Caller, read: Callable[[bytes], Result]) -> Result:
    """What `read` makes of a JSON body, which is masked where the project asks for it: for what is no trace or score.

    Raises PayloadTooLarge, InvalidRequest, Unavailable, and what `read` raises.
    """
    services = parts(request)
    masker, limit = services.masker(writer.project_id), services.settings.max_body_bytes
    if masker is None:
        return await take_body(request, limit, read)
    async with received(request, limit) as body:
        return await read_apart(body, lambda data: read(masker.document(data, keyed=True)))


def masking(services: Services, project_id: str, read: Read) -> Read | None:
    """`read` with its changes masked, where the project asks for it. It belongs into a thread of its own."""
    masker = services.masker(project_id)
    return None if masker is None else lambda body: masker.changes(read(body))


def body_limit(services: Services, writer: Caller) -> int:
    """The largest body, in bytes, that a caller may send of traces and scores."""
    own = services.project_settings(writer.project_id).ingestion_body_bytes
    server = services.settings.max_body_bytes
    return min(own or server, server, BROWSER_BYTES if writer.scores_only else server)
