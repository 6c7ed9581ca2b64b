"""Structured logs: one JSON object a line, or text for people. Every line of a request carries the request's id.

The hot path does not come here: its access log writes lines of the same shape by itself.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from trunkline.settings import Settings

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered; empty outside of one. Set by the outermost layer of the app."""

LIBRARIES = ("uvicorn", "uvicorn.error", "alembic", "sqlalchemy", "httpx", "asyncio")


def current_request_id() -> str:
    return REQUEST_ID.get()


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Sets up structlog and the standard library's logging, so that libraries write lines of the same shape."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_request_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    target = stream or sys.stderr
    structlog.configure(
        processors=[*shared, *_rendering(settings, target)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(settings, target)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)


def _rendering(settings: Settings, target: TextIO) -> list[Processor]:
    if settings.log_format == "console":
        return [structlog.dev.ConsoleRenderer(colors=target.isatty())]
    # Frames' local variables stay out: they hold secrets and the variables of prompts.
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    request_id = REQUEST_ID.get()
    if request_id:
        event["request_id"] = request_id
    return event
