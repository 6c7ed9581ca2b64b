"""Experiments and their items on the compatible API: dataset runs, and what SDKs tell of by attributes of spans."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from msgspec import UNSET

from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest
from trunkline.api.langfuse.filter_columns import EXPERIMENT_FILTERS, EXPERIMENT_ITEM_FILTERS, Filters
from trunkline.api.langfuse.filters import read_filter
from trunkline.api.langfuse.params import Params
from trunkline.api.langfuse.shapes_experiments import (
    EXPERIMENT_GROUPS,
    ITEM_DEFAULT_GROUPS,
    ITEM_GROUPS,
    experiment_item_shape,
    experiment_shape,
)
from trunkline.api.langfuse.shapes_scores import ScoreV3Shape, score_v3
from trunkline.api.services import Services
from trunkline.dataset_types import ExperimentItem
from trunkline.store.experiment_reads import ExperimentQuery
from trunkline.store.filters import AnyOf, Column, IsNull
from trunkline.store.traces import ObservationQuery, ScoreQuery, TraceQuery
from trunkline.types import Caller, Micros, Observation, Trace

MOST_SCORES = 50
SCORE_FIELDS = ("subject",)
EXPERIMENT_LISTS = {"id": Column.ID, "name": Column.NAME, "datasetId": Column.DATASET_ID}
ITEM_LISTS = {
    "experimentId": Column.ID,
    "experimentName": Column.NAME,
    "experimentItemId": Column.DATASET_ITEM_ID,
    "datasetId": Column.DATASET_ID,
}
"""Parameters that take several texts with commas between them."""


class _Cursor(msgspec.Struct, frozen=True):
    """The last of a page; `v` is the version of this form."""

    t: Micros
    id: str
    v: int = 1


@get("/api/public/experiments")
async def list_experiments(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Experiments with items that started in a span of time, those with the latest start first."""
    params = Params(request.scope["query_string"])
    groups, most = params.groups({"core"}, EXPERIMENT_GROUPS), _score_limit(params)
    query = _query(params, EXPERIMENT_LISTS, EXPERIMENT_FILTERS)
    if params.text("fromStartTime") is None:
        params.fault("fromStartTime", "required", "invalid_type")
    params.check()
    found = await asyncio.to_thread(services.experiments.experiments, caller.project_id, query)
    page = found[: query.limit - 1]
    shown = []
    for summary in page:
        asked = ScoreQuery(run_id=summary.experiment.id, limit=most, count=False)
        scores = await _scores(services, caller, asked) if "scores" in groups else UNSET
        shown.append(experiment_shape(summary, groups, scores))
    last = (page[-1].latest, page[-1].experiment.id) if len(page) < len(found) else None
    return answer(HTTPStatus.OK, {"data": shown, "meta": _meta(last)})


@get("/api/public/experiment-items")
async def list_experiment_items(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Items of experiments with what they came to, the latest start first."""
    params = Params(request.scope["query_string"])
    groups, most = params.groups(ITEM_DEFAULT_GROUPS, ITEM_GROUPS), _score_limit(params)
    query = _query(params, ITEM_LISTS, EXPERIMENT_ITEM_FILTERS)
    if params.text("fromStartTime") is None and not params.listed("experimentId"):
        params.fault("fromStartTime", "required unless experimentId is given", "invalid_type")
    params.check()
    found = await asyncio.to_thread(services.experiments.items, caller.project_id, query)
    page = found[: query.limit - 1]
    sources = await _sources(services, caller, [item for item, _ in page], texts=bool(groups & {"io", "metadata"}))
    shown = []
    for item, experiment in page:
        scores = await _scores_of_item(services, caller, item, most) if "scores" in groups else UNSET
        shown.append(experiment_item_shape(item, experiment, sources.get(item.id), groups, scores))
    last = (page[-1][0].start_time, page[-1][0].id) if len(page) < len(found) else None
    return answer(HTTPStatus.OK, {"data": shown, "meta": _meta(last)})


def _query(params: Params, lists: Mapping[str, Column], filters: Filters) -> ExperimentQuery:
    """One more than a page, so that it shows whether there is another."""
    listed = tuple(
        AnyOf(column=column, values=values) for name, column in lists.items() if (values := params.listed(name))
    )
    return ExperimentQuery(
        limit=params.limit() + 1,
        since=params.time("fromStartTime"),
        until=params.time("toStartTime"),
        conditions=(*listed, *read_filter(params, filters)),
        after=params.read("cursor", _decode, "expected the cursor of an earlier answer"),
    )


def _score_limit(params: Params) -> int:
    return params.bounded("scoreLimit", MOST_SCORES, MOST_SCORES)


async def _sources(
    services: Services, caller: Caller, items: Sequence[ExperimentItem], *, texts: bool
) -> Mapping[str, Observation | Trace]:
    """What items link to, by the items' ids: the observation, or the trace where none is named."""
    observation_ids = tuple({item.observation_id for item in items if item.observation_id})
    trace_ids = tuple({item.trace_id for item in items if not item.observation_id})
    observations: dict[str | None, Observation] = {}
    traces: dict[str, Trace] = {}
    if observation_ids:
        wanted = (AnyOf(column=Column.ID, values=observation_ids),)
        query = ObservationQuery(limit=len(observation_ids), conditions=wanted, texts=texts, count=False)
        observations = {each.id: each for each in (await services.traces.observations(caller.project_id, query))[0]}
    if trace_ids:
        of_traces = TraceQuery(limit=len(trace_ids), ids=trace_ids, texts=texts, count=False)
        traces = {each.id: each for each in (await services.traces.traces(caller.project_id, of_traces))[0]}
    linked = ((item.id, observations.get(item.observation_id) or traces.get(item.trace_id)) for item in items)
    return {item_id: source for item_id, source in linked if source is not None}


async def _scores_of_item(services: Services, caller: Caller, item: ExperimentItem, most: int) -> list[ScoreV3Shape]:
    """The scores of the item's observation, then those of its whole trace."""
    found: list[ScoreV3Shape] = []
    if item.observation_id:
        own = ScoreQuery(trace_id=item.trace_id, observation_id=item.observation_id, limit=most, count=False)
        found += await _scores(services, caller, own)
    if len(found) < most:
        of_trace = (IsNull(column=Column.OBSERVATION_ID),)
        asked = ScoreQuery(trace_id=item.trace_id, conditions=of_trace, limit=most - len(found), count=False)
        found += await _scores(services, caller, asked)
    return found


async def _scores(services: Services, caller: Caller, query: ScoreQuery) -> list[ScoreV3Shape]:
    scores, _ = await services.traces.scores(caller.project_id, query)
    return [score_v3(score, caller.project_id, SCORE_FIELDS) for score in scores]


def _meta(last: tuple[Micros, str] | None) -> dict[str, str]:
    if last is None:
        return {}
    return {"cursor": base64.urlsafe_b64encode(msgspec.json.encode(_Cursor(*last))).decode().rstrip("=")}


def _decode(text: str) -> tuple[Micros, str]:
    """Raises ValueError for what is no cursor of this API."""
    try:
        cursor = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Cursor)
    except (binascii.Error, msgspec.DecodeError, UnicodeError) as error:
        raise ValueError("not a cursor of this API") from error
    if cursor.v != 1 or not abs(cursor.t) < 2**62:
        raise ValueError("not a cursor of this version of the API")
    return cursor.t, cursor.id


handlers = [list_experiments, list_experiment_items]
