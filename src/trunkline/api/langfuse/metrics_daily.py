"""What each day cost by model, as Langfuse's API answered it before it took questions."""

from __future__ import annotations

from http import HTTPStatus

from litestar import Response, get
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest
from trunkline.api.langfuse.formats import Shape, iso, page_meta
from trunkline.api.langfuse.params import Params
from trunkline.api.services import Services
from trunkline.store.daily import DailyQuery, DayUsage, ModelUsage
from trunkline.types import Caller


class UsageShape(Shape, kw_only=True):
    model: str | None
    input_usage: int
    output_usage: int
    total_usage: int
    count_traces: int
    count_observations: int
    total_cost: float


class DayShape(Shape, kw_only=True):
    date: str
    count_traces: int
    count_observations: int
    total_cost: float
    usage: list[UsageShape]


@get("/api/public/metrics/daily")
async def get_daily_metrics(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Traces, observations, tokens and cost of each day, the latest first, in all and by model."""
    params = Params(request.scope["query_string"])
    page, limit = params.page(), params.limit()
    query = DailyQuery(
        limit=limit,
        offset=(page - 1) * limit,
        trace_name=params.text("traceName"),
        user_id=params.text("userId"),
        tags=params.texts("tags"),
        environments=params.texts("environment"),
        since=params.time("fromTimestamp"),
        until=params.time("toTimestamp"),
    )
    params.check()
    days, total = await services.traces.daily_usage(caller.project_id, query)
    return answer(HTTPStatus.OK, {"data": [_day(day) for day in days], "meta": page_meta(page, limit, total)})


def _day(day: DayUsage) -> DayShape:
    return DayShape(
        date=iso(day.day)[:10],
        count_traces=day.traces,
        count_observations=sum(usage.observations for usage in day.models),
        total_cost=round(sum(usage.cost for usage in day.models), 12),
        usage=[_usage(usage) for usage in day.models],
    )


def _usage(usage: ModelUsage) -> UsageShape:
    return UsageShape(
        model=usage.model,
        input_usage=usage.input_tokens,
        output_usage=usage.output_tokens,
        total_usage=usage.total_tokens,
        count_traces=usage.traces,
        count_observations=usage.observations,
        total_cost=round(usage.cost, 12),
    )


handlers = [get_daily_metrics]
