"""Log lines: one shape for our own and for libraries', with the request's id and without secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from trunkline.api.logs import REQUEST_ID, configure_logging
from trunkline.settings import load_settings


@pytest.fixture(autouse=True)
def unchanged_logging() -> Iterator[None]:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[Any]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def configured(**settings: Any) -> io.StringIO:
    stream = io.StringIO()
    configure_logging(load_settings(**settings), stream)
    return stream


def test_lines_are_json_with_the_requests_id() -> None:
    stream = configured()
    token = REQUEST_ID.set("r-1")
    structlog.get_logger().info("moved", label="production")
    logging.getLogger("uvicorn.error").warning("from a library: %s", "said")
    REQUEST_ID.reset(token)
    structlog.get_logger().info("outside")
    own, library, outside = lines(stream)
    assert (own["event"], own["label"], own["level"], own["request_id"]) == ("moved", "production", "info", "r-1")
    assert (library["event"], library["level"], library["request_id"]) == ("from a library: said", "warning", "r-1")
    assert own["time"].endswith("Z")
    assert "request_id" not in outside


def test_less_than_the_level_is_not_logged() -> None:
    stream = configured(log_level="warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("httpx").info("quiet")
    structlog.get_logger().error("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_an_exception_is_told_without_the_frames_variables() -> None:
    stream = configured()

    def fail() -> None:
        secret = "sk-very-secret"
        raise ValueError(f"{len(secret)} characters")

    try:
        fail()
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error)
        logging.getLogger("asyncio").error("failed", exc_info=error)
    for line in lines(stream):
        assert "14 characters" in line["exception"]
    assert "sk-very-secret" not in stream.getvalue()


def test_people_can_read_the_console_format() -> None:
    stream = configured(log_format="console")
    structlog.get_logger().info("moved", label="production")
    assert "moved" in stream.getvalue()
    assert "label=production" in stream.getvalue()
