"""The outermost layer of the app: a request id, metrics and a log line for every request, and the hot paths.

``GET /api/public/v2/prompts/{name}`` and ``POST /api/v1/compile`` are answered here when there is an answer to give; an
error, or a request that says anything unusual, goes on to the documented route, which calls the same functions. A
request that led to an answer is remembered by its raw path and query (or by a digest of its body) with the snapshot
that answered it, and looked up after the key check only: a dictionary, 1 µs, where an ordinary route takes 100.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any, TypedDict
from urllib.parse import unquote_to_bytes

import structlog

from trunkline.api.access_log import AccessLog, caller_fields, json_path
from trunkline.api.limits import Limits
from trunkline.api.logs import REQUEST_ID
from trunkline.api.metrics import OTHER, Metrics, Series
from trunkline.errors import TrunklineError
from trunkline.serving.answers import PromptServer
from trunkline.serving.compiling import decode_compile
from trunkline.serving.memo import JSON_TYPE, Answer, Headers, matches
from trunkline.types import Caller

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Authenticate = Callable[[bytes | None], Caller]

PROMPTS = b"/api/public/v2/prompts/"
PROMPT_ROUTE = "/api/public/v2/prompts/{name}"
COMPILE = b"/api/v1/compile"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
NOTHING: Message = {"type": "http.response.body", "body": b""}
LARGEST_BODY = 64 * 1024
"""Of a compile that is answered here; larger ones take the ordinary route, which knows how to refuse them."""
LONGEST_REQUEST = 2048
LONGEST_KEPT_PATH = 200
MOST_PATHS, MOST_CALLERS = 32_768, 10_000

log = structlog.get_logger(__name__)

_SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
_VERSION = re.compile(rb"[1-9][0-9]{0,8}")
_LABEL = re.compile(rb"[a-z0-9][a-z0-9_.-]{0,35}")
_READS = frozenset({"GET", "HEAD"})
_BOOLEANS = {b"true": True, b"false": False}
_OF_BODIES = frozenset({b"content-type", b"content-length", b"content-encoding"})
_SELECTORS = frozenset({b"label", b"version", b"sticky", b"resolve"})


class Outer:
    """Wraps `app`. `authenticate` says who an Authorization header names or raises Unauthorized.

    A request that a project's limit does not let in goes on to the ordinary route, which says so.
    `worker` is sent as ``x-trunkline-worker`` where several processes share a port; empty: it is not sent.
    """

    def __init__(
        self,
        app: App,
        *,
        prompts: PromptServer,
        authenticate: Authenticate,
        metrics: Metrics,
        limits: Limits,
        access_log: AccessLog | None = None,
        worker: str = "",
    ) -> None:
        self._app = app
        self._prompts = prompts
        self._count = prompts.fetches.add
        self._authenticate = authenticate
        self._limits = limits
        self._metrics = metrics
        self._access_log = access_log
        self._worker = ((b"x-trunkline-worker", worker.encode()),) if worker else ()
        self._callers: dict[tuple[str, str], str] = {}
        self._paths: dict[bytes, str] = {}
        self._unique = os.urandom(6).hex()
        self._numbers = itertools.count(1)
        self._hot: dict[tuple[str, int], Series] = {
            (method, status): metrics.series(method, route, status)
            for method, route in (("GET", PROMPT_ROUTE), ("HEAD", PROMPT_ROUTE), ("POST", COMPILE.decode()))
            for status in (200, 304)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id")
        if request_id is None or _SANE_ID.fullmatch(request_id) is None:
            request_id = f"{self._unique}{next(self._numbers):08x}".encode()
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        method: str = scope["method"]
        answer: Answer | None = None
        caller: Caller | None = None
        if path.startswith(PROMPTS) and method in _READS:
            caller = self._known(headers)
            if caller is not None:
                request = path + b"?" + scope["query_string"]
                answer = self._remembered(caller, request) or await self._fetch(caller, path, request, request_id)
        elif path == COMPILE and method == "POST":
            caller = self._known(headers)
            if caller is not None:
                body, receive = await _read_body(receive, headers)
                if body is not None:
                    request = hashlib.blake2b(body, digest_size=24).digest()
                    answer = self._remembered(caller, request) or await self._compile(caller, body, request, request_id)
        if answer is None or caller is None:
            if caller is not None:
                self._limits.give_back_prompt(caller.project_id)
            await self._pass_on(scope, receive, send, headers, request_id, path, began)
            return
        status, kept, body_message = _conditional(answer, method, headers)
        sent = [*kept, (b"x-request-id", request_id), *self._worker]
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send(body_message)
        took = perf_counter() - began
        self._hot[method, status].add(took)
        if self._access_log is not None:
            who = self._who(scope["client"], caller)
            self._access_log.add(request_id.decode(), method, self._json_path(path), status, took, who)

    def _known(self, headers: dict[bytes, bytes]) -> Caller | None:
        """Who asks, where the hot paths are open to them; the ordinary route tells the others why not.

        Counts against the project's limit.
        """
        try:
            caller = self._authenticate(headers.get(b"authorization"))
        except TrunklineError:
            return None
        if caller.scores_only or not self._limits.admits_prompt(caller.project_id):
            return None
        return caller

    def _remembered(self, caller: Caller, request: bytes) -> Answer | None:
        try:
            answer = self._prompts.memo(caller.project_id).requests.get(request)
        except TrunklineError:
            return None
        if answer is not None:
            self._count(answer, caller.actor.id)
        return answer

    async def _fetch(self, caller: Caller, path: bytes, request: bytes, request_id: bytes) -> Answer | None:
        asked = read_fetch(path, request[len(path) + 1 :])
        if asked is None:
            return None
        REQUEST_ID.set(request_id.decode())
        try:
            memo = self._prompts.memo(caller.project_id)
            answer = await self._prompts.fetch(caller.project_id, client=caller.actor.id, **asked)
        except TrunklineError:
            return None
        if asked["sticky"] is None and len(request) <= LONGEST_REQUEST:
            memo.keep_request(request, answer)
        return answer

    async def _compile(self, caller: Caller, body: bytes, request: bytes, request_id: bytes) -> Answer | None:
        REQUEST_ID.set(request_id.decode())
        try:
            memo = self._prompts.memo(caller.project_id)
            answer = await self._prompts.compile(caller.project_id, decode_compile(body), client=caller.actor.id)
        except TrunklineError:
            return None
        memo.keep_request(request, answer, len(answer.body))
        return answer

    async def _pass_on(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: dict[bytes, bytes],
        request_id: bytes,
        path: bytes,
        began: float,
    ) -> None:
        """The ordinary way: routes answer, and what every answer has is added here."""
        text = request_id.decode()
        REQUEST_ID.set(text)
        method: str = scope["method"]
        if method == "HEAD":
            scope = {**scope, "method": "GET"}
        own = ((b"x-request-id", request_id), *self._worker)
        reply = _Reply(send, method, headers.get(b"if-none-match"), own)
        try:
            await self._app(scope, receive, reply.send)
        except Exception as error:  # the edge of the process: no request ends without an answer
            log.error("unhandled_exception", path=path.decode("ascii", "backslashreplace"), exc_info=error)
            await reply.fail()
        finally:
            took = perf_counter() - began
            route = scope.get("path_template") or OTHER
            method = method if method in METHODS else OTHER
            self._metrics.series(method, route, reply.status).add(took)
            if self._access_log is not None:
                caller = (scope.get("state") or {}).get("caller")
                who = self._who(scope.get("client"), caller if isinstance(caller, Caller) else None)
                self._access_log.add(text, method, self._json_path(path), reply.status, took, who)

    def _json_path(self, path: bytes) -> str:
        found = self._paths.get(path)
        if found is None:
            found = json_path(path)
            if len(path) <= LONGEST_KEPT_PATH:
                if len(self._paths) >= MOST_PATHS:
                    self._paths.clear()
                self._paths[path] = found
        return found

    def _who(self, client: tuple[str, int] | None, caller: Caller | None) -> str:
        host = client[0] if client else ""
        key = (host, caller.actor.id if caller is not None else "")
        found = self._callers.get(key)
        if found is None:
            if len(self._callers) >= MOST_CALLERS:
                self._callers.clear()
            found = caller_fields(host, caller.project_id, caller.actor.id) if caller else caller_fields(host)
            self._callers[key] = found
        return found


class _Reply:
    """The way out of an ordinary route: adds headers, makes a 304 of what the client has, leaves out a HEAD's body."""

    __slots__ = ("_asked", "_bodyless", "_method", "_own", "_send", "status")

    def __init__(self, send: Send, method: str, asked: bytes | None, own: Headers) -> None:
        self._send = send
        self._method = method
        self._asked = asked
        self._own = own
        self._bodyless = method == "HEAD"
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = self._start(message)
        elif message["type"] == "http.response.body" and self._bodyless:
            message = {**message, "body": b""}
        await self._send(message)

    async def fail(self) -> None:
        """Answers for a route that broke. Where it has begun to answer, the connection must break as well."""
        if self.status:
            raise RuntimeError("An answer broke off.")
        body = b'{"message":"Something went wrong in the server.","error":"InternalServerError"}'
        length = str(len(body)).encode()
        headers = [(b"content-type", JSON_TYPE), (b"content-length", length)]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def _start(self, message: Message) -> Message:
        self.status = message["status"]
        headers = list(message.get("headers", ()))
        if self._asked is not None and self.status == 200 and self._method in _READS:
            etag = next((value for name, value in headers if name == b"etag"), None)
            if etag is not None and matches(etag, self._asked):
                self.status = 304
                self._bodyless = True
                headers = [header for header in headers if header[0] not in _OF_BODIES]
        return {**message, "status": self.status, "headers": [*headers, *self._own]}


