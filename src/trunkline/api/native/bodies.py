"""Reading the body of a native request."""

from __future__ import annotations

from typing import TypeVar

from litestar import Request
from litestar.datastructures import State

from trunkline.api.bodies import convert
from trunkline.api.langfuse.body import decode_json, read_body
from trunkline.api.services import Services

Shape = TypeVar("Shape")
HTTPRequest = Request[object, object, State]


async def read(request: HTTPRequest, services: Services, shape: type[Shape]) -> Shape:
    """The body as `shape`. Raises InvalidData, InvalidRequest, PayloadTooLarge."""
    return convert(decode_json(await read_body(request, services.settings.max_body_bytes)), shape)
