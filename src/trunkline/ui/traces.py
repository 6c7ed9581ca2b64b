"""The table of traces, filtered by its address."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import get
from litestar.di import NamedDependency

from trunkline.api.services import Services
from trunkline.store.search import SearchHit
from trunkline.store.traces import GENERATION_LIKE, ObservationQuery, ScoreQuery, TraceQuery, TraceStore
from trunkline.types import Level, Observation, Score, ScoreType, Struct, Trace
from trunkline.ui import addresses, formats, timeline
from trunkline.ui.content import snippet
from trunkline.ui.paging import Pages, page_of, pages_of, whole_number
from trunkline.ui.rendering import Page, Site
from trunkline.ui.search import FoundText, search_traces
from trunkline.ui.sessions import Place, WebRequest, origin_of

PAGE_TRACES = 50
MAX_DIGEST = 200
"""Observations of a trace that are read for its line: enough for its models and prompts."""
FILTERS = ("q", "name", "user", "session", "environment", "tag", "release", "prompt", "version")
_MAX_VALUE = 1000


class ScoreChip(Struct, frozen=True, kw_only=True):
    name: str
    value: str
    title: str


class PromptLink(Struct, frozen=True, kw_only=True):
    name: str
    version: int
    href: str


class TraceRow(Struct, frozen=True, kw_only=True):
    trace: Trace
    href: str
    name: str
    input: str
    output: str
    level: Level
    tokens: int
    models: tuple[str, ...]
    prompts: tuple[PromptLink, ...]
    scores: tuple[ScoreChip, ...]
    user_href: str
    session_href: str
    found: str = ""
    """Text around the words that were searched for."""


class Filter(Struct, frozen=True, kw_only=True):
    """A filter in force and the address without it."""

    name: str
    value: str
    without: str


class Found(Struct, frozen=True, kw_only=True):
    """A page of traces. `taken` counts the rows that the page stood for; `total` is -1 where it was not counted."""

    traces: list[Trace]
    total: int
    taken: int
    text: FoundText | None = None
    """Where words were searched for."""


Digest = tuple[list[Observation], bool]
"""A trace's generations, and whether anything in it failed."""


def filters_of(request: WebRequest) -> dict[str, str]:
    given = {name: request.query_params.get(name) or "" for name in FILTERS}
    return {name: value[:_MAX_VALUE] for name, value in given.items() if value}


async def find_traces(
    store: TraceStore, project_id: str, filters: Mapping[str, str], page: int, cursor: str = ""
) -> Found:
    """A page of traces. Those of a prompt are found by its generations, latest first, and not counted.

    Where words are searched for, `cursor` takes the place of `page`, and a prompt is not asked for.
    """
    query = TraceQuery(
        limit=PAGE_TRACES,
        offset=(page - 1) * PAGE_TRACES,
        name=filters.get("name"),
        user_id=filters.get("user"),
        session_id=filters.get("session"),
        release=filters.get("release"),
        tags=(filters["tag"],) if "tag" in filters else (),
        environments=(filters["environment"],) if "environment" in filters else (),
    )
    if "q" in filters:
        text = await search_traces(store, project_id, filters["q"], cursor, query)
        return Found(traces=text.traces, total=-1, taken=len(text.traces), text=text)
    if "prompt" not in filters:
        traces, total = await store.traces(project_id, query)
        return Found(traces=traces, total=total, taken=len(traces))
    generations, _ = await store.observations(
        project_id,
        ObservationQuery(
            limit=PAGE_TRACES,
            offset=(page - 1) * PAGE_TRACES,
            prompt_name=filters["prompt"],
            prompt_version=whole_number(filters.get("version")),
            texts=False,
            count=False,
        ),
    )
    ids = tuple(dict.fromkeys(generation.trace_id for generation in generations))
    by_ids = msgspec.structs.replace(query, ids=ids, offset=0, limit=len(ids), count=False)
    traces = (await store.traces(project_id, by_ids))[0] if ids else []
    return Found(traces=traces, total=-1, taken=len(generations))


async def digest_of(store: TraceStore, project_id: str, trace: Trace) -> Digest:
    """What a line says of a trace beyond its own fields, from narrow rows only."""
    types = tuple(sorted(GENERATION_LIKE))
    generations, _ = await store.observations(
        project_id,
        ObservationQuery(trace_id=trace.id, types=types, limit=MAX_DIGEST, texts=False, count=False, descending=False),
    )
    failed, _ = await store.observations(
        project_id, ObservationQuery(trace_id=trace.id, level=Level.ERROR, limit=1, texts=False, count=False)
    )
    return generations, bool(failed)


