"""Scores from browsers: pages of other origins may send what needs no secret, and read its answer.

Only the addresses that take the public key alone are opened. No cookie counts there, so any origin may.
"""

from __future__ import annotations

from litestar.types import Message, Scope

OPEN = frozenset({"/api/public/scores", "/api/public/ingestion"})
ANYONE = (b"access-control-allow-origin", b"*")
PREFLIGHT = (
    (b"access-control-allow-methods", b"POST"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, x-langfuse-public-key, x-langfuse-sdk-name, x-langfuse-sdk-version, "
        b"x-langfuse-sdk-variant, x-langfuse-sdk-integration",
    ),
    (b"access-control-max-age", b"600"),
)


async def open_to_browsers(message: Message, scope: Scope) -> None:
    """Adds the CORS headers, for Litestar's `before_send`."""
    if message["type"] != "http.response.start" or scope["path"] not in OPEN:
        return
    added = (ANYONE, *PREFLIGHT) if scope.get("method") == "OPTIONS" else (ANYONE,)
    message["headers"] = [*message["headers"], *added]
