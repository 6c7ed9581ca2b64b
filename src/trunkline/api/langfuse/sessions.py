"""Sessions as Langfuse's API reads them: a list, and one with its traces."""

from __future__ import annotations

from http import HTTPStatus

from litestar import Response, get
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest
from trunkline.api.langfuse.formats import page_meta
from trunkline.api.langfuse.params import Params, rest_of_path
from trunkline.api.langfuse.shapes_sessions import session_shape, session_with_traces
from trunkline.api.services import Services
from trunkline.errors import NotFound
from trunkline.store.sessions import SessionQuery
from trunkline.store.traces import TraceQuery
from trunkline.types import Caller

PATH = "/api/public/sessions"


@get(PATH)
async def list_sessions(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Sessions, the last begun first."""
    params = Params(request.scope["query_string"])
    page, limit = params.page(), params.limit()
    query = SessionQuery(
        limit=limit,
        offset=(page - 1) * limit,
        environments=params.texts("environment"),
        since=params.time("fromTimestamp"),
        until=params.time("toTimestamp"),
    )
    params.check()
    sessions, total = await services.traces.sessions(caller.project_id, query)
    shown = [session_shape(session, caller.project_id) for session in sessions]
    return answer(HTTPStatus.OK, {"data": shown, "meta": page_meta(page, limit, total)})


@get(PATH + "/{session_id:path}")
async def get_session(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """One session with all of its traces, in their order."""
    session_id = rest_of_path(request.scope, PATH)
    session = await services.traces.session(caller.project_id, session_id)
    if session is None:
        raise NotFound(f"Session {session_id} not found within authorized project")
    query = TraceQuery(session_id=session_id, limit=-1, descending=False, sums=False, count=False)
    traces, _ = await services.traces.traces(caller.project_id, query)
    return answer(HTTPStatus.OK, session_with_traces(session, traces, caller.project_id))


handlers = [list_sessions, get_session]
