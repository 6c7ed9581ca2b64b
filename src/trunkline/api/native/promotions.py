"""Moving labels: promotions, rollbacks, removal. Each is one commit that changes one label file."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from litestar import Response, delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from trunkline.api.errors import answer
from trunkline.api.langfuse.prompt_params import PromptParams
from trunkline.api.native.bodies import HTTPRequest, read
from trunkline.api.native.shapes import ArmBody, MovedShape, PromotionBody, RollbackBody
from trunkline.api.native.versions import version_shape
from trunkline.api.services import Services
from trunkline.errors import InvalidRequest
from trunkline.prompts.labels import MAX_ARMS
from trunkline.prompts.names import validate_prompt_name, validate_writable_label
from trunkline.registry.operations import Moved
from trunkline.registry.registry import Registry
from trunkline.types import Arm, Caller, LabelTarget


@post("/api/v1/promotions", status_code=HTTPStatus.OK, request_max_body_size=None)
async def promote(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Lets a label serve a version, or several by weight. 409 where it does not serve `expected` any more."""
    body = await read(request, services, PromotionBody)
    name, label = validate_prompt_name(body.name), validate_writable_label(body.label)
    moved = await asyncio.to_thread(
        services.registry(writer.project_id).promote,
        name,
        label,
        version=body.version,
        split=_split(body),
        expected=body.expected,
        actor=writer.actor,
        message=body.message,
    )
    return answer(HTTPStatus.OK, _shape(moved))


@post("/api/v1/rollbacks", status_code=HTTPStatus.OK, request_max_body_size=None)
async def roll_back(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Undoes a label's last promotion, or (with `to`) makes a new version with an old text."""
    body = await read(request, services, RollbackBody)
    body.check()
    name = validate_prompt_name(body.name)
    registry = services.registry(writer.project_id)
    if body.to is not None:
        version = await asyncio.to_thread(registry.rollback_text, name, to=body.to, actor=writer.actor)
        return answer(HTTPStatus.OK, version_shape(registry.snapshot, version))
    label = validate_writable_label(body.label or "")
    moved = await asyncio.to_thread(registry.rollback_label, name, label, actor=writer.actor, leaving=body.leaving)
    return answer(HTTPStatus.OK, _shape(moved))


@delete("/api/v1/labels/{label:str}", status_code=HTTPStatus.OK)
async def remove_label(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller], label: FromPath[str]
) -> Response[bytes]:
    """Takes a label off a prompt. 409 where it does not serve `expected` any more."""
    params = PromptParams(request.scope["query_string"])
    name, expected = params.required("name"), params.version("expected")
    params.check()
    moved = await asyncio.to_thread(_remove, services.registry(writer.project_id), name, label, writer, expected)
    return answer(HTTPStatus.OK, _shape(moved))


def _remove(registry: Registry, name: str, label: str, caller: Caller, expected: int | None) -> Moved:
    name, label = validate_prompt_name(name), validate_writable_label(label)
    return registry.remove_label(name, label, actor=caller.actor, expected=expected)


def _shape(moved: Moved) -> MovedShape:
    return MovedShape(
        label=moved.label,
        from_version=moved.from_version,
        to_version=moved.to_version,
        split=tuple(ArmBody(version=arm.version, weight=arm.weight) for arm in moved.split),
        commit=moved.commit,
    )


def _split(body: PromotionBody) -> LabelTarget | None:
    if (body.version is None) == (body.split is None):
        raise InvalidRequest("Give the `version` that the label is to serve, or a `split` of several.")
    if body.split is None:
        return None
    if not 2 <= len(body.split) <= MAX_ARMS:
        raise InvalidRequest(f"A split has 2 to {MAX_ARMS} versions.")
    return LabelTarget(arms=tuple(Arm(version=arm.version, weight=arm.weight) for arm in body.split))


handlers = [promote, roll_back, remove_label]
