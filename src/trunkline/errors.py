"""Every error that Trunkline raises on purpose.

TrunklineError
├── InvalidRequest           400  the caller sent something that cannot be meant
│   ├── InvalidData          400  fields of a request break its schema (carries an issue for each)
│   └── InvalidFile          400  a file of the registry breaks its format (carries file and line)
├── Unauthorized             401  no key, or a wrong one
├── Forbidden                403  a known caller may not do this
├── NotFound                 404
├── MethodNotAllowed         405
├── Conflict                 409  what the caller saw is no longer so
├── PayloadTooLarge          413
├── MissingVariables         422  a strict compile lacks variables (names them)
├── TooManyRequests          429  carries Retry-After
├── Unavailable              503  a part is down or behind; carries Retry-After
└── InsufficientStorage      507  the disk is full; nothing was stored

An error has an HTTP status and a code that stays the same between releases. One handler in `api` turns the tree into
``{"message": …, "error": code}``; the CLI prints the message and exits with 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class TrunklineError(Exception):
    """The root of the tree. `message` says what is wrong and what to do about it."""

    status = 500
    code = "InternalServerError"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(TrunklineError):
    status = 400
    code = "InvalidRequestError"


class InvalidData(InvalidRequest):
    """Fields or parameters that break a route's schema; answered as ``{"message", "error": issues}``, as upstream does.

    An issue is ``{"code", "path", "message"}``: what kind of fault, where (keys and indexes), and what would be right.
    """

    def __init__(self, issues: Sequence[Mapping[str, object]]) -> None:
        super().__init__("Invalid request data")
        self.issues = tuple(issues)


class InvalidFile(InvalidRequest):
    """A file of a registry that breaks its format. `line` counts from 1; 0 means the file as a whole."""

    def __init__(self, message: str, *, path: str = "", line: int = 0) -> None:
        place = f"{path}:{line}: " if path and line else f"{path}: " if path else f"line {line}: " if line else ""
        super().__init__(place + message)
        self.reason = message
        self.path = path
        self.line = line


class Unauthorized(TrunklineError):
    status = 401
    code = "UnauthorizedError"


class Forbidden(TrunklineError):
    status = 403
    code = "ForbiddenError"


class NotFound(TrunklineError):
    """The compatible API calls this code LangfuseNotFoundError, which SDKs look for."""

    status = 404
    code = "NotFoundError"


class MethodNotAllowed(TrunklineError):
    status = 405
    code = "MethodNotAllowedError"


class Conflict(TrunklineError):
    status = 409
    code = "ConflictError"


class PayloadTooLarge(TrunklineError):
    status = 413
    code = "PayloadTooLargeError"


class MissingVariables(TrunklineError):
    """A strict compile was asked for and these variables were not given."""

    status = 422
    code = "MissingVariablesError"

    def __init__(self, names: Sequence[str]) -> None:
        listed = ", ".join(names)
        super().__init__(f"Missing variables: {listed}. Give a value for each, or compile with strict=false.")
        self.names = tuple(names)


class _Later(TrunklineError):
    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooManyRequests(_Later):
    status = 429
    code = "TooManyRequestsError"


class Unavailable(_Later):
    status = 503
    code = "ServiceUnavailableError"


class InsufficientStorage(_Later):
    status = 507
    code = "InsufficientStorageError"
