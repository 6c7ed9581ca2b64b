"""A project's own settings: masking, retention, limits."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus

import msgspec
from litestar import Response, get, patch
from litestar.di import NamedDependency

from trunkline.api.bodies import invalid_data
from trunkline.api.errors import answer
from trunkline.api.langfuse.body import decode_json, read_body
from trunkline.api.native.bodies import HTTPRequest
from trunkline.api.services import Services
from trunkline.errors import InvalidRequest, TrunklineError
from trunkline.tracing.mask_rules import check_patterns
from trunkline.types import Caller

PATH = "/api/v1/project/settings"


@get(PATH)
async def get_settings(services: NamedDependency[Services], caller: NamedDependency[Caller]) -> Response[bytes]:
    """The settings of the key's project, defaults too."""
    settings = await asyncio.to_thread(services.control.project_settings, caller.project_id)
    return answer(HTTPStatus.OK, msgspec.to_builtins(settings))


@patch(PATH, status_code=HTTPStatus.OK, request_max_body_size=None)
async def change_settings(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Changes the settings that the body names; null goes back to the default. In force everywhere within a second."""
    body = decode_json(await read_body(request, services.settings.max_body_bytes))
    if not isinstance(body, dict):
        raise InvalidRequest("Send a JSON object of the settings to change.")
    patterns = body.get("mask_patterns")
    if isinstance(patterns, list):
        await asyncio.to_thread(check_patterns, [pattern for pattern in patterns if isinstance(pattern, str)])
    try:
        settings = await asyncio.to_thread(services.control.change_project_settings, writer.project_id, body)
    except msgspec.ValidationError as error:
        raise invalid_data(error) from None
    with contextlib.suppress(TrunklineError):  # they are stored; where the tables are busy, the watch sees them next
        await asyncio.to_thread(services.auth.refresh)
    return answer(HTTPStatus.OK, msgspec.to_builtins(settings))


handlers = [get_settings, change_settings]
