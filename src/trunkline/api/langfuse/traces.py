"""Traces as Langfuse's API reads and deletes them."""

from __future__ import annotations

from http import HTTPStatus

from litestar import Response, delete, get
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest, decode_json, take_body
from trunkline.api.langfuse.filter_columns import TRACE_FILTERS
from trunkline.api.langfuse.filters import leave_out, read_filter
from trunkline.api.langfuse.formats import page_meta
from trunkline.api.langfuse.links import links
from trunkline.api.langfuse.params import Params, rest_of_path
from trunkline.api.langfuse.shapes import TRACE_GROUPS, trace_in_list, trace_with_details
from trunkline.api.services import Services
from trunkline.errors import InvalidData, NotFound
from trunkline.store.filters import Column
from trunkline.store.traces import TraceOrder, TraceQuery
from trunkline.types import JSON, Caller

PATH = "/api/public/traces"
ORDERS = {
    "id": TraceOrder.ID,
    "timestamp": TraceOrder.TIMESTAMP,
    "name": TraceOrder.NAME,
    "userId": TraceOrder.USER_ID,
    "sessionId": TraceOrder.SESSION_ID,
    "release": TraceOrder.RELEASE,
    "version": TraceOrder.VERSION,
    "environment": TraceOrder.ENVIRONMENT,
    "public": TraceOrder.PUBLIC,
    "bookmarked": TraceOrder.TIMESTAMP,
}
SIMPLE_FILTERS = {
    "name": Column.NAME,
    "userId": Column.USER_ID,
    "sessionId": Column.SESSION_ID,
    "tags": Column.TAGS,
    "environment": Column.ENVIRONMENT,
    "version": Column.VERSION,
    "release": Column.RELEASE,
    "fromTimestamp": Column.TIMESTAMP,
    "toTimestamp": Column.TIMESTAMP,
}
"""The columns that parameters of their own ask about."""
MAX_DELETED = 1000
"""Traces that one bulk deletion takes."""


@get(PATH)
async def list_traces(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Traces, newest first, with the ids of what hangs on them."""
    params = Params(request.scope["query_string"])
    page, limit = params.page(), params.limit()
    groups = params.groups(TRACE_GROUPS, TRACE_GROUPS)
    order_by, descending = _order(params)
    conditions = read_filter(params, TRACE_FILTERS)
    leave_out(params, SIMPLE_FILTERS, conditions)
    query = TraceQuery(
        limit=limit,
        offset=(page - 1) * limit,
        conditions=conditions,
        order_by=order_by,
        descending=descending,
        name=params.text("name"),
        user_id=params.text("userId"),
        session_id=params.text("sessionId"),
        tags=params.several("tags"),
        environments=params.several("environment"),
        version=params.text("version"),
        release=params.text("release"),
        since=params.time("fromTimestamp"),
        until=params.time("toTimestamp"),
        texts="io" in groups,
        sums=bool(groups & {"scores", "observations", "metrics"}),
    )
    params.check()
    traces, total = await services.traces.traces(caller.project_id, query)
    shown = [trace_in_list(trace, caller.project_id, groups) for trace in traces]
    return answer(HTTPStatus.OK, {"data": shown, "meta": page_meta(page, limit, total)})


@get(PATH + "/{trace_id:path}")
async def get_trace(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """One trace with its observations and scores."""
    trace_id = rest_of_path(request.scope, PATH)
    params = Params(request.scope["query_string"])
    groups = params.groups(TRACE_GROUPS, TRACE_GROUPS)
    params.check()
    detail = await services.traces.trace(caller.project_id, trace_id)
    if detail is None:
        raise _unknown(trace_id)
    look_up = links(services, caller.project_id)
    return answer(HTTPStatus.OK, trace_with_details(detail, caller.project_id, look_up, groups))


@delete(PATH + "/{trace_id:path}", status_code=HTTPStatus.OK)
async def delete_trace(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Deletes a trace with its observations and scores."""
    trace_id = rest_of_path(request.scope, PATH)
    if not await services.traces.delete_traces(writer.project_id, [trace_id]):
        raise _unknown(trace_id)
    await services.media.delete_of_traces(writer.project_id, [trace_id])
    return answer(HTTPStatus.OK, {"message": "Trace deleted successfully"})


@delete(PATH, status_code=HTTPStatus.OK, request_max_body_size=None)
async def delete_traces(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> Response[bytes]:
    """Deletes traces with their observations and scores; unknown ids are passed over."""
    body = await take_body(request, services.settings.max_body_bytes, decode_json)
    trace_ids = _trace_ids(body)
    await services.traces.delete_traces(writer.project_id, trace_ids)
    await services.media.delete_of_traces(writer.project_id, trace_ids)
    return answer(HTTPStatus.OK, {"message": "Traces deleted successfully"})


def _order(params: Params) -> tuple[TraceOrder, bool]:
    """`orderBy` is ``field.asc`` or ``field.desc``; the newest come first without it."""
    given = params.text("orderBy")
    if given is None:
        return TraceOrder.TIMESTAMP, True
    field, _, direction = given.rpartition(".")
    if field not in ORDERS or direction.lower() not in {"asc", "desc"}:
        params.fault("orderBy", f"expected a field, a dot, and asc or desc; fields are {', '.join(ORDERS)}")
        return TraceOrder.TIMESTAMP, True
    return ORDERS[field], direction.lower() == "desc"


def _trace_ids(body: JSON) -> list[str]:
    ids = body.get("traceIds") if isinstance(body, dict) else None
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise InvalidData([{"code": "invalid_type", "path": ["traceIds"], "message": "expected a list of trace ids"}])
    if not 1 <= len(ids) <= MAX_DELETED:
        raise InvalidData([{"code": "too_big", "path": ["traceIds"], "message": f"expected 1 to {MAX_DELETED} ids"}])
    return ids


def _unknown(trace_id: str) -> NotFound:
    return NotFound(f"Trace {trace_id} not found within authorized project")


handlers = [list_traces, get_trace, delete_trace, delete_traces]
