"""The box above the traces: those in which somewhere are these words, each with the place where they were found."""

from __future__ import annotations

import msgspec

from trunkline.api.native.search import decode_cursor, encode_cursor
from trunkline.errors import InvalidRequest, NotFound
from trunkline.store.search import SearchHit, SearchQuery, parse_search
from trunkline.store.traces import TraceQuery, TraceStore
from trunkline.types import Struct, Trace

MAX_HITS = 50


class FoundText(Struct, frozen=True, kw_only=True):
    """Traces by their latest hit. `note` says why there are none, `cursor` where older ones are."""

    traces: list[Trace]
    hits: dict[str, SearchHit]
    cursor: str = ""
    note: str = ""


async def search_traces(store: TraceStore, project_id: str, text: str, cursor: str, query: TraceQuery) -> FoundText:
    """A page of hits as traces, of which those are left out that `query` excludes."""
    try:
        asked = SearchQuery(
            expression=parse_search(text),
            limit=MAX_HITS,
            after=decode_cursor(cursor) if cursor else None,
            since=query.since,
            until=query.until,
        )
        page = await store.search(project_id, asked)
    except (InvalidRequest, NotFound) as error:
        return FoundText(traces=[], hits={}, note=error.message)
    except ValueError:  # an address that somebody shortened
        return await search_traces(store, project_id, text, "", query)
    hits: dict[str, SearchHit] = {}
    for hit in page.hits:
        hits.setdefault(hit.trace_id, hit)
    by_ids = msgspec.structs.replace(query, ids=tuple(hits), offset=0, limit=len(hits), count=False)
    traces = (await store.traces(project_id, by_ids))[0] if hits else []
    place = {id: number for number, id in enumerate(hits)}
    traces.sort(key=lambda trace: place[trace.id])
    return FoundText(traces=traces, hits=hits, cursor=encode_cursor(page.cursor) if page.cursor else "")
