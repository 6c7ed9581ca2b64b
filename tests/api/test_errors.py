"""Every kind of exception as an answer, through a real Litestar application."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import structlog
from litestar import Litestar, get, post
from litestar.exceptions import ClientException
from litestar.params import FromPath, FromQuery, JSONBody

from trunkline.api.errors import handle_error
from trunkline.api.logs import REQUEST_ID, configure_logging
from trunkline.errors import (
    Conflict,
    InsufficientStorage,
    InvalidData,
    InvalidFile,
    MissingVariables,
    NotFound,
    TooManyRequests,
    TrunklineError,
    Unavailable,
)
from trunkline.settings import load_settings

RAISED: dict[str, Exception] = {
    "missing": NotFound("Prompt not found: 'x'"),
    "conflict": Conflict("moved"),
    "variables": MissingVariables(["a", "b"]),
    "data": InvalidData([{"code": "invalid_type", "path": ["prompt", 0], "message": "expected a string"}]),
    "file": InvalidFile("bad", path="prompts/a.yaml", line=3),
    "full": InsufficientStorage("disk full"),
    "later": Unavailable("busy", retry_after=3.4),
    "often": TooManyRequests("slow down", retry_after=0.1),
    "bug": KeyError("secret value sk-123"),
    "root": TrunklineError("an invariant broke: sk-123"),
    "deep": RecursionError(),
    "surrogate": NotFound("no \ud800 here"),
    "framework": ClientException("odd request"),
    "unexpected framework": ClientException("odd", status_code=500),
}


async def fail(kind: str) -> None:
    raise RAISED[kind]


@get("/api/public/fail/{kind:str}")
async def fail_compatible(kind: FromPath[str]) -> None:
    await fail(kind)


@get("/api/v1/fail/{kind:str}")
async def fail_native(kind: FromPath[str]) -> None:
    await fail(kind)


@post("/api/v1/typed")
async def typed(data: JSONBody[dict[str, int]], limit: FromQuery[int]) -> None:
    pass


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    configure_logging(load_settings(), stream)
    return stream


@pytest.fixture
async def client(log: io.StringIO) -> AsyncIterator[httpx.AsyncClient]:
    app = Litestar(
        [fail_compatible, fail_native, typed],
        exception_handlers={Exception: handle_error},
        request_max_body_size=1000,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("kind", "status", "error", "native"),
    [
        ("missing", 404, "LangfuseNotFoundError", "NotFoundError"),
        ("conflict", 409, "LangfuseConflictError", "ConflictError"),
        ("variables", 422, "MissingVariablesError", "MissingVariablesError"),
        ("file", 400, "InvalidRequestError", "InvalidRequestError"),
        ("full", 507, "InsufficientStorageError", "InsufficientStorageError"),
        ("later", 503, "ServiceUnavailableError", "ServiceUnavailableError"),
        ("often", 429, "TooManyRequestsError", "TooManyRequestsError"),
        ("bug", 500, "InternalServerError", "InternalServerError"),
        ("root", 500, "InternalServerError", "InternalServerError"),
        ("deep", 400, "InvalidRequestError", "InvalidRequestError"),
        ("surrogate", 404, "LangfuseNotFoundError", "NotFoundError"),
        ("framework", 400, "InvalidRequestError", "InvalidRequestError"),
        ("unexpected framework", 500, "InternalServerError", "InternalServerError"),
    ],
)
async def test_an_error_has_its_status_and_code(
    client: httpx.AsyncClient, kind: str, status: int, error: str, native: str
) -> None:
    answer = await client.get(f"/api/public/fail/{kind}")
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["message"]
    assert (await client.get(f"/api/v1/fail/{kind}")).json()["error"] == native


async def test_a_schema_fault_lists_its_issues(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/public/fail/data")
    issue = {"code": "invalid_type", "path": ["prompt", 0], "message": "expected a string"}
    assert answer.json() == {"message": "Invalid request data", "error": [issue]}
    native = (await client.get("/api/v1/fail/data")).json()
    assert native["message"] == "Invalid request data: prompt.0: expected a string"
    assert native["issues"] == [issue]


async def test_missing_variables_are_named(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/fail/variables")).json()["missing"] == ["a", "b"]


@pytest.mark.parametrize(("kind", "seconds"), [("later", "3"), ("often", "1"), ("full", "1")])
async def test_what_may_succeed_later_says_when(client: httpx.AsyncClient, kind: str, seconds: str) -> None:
    assert (await client.get(f"/api/v1/fail/{kind}")).headers["retry-after"] == seconds


async def test_a_bug_is_logged_under_its_request_and_not_told(client: httpx.AsyncClient, log: io.StringIO) -> None:
    token = REQUEST_ID.set("request-17")
    answer = await client.get("/api/v1/fail/bug")
    REQUEST_ID.reset(token)
    assert answer.json()["request_id"] == "request-17"
    assert "sk-123" not in answer.text
    line = json.loads(log.getvalue().splitlines()[-1])
    assert (line["event"], line["request_id"], line["level"]) == ("unhandled_exception", "request-17", "error")
    assert "KeyError" in line["exception"]


async def test_the_frameworks_faults_have_the_same_form(client: httpx.AsyncClient) -> None:
    missing = await client.get("/api/public/absent")
    assert (missing.status_code, missing.json()["error"]) == (404, "LangfuseNotFoundError")
    wrong = await client.post("/api/v1/fail/bug")
    assert (wrong.status_code, wrong.json()["error"]) == (405, "MethodNotAllowedError")
    assert "GET" in wrong.headers["allow"]
    for body in ('{"a": "x"}', "{", "[1]", "\ufffd"):
        typed = await client.post("/api/v1/typed?limit=1", content=body.encode())
        assert (typed.status_code, typed.json()["error"]) == (400, "InvalidRequestError"), typed.text
    parameter = await client.post("/api/v1/typed?limit=many", json={})
    assert (parameter.status_code, parameter.json()["issues"][0]["path"]) == (400, ["limit"])
    large = await client.post("/api/v1/typed?limit=1", content=b" " * 2000)
    assert (large.status_code, large.json()["error"]) == (413, "PayloadTooLargeError")
