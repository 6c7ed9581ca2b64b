"""Observations as Langfuse's API reads them: the first form in pages, the second with a cursor and field groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from litestar import Response, get
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest
from trunkline.api.langfuse.cursors import decode_cursor, encode_cursor
from trunkline.api.langfuse.filter_columns import OBSERVATION_FILTERS, OBSERVATION_FILTERS_V2, Filters
from trunkline.api.langfuse.filters import leave_out, read_filter
from trunkline.api.langfuse.formats import page_meta
from trunkline.api.langfuse.links import links
from trunkline.api.langfuse.params import Params, rest_of_path
from trunkline.api.langfuse.shapes import V2_DEFAULT_GROUPS, V2_GROUPS, observation_v2, observation_view
from trunkline.api.services import Services
from trunkline.errors import NotFound
from trunkline.store.filters import Column, Condition, IsNull, TextIs, TextOperator
from trunkline.store.traces import ObservationCursor, ObservationQuery, TraceQuery
from trunkline.types import Caller, Level, Observation, ObservationType, Trace

PATH = "/api/public/observations"
V2_LIMIT = 1000
SIMPLE_FILTERS = {
    "name": Column.NAME,
    "userId": Column.USER_ID,
    "sessionId": Column.SESSION_ID,
    "type": Column.TYPE,
    "traceId": Column.TRACE_ID,
    "level": Column.LEVEL,
    "parentObservationId": Column.PARENT_ID,
    "isRootObservation": Column.IS_ROOT,
    "environment": Column.ENVIRONMENT,
    "version": Column.VERSION,
    "fromStartTime": Column.START_TIME,
    "toStartTime": Column.START_TIME,
}
"""The columns that parameters of their own ask about."""
TEXT_GROUPS = frozenset({"io", "metadata", "model"})
OF_THE_TRACE = frozenset({"basic", "trace_context"})
"""Groups of the second form that tell something of the observation's trace."""


@get(PATH)
async def list_observations(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Observations, latest start first."""
    params = Params(request.scope["query_string"])
    page, limit = params.page(), params.limit()
    query = _query(params, OBSERVATION_FILTERS, limit=limit, offset=(page - 1) * limit)
    params.check()
    found, total = await services.traces.observations(caller.project_id, query)
    look_up = links(services, caller.project_id)
    shown = [observation_view(each, caller.project_id, look_up) for each in found]
    return answer(HTTPStatus.OK, {"data": shown, "meta": page_meta(page, limit, total)})


@get(PATH + "/{observation_id:path}")
async def get_observation(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """One observation."""
    observation_id = rest_of_path(request.scope, PATH)
    found = await services.traces.observation(caller.project_id, observation_id)
    if found is None:
        raise NotFound(f"Observation {observation_id} not found within authorized project")
    return answer(HTTPStatus.OK, observation_view(found, caller.project_id, links(services, caller.project_id)))


@get("/api/public/v2/observations")
async def list_observations_v2(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Observations, latest start first, with the field groups asked for; input and output are raw strings."""
    params = Params(request.scope["query_string"])
    limit = params.limit(V2_LIMIT)
    groups = params.groups(V2_DEFAULT_GROUPS, V2_GROUPS)
    expand = params.listed("expandMetadata")
    if params.flag("parseIoAsJson"):
        params.fault("parseIoAsJson", "input and output are always raw strings; leave this parameter out")
    # One more than the page: whether there is a next page is known without counting.
    query = _query(
        params,
        OBSERVATION_FILTERS_V2,
        limit=limit + 1,
        after=_cursor(params),
        texts=bool(groups & TEXT_GROUPS),
        count=False,
    )
    params.check()
    found, _ = await services.traces.observations(caller.project_id, query)
    page, more = found[:limit], len(found) > limit
    traces = await _traces_of(page, services, caller.project_id) if groups & OF_THE_TRACE else {}
    look_up = links(services, caller.project_id)
    shown = [
        observation_v2(each, caller.project_id, look_up, groups=groups, trace=traces.get(each.trace_id), expand=expand)
        for each in page
    ]
    meta = {"cursor": encode_cursor(page[-1].start_time, page[-1].id)} if more else {}
    return answer(HTTPStatus.OK, {"data": shown, "meta": meta})


def _query(
    params: Params,
    filters: Filters,
    *,
    limit: int,
    offset: int = 0,
    after: ObservationCursor | None = None,
    texts: bool = True,
    count: bool = True,
) -> ObservationQuery:
    """The filters that both forms have."""
    conditions = read_filter(params, filters)
    _check_content(params, conditions)
    leave_out(params, SIMPLE_FILTERS, conditions)
    if filters is OBSERVATION_FILTERS_V2 and params.given("parentObservationId"):
        conditions = (*conditions, *_without_parent(params))
    kind = params.choice("type", ObservationType)
    return ObservationQuery(
        limit=limit,
        offset=offset,
        after=after,
        conditions=conditions,
        name=params.text("name"),
        types=() if kind is None else (kind,),
        trace_id=params.text("traceId"),
        parent_id=params.text("parentObservationId"),
        is_root=params.flag("isRootObservation"),
        user_id=params.text("userId"),
        session_id=params.text("sessionId"),
        level=params.choice("level", Level),
        environments=params.several("environment"),
        version=params.text("version"),
        since=params.time("fromStartTime"),
        until=params.time("toStartTime"),
        texts=texts,
        count=count,
    )


def _check_content(params: Params, conditions: Iterable[Condition]) -> None:
    """A search through inputs or outputs needs one condition that an index can answer."""
    asked = [each for each in conditions if isinstance(each, TextIs) and each.column in (Column.INPUT, Column.OUTPUT)]
    if asked and not any(each.operator in (TextOperator.EQUAL, TextOperator.MATCHES) for each in asked):
        params.fault(
            "filter", "a filter on input or output needs one with `=` or `matches` on input or output beside it"
        )


def _without_parent(params: Params) -> tuple[Condition, ...]:
    """An empty parent asks for observations without one."""
    return () if params.text("parentObservationId") else (IsNull(column=Column.PARENT_ID),)


async def _traces_of(observations: Iterable[Observation], services: Services, project_id: str) -> Mapping[str, Trace]:
    ids = tuple({observation.trace_id for observation in observations})
    query = TraceQuery(ids=ids, limit=len(ids), texts=False, sums=False, count=False)
    traces = (await services.traces.traces(project_id, query))[0] if ids else []
    return {trace.id: trace for trace in traces}


def _cursor(params: Params) -> ObservationCursor | None:
    place = params.read("cursor", decode_cursor, "expected the cursor of an earlier answer")
    return ObservationCursor(start_time=place[0], id=place[1]) if place else None


handlers = [list_observations, get_observation, list_observations_v2]
