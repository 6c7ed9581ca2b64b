"""Items of datasets on the compatible API."""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus

from litestar import Response, delete, get, post
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest
from trunkline.api.langfuse.datasets import known
from trunkline.api.langfuse.formats import page_meta
from trunkline.api.langfuse.intake import take_masked
from trunkline.api.langfuse.item_media import keep_media, shapes_with_media
from trunkline.api.langfuse.params import Params, rest_of_path
from trunkline.api.langfuse.shapes_datasets import read_item
from trunkline.api.services import Services
from trunkline.dataset_types import DatasetItem
from trunkline.evaluation.item_schemas import check_item
from trunkline.types import Caller

PATH = "/api/public/dataset-items"


@post(PATH, status_code=HTTPStatus.OK, request_max_body_size=None)
async def create_dataset_item(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Makes an item, or changes the one with this id: a new version of it."""
    change = await take_masked(request, writer, read_item)
    check = partial(check_item, absent_is_null=change.id is None)
    item = await asyncio.to_thread(services.datasets.upsert_item, writer.project_id, change, check)
    await keep_media(services, writer.project_id, item)
    (shown,) = await shapes_with_media(request, services, writer.project_id, [item])
    return answer(HTTPStatus.OK, shown)


@get(PATH)
async def list_dataset_items(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Active items, the newest first: of a dataset, as they stand or as they stood at a `version`."""
    params = Params(request.scope["query_string"])
    page, limit = params.page(), params.limit()
    name, version = params.text("datasetName"), params.time("version")
    trace_id, observation_id = params.text("sourceTraceId"), params.text("sourceObservationId")
    if version is not None and name is None:
        params.fault("version", "needs datasetName: a version is one of a dataset")
    params.check()

    def read() -> tuple[list[DatasetItem], int]:
        return services.datasets.items(
            caller.project_id,
            dataset_id=known(services, caller.project_id, name).id if name is not None else None,
            source_trace_id=trace_id,
            source_observation_id=observation_id,
            at=version,
            limit=limit,
            offset=(page - 1) * limit,
        )

    items, total = await asyncio.to_thread(read)
    shown = await shapes_with_media(request, services, caller.project_id, items)
    return answer(HTTPStatus.OK, {"data": shown, "meta": page_meta(page, limit, total)})


@get(PATH + "/{item_id:path}")
async def get_dataset_item(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """One item, archived or not."""
    item_id = rest_of_path(request.scope, PATH)
    item = await asyncio.to_thread(services.datasets.item, caller.project_id, item_id)
    (shown,) = await shapes_with_media(request, services, caller.project_id, [item])
    return answer(HTTPStatus.OK, shown)


@delete(PATH + "/{item_id:path}", status_code=HTTPStatus.OK)
async def delete_dataset_item(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Deletes an item and its run items. Earlier versions of the dataset go on showing it."""
    item_id = rest_of_path(request.scope, PATH)
    await asyncio.to_thread(services.datasets.delete_item, writer.project_id, item_id)
    return answer(HTTPStatus.OK, {"message": "Dataset item successfully deleted"})


handlers = [create_dataset_item, list_dataset_items, get_dataset_item, delete_dataset_item]
