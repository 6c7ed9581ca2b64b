"""Media on a trace's page: pictures and sound in place, the rest as links; all of it from this server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from trunkline.api.media_answers import media_answer
from trunkline.api.services import Services
from trunkline.errors import NotFound
from trunkline.store.media_records import Media
from trunkline.store.media_references import find_references
from trunkline.store.media_types import kind_of
from trunkline.types import JSONBytes, Struct
from trunkline.ui import addresses
from trunkline.ui.sessions import Place, WebRequest

MAX_SHOWN = 50
"""Of one field."""
KEPT_S = 3600
_SIZES = ((1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB"))


class Attachment(Struct, frozen=True, kw_only=True):
    """`kind` is `image`, `audio`, `video` or `file`; `href` is empty where the bytes are not here."""

    kind: str
    href: str
    content_type: str
    size: str


async def attachments(
    documents: Mapping[str, JSONBytes | None], services: Services, place: Place
) -> Mapping[str, tuple[Attachment, ...]]:
    """What inputs, outputs and metadata refer to, by the names that they are given under."""
    found = {name: find_references(document) for name, document in documents.items()}
    wanted = {reference.media_id: reference for references in found.values() for reference in references[:MAX_SHOWN]}
    if not wanted:
        return {}
    known = await services.media.find_all(place.project.id, wanted)
    shown = {
        media_id: _attachment(known.get(media_id), reference.content_type, place)
        for media_id, reference in wanted.items()
    }
    return {
        name: tuple(shown[media_id] for media_id in dict.fromkeys(each.media_id for each in references[:MAX_SHOWN]))
        for name, references in found.items()
    }


def _attachment(media: Media | None, content_type: str, place: Place) -> Attachment:
    if media is None or media.uploaded_at is None:
        return Attachment(kind="file", href="", content_type=content_type, size="")
    href = addresses.media(place.root, media.id)
    kind = kind_of(media.content_type)
    return Attachment(kind=kind, href=href, content_type=media.content_type, size=_size(media.content_length))


def _size(length: int) -> str:
    for unit, name in _SIZES:
        if length >= unit:
            return f"{length / unit:.1f} {name}"
    return f"{length} bytes"


@get("/media/{media_id:str}")
async def media_bytes(
    request: WebRequest, place: NamedDependency[Place], services: NamedDependency[Services], media_id: FromPath[str]
) -> Response[bytes] | Stream:
    """The bytes for who is signed in, also where they are in an S3-compatible store: a page loads from nowhere else."""
    media, contents = await services.media.find(place.project.id, media_id), services.media.contents
    if media is None or await asyncio.to_thread(contents.size, media) != media.content_length:
        raise NotFound("There is no such medium.")
    return media_answer(media, contents, asked=request.headers.get("range"), max_age=KEPT_S, embeddable=False)
