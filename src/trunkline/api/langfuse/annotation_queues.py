"""Annotation queues, their items and who is assigned to them, as Langfuse's API has them."""

from __future__ import annotations

import asyncio
import uuid
from http import HTTPStatus
from typing import TypeVar

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from trunkline.api.bodies import convert
from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest, decode_json, read_body
from trunkline.api.langfuse.formats import Shape, iso, iso_or_none, page_meta
from trunkline.api.langfuse.params import Params
from trunkline.api.services import Services
from trunkline.errors import InvalidData, NotFound
from trunkline.store.control import now_micros
from trunkline.store.queues import Queue, QueuedType, QueueItem, QueueStatus
from trunkline.types import Caller

PATH = "/api/public/annotation-queues"
MAX_NAME = 255
MAX_DESCRIPTION = 10_000
MAX_CONFIGS = 100
MAX_OBJECT_ID = 800
Body = TypeVar("Body")


class QueueShape(Shape, kw_only=True):
    id: str
    name: str
    description: str | None
    score_config_ids: tuple[str, ...]
    created_at: str
    updated_at: str


class ItemShape(Shape, kw_only=True):
    id: str
    queue_id: str
    object_id: str
    object_type: QueuedType
    status: QueueStatus
    completed_at: str | None
    created_at: str
    updated_at: str


class CreateQueue(Shape, kw_only=True):
    name: str
    description: str | None = None
    score_config_ids: list[str]


class CreateItem(Shape, kw_only=True):
    object_id: str
    object_type: QueuedType
    status: QueueStatus | None = None


class UpdateItem(Shape, kw_only=True):
    status: QueueStatus | None = None


class Assignment(Shape, kw_only=True):
    user_id: str


class AssignedShape(Shape, kw_only=True):
    user_id: str
    queue_id: str
    project_id: str


class Done(Shape, kw_only=True):
    success: bool = True


class Removed(Shape, kw_only=True):
    success: bool = True
    message: str = "Annotation queue item deleted successfully"


