"""Bytes of media that lie in the data folder, put and got by signed addresses (`/api/public/media` makes them).

No key is asked for: the signature is the permission, for one medium and for a time. Bodies are streamed to the disk a
piece at a time.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from http import HTTPStatus

from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from trunkline.api.access import PUBLIC
from trunkline.api.langfuse.body import HTTPRequest
from trunkline.api.media_answers import media_answer
from trunkline.api.services import Services
from trunkline.errors import Conflict, InvalidRequest, NotFound
from trunkline.store.control import now_micros
from trunkline.store.media_files import ROUTE, MediaFiles
from trunkline.store.media_records import Media

PATH = ROUTE + "/{project_id:str}/{media_id:str}"
PIECE = 512 * 1024
"""Bytes that are gathered before a thread hashes and writes them."""
SILENCE_S = 60.0
"""How long an upload may send nothing."""


@put(PATH, opt=PUBLIC, status_code=HTTPStatus.OK, request_max_body_size=None)
async def put_media(
    request: HTTPRequest, services: NamedDependency[Services], project_id: FromPath[str], media_id: FromPath[str]
) -> Response[bytes]:
    """Takes in the bytes of a medium at the signed address that announcing it gave.

    Length, SHA-256 and content type must be as announced. On disk before the answer, or not there at all.
    """
    files = _files(services)
    media = files.announced(project_id, media_id, dict(request.query_params))
    _check_headers(request, media)
    if await services.media.find(project_id, media_id) is None:
        raise NotFound("The medium is not announced any more. Ask /api/public/media for an address.")
    await _take(request, files, media)
    records = services.media.records
    if not await asyncio.to_thread(records.mark_uploaded, project_id, media_id, now_micros()):
        raise Conflict("The medium was deleted while it came in. Ask /api/public/media for an address.")
    return Response(b"", status_code=HTTPStatus.OK, headers={"etag": f'"{media.sha256.hex()}"'})


@get(PATH, opt=PUBLIC)
async def get_media(
    request: HTTPRequest, services: NamedDependency[Services], project_id: FromPath[str], media_id: FromPath[str]
) -> Response[bytes] | Stream:
    """The bytes of a medium, or a range of them. Whatever they are, a browser runs nothing of them."""
    files = _files(services)
    files.check_download(project_id, media_id, dict(request.query_params))
    media = await services.media.find(project_id, media_id)
    if media is None or await asyncio.to_thread(files.size, media) != media.content_length:
        raise NotFound("The bytes of this medium are not here.")
    asked, max_age = request.headers.get("range"), services.media.lifetime_s
    return media_answer(media, files, asked=asked, max_age=max_age, embeddable=True)


def _files(services: Services) -> MediaFiles:
    contents = services.media.contents
    if not isinstance(contents, MediaFiles):
        raise NotFound("Media are in an S3-compatible store here; /api/public/media gives their addresses.")
    return contents


def _check_headers(request: HTTPRequest, media: Media) -> None:
    """What a client may say of its body must be what it announced. Raises InvalidRequest."""
    checksum = base64.b64encode(media.sha256).decode()
    said = {
        "content-length": (request.headers.get("content-length"), str(media.content_length)),
        "content-type": (request.headers.get("content-type"), media.content_type),
        "x-amz-checksum-sha256": (request.headers.get("x-amz-checksum-sha256"), checksum),
        "content-encoding": (request.headers.get("content-encoding"), "identity"),
    }
    for name, (given, announced) in said.items():
        if given is not None and given.strip() != announced:
            raise InvalidRequest(f"The header {name} is {given[:100]!r}, but {announced!r} was announced.")


async def _take(request: HTTPRequest, files: MediaFiles, media: Media) -> None:
    """The body to its place. Leaves nothing behind where it breaks off."""
    upload = await asyncio.to_thread(files.receive, media)
    try:
        async for piece in _pieces(request):
            await asyncio.to_thread(upload.write, piece)
        await asyncio.to_thread(upload.finish)
    finally:
        upload.abandon()


async def _pieces(request: HTTPRequest) -> AsyncIterator[bytes]:
    """The body in pieces of some size. Raises InvalidRequest for one that breaks off or stands still."""
    gathered = bytearray()
    more = True
    while more:
        try:
            async with asyncio.timeout(SILENCE_S):
                message = await request.receive()
        except TimeoutError:
            raise InvalidRequest(f"Nothing came for {SILENCE_S:g} s. Upload again.") from None
        if message["type"] != "http.request":
            raise InvalidRequest("The connection was closed before the whole body had come.")
        gathered += message["body"]
        more = message.get("more_body", False)
        if len(gathered) >= PIECE or not more:
            yield bytes(gathered)
            gathered.clear()


handlers = [put_media, get_media]