def _conditional(answer: Answer, method: str, headers: dict[bytes, bytes]) -> tuple[int, Headers, Message]:
    asked = headers.get(b"if-none-match")
    if asked is not None and method != "POST" and matches(answer.etag, asked):
        return 304, answer.not_modified, NOTHING
    return 200, answer.headers, NOTHING if method == "HEAD" else answer.message


class Fetch(TypedDict):
    """What a prompt fetch asks for: the arguments of `PromptServer.fetch`."""

    name: str
    label: str | None
    version: int | None
    sticky: str | None
    resolve: bool


def read_fetch(path: bytes, query: bytes) -> Fetch | None:
    """Reads a fetch's raw path and query; None for what the ordinary route has to look at.

    The name's slashes come raw or as ``%2F``.
    """
    given: dict[bytes, bytes] = {}
    for part in query.split(b"&") if query else ():
        key, _, value = part.partition(b"=")
        if key not in _SELECTORS or key in given or not value:
            return None
        given[key] = unquote_to_bytes(value.replace(b"+", b" "))
    version, label, resolve = given.get(b"version"), given.get(b"label"), given.get(b"resolve", b"true")
    if resolve not in _BOOLEANS or (version is not None and (label is not None or not _VERSION.fullmatch(version))):
        return None
    if label is not None and not _LABEL.fullmatch(label):
        return None
    sticky = given.get(b"sticky")
    try:
        name = unquote_to_bytes(path[len(PROMPTS) :]).decode()
        return Fetch(
            name=name,
            label=None if label is None else label.decode(),
            version=None if version is None else int(version),
            sticky=None if sticky is None else sticky.decode(),
            resolve=_BOOLEANS[resolve],
        )
    except UnicodeDecodeError:
        return None


async def _read_body(receive: Receive, headers: dict[bytes, bytes]) -> tuple[bytes | None, Receive]:
    """A small request's body, and a `receive` that gives it once more. None: it was not read, or not to its end."""
    length = headers.get(b"content-length", b"")
    if not length.isdigit() or int(length) > LARGEST_BODY or b"content-encoding" in headers:
        return None, receive
    read: list[Message] = []
    whole = False
    while not whole:
        message = await receive()
        read.append(message)
        if message["type"] != "http.request":
            break
        whole = not message.get("more_body", False)
    again = iter(read)

    async def replay() -> Message:
        message = next(again, None)
        return await receive() if message is None else message

    body = read[0].get("body", b"") if len(read) == 1 else b"".join(message.get("body", b"") for message in read)
    return (body if whole else None), replay
