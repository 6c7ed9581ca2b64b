"""Model definitions as Langfuse's API lists, makes and deletes them. The built-in ones are the managed ones."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from litestar import Response, delete, get, post
from litestar.di import NamedDependency

from trunkline.api.bodies import convert
from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest, decode_json, read_body
from trunkline.api.langfuse.formats import page_meta
from trunkline.api.langfuse.params import Params, rest_of_path
from trunkline.api.langfuse.shapes_models import CreateModel, created, model_shape
from trunkline.api.services import Services
from trunkline.errors import NotFound
from trunkline.store.control import now_micros
from trunkline.store.models import ModelDefinition, ModelStore
from trunkline.tracing.built_in_models import built_in_model, built_in_models
from trunkline.types import Caller

PATH = "/api/public/models"


@get(PATH)
async def list_models(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The project's own models by name, then the built-in ones."""
    params = Params(request.scope["query_string"])
    page, limit = params.page(), params.limit()
    params.check()
    found, total = await asyncio.to_thread(_page, services.models, caller.project_id, (page - 1) * limit, limit)
    return answer(HTTPStatus.OK, {"data": list(map(model_shape, found)), "meta": page_meta(page, limit, total)})


def _page(store: ModelStore, project_id: str, offset: int, limit: int) -> tuple[list[ModelDefinition], int]:
    own, count = store.list(project_id, limit=limit, offset=offset)
    managed = built_in_models()
    start = max(0, offset - count)
    return [*own, *managed[start : start + limit - len(own)]], count + len(managed)


@post(PATH, status_code=HTTPStatus.OK, request_max_body_size=None)
async def create_model(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """A model of the project's own. Its prices hold for what comes in from now on."""
    given = convert(decode_json(await read_body(request, services.settings.max_body_bytes)), CreateModel)
    definition = await asyncio.to_thread(created, given, writer.project_id, now_micros())
    await asyncio.to_thread(services.models.create, definition)
    return answer(HTTPStatus.OK, model_shape(definition))


@get(PATH + "/{model_id:path}")
async def get_model(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """One model, the project's own or a built-in one."""
    model_id = rest_of_path(request.scope, PATH)
    own = await asyncio.to_thread(services.models.find, caller.project_id, model_id)
    found = own or await asyncio.to_thread(built_in_model, model_id)
    if found is None:
        raise NotFound("No model with this id found.")
    return answer(HTTPStatus.OK, model_shape(found))


@delete(PATH + "/{model_id:path}")
async def delete_model(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> None:
    """Deletes a model of the project's own. What was priced by it stays as it is."""
    await asyncio.to_thread(services.models.delete, writer.project_id, rest_of_path(request.scope, PATH))


handlers = [list_models, create_model, get_model, delete_model]
