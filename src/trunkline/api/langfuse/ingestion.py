"""Langfuse's batches of events, as SDK 2 for Python and SDK 3 for JavaScript send them."""

from __future__ import annotations

from http import HTTPStatus

from litestar import Response, post
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.body import HTTPRequest, parts, take_body
from trunkline.store.control import now_micros
from trunkline.tracing.ingestion import Batch, read_batch
from trunkline.types import Caller


@post("/api/public/ingestion", status_code=HTTPStatus.MULTI_STATUS, request_max_body_size=None)
async def ingest(request: HTTPRequest, writer: NamedDependency[Caller]) -> Response[bytes]:
    """Takes a batch of events.

    Every event has its own result; the good ones are stored together before the answer.
    """
    services = parts(request)
    batch = await take_body(request, services.settings.max_body_bytes, _read)
    if batch.changes:
        await services.traces.write(writer.project_id, batch.changes)
    successes = [{"id": event, "status": HTTPStatus.CREATED} for event in batch.successes]
    return answer(HTTPStatus.MULTI_STATUS, {"successes": successes, "errors": batch.errors})


def _read(body: bytes) -> Batch:
    return read_batch(body, now=now_micros())


handlers = [ingest]
