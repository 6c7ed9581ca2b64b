"""Langfuse's batches of events, as SDK 2 for Python and SDK 3 for JavaScript send them."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from litestar import Response, post
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest, parts
from trunkline.api.langfuse.intake import take_in
from trunkline.store.control import now_micros
from trunkline.tracing.ingestion import Batch, read_batch
from trunkline.types import Caller, Change


@post("/api/public/ingestion", status_code=HTTPStatus.MULTI_STATUS, request_max_body_size=None)
async def ingest(request: HTTPRequest, scorer: NamedDependency[Caller]) -> Response[bytes]:
    """Takes a batch of events.

    Every event has its own result; the good ones are stored together before the answer. With the public key alone, as
    browsers send it, scores are taken and every other event is a 403 of its own.
    """
    batches: list[Batch] = []
    configs = await parts(request).score_configs.of(scorer.project_id)

    def read(body: bytes) -> Sequence[Change]:
        batches.append(read_batch(body, now=now_micros(), configs=configs, scores_only=scorer.scores_only))
        return batches[-1].changes

    await take_in(request, scorer, read)
    successes = [{"id": event, "status": HTTPStatus.CREATED} for batch in batches for event in batch.successes]
    errors = [error for batch in batches for error in batch.errors]
    return answer(HTTPStatus.MULTI_STATUS, {"successes": successes, "errors": errors})


handlers = [ingest]
