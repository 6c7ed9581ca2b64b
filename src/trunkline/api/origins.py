"""The address under which a client reached this server, for links that it is to follow."""

from __future__ import annotations

import re

from litestar import Request
from litestar.datastructures import State

from trunkline.settings import Settings

_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


def origin_of(request: Request[object, object, State], settings: Settings) -> str:
    """Scheme, host and port, as set or else as the client has them. Who sends a wrong host misleads only himself.

    A proxy that ends TLS says so by `x-forwarded-proto`; without it the links would go past the proxy's door.
    """
    if settings.url:
        return settings.url.rstrip("/")
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        host = f"{settings.host}:{settings.port}"
    is_secure = request.headers.get("x-forwarded-proto", request.scope["scheme"]) == "https"
    return f"{'https' if is_secure else 'http'}://{host}"
