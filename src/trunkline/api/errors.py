"""Errors as answers: one handler turns every exception into ``{"message", "error"}`` with its status.

Faults of the framework (no such route, a parameter of the wrong type, a body that is too large) get the same form. An
exception that nobody expected is a 500 that names the request's id and nothing else; what happened is in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
import structlog
from litestar import MediaType, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException, ValidationException

from trunkline.api.logs import current_request_id
from trunkline.errors import (
    InvalidData,
    InvalidRequest,
    MethodNotAllowed,
    MissingVariables,
    NotFound,
    PayloadTooLarge,
    TooManyRequests,
    TrunklineError,
    Unauthorized,
)
from trunkline.types import JSON

COMPATIBLE = "/api/public"
LANGFUSE_CODES = {"NotFoundError": "LangfuseNotFoundError", "ConflictError": "LangfuseConflictError"}
"""Where the compatible API calls an error otherwise; SDKs look for exactly these words."""

AnyRequest = Request[object, object, State]
log = structlog.get_logger(__name__)


def handle_error(request: AnyRequest, exception: Exception) -> Response[bytes]:
    """The one handler: registered for Exception, so nothing passes it by."""
    path: str = request.scope["path"]
    error = as_trunkline_error(exception)
    if error is None:
        log.error("unhandled_exception", path=path, method=request.scope["method"], exc_info=exception)
        message = "Something went wrong in the server. The log has the details under this request id."
        body = {"message": message, "error": TrunklineError.code, "request_id": current_request_id()}
        return answer(HTTPStatus.INTERNAL_SERVER_ERROR, body)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_failed", path=path, error=error.message, exc_info=exception)
    headers = dict(exception.headers or {}) if isinstance(exception, MethodNotAllowedException) else {}
    return error_answer(error, compatible=path.startswith(COMPATIBLE), headers=headers)


def error_answer(
    error: TrunklineError, *, compatible: bool, headers: Mapping[str, str] | None = None
) -> Response[bytes]:
    """An error of the tree as an answer; with Retry-After where a later try may succeed."""
    headers = dict(headers or {})
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers["retry-after"] = str(max(1, round(retry_after)))
    return answer(error.status, error_body(error, compatible=compatible), headers)


def error_body(error: TrunklineError, *, compatible: bool) -> dict[str, JSON]:
    """``{"message", "error"}``; a schema fault has its issues, a strict compile the names that it lacks."""
    code = LANGFUSE_CODES.get(error.code, error.code) if compatible else error.code
    if isinstance(error, InvalidData):
        if compatible:
            return {"message": error.message, "error": list(error.issues)}
        return {"message": _told(error), "error": code, "issues": list(error.issues)}
    if isinstance(error, MissingVariables):
        return {"message": error.message, "error": code, "missing": list(error.names)}
    return {"message": error.message, "error": code}


def answer(status: int, body: JSON, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    """JSON that is encoded here: what a message quotes may hold what a plain encoder refuses (lone surrogates)."""
    try:
        encoded = msgspec.json.encode(body)
    except (UnicodeEncodeError, ValueError):
        encoded = msgspec.json.encode(_printable(body))
    return Response(encoded, status_code=int(status), media_type=MediaType.JSON, headers=dict(headers or {}))


def as_trunkline_error(exception: Exception) -> TrunklineError | None:
    """The error of the tree that says what an exception means; None for one that nobody expected."""
    match exception:
        case TrunklineError() if exception.status != TrunklineError.status:
            return exception
        case NotFoundException():
            return NotFound("There is no such address. The API's description is at /api/docs.")
        case MethodNotAllowedException():
            allowed = (exception.headers or {}).get("allow", "")
            return MethodNotAllowed(f"This address takes {allowed}." if allowed else "This method is not allowed here.")
        case ValidationException():
            return InvalidData(_issues(exception.extra))
        case HTTPException():
            return _of_status(exception)
        case RecursionError():
            return InvalidRequest("The request is nested too deeply.")
        case _:
            return None


def _of_status(exception: HTTPException) -> TrunklineError | None:
    detail = exception.detail or HTTPStatus(exception.status_code).phrase
    match exception.status_code:
        case 401:
            return Unauthorized(detail)
        case 413:
            return PayloadTooLarge(detail)
        case 429:
            return TooManyRequests(detail)
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return InvalidRequest(detail)
        case _ if "disconnected" in detail:
            return InvalidRequest("The connection was closed before the whole body had come.")
        case _:
            return None


def _issues(extra: object) -> list[dict[str, object]]:
    """Litestar's list of faults as issues: where, and what would be right."""
    if not isinstance(extra, list):
        return [{"code": "custom", "path": [], "message": "Invalid request data"}]
    return [
        {"code": "invalid_type", "path": str(fault.get("key", "")).split("."), "message": str(fault.get("message", ""))}
        for fault in extra
        if isinstance(fault, dict)
    ]


def _told(error: InvalidData) -> str:
    """The issues in one line, for people who read messages."""
    parts = []
    for issue in error.issues:
        path = issue.get("path")
        place = ".".join(str(part) for part in path) if isinstance(path, list) else ""
        parts.append(f"{place}: {issue.get('message')}" if place else str(issue.get("message")))
    return f"{error.message}: {'; '.join(parts)}"


def _printable(value: JSON) -> JSON:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_printable(str(key)): _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return value
