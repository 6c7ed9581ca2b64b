"""What a route asks of its caller, said by the name of its parameter and checked before a body is read.

A handler that takes `caller` needs a key of the project, one that takes `writer` a key that may write, one that takes
`scorer` is also open to a browser that has the public key alone. A handler that takes none of them must say
``opt=PUBLIC``, or it does not answer: a route cannot be open by oversight.
"""

from __future__ import annotations

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Scope

from trunkline.api.limits import traffic_of
from trunkline.api.services import Services
from trunkline.errors import Forbidden, TrunklineError
from trunkline.types import Caller

PUBLIC = {"public": True}
LEVELS = ("scorer", "writer", "caller")

AnyConnection = ASGIConnection[BaseRouteHandler, object, object, State]


async def check_access(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """The guard of every API route. Raises Unauthorized, Forbidden or TooManyRequests."""
    if connection.scope.get("method") == "OPTIONS":  # says which methods there are, as any 405 does
        return
    level = access_level(handler)
    if level == "public":
        return
    services: Services = connection.app.state["services"]
    caller = services.auth.authenticate(authorization(connection.scope))
    if caller.scores_only and level != "scorer":
        raise Forbidden("The public key alone may create scores and nothing else: send the secret key as well.")
    if not caller.can_write and level in {"writer", "scorer"}:
        raise Forbidden("This key is read-only: use a key of the kind `full`.")
    connection.state["caller"] = caller
    traffic = traffic_of(str(connection.scope.get("method")), connection.scope["path"])
    if traffic is not None:
        services.limits.admit(caller.project_id, traffic)


def access_level(handler: BaseRouteHandler) -> str:
    """`scorer`, `writer`, `caller` or `public`. Raises TrunklineError for a handler that does not say."""
    if handler.opt.get("public"):
        return "public"
    for level in LEVELS:
        if level in handler.parsed_fn_signature.parameters:
            return level
    raise TrunklineError(f"{handler.handler_name} takes no caller and is not marked as public.")


def caller_dependencies() -> dict[str, Provide]:
    """The parameters that handlers take: the caller whom the guard let through, by the name of what was asked."""
    return {
        "caller": Provide(_caller, sync_to_thread=False),
        "writer": Provide(_writer, sync_to_thread=False),
        "scorer": Provide(_scorer, sync_to_thread=False),
    }


def _caller(request: Request[object, object, State]) -> Caller:
    caller: Caller = request.state["caller"]
    return caller


# The framework wants a function of its own for each name.
def _writer(request: Request[object, object, State]) -> Caller:
    return _caller(request)


def _scorer(request: Request[object, object, State]) -> Caller:
    return _caller(request)


def authorization(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return value
    return None
