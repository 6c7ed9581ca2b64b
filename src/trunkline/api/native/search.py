"""Search over the texts and names of traces and observations."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import Annotated

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.formats import iso
from trunkline.api.langfuse.prompt_params import PromptParams
from trunkline.api.native.bodies import HTTPRequest
from trunkline.api.native.shapes import SearchHitShape
from trunkline.api.services import Services
from trunkline.store.search import SearchCursor, SearchHit, SearchQuery, Words, parse_search
from trunkline.types import Caller, ObservationType

Place = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
NOTHING = Words(text="")
"""Stands for a search that is missing, which `check` says."""


@get("/api/v1/search")
async def search(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Observations and traces whose input, output or name has these words, the latest first.

    A page may be short and have a `cursor`: what is older has not been looked at yet.
    """
    params = PromptParams(request.scope["query_string"])
    text = params.required("q")
    query = SearchQuery(
        expression=parse_search(text) if text else NOTHING,
        limit=params.limit(),
        after=params.read("cursor", decode_cursor, "expected the cursor of an earlier answer"),
        types=params.choices("type", ObservationType),
        environments=params.texts("environment"),
        since=params.time("from"),
        until=params.time("to"),
    )
    params.check()
    page = await services.traces.search(caller.project_id, query)
    cursor = encode_cursor(page.cursor) if page.cursor else None
    return answer(HTTPStatus.OK, {"hits": [_shape(hit) for hit in page.hits], "cursor": cursor})


def _shape(hit: SearchHit) -> SearchHitShape:
    return SearchHitShape(
        trace_id=hit.trace_id,
        observation_id=hit.observation_id,
        type=hit.type or "TRACE",
        name=hit.name,
        environment=hit.environment,
        time=iso(hit.time),
        field=hit.field,
        snippet=hit.snippet,
    )


def encode_cursor(cursor: SearchCursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([cursor.block, cursor.place])).decode()


def decode_cursor(text: str) -> SearchCursor:
    """Raises ValueError for what `encode_cursor` did not make."""
    try:
        block, place = msgspec.json.decode(base64.urlsafe_b64decode(text), type=tuple[Place, Place])
    except (binascii.Error, msgspec.DecodeError, UnicodeError) as error:
        raise ValueError("not a cursor of this API") from error
    return SearchCursor(block, place)


handlers = [search]
