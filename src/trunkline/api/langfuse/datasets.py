"""Datasets and their runs on the compatible API.

Names of datasets and runs may hold slashes, as ``%2F`` or (from SDK 2) raw, so they are taken from the raw path. The
routes below ``/datasets`` are deprecated upstream; SDKs up to Python 4 and both of JavaScript use them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import unquote

from litestar import Response, delete, get, post
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest
from trunkline.api.langfuse.formats import page_meta
from trunkline.api.langfuse.intake import take_masked
from trunkline.api.langfuse.params import Params, rest_of_path
from trunkline.api.langfuse.shapes_datasets import (
    DatasetShape,
    dataset_shape,
    item_shape,
    read_dataset,
    run_item_shape,
    run_shape,
)
from trunkline.api.services import Services
from trunkline.dataset_types import Dataset, DatasetChange
from trunkline.errors import NotFound
from trunkline.evaluation.item_schemas import check_items, check_schema
from trunkline.store.datasets import UNKNOWN_DATASET
from trunkline.types import Caller

V2 = "/api/public/v2/datasets"
PATH = "/api/public/datasets"
RUNS = "runs"


@post(V2, status_code=HTTPStatus.OK, request_max_body_size=None)
async def create_dataset(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Makes a dataset, or changes the one with this name."""
    change = await take_masked(request, writer, read_dataset)
    dataset = await asyncio.to_thread(_upsert, services, writer.project_id, change)
    return answer(HTTPStatus.OK, dataset_shape(dataset))


@post(PATH, status_code=HTTPStatus.OK, request_max_body_size=None)
async def create_dataset_v1(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Makes a dataset, or changes the one with this name: the form that JavaScript's SDK 3 uses."""
    change = await take_masked(request, writer, read_dataset)
    dataset = await asyncio.to_thread(_upsert, services, writer.project_id, change)
    return answer(HTTPStatus.OK, dataset_shape(dataset, items=(), runs=()))


@get(V2)
async def list_datasets(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The datasets of the project, the newest first."""
    page, limit = _page(request)
    found = services.datasets.datasets
    datasets, total = await asyncio.to_thread(found, caller.project_id, limit=limit, offset=(page - 1) * limit)
    shown = [dataset_shape(dataset) for dataset in datasets]
    return answer(HTTPStatus.OK, {"data": shown, "meta": page_meta(page, limit, total)})


@get(PATH)
async def list_datasets_v1(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The datasets of the project with the ids of their items and the names of their runs."""
    page, limit = _page(request)

    def read() -> tuple[list[DatasetShape], int]:
        datasets, total = services.datasets.datasets(caller.project_id, limit=limit, offset=(page - 1) * limit)
        ids = [dataset.id for dataset in datasets]
        items = services.datasets.item_ids(caller.project_id, ids)
        runs = services.experiments.run_names(caller.project_id, ids)
        return [dataset_shape(each, items.get(each.id, ()), runs.get(each.id, ())) for each in datasets], total

    shown, total = await asyncio.to_thread(read)
    return answer(HTTPStatus.OK, {"data": shown, "meta": page_meta(page, limit, total)})


@get(V2 + "/{dataset_name:path}")
async def get_dataset(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """One dataset."""
    name = rest_of_path(request.scope, V2)
    return answer(HTTPStatus.OK, dataset_shape(await asyncio.to_thread(known, services, caller.project_id, name)))


@get(PATH + "/{dataset_name:path}")
async def get_runs(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The runs of a dataset (``…/{name}/runs``), one of them with its items (``…/{name}/runs/{run}``).

    ``…/{name}`` alone is the dataset with all of its items, as older SDKs ask for it.
    """
    page, limit = _page(request)

    def read() -> object:
        dataset, run = _dataset_and_run(request, services, caller)
        if run is None:
            return _with_items(services, dataset)
        if run:
            return _with_run_items(services, dataset, run)
        runs, total = services.experiments.runs(caller.project_id, dataset.id, limit=limit, offset=(page - 1) * limit)
        return {"data": [run_shape(each, dataset) for each in runs], "meta": page_meta(page, limit, total)}

    return answer(HTTPStatus.OK, await asyncio.to_thread(read))


@delete(PATH + "/{dataset_name:path}", status_code=HTTPStatus.OK)
async def delete_run(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Deletes a run of a dataset with its items: ``DELETE …/{name}/runs/{run}``. Their traces stay."""

    def remove() -> None:
        dataset, run = _dataset_and_run(request, services, writer)
        if not run:
            raise NotFound("There is no such address. A run is deleted by DELETE …/{dataset}/runs/{run}.")
        services.experiments.delete_run(writer.project_id, dataset.id, run)

    await asyncio.to_thread(remove)
    return answer(HTTPStatus.OK, {"message": "Dataset run successfully deleted"})


def known(services: Services, project_id: str, name: str) -> Dataset:
    """The dataset of this name. SDK 2 escapes names in queries once more than the query does: that is undone.

    Raises NotFound.
    """
    for spelled in dict.fromkeys((name, unquote(name))):
        dataset = services.datasets.dataset(project_id, spelled)
        if dataset is not None:
            return dataset
    raise NotFound(UNKNOWN_DATASET)


def _upsert(services: Services, project_id: str, change: DatasetChange) -> Dataset:
    for what, schema in (
        ("inputSchema", change.input_schema),
        ("expectedOutputSchema", change.expected_output_schema),
    ):
        if isinstance(schema, bytes):
            check_schema(schema, what)
    return services.datasets.upsert(project_id, change, check_items)


def _dataset_and_run(request: HTTPRequest, services: Services, caller: Caller) -> tuple[Dataset, str | None]:
    """What a path below `PATH` names. The run is None where the path has none, empty where it means all runs."""
    for name, run in _readings(request):
        dataset = services.datasets.dataset(caller.project_id, name)
        if dataset is not None:
            return dataset, run
    raise NotFound(UNKNOWN_DATASET)


def _readings(request: HTTPRequest) -> Iterator[tuple[str, str | None]]:
    """The ways to read a path: a raw slash may part names or be in one, and a name may have a part called `runs`."""
    raw = request.scope["raw_path"].decode("latin-1")
    parts = [unquote(part) for part in raw[len(PATH) + 1 :].split("/")]
    for index, part in enumerate(parts):
        if index and part == RUNS:
            yield "/".join(parts[:index]), "/".join(parts[index + 1 :])
    yield "/".join(parts), None


def _with_items(services: Services, dataset: Dataset) -> DatasetShape:
    items, _ = services.datasets.items(dataset.project_id, dataset_id=dataset.id)
    runs = services.experiments.run_names(dataset.project_id, [dataset.id])
    return dataset_shape(dataset, [item_shape(item) for item in items], runs.get(dataset.id, ()))


def _with_run_items(services: Services, dataset: Dataset, name: str) -> object:
    run = services.experiments.run(dataset.project_id, dataset.id, name)
    items, _ = services.experiments.run_items(dataset.project_id, run.id)
    return run_shape(run, dataset, [run_item_shape(item, run) for item in items])


def _page(request: HTTPRequest) -> tuple[int, int]:
    params = Params(request.scope["query_string"])
    page, limit = params.page(), params.limit()
    params.check()
    return page, limit


handlers = [
    *(create_dataset, create_dataset_v1, list_datasets, list_datasets_v1),
    *(get_dataset, get_runs, delete_run),
]
