"""Score configs as Langfuse's API lists, makes and changes them. They are archived, never deleted."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from litestar import Response, get, patch, post
from litestar.di import NamedDependency

from trunkline.api.bodies import convert
from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest, decode_json, read_body
from trunkline.api.langfuse.formats import page_meta
from trunkline.api.langfuse.params import Params, rest_of_path
from trunkline.api.langfuse.shapes_score_configs import (
    CreateScoreConfig,
    UpdateScoreConfig,
    created,
    score_config_shape,
    updated,
)
from trunkline.api.services import Services
from trunkline.store.control import now_micros
from trunkline.store.score_configs import ScoreConfig, ScoreConfigStore
from trunkline.types import Caller

PATH = "/api/public/score-configs"


@get(PATH)
async def list_score_configs(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The project's score configs, newest first."""
    params = Params(request.scope["query_string"])
    page, limit = params.page(), params.limit()
    params.check()
    found, total = await asyncio.to_thread(
        services.score_configs.list, caller.project_id, limit=limit, offset=(page - 1) * limit
    )
    shown = [score_config_shape(config) for config in found]
    return answer(HTTPStatus.OK, {"data": shown, "meta": page_meta(page, limit, total)})


@post(PATH, status_code=HTTPStatus.OK, request_max_body_size=None)
async def create_score_config(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """A new score config."""
    given = convert(decode_json(await read_body(request, services.settings.max_body_bytes)), CreateScoreConfig)
    config = created(given, writer.project_id, now_micros())
    await asyncio.to_thread(services.score_configs.create, config)
    return answer(HTTPStatus.OK, score_config_shape(config))


@get(PATH + "/{config_id:path}")
async def get_score_config(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """One score config."""
    config = await asyncio.to_thread(services.score_configs.get, caller.project_id, rest_of_path(request.scope, PATH))
    return answer(HTTPStatus.OK, score_config_shape(config))


@patch(PATH + "/{config_id:path}", request_max_body_size=None)
async def update_score_config(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Changes a score config, archives it or takes it up again. Scores that were given stay as they are."""
    given = convert(decode_json(await read_body(request, services.settings.max_body_bytes)), UpdateScoreConfig)
    config_id = rest_of_path(request.scope, PATH)
    config = await asyncio.to_thread(_update, services.score_configs, writer.project_id, config_id, given)
    return answer(HTTPStatus.OK, score_config_shape(config))


def _update(store: ScoreConfigStore, project_id: str, config_id: str, given: UpdateScoreConfig) -> ScoreConfig:
    while True:  # another change came between: each of them that is repeated means that one was made
        before = store.get(project_id, config_id)
        after = updated(before, given, now_micros())
        if store.replace(before, after):
            return after


handlers = [list_score_configs, create_score_config, get_score_config, update_score_config]
