"""Random requests from the API's own description against a real server: no 5xx, and answers as they are described.

``make fuzz`` runs as many cases as TRUNKLINE_FUZZ_CASES says; a plain run takes a few of each operation.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase
from schemathesis.core.result import Ok

from api.conftest import World
from trunkline.api.operations import OPERATIONS

pytestmark = pytest.mark.fuzz
CASES = int(os.environ.get("TRUNKLINE_FUZZ_CASES", "200"))


@pytest.fixture
def url(world: World) -> Iterator[str]:
    """The application behind uvicorn in a thread."""
    config = uvicorn.Config(world.app, host="127.0.0.1", port=0, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def check(operation: Any, case: Any, answer: Any) -> None:
    where = f"{operation.method.upper()} {operation.path}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500, f"{where}\n{case.as_curl_command()}"
    if answer.status_code >= 400:
        assert {"message", "error"} <= answer.json().keys(), where
        return
    assert str(answer.status_code) in operation.definition.raw["responses"], where
    case.validate_response(answer, checks=[schemathesis.checks.CHECKS.get_one("response_schema_conformance")])


def try_operation(operation: Any, headers: dict[str, str], examples: int) -> None:
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def run(case: Any) -> None:
        check(operation, case, case.call(headers=headers, timeout=30))

    run()


@pytest.mark.timeout(7200)
def test_no_request_makes_a_5xx(world: World, url: str) -> None:
    headers = world.headers["key"]
    httpx.post(f"{url}/api/public/v2/prompts", json={"name": "0", "prompt": "x", "labels": ["0"]}, headers=headers)
    schema = schemathesis.openapi.from_url(f"{url}/api/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == len(OPERATIONS) - 1  # the address of the description itself is left out
    for operation in operations:
        try_operation(operation, headers, max(5, CASES // len(operations)))