async def scores_by_trace(store: TraceStore, project_id: str, traces: Sequence[Trace]) -> dict[str, list[Score]]:
    ids = tuple(score_id for trace in traces for score_id in trace.score_ids[:20])
    found: dict[str, list[Score]] = {}
    if ids:
        scores, _ = await store.scores(project_id, ScoreQuery(ids=ids, limit=len(ids), count=False))
        for score in scores:
            found.setdefault(score.trace_id or "", []).append(score)
    return found


def score_chip(score: Score) -> ScoreChip:
    if score.data_type is ScoreType.NUMERIC or score.string_value is None:
        value = formats.mean(score.value) if score.value is not None else formats.DASH
    else:
        value = formats.clipped(score.string_value, 40)
    title = " · ".join(part for part in (score.source.value, formats.clipped(score.comment or "", 300)) if part)
    return ScoreChip(name=formats.clipped(score.name, 40), value=value, title=title)


def prompt_links(observations: Sequence[Observation], root: str) -> tuple[PromptLink, ...]:
    linked = {(o.prompt_name, o.prompt_version) for o in observations if o.prompt_name}
    return tuple(
        PromptLink(name=name, version=version, href=addresses.prompt(root, name, version=version))
        for name, version in sorted((name or "", version or 0) for name, version in linked)
    )


def present_row(
    trace: Trace, digest: Digest, scores: Sequence[Score], root: str, hit: SearchHit | None = None
) -> TraceRow:
    generations, failed = digest
    return TraceRow(
        trace=trace,
        href=addresses.trace(root, trace.id, observation=hit.observation_id if hit else None),
        found=hit.snippet if hit else "",
        name=formats.clipped(trace.name or "", 80) or trace.id,
        input=snippet(trace.input),
        output=snippet(trace.output),
        level=Level.ERROR if failed else Level.DEFAULT,
        tokens=sum(timeline.total_tokens(observation) for observation in generations),
        models=tuple(sorted({observation.model for observation in generations if observation.model})),
        prompts=prompt_links(generations, root),
        scores=tuple(score_chip(score) for score in scores),
        user_href=addresses.traces(root, user=trace.user_id),
        session_href=addresses.traces(root, session=trace.session_id),
    )


def present_filters(filters: Mapping[str, str], root: str) -> tuple[Filter, ...]:
    """A prompt's version is no filter of its own: it goes with the prompt."""
    shown = []
    for name, value in filters.items():
        gone = {name, "version"} if name == "prompt" else {name}
        rest = {key: kept for key, kept in filters.items() if key not in gone}
        shown.append(Filter(name=name, value=value, without=addresses.traces(root, **rest)))
    return tuple(shown)


def trace_pages(filters: Mapping[str, str], root: str, page: int, found: Found) -> Pages:
    shown, total = found.taken, found.total
    if found.text is not None:
        older = addresses.traces(root, **filters, cursor=found.text.cursor) if found.text.cursor else ""
        return Pages(previous="", next=older, said=f"{shown:,} traces" if shown else "")
    return pages_of(
        page,
        PAGE_TRACES,
        shown,
        total,
        addresses.traces(root, **filters, page=page - 1 if page > 2 else None),
        addresses.traces(root, **filters, page=page + 1),
    )


async def rows_of(
    store: TraceStore, place: Place, traces: Sequence[Trace], text: FoundText | None = None
) -> list[TraceRow]:
    hits = text.hits if text else {}
    scores = await scores_by_trace(store, place.project.id, traces)
    digests = await asyncio.gather(*(digest_of(store, place.project.id, trace) for trace in traces))
    return [
        present_row(trace, digest, scores.get(trace.id, []), place.root, hits.get(trace.id))
        for trace, digest in zip(traces, digests, strict=True)
    ]


@get("/traces")
async def traces_page(
    request: WebRequest, place: NamedDependency[Place], services: NamedDependency[Services], site: NamedDependency[Site]
) -> Page:
    store, project_id = services.traces, place.project.id
    filters, page = filters_of(request), page_of(request)
    cursor = (request.query_params.get("cursor") or "")[:_MAX_VALUE]
    found = await find_traces(store, project_id, filters, page, cursor)
    rows = await rows_of(store, place, found.traces, found.text)
    view: dict[str, Any] = {
        "section": "traces",
        "rows": rows,
        "filters": present_filters(filters, place.root),
        "query": filters,
        "total": found.total,
        "pages": trace_pages(filters, place.root, page, found),
        "note": found.text.note if found.text else "",
        "clear": addresses.traces(place.root),
        "origin": origin_of(request, services.settings),
    }
    return await site.page(request, "traces.html", view, at=place)
