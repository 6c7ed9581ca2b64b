"""Items of dataset runs on the compatible API: which trace is what an item of a dataset came to in a run."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest
from trunkline.api.langfuse.formats import iso, page_meta
from trunkline.api.langfuse.intake import take_masked
from trunkline.api.langfuse.params import Params
from trunkline.api.langfuse.shapes_datasets import (
    CreateDatasetRunItem,
    DatasetRunItemShape,
    document,
    read_run_item,
    run_item_shape,
    time_of,
)
from trunkline.api.services import Services
from trunkline.dataset_types import RunLink
from trunkline.errors import NotFound
from trunkline.types import Caller, JSONBytes, Micros

PATH = "/api/public/dataset-run-items"


@post(PATH, status_code=HTTPStatus.OK, request_max_body_size=None)
async def create_dataset_run_item(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Links a trace, or an observation in it, to an item in a run. A run that is not there is made."""
    given = await take_masked(request, writer, read_run_item)
    version, created_at = time_of(given.dataset_version, "datasetVersion"), time_of(given.created_at, "createdAt")
    link = RunLink(
        run_name=given.run_name,
        dataset_item_id=given.dataset_item_id,
        trace_id=given.trace_id or await _trace_of(given, services, writer),
        observation_id=given.observation_id or None,
        description=given.run_description,
        metadata=_metadata(document(given.metadata), version),
        dataset_version=version,
        created_at=created_at,
    )
    item, run = await asyncio.to_thread(services.experiments.link, writer.project_id, link)
    return answer(HTTPStatus.OK, run_item_shape(item, run))


@get(PATH)
async def list_dataset_run_items(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The items of a run, the newest first."""
    params = Params(request.scope["query_string"])
    page, limit = params.page(), params.limit()
    dataset_id, run_name = params.text("datasetId"), params.text("runName")
    for name, value in (("datasetId", dataset_id), ("runName", run_name)):
        if value is None:
            params.fault(name, "required", "invalid_type")
    params.check()

    def read() -> tuple[list[DatasetRunItemShape], int]:
        run = services.experiments.run(caller.project_id, dataset_id or "", run_name or "")
        items, total = services.experiments.run_items(caller.project_id, run.id, limit=limit, offset=(page - 1) * limit)
        return [run_item_shape(item, run) for item in items], total

    shown, total = await asyncio.to_thread(read)
    return answer(HTTPStatus.OK, {"data": shown, "meta": page_meta(page, limit, total)})


async def _trace_of(given: CreateDatasetRunItem, services: Services, caller: Caller) -> str:
    """Old SDKs name the observation alone."""
    observation = await services.traces.observation(caller.project_id, given.observation_id or "")
    if observation is None:
        raise NotFound("Observation not found. Send its traceId as well, or link it once it has been sent.")
    return observation.trace_id


def _metadata(metadata: JSONBytes | None, version: Micros | None) -> JSONBytes | None:
    """A run's metadata say which version of the dataset it ran on, if one was asked for."""
    if version is None or (metadata is not None and metadata[:1] != b"{"):
        return metadata
    fields = msgspec.json.decode(metadata, type=dict[str, msgspec.Raw]) if metadata else {}
    return msgspec.json.encode({**fields, "dataset_version": iso(version)})


handlers = [create_dataset_run_item, list_dataset_run_items]
