"""Numbers as Langfuse's API asks for them: by a query document, in both of its versions."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from litestar import Response, get
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest
from trunkline.api.langfuse.formats import iso
from trunkline.api.langfuse.metrics_params import MAX_ROWS, MetricsRequest, read_metrics_query
from trunkline.api.langfuse.metrics_views import VIEWS, VIEWS_V2
from trunkline.api.langfuse.params import Params
from trunkline.api.services import Services
from trunkline.store.metrics_query import Aggregation, Granularity, Group
from trunkline.types import JSON, Caller, Micros

V1_ROWS = 10 * MAX_ROWS
"""Rows of an answer where the query sets no limit: upstream has none in its first version."""
V2_ROWS = 100
_EMPTY = frozenset({Aggregation.COUNT, Aggregation.SUM, Aggregation.UNIQ})
"""What is 0, not unknown, where there is nothing."""


@get("/api/public/metrics")
async def get_metrics(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Numbers of traces, observations or scores, grouped and summed up as the query says."""
    asked = read_metrics_query(Params(request.scope["query_string"]), VIEWS, V1_ROWS)
    groups = await services.traces.metrics(caller.project_id, asked.query)
    return answer(HTTPStatus.OK, {"data": rows(asked, groups)})


@get("/api/public/v2/metrics")
async def get_metrics_v2(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The same without traces as a view, and without dimensions of very many values."""
    asked = read_metrics_query(Params(request.scope["query_string"]), VIEWS_V2, V2_ROWS)
    groups = await services.traces.metrics(caller.project_id, asked.query)
    return answer(HTTPStatus.OK, {"data": rows(asked, groups)})


def rows(asked: MetricsRequest, groups: list[Group]) -> list[dict[str, JSON]]:
    """Groups as they are answered, gaps of a series in time filled in."""
    shown = groups if not asked.filled else list(_filled(asked, groups))
    return [_row(asked, group) for group in shown[: asked.query.limit]]


def _filled(asked: MetricsRequest, groups: list[Group]) -> Iterator[Group]:
    """`groups` in order of time with an empty one for each bucket that has none."""
    nothing = tuple(0 if metric.aggregation in _EMPTY else None for metric in asked.query.metrics)
    left = list(reversed(asked.filled))
    for group in groups:
        while left and group.time is not None and left[-1] <= group.time:
            time = left.pop()
            if time != group.time:
                yield _empty(asked, time, nothing)
        yield group
    for time in reversed(left):
        yield _empty(asked, time, nothing)


def _empty(asked: MetricsRequest, time: Micros, nothing: tuple[int | None, ...]) -> Group:
    return Group(dimensions=(None,) * len(asked.dimensions), time=time, values=nothing)


def _row(asked: MetricsRequest, group: Group) -> dict[str, JSON]:
    row: dict[str, JSON] = dict(zip(asked.dimensions, group.dimensions, strict=True))
    if group.time is not None and asked.query.granularity is not None:
        row["time_dimension"] = _time(group.time, asked.query.granularity)
    for name, value in zip(asked.metrics, group.values, strict=True):
        row[name] = round(value, 12) if isinstance(value, float) else value
    return row


def _time(time: Micros, granularity: Granularity) -> str:
    """A date, or a moment where buckets are shorter than days."""
    text = iso(time)
    return f"{text[:19]}Z" if granularity in (Granularity.MINUTE, Granularity.HOUR) else text[:10]


handlers = [get_metrics, get_metrics_v2]