@get(PATH)
async def list_queues(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The project's annotation queues, newest first."""
    params = Params(request.scope["query_string"])
    page, limit = params.page(), params.limit()
    params.check()
    found, total = await asyncio.to_thread(
        services.queues.list, caller.project_id, limit=limit, offset=(page - 1) * limit
    )
    return answer(HTTPStatus.OK, {"data": list(map(_queue, found)), "meta": page_meta(page, limit, total)})


@post(PATH, status_code=HTTPStatus.OK, request_max_body_size=None)
async def create_queue(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """A new queue, for scores by these configs."""
    given = await _body(request, services, CreateQueue)
    _check(1 <= len(given.name.strip()) <= MAX_NAME, "name", f"A name has 1 to {MAX_NAME} characters.")
    _check(len(given.description or "") <= MAX_DESCRIPTION, "description", f"At most {MAX_DESCRIPTION} characters.")
    _check(1 <= len(given.score_config_ids) <= MAX_CONFIGS, "scoreConfigIds", f"1 to {MAX_CONFIGS} score configs.")
    now = now_micros()
    queue = Queue(
        id=uuid.uuid4().hex,
        project_id=writer.project_id,
        name=given.name,
        description=given.description,
        score_config_ids=tuple(given.score_config_ids),
        created_at=now,
        updated_at=now,
    )
    await asyncio.to_thread(services.queues.create, queue)
    return answer(HTTPStatus.OK, _queue(queue))


@get(PATH + "/{queue_id:str}")
async def get_queue(
    services: NamedDependency[Services], caller: NamedDependency[Caller], queue_id: FromPath[str]
) -> Response[bytes]:
    """One annotation queue."""
    return answer(HTTPStatus.OK, _queue(await asyncio.to_thread(services.queues.get, caller.project_id, queue_id)))


@get(PATH + "/{queue_id:str}/items")
async def list_items(
    request: HTTPRequest,
    services: NamedDependency[Services],
    caller: NamedDependency[Caller],
    queue_id: FromPath[str],
) -> Response[bytes]:
    """A queue's items, newest first."""
    params = Params(request.scope["query_string"])
    page, limit, status = params.page(), params.limit(), params.choice("status", QueueStatus)
    params.check()
    offset = (page - 1) * limit
    found, total = await asyncio.to_thread(
        services.queues.items, caller.project_id, queue_id, status, limit=limit, offset=offset
    )
    return answer(HTTPStatus.OK, {"data": list(map(_item, found)), "meta": page_meta(page, limit, total)})


@post(PATH + "/{queue_id:str}/items", status_code=HTTPStatus.OK, request_max_body_size=None)
async def create_item(
    request: HTTPRequest,
    services: NamedDependency[Services],
    writer: NamedDependency[Caller],
    queue_id: FromPath[str],
) -> Response[bytes]:
    """Puts a trace, an observation or a session into a queue. It need not be there, as upstream has it."""
    given = await _body(request, services, CreateItem)
    _check(1 <= len(given.object_id) <= MAX_OBJECT_ID, "objectId", f"An id has 1 to {MAX_OBJECT_ID} characters.")
    now, status = now_micros(), given.status or QueueStatus.PENDING
    item = QueueItem(
        id=uuid.uuid4().hex,
        project_id=writer.project_id,
        queue_id=queue_id,
        object_type=given.object_type,
        object_id=given.object_id,
        status=status,
        completed_at=now if status is QueueStatus.COMPLETED else None,
        created_at=now,
        updated_at=now,
    )
    await asyncio.to_thread(services.queues.add, item)
    return answer(HTTPStatus.OK, _item(item))


@get(PATH + "/{queue_id:str}/items/{item_id:str}")
async def get_item(
    services: NamedDependency[Services],
    caller: NamedDependency[Caller],
    queue_id: FromPath[str],
    item_id: FromPath[str],
) -> Response[bytes]:
    """One item of a queue."""
    found = await asyncio.to_thread(services.queues.item, caller.project_id, queue_id, item_id)
    return answer(HTTPStatus.OK, _item(found))


@patch(PATH + "/{queue_id:str}/items/{item_id:str}", request_max_body_size=None)
async def update_item(
    request: HTTPRequest,
    services: NamedDependency[Services],
    writer: NamedDependency[Caller],
    queue_id: FromPath[str],
    item_id: FromPath[str],
) -> Response[bytes]:
    """Completes an item, or takes it up again."""
    given = await _body(request, services, UpdateItem)
    store, project_id, now = services.queues, writer.project_id, now_micros()
    found = await asyncio.to_thread(store.set_status, project_id, queue_id, item_id, given.status, now)
    return answer(HTTPStatus.OK, _item(found))


@delete(PATH + "/{queue_id:str}/items/{item_id:str}", status_code=HTTPStatus.OK)
async def delete_item(
    services: NamedDependency[Services],
    writer: NamedDependency[Caller],
    queue_id: FromPath[str],
    item_id: FromPath[str],
) -> Response[bytes]:
    """Takes an item out of a queue."""
    await asyncio.to_thread(services.queues.remove, writer.project_id, queue_id, item_id)
    return answer(HTTPStatus.OK, Removed())


@post(PATH + "/{queue_id:str}/assignments", status_code=HTTPStatus.OK, request_max_body_size=None)
async def assign(
    request: HTTPRequest,
    services: NamedDependency[Services],
    writer: NamedDependency[Caller],
    queue_id: FromPath[str],
) -> Response[bytes]:
    """Assigns a user to a queue."""
    user_id = (await _body(request, services, Assignment)).user_id

    def work() -> None:
        services.queues.get(writer.project_id, queue_id)
        if user_id not in {user.id for user in services.control.users()}:
            raise NotFound("User not found or not authorized for this project")
        services.queues.assign(writer.project_id, queue_id, user_id, now_micros())

    await asyncio.to_thread(work)
    shape = AssignedShape(user_id=user_id, queue_id=queue_id, project_id=writer.project_id)
    return answer(HTTPStatus.OK, shape)


@delete(PATH + "/{queue_id:str}/assignments", status_code=HTTPStatus.OK, request_max_body_size=None)
async def unassign(
    request: HTTPRequest,
    services: NamedDependency[Services],
    writer: NamedDependency[Caller],
    queue_id: FromPath[str],
) -> Response[bytes]:
    """Ends a user's assignment."""
    given = await _body(request, services, Assignment)
    await asyncio.to_thread(services.queues.unassign, writer.project_id, queue_id, given.user_id)
    return answer(HTTPStatus.OK, Done())


async def _body(request: HTTPRequest, services: Services, shape: type[Body]) -> Body:
    return convert(decode_json(await read_body(request, services.settings.max_body_bytes)), shape)


def _check(holds: bool, field: str, message: str) -> None:
    if not holds:
        raise InvalidData([{"code": "custom", "path": [field], "message": message}])


def _queue(queue: Queue) -> QueueShape:
    return QueueShape(
        id=queue.id,
        name=queue.name,
        description=queue.description,
        score_config_ids=queue.score_config_ids,
        created_at=iso(queue.created_at),
        updated_at=iso(queue.updated_at),
    )


def _item(item: QueueItem) -> ItemShape:
    return ItemShape(
        id=item.id,
        queue_id=item.queue_id,
        object_id=item.object_id,
        object_type=item.object_type,
        status=item.status,
        completed_at=iso_or_none(item.completed_at),
        created_at=iso(item.created_at),
        updated_at=iso(item.updated_at),
    )


handlers = [
    *(list_queues, create_queue, get_queue, list_items, create_item, get_item, update_item, delete_item),
    *(assign, unassign),
]
