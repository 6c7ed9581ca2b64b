"""Comments as Langfuse's API lists, makes and shows them."""

from __future__ import annotations

import asyncio
import uuid
from http import HTTPStatus

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency

from trunkline.api.bodies import convert
from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest, decode_json
from trunkline.api.langfuse.formats import Shape, iso, page_meta
from trunkline.api.langfuse.intake import take_masked
from trunkline.api.langfuse.params import Params, rest_of_path
from trunkline.api.services import Services
from trunkline.errors import InvalidData, InvalidRequest, NotFound
from trunkline.registry.registry import Registry
from trunkline.store.comments import MAX_OBJECT_ID, Comment, Commented
from trunkline.store.control import now_micros
from trunkline.store.traces import TraceQuery
from trunkline.types import Caller

PATH = "/api/public/comments"
MAX_CONTENT = 5000
MAX_AUTHOR = 255


class CommentShape(Shape, kw_only=True):
    id: str
    project_id: str
    created_at: str
    updated_at: str
    object_type: Commented
    object_id: str
    content: str
    author_user_id: str | None


class CreateComment(Shape, kw_only=True):
    """`project_id` is asked for by the description; the key says which project it is."""

    project_id: str
    object_type: Commented
    object_id: str
    content: str
    author_user_id: str | None = None


class Made(Shape, kw_only=True):
    id: str


@get(PATH)
async def list_comments(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The project's comments, oldest first."""
    params = Params(request.scope["query_string"])
    page, limit = params.page(), params.limit()
    object_type, object_id = params.choice("objectType", Commented), params.text("objectId")
    author = params.text("authorUserId")
    if object_id is not None and not params.given("objectType"):
        params.fault("objectType", "objectType is required when objectId is provided")
    params.check()
    found, total = await asyncio.to_thread(
        services.comments.list,
        caller.project_id,
        limit=limit,
        offset=(page - 1) * limit,
        object_type=object_type,
        object_id=object_id,
        author_user_id=author,
    )
    return answer(HTTPStatus.OK, {"data": list(map(_shape, found)), "meta": page_meta(page, limit, total)})


@post(PATH, status_code=HTTPStatus.OK, request_max_body_size=None)
async def create_comment(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """A comment on something that the project has."""
    given = convert(await take_masked(request, writer, decode_json), CreateComment)
    content = _checked(given)
    version = await _find(services, writer.project_id, given.object_type, given.object_id)
    comment = Comment(
        id=uuid.uuid4().hex,
        project_id=writer.project_id,
        object_type=given.object_type,
        object_id=given.object_id,
        content=content,
        author_user_id=given.author_user_id or None,
        prompt_name=version[0] if version else None,
        prompt_version=version[1] if version else None,
        created_at=now_micros(),
    )
    await asyncio.to_thread(services.comments.create, comment)
    return answer(HTTPStatus.OK, Made(id=comment.id))


@get(PATH + "/{comment_id:path}")
async def get_comment(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """One comment."""
    found = await asyncio.to_thread(services.comments.get, caller.project_id, rest_of_path(request.scope, PATH))
    return answer(HTTPStatus.OK, _shape(found))


def _checked(given: CreateComment) -> str:
    content = given.content.strip()
    if not 1 <= len(content) <= MAX_CONTENT:
        raise _fault("content", f"A comment has 1 to {MAX_CONTENT} characters.")
    if given.author_user_id is not None and len(given.author_user_id) > MAX_AUTHOR:
        raise _fault("authorUserId", f"At most {MAX_AUTHOR} characters.")
    return content


def _fault(field: str, message: str) -> InvalidData:
    return InvalidData([{"code": "custom", "path": [field], "message": message}])


async def _find(services: Services, project_id: str, type: Commented, id: str) -> tuple[str, int] | None:
    """The prompt version that is commented on, or that generated what is. Raises NotFound where there is no object."""
    found: object = None
    version: tuple[str, int] | None = None
    if type is Commented.PROMPT:
        found = version = await asyncio.to_thread(_prompt, services.registry(project_id), id)
    elif not 1 <= len(id) <= MAX_OBJECT_ID:
        found = None
    elif type is Commented.OBSERVATION:
        found = observation = await services.traces.observation(project_id, id)
        if observation is not None and observation.prompt_name and observation.prompt_version:
            version = (observation.prompt_name, observation.prompt_version)
    else:
        which = TraceQuery(ids=(id,)) if type is Commented.TRACE else TraceQuery(session_id=id)
        query = msgspec.structs.replace(which, limit=1, texts=False, sums=False, count=False)
        found = (await services.traces.traces(project_id, query))[0]
    if not found:
        raise NotFound(f"Reference object, {type}: {id[:100]} not found. Skipping creating comment.")
    return version


def _prompt(registry: Registry, id: str) -> tuple[str, int] | None:
    """A prompt's id is ``name@version``."""
    name, _, number = id.rpartition("@")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    try:
        version = registry.version(name, int(number))
    except (NotFound, InvalidRequest):
        return None
    return version.name, version.version


def _shape(comment: Comment) -> CommentShape:
    return CommentShape(
        id=comment.id,
        project_id=comment.project_id,
        created_at=iso(comment.created_at),
        updated_at=iso(comment.created_at),
        object_type=comment.object_type,
        object_id=comment.object_id,
        content=comment.content,
        author_user_id=comment.author_user_id,
    )


handlers = [list_comments, create_comment, get_comment]
