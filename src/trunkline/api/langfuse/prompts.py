"""Prompts on the compatible API: fetch, list, create, label, delete.

A name may hold slashes, raw or as ``%2F``, so it is read from the raw path, and what follows a name (``/versions/3``)
from its end.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from urllib.parse import quote, unquote_to_bytes

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.types import HTTPScope

from trunkline.api.conditional import answer_prompt
from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest, decode_json, read_body
from trunkline.api.langfuse.formats import page_meta
from trunkline.api.langfuse.prompt_list import PromptFilter, list_page
from trunkline.api.langfuse.prompt_params import PromptParams
from trunkline.api.langfuse.shapes_prompts import PromptShape, prompt_shape, read_create, read_new_labels
from trunkline.api.services import Services
from trunkline.errors import InvalidRequest, NotFound
from trunkline.prompts.names import validate_prompt_name
from trunkline.registry.registry import Registry
from trunkline.serving.entries import PromptEntry, labels_of
from trunkline.types import Caller, PromptContent, Version

PATH = "/api/public/v2/prompts"
VERSION_PATH = re.compile(r"(.+)/versions/([^/]+)", re.DOTALL)


@get(PATH + "/{prompt_name:path}")
async def get_prompt(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """One version of a prompt: by label (`production` without a selector) or by number."""
    name = name_in_path(request.scope)
    params = PromptParams(request.scope["query_string"])
    version, label = params.version(), params.text("label")
    resolve, sticky = params.flag("resolve"), params.text("sticky")
    params.check()
    if version is not None and label is not None:
        raise InvalidRequest("Cannot specify both version and label")
    found = await services.prompts.fetch(
        caller.project_id,
        name,
        label=label,
        version=version,
        sticky=sticky,
        resolve=resolve is not False,
        client=caller.actor.id,
    )
    return answer_prompt(request, found)


@get(PATH)
async def list_prompts(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The prompts of the project, by name, each with its versions and labels."""
    params = PromptParams(request.scope["query_string"])
    page, limit = params.page(), params.small_limit()
    wanted = PromptFilter(
        name=params.text("name"),
        label=params.text("label"),
        tag=params.text("tag"),
        version=params.version(),
        since=params.time("fromUpdatedAt"),
        until=params.time("toUpdatedAt"),
    )
    params.check()
    registry = services.registry(caller.project_id)
    shown, total = await asyncio.to_thread(list_page, registry, wanted, (page - 1) * limit, limit)
    meta = page_meta(page, limit, total)
    return answer(HTTPStatus.OK, {"data": shown, "meta": meta, "pagination": meta})


@post(PATH, status_code=HTTPStatus.CREATED, request_max_body_size=None)
async def create_prompt(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """A new version: one commit. Labels that are given move to it in the same commit."""
    given = read_create(decode_json(await read_body(request, services.settings.max_body_bytes)))
    name, labels = validate_prompt_name(given.name), given.wanted_labels()
    registry = services.registry(writer.project_id)

    def create() -> PromptShape:
        content = given.content(_newest(registry, name))
        tags = None if given.tags is None else tuple(given.tags)
        message = given.commit_message
        made = registry.create_version(name, content, actor=writer.actor, labels=labels, message=message, tags=tags)
        return _shape(registry, made)

    return answer(HTTPStatus.CREATED, await asyncio.to_thread(create))


@patch(PATH + "/{prompt_name:path}", request_max_body_size=None)
async def update_labels(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Adds labels to a version: ``PATCH …/{name}/versions/{version}``. They leave the versions that had them."""
    name, version = _name_and_version(request.scope)
    labels = read_new_labels(decode_json(await read_body(request, services.settings.max_body_bytes)))
    registry = services.registry(writer.project_id)

    def update() -> PromptShape:
        if labels:
            return _shape(registry, registry.set_labels(name, version, labels, actor=writer.actor))
        return _shape(registry, registry.version(name, version))

    return answer(HTTPStatus.OK, await asyncio.to_thread(update))


@delete(PATH + "/{prompt_name:path}", status_code=HTTPStatus.NO_CONTENT)
async def delete_prompt(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> None:
    """Deletes a version, the versions that have a label, or without a selector the whole prompt."""
    name = name_in_path(request.scope)
    params = PromptParams(request.scope["query_string"])
    version, label = params.version(), params.text("label")
    params.check()
    registry = services.registry(writer.project_id)
    await asyncio.to_thread(registry.delete, name, label=label, version=version, actor=writer.actor)


def _newest(registry: Registry, name: str) -> PromptContent | None:
    if name not in registry.snapshot.prompts:
        return None
    return registry.content(registry.snapshot.latest(name).version)


def _shape(registry: Registry, version: Version) -> PromptShape:
    """What a write answers: the version as it is written. Not a fetch, so it is not counted as one."""
    state = registry.snapshot.prompts.get(version.name)
    content = registry.content(version)
    entry = PromptEntry(
        project_id=registry.project_id,
        version=version,
        content=content,
        labels=labels_of(state, version.version) if state else (),
        tags=state.tags if state else content.tags,
        updated_at=state.updated_at if state else version.created_at,
        resolved=False,
    )
    return prompt_shape(entry)


def name_in_path(scope: HTTPScope) -> str:
    """The name after the prefix, each escape undone once. Raises InvalidRequest, NotFound for another spelling."""
    return validate_prompt_name(_rest(scope))


def _name_and_version(scope: HTTPScope) -> tuple[str, int]:
    matched = VERSION_PATH.fullmatch(_rest(scope))
    if matched is None:
        raise NotFound("There is no such address. Labels are set by PATCH …/{name}/versions/{version}.")
    number = matched[2]
    if not number.isascii() or not number.isdigit() or len(number) > 9 or int(number) < 1:
        raise InvalidRequest(f"A version is a number from 1 on, not {number!r}.")
    return validate_prompt_name(matched[1]), int(number)


def _rest(scope: HTTPScope) -> str:
    prefix = f"{PATH}/".encode()
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    if not raw.startswith(prefix):
        raise NotFound("There is no such address. Prompts are under /api/public/v2/prompts.")
    try:
        return unquote_to_bytes(raw[len(prefix) :]).decode()
    except UnicodeDecodeError:
        raise InvalidRequest("A prompt's name in an address is UTF-8, percent-encoded.") from None


handlers = [get_prompt, list_prompts, create_prompt, update_labels, delete_prompt]
