"""Whether the server is up, as SDKs ask it. What is wrong with the registry is told by ``/health``."""

from __future__ import annotations

from http import HTTPStatus

from litestar import Response, get
from litestar.di import NamedDependency

from trunkline.api.access import PUBLIC
from trunkline.api.errors import answer
from trunkline.api.services import Services


@get("/api/public/health", opt=PUBLIC)
async def get_health(services: NamedDependency[Services]) -> Response[bytes]:
    """OK and the version; needs no key."""
    return answer(HTTPStatus.OK, {"status": "OK", "version": services.version})


handlers = [get_health]
