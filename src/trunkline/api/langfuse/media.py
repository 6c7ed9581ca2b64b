"""Media as Langfuse's API announces, reports and reads them. The bytes go another way: `api.native.media_bytes`."""

from __future__ import annotations

from http import HTTPStatus

from litestar import Response, get, patch, post
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest, decode_json, take_body
from trunkline.api.langfuse.params import rest_of_path
from trunkline.api.langfuse.shapes_media import MEDIA_ID, UploadUrlShape, media_shape, read_announcement, read_report
from trunkline.api.origins import origin_of
from trunkline.api.services import Services
from trunkline.errors import NotFound
from trunkline.store.control import now_micros
from trunkline.store.media_records import Media
from trunkline.types import Caller

PATH = "/api/public/media"
MAX_BODY = 100_000


@post(PATH, status_code=HTTPStatus.OK, request_max_body_size=None)
async def announce_media(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Announces a medium of a trace, an observation or a dataset item.

    Answers a signed address to put its bytes to; null where they are here already. The id is the start of the base64url
    of the bytes' SHA-256.
    """
    settings = services.settings
    body = await take_body(request, min(MAX_BODY, settings.max_body_bytes), decode_json)
    media, use = read_announcement(body, writer.project_id, now_micros(), settings.media_max_bytes)
    url = await services.media.announce(media, use, origin_of(request, settings))
    return answer(HTTPStatus.OK, UploadUrlShape(media_id=media.id, upload_url=url))


@get(PATH + "/{media_id:path}")
async def get_media(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """A medium with a signed address of its bytes."""
    media = await _find(request, services, caller)
    if media.uploaded_at is None:
        failed = media.upload_status is not None and media.upload_status >= HTTPStatus.BAD_REQUEST
        why = f"Media upload failed with status {media.upload_status}" if failed else "Media not yet uploaded"
        raise NotFound(f"{why}: POST {PATH} again for an address to upload it to.")
    expires_at = now_micros() + services.media.lifetime_s * 1_000_000
    url = services.media.download_url(media, origin_of(request, services.settings))
    return answer(HTTPStatus.OK, media_shape(media, url, expires_at))


@patch(PATH + "/{media_id:path}", status_code=HTTPStatus.NO_CONTENT, request_max_body_size=None)
async def report_upload(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> None:
    """Tells how an upload went. That the bytes are here is found out by looking, whatever is told."""
    body = await take_body(request, services.settings.max_body_bytes, decode_json)
    report = read_report(body)
    media = await _find(request, services, writer)
    await services.media.report(
        media, status=report.status, error=report.error, took_ms=report.took_ms, at=report.uploaded_at
    )


async def _find(request: HTTPRequest, services: Services, caller: Caller) -> Media:
    """Raises NotFound."""
    media_id = rest_of_path(request.scope, PATH)
    found = await services.media.find(caller.project_id, media_id) if MEDIA_ID.fullmatch(media_id) else None
    if found is None:
        raise NotFound(f"Media asset {media_id} not found in project {caller.project_id}")
    return found


handlers = [announce_media, get_media, report_upload]
