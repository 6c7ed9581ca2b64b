"""A project's key pairs, for those who hold one that may write."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus

from litestar import Response, delete, get, post
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.formats import iso, iso_or_none
from trunkline.api.langfuse.params import rest_of_path
from trunkline.api.native.bodies import HTTPRequest, read
from trunkline.api.native.shapes import KeyBody
from trunkline.api.services import Services
from trunkline.errors import InvalidRequest, TrunklineError
from trunkline.store.control import ApiKey
from trunkline.types import JSON, Caller, KeyKind

PATH = "/api/v1/keys"


@get(PATH)
async def list_keys(services: NamedDependency[Services], writer: NamedDependency[Caller]) -> Response[bytes]:
    """The project's keys, revoked ones too; never a secret."""
    keys = await asyncio.to_thread(services.control.keys, writer.project_id)
    return answer(HTTPStatus.OK, {"keys": [key_shape(key) for key in keys]})


@post(PATH, status_code=HTTPStatus.CREATED, request_max_body_size=None)
async def create_key(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """A new key pair of the kind `full` or `read-only`. Its secret is told this once."""
    body = await read(request, services, KeyBody)
    if body.kind not in KeyKind.__members__.values():
        raise InvalidRequest(f"A key's kind is {' or '.join(KeyKind)}.")
    create = services.control.create_key
    key, secret = await asyncio.to_thread(create, writer.project_id, body.name, KeyKind(body.kind))
    return answer(HTTPStatus.CREATED, {**key_shape(key), "secret_key": secret})


@delete(PATH + "/{public_key:path}", status_code=HTTPStatus.OK)
async def revoke_key(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Ends a key, in every process within a second."""
    public_key = rest_of_path(request.scope, PATH)
    key = await asyncio.to_thread(services.control.revoke_key, writer.project_id, public_key)
    with contextlib.suppress(TrunklineError):  # revoked it is; where the tables are busy, the watch sees it next
        await asyncio.to_thread(services.auth.refresh)
    return answer(HTTPStatus.OK, key_shape(key))


@get("/api/v1/projects")
async def list_projects(services: NamedDependency[Services], caller: NamedDependency[Caller]) -> Response[bytes]:
    """The projects that the key opens: its own. Others are made with ``trunkline projects create --data DIR``."""
    project = await asyncio.to_thread(services.control.project, caller.project_id)
    projects = [{"id": project.id, "name": project.name, "created_at": iso(project.created_at)}] if project else []
    return answer(HTTPStatus.OK, {"projects": projects})


def key_shape(key: ApiKey) -> dict[str, JSON]:
    return {
        "public_key": key.public_key,
        "secret_hint": key.secret_hint,
        "name": key.name,
        "kind": key.kind.value,
        "project_id": key.project_id,
        "created_at": iso(key.created_at),
        "revoked_at": iso_or_none(key.revoked_at),
        "last_used_at": iso_or_none(key.last_used_at),
    }


handlers = [list_keys, create_key, revoke_key, list_projects]
