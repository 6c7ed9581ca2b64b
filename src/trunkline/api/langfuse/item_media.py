"""Media of dataset items: what an item refers to is noted when it is made, and resolved when it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from trunkline.api.langfuse.body import HTTPRequest
from trunkline.api.langfuse.formats import iso
from trunkline.api.langfuse.shapes_datasets import DatasetItemShape, item_shape
from trunkline.api.origins import origin_of
from trunkline.api.services import Services
from trunkline.dataset_types import DatasetItem
from trunkline.store.control import now_micros
from trunkline.store.media_records import MediaUse, UseKind
from trunkline.store.media_references import Reference, find_references
from trunkline.types import JSON, Micros


async def keep_media(services: Services, project_id: str, item: DatasetItem) -> None:
    """Notes what an item refers to, so that it stays when the trace goes that it was copied from."""
    for field, references in _by_field(item):
        use = MediaUse(kind=UseKind.DATASET_ITEM, owner_id=item.dataset_id, part_id=item.id, field=field)
        ids = [reference.media_id for reference in references]
        if ids:
            await asyncio.to_thread(services.media.records.link, project_id, ids, use, now_micros())


async def shapes_with_media(
    request: HTTPRequest, services: Services, project_id: str, items: Sequence[DatasetItem]
) -> list[DatasetItemShape]:
    """Items as they are answered; a reference is resolved where it is a whole string, for it is replaced there."""
    found = [[(field, each) for field, all_ in _by_field(item) for each in all_ if each.is_whole] for item in items]
    wanted = {reference.media_id for references in found for _, reference in references}
    media = await _resolved(request, services, project_id, wanted) if wanted else {}
    shapes = []
    for item, references in zip(items, found, strict=True):
        shape = item_shape(item)
        shape.media_references = [
            {
                "field": field,
                "referenceString": reference.text,
                "jsonPath": reference.path,
                "media": media[reference.media_id],
            }
            for field, reference in references
            if reference.media_id in media
        ]
        shapes.append(shape)
    return shapes


async def _resolved(request: HTTPRequest, services: Services, project_id: str, wanted: set[str]) -> dict[str, JSON]:
    library, origin = services.media, origin_of(request, services.settings)
    expires_at: Micros = now_micros() + library.lifetime_s * 1_000_000
    return {
        media.id: {
            "mediaId": media.id,
            "contentType": media.content_type,
            "contentLength": media.content_length,
            "url": library.download_url(media, origin),
            "urlExpiry": iso(expires_at),
        }
        for media in (await library.find_all(project_id, wanted)).values()
        if media.uploaded_at is not None
    }


def _by_field(item: DatasetItem) -> list[tuple[str, list[Reference]]]:
    fields = (("input", item.input), ("expectedOutput", item.expected_output), ("metadata", item.metadata))
    return [(name, find_references(document)) for name, document in fields]
