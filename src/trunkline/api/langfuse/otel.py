"""OpenTelemetry traces over HTTP, in protobuf and in JSON: an export is stored whole or not at all."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from litestar import Response, post
from litestar.di import NamedDependency

from trunkline.api.langfuse.body import HTTPRequest, parts
from trunkline.api.langfuse.intake import take_in
from trunkline.dataset_types import ExperimentSpan
from trunkline.errors import InvalidRequest
from trunkline.evaluation.experiment_spans import experiment_spans
from trunkline.store.control import now_micros
from trunkline.tracing.otlp import changes_of, decode_json, decode_protobuf
from trunkline.types import Caller, Change

PROTOBUF = "application/x-protobuf"
JSON_TYPE = "application/json"


@post("/api/public/otel/v1/traces", status_code=HTTPStatus.OK, request_max_body_size=None)
async def export_traces(request: HTTPRequest, writer: NamedDependency[Caller]) -> Response[bytes]:
    """Takes an OTLP export of spans.

    It is stored whole or not at all. The answer has the encoding of the request; an empty one says that all was taken.
    """
    content_type = _content_type(request)
    decode = decode_protobuf if content_type == PROTOBUF else decode_json
    experiments: list[ExperimentSpan] = []
    masker = parts(request).masker(writer.project_id)

    def read(body: bytes) -> list[Change]:
        export, now = decode(body), now_micros()
        found = experiment_spans(export, now=now)
        experiments.extend(found if masker is None else masker.changes(found))
        return changes_of(export, now=now)

    await take_in(request, writer, read)
    if experiments:
        await asyncio.to_thread(parts(request).experiments.record, writer.project_id, experiments)
    return Response(b"" if content_type == PROTOBUF else b"{}", media_type=content_type)


def _content_type(request: HTTPRequest) -> str:
    given = request.headers.get("content-type", PROTOBUF).partition(";")[0].strip().lower()
    if given in {PROTOBUF, "application/protobuf", "application/octet-stream"}:
        return PROTOBUF
    if given == JSON_TYPE:
        return JSON_TYPE
    raise InvalidRequest(f"The content type {given!r} is not one of OTLP over HTTP: send {PROTOBUF} or {JSON_TYPE}.")


handlers = [export_traces]
