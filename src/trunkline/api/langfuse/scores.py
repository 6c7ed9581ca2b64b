"""Scores as Langfuse's API makes, reads and deletes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest, parts, read_apart, received
from trunkline.api.langfuse.cursors import encode_cursor
from trunkline.api.langfuse.formats import page_meta
from trunkline.api.langfuse.intake import body_limit
from trunkline.api.langfuse.params import Params, rest_of_path
from trunkline.api.langfuse.score_params import query_v2, query_v3
from trunkline.api.langfuse.shapes_scores import V3_GROUPS, ScoreTrace, score_trace, score_v2, score_v3
from trunkline.api.services import Services
from trunkline.errors import NotFound
from trunkline.store.control import now_micros
from trunkline.store.traces import TraceQuery
from trunkline.tracing.scores import ScoreBatch, read_scores
from trunkline.types import Caller, Score

PATH = "/api/public/scores"
V2 = "/api/public/v2/scores"
V2_GROUPS = frozenset({"score", "trace"})


@post(PATH, status_code=HTTPStatus.OK, request_max_body_size=None)
async def create_scores(request: HTTPRequest, scorer: NamedDependency[Caller]) -> Response[bytes]:
    """Creates a score, or a list of them.

    One gives 200 with its id. Of a list, as the newest SDKs send it, the good ones are stored together: 202 where all
    were, else 207 that says what is wrong with the others.
    """
    batch = await take_scores(request, scorer)
    if not batch.is_array:
        return answer(HTTPStatus.OK, {"id": batch.changes[0].id})
    if not batch.errors:
        return answer(HTTPStatus.ACCEPTED, {"message": "Accepted"})
    errors = [{"message": message} for message in batch.errors]
    counts = {"accepted": len(batch.changes), "rejected": len(errors)}
    return answer(HTTPStatus.MULTI_STATUS, {**counts, "errors": errors})


async def take_scores(request: HTTPRequest, scorer: Caller) -> ScoreBatch:
    """What the body held, as it was stored."""
    services = parts(request)
    masker, configs = services.masker(scorer.project_id), await services.score_configs.of(scorer.project_id)

    def read(body: bytes) -> ScoreBatch:
        batch = read_scores(body, now=now_micros(), configs=configs)
        return batch if masker is None else msgspec.structs.replace(batch, changes=masker.changes(batch.changes))

    async with received(request, body_limit(services, scorer)) as body:
        services.limits.count_bytes(scorer.project_id, body.size)
        batch = read(body.plain()) if body.is_small and masker is None else await read_apart(body, read)
    if batch.changes:
        await services.traces.write(scorer.project_id, batch.changes)
    return batch


@delete(PATH + "/{score_id:path}")
async def delete_score(
    request: HTTPRequest, services: NamedDependency[Services], writer: NamedDependency[Caller]
) -> None:
    """Deletes a score."""
    score_id = rest_of_path(request.scope, PATH)
    if not await services.traces.delete_scores(writer.project_id, [score_id]):
        raise _unknown(score_id)


@get(V2)
async def list_scores_v2(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Scores, newest first, with something of their traces."""
    params = Params(request.scope["query_string"])
    page, limit = params.page(), params.limit()
    groups = params.groups(V2_GROUPS, V2_GROUPS)
    query = query_v2(params, limit=limit, offset=(page - 1) * limit, with_trace="trace" in groups)
    params.check()
    scores, total = await services.traces.scores(caller.project_id, query)
    traces = await _traces_of(scores, services, caller.project_id) if "trace" in groups else None
    shown = [
        score_v2(score, caller.project_id)
        if traces is None
        else score_v2(score, caller.project_id, traces.get(score.trace_id or ""))
        for score in scores
    ]
    return answer(HTTPStatus.OK, {"data": shown, "meta": page_meta(page, limit, total)})


@get(V2 + "/{score_id:path}")
async def get_score_v2(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """One score."""
    score_id = rest_of_path(request.scope, V2)
    score = await services.traces.score(caller.project_id, score_id)
    if score is None:
        raise _unknown(score_id)
    return answer(HTTPStatus.OK, score_v2(score, caller.project_id))


@get("/api/public/v3/scores")
async def list_scores_v3(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Scores, newest first, with one `value` whose type depends on `dataType`."""
    params = Params(request.scope["query_string"])
    limit = params.limit()
    groups = params.groups((), V3_GROUPS)
    query = query_v3(params, limit=limit + 1)
    params.check()
    scores, _ = await services.traces.scores(caller.project_id, query)
    meta: dict[str, object] = {"limit": limit}
    if len(scores) > limit:
        meta["cursor"] = encode_cursor(scores[limit - 1].timestamp, scores[limit - 1].id)
    shown = [score_v3(score, caller.project_id, groups) for score in scores[:limit]]
    return answer(HTTPStatus.OK, {"data": shown, "meta": meta})


async def _traces_of(scores: Iterable[Score], services: Services, project_id: str) -> Mapping[str, ScoreTrace]:
    ids = tuple({score.trace_id for score in scores if score.trace_id})
    query = TraceQuery(ids=ids, limit=len(ids), texts=False, sums=False, count=False)
    traces = (await services.traces.traces(project_id, query))[0] if ids else []
    return {trace.id: score_trace(trace) for trace in traces}


def _unknown(score_id: str) -> NotFound:
    return NotFound(f"Score {score_id} not found within authorized project")


handlers = [create_scores, delete_score, list_scores_v2, get_score_v2, list_scores_v3]
