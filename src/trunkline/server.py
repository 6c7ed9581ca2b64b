"""Running the application: one process or several on one socket, started and stopped as an operator expects."""

from __future__ import annotations

import os
import socket

import uvicorn
from uvicorn.supervisors import Multiprocess

from trunkline.api import metrics
from trunkline.errors import InvalidRequest
from trunkline.settings import Settings, variable_name

KEEP_ALIVE_S = 75
"""Longer than the idle time of usual proxies (60 s), so that it is they who close a connection and never we first."""
BACKLOG = 2048


def bind(settings: Settings) -> socket.socket:
    """The listening socket, which all workers share. Raises InvalidRequest that says what to do where it is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise InvalidRequest(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Choose another with --port (0 takes a free one) or --host."
        ) from None
    listener.listen(BACKLOG)
    listener.set_inheritable(True)
    return listener


def address(settings: Settings, listener: socket.socket) -> str:
    """The URL to tell users: the one in the settings, else where the socket listens."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.url.rstrip("/") or f"http://{host}:{listener.getsockname()[1]}"


def run(settings: Settings, listener: socket.socket) -> int:
    """Serves until SIGTERM or SIGINT, then lets requests under way finish. Returns the exit code."""
    _tell_workers(settings)
    config = uvicorn.Config(
        "trunkline.main:application",
        factory=True,
        workers=settings.workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.shutdown_s,
    )
    if settings.workers > 1:
        metrics.prepare(settings.data.absolute() / "run" / "metrics")
        Multiprocess(config, sockets=[listener]).run()
        return 0
    server = uvicorn.Server(config)
    server.run(sockets=[listener])
    return 0 if server.started else 1


def _tell_workers(settings: Settings) -> None:
    # A worker is a new process that reads its settings as the first one did: from the environment.
    for name in ("data", "host", "port", "workers"):
        os.environ[variable_name(name)] = str(getattr(settings, name))
