"""Answers with an ETag: 304 where the client has it already."""

from __future__ import annotations

from http import HTTPStatus

from litestar import Request, Response
from litestar.datastructures import State

from trunkline.serving.memo import Answer, Headers, matches


def answer_prompt(request: Request[object, object, State], found: Answer) -> Response[bytes]:
    """An answer of the prompt server, or 304 for what the client already has."""
    wanted = request.headers.get("if-none-match", "")
    if wanted and matches(found.etag, wanted.encode("latin-1")):
        return _response(b"", HTTPStatus.NOT_MODIFIED, found.not_modified)
    return _response(found.body, found.status, found.headers)


def _response(body: bytes, status: int, headers: Headers) -> Response[bytes]:
    media_type = "application/json"
    kept = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in headers
        if name not in {b"content-type", b"content-length"}
    }
    return Response(body, status_code=int(status), media_type=media_type, headers=kept)
