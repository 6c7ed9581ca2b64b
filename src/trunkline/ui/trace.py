"""One trace: its tree and timeline, and the chosen observation beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from trunkline.api.services import Services
from trunkline.errors import NotFound
from trunkline.registry.registry import Registry
from trunkline.store.comments import Commented
from trunkline.store.traces import ObservationQuery, ScoreQuery, TraceQuery, TraceStore
from trunkline.types import JSONBytes, Observation, Score, Struct, Trace, TraceDetail, Version
from trunkline.ui import addresses, formats, timeline
from trunkline.ui.content import Payload, decode, show
from trunkline.ui.media import Attachment, attachments
from trunkline.ui.paging import Pages, whole_number
from trunkline.ui.rendering import Page, Site
from trunkline.ui.sessions import Place, WebRequest
from trunkline.ui.traces import ScoreChip, score_chip

WHOLE = "trace"
"""What `chosen` says where the trace itself is shown."""
MAX_FACTS = 60
MAX_OBSERVATIONS = 50_000
"""Of one trace; later ones are in the API."""
MAX_SCORES = 1000
MAX_PROMPTS = 20
MAX_COMMENTS = 100


class Fact(Struct, frozen=True, kw_only=True):
    name: str
    value: str
    href: str = ""


class LinkedPrompt(Struct, frozen=True, kw_only=True):
    """The version that a generation used. `version` is None where the registry knows no such version."""

    name: str
    number: int | None
    href: str
    version: Version | None


class ScoreLine(Struct, frozen=True, kw_only=True):
    chip: ScoreChip
    time: int
    source: str
    comment: str


class CommentLine(Struct, frozen=True, kw_only=True):
    time: int
    author: str
    content: str


class Detail(Struct, frozen=True, kw_only=True):
    """What the right side shows: an observation, or the trace as a whole (`type` is then ``trace``)."""

    id: str
    type: str
    name: str
    level: str
    status_message: str
    start_time: int
    facts: tuple[Fact, ...]
    usage: tuple[Fact, ...]
    cost: tuple[Fact, ...]
    cost_origin: str
    parameters: tuple[Fact, ...]
    prompts: tuple[LinkedPrompt, ...]
    """The version that a generation used; of a trace, those of all its generations."""
    input: Payload
    output: Payload
    metadata: Payload
    scores: tuple[ScoreLine, ...]
    media: Mapping[str, tuple[Attachment, ...]] = {}
    """What `input`, `output` and `metadata` refer to."""
    comments: tuple[CommentLine, ...] = ()


def score_lines(scores: Sequence[Score], observations: Sequence[Observation] = ()) -> tuple[ScoreLine, ...]:
    """Scores by name. With a trace's observations the line of a score says which of them it was given to."""
    names = {observation.id: observation.name or observation.type.value.lower() for observation in observations}

    def source(score: Score) -> str:
        given_to = names.get(score.observation_id or "")
        return f"{score.source.value.lower()}, on {given_to}" if given_to else score.source.value.lower()

    return tuple(
        ScoreLine(
            chip=score_chip(score),
            time=score.timestamp,
            source=source(score),
            comment=(score.comment or "")[:2000],
        )
        for score in sorted(scores, key=lambda score: (score.name, score.timestamp))
    )


def linked_prompts(observations: Sequence[Observation], registry: Registry, root: str) -> tuple[LinkedPrompt, ...]:
    """Each version once. Looks them up in the index (blocks): commit and blob stand beside the number."""
    used = dict.fromkeys((o.prompt_name, o.prompt_version) for o in observations if o.prompt_name)
    return tuple(_linked(name or "", number, registry, root) for name, number in list(used)[:MAX_PROMPTS])


def _linked(name: str, number: int | None, registry: Registry, root: str) -> LinkedPrompt:
    try:
        version = registry.version(name, number) if number is not None else None
    except NotFound:
        version = None
    return LinkedPrompt(name=name, number=number, href=addresses.prompt(root, name, version=number), version=version)


def parameters_of(data: JSONBytes | None) -> tuple[Fact, ...]:
    value = decode(data)
    if not isinstance(value, dict):
        return ()
    return tuple(
        Fact(name=formats.clipped(str(key), 60), value=formats.clipped(str(entry), 300))
        for key, entry in list(value.items())[:MAX_FACTS]
    )


def present_trace(detail: TraceDetail, place: Place) -> Detail:
    trace, root = detail.trace, place.root
    return Detail(
        id=WHOLE,
        type="trace",
        name=trace.name or "trace",
        level="",
        status_message="",
        start_time=trace.timestamp,
        facts=(*trace_facts(trace, root), Fact(name="Trace id", value=trace.id)),
        usage=(),
        cost=(),
        cost_origin="",
        parameters=(),
        prompts=linked_prompts(detail.observations, place.registry, root),
        input=show(trace.input),
        output=show(trace.output),
        metadata=show(trace.metadata),
        scores=score_lines(detail.scores, detail.observations),
    )


def trace_facts(trace: Trace, root: str) -> tuple[Fact, ...]:
    """What a trace says of itself, with links to the traces that have it in common."""
    facts = (
        Fact(name="User", value=trace.user_id or "", href=addresses.traces(root, user=trace.user_id)),
        Fact(name="Session", value=trace.session_id or "", href=addresses.traces(root, session=trace.session_id)),
        Fact(name="Environment", value=trace.environment, href=addresses.traces(root, environment=trace.environment)),
        Fact(name="Release", value=trace.release or "", href=addresses.traces(root, release=trace.release)),
        Fact(name="Version", value=trace.version or ""),
    )
    return tuple(fact for fact in facts if fact.value)


def present_observation(observation: Observation, scores: Sequence[Score], prompts: tuple[LinkedPrompt, ...]) -> Detail:
    return Detail(
        id=observation.id,
        type=observation.type.value.lower(),
        name=observation.name or observation.type.value.lower(),
        level=observation.level.value,
        status_message=observation.status_message or "",
        start_time=observation.start_time,
        facts=observation_facts(observation),
        usage=tuple(Fact(name=kind, value=formats.count(units)) for kind, units in _sorted(observation.usage)),
        cost=tuple(Fact(name=kind, value=formats.dollars(sum_)) for kind, sum_ in _sorted(observation.cost)),
        cost_origin="given" if observation.cost_given else "computed",
        parameters=parameters_of(observation.model_parameters),
        prompts=prompts,
        input=show(observation.input),
        output=show(observation.output),
        metadata=show(observation.metadata),
        scores=score_lines(scores),
    )


def observation_facts(observation: Observation) -> tuple[Fact, ...]:
    start, end, first = observation.start_time, observation.end_time, observation.completion_start_time
    facts = (
        Fact(name="Latency", value=formats.duration(end - start) if end is not None else ""),
        Fact(name="To first token", value=formats.duration(first - start) if first is not None else ""),
        Fact(name="Model", value=observation.model or ""),
        Fact(name="Version", value=observation.version or ""),
        Fact(name="Environment", value=observation.environment),
        Fact(name="Observation id", value=observation.id),
    )
    return tuple(fact for fact in facts if fact.value)


def _sorted(units: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Input, output, their details, and the total last."""
    places = {"input": 0, "output": 1, "total": 3}
    return sorted(units.items(), key=lambda item: (places.get(item[0], 2), item[0]))[:MAX_FACTS]


async def read_trace(store: TraceStore, project_id: str, trace_id: str) -> TraceDetail:
    """The trace with its observations in narrow rows: a tree needs no texts. Raises NotFound."""
    (traces, _), (observations, _), (scores, _) = await asyncio.gather(
        store.traces(project_id, TraceQuery(ids=(trace_id,), limit=1, count=False)),
        store.observations(
            project_id,
            ObservationQuery(trace_id=trace_id, limit=MAX_OBSERVATIONS, descending=False, texts=False, count=False),
        ),
        store.scores(project_id, ScoreQuery(trace_id=trace_id, limit=MAX_SCORES, count=False)),
    )
    if not traces:
        raise NotFound(f"There is no trace {trace_id!r} in this project.")
    return TraceDetail(trace=traces[0], observations=tuple(observations), scores=tuple(scores))


async def commented(detail: Detail, trace_id: str, services: Services, place: Place) -> Detail:
    """The detail with the comments on what it shows."""
    on, id = (Commented.TRACE, trace_id) if detail.id == WHOLE else (Commented.OBSERVATION, detail.id)
    found, _ = await asyncio.to_thread(
        services.comments.list, place.project.id, limit=MAX_COMMENTS, object_type=on, object_id=id
    )
    lines = tuple(
        CommentLine(time=comment.created_at, author=comment.author_user_id or "", content=comment.content)
        for comment in found
    )
    return msgspec.structs.replace(detail, comments=lines)


async def read_observation(trace_id: str, chosen: str, services: Services, place: Place) -> Detail | None:
    """The chosen observation with its texts; None where the trace has none of that id."""
    store, project_id = services.traces, place.project.id
    observation = await store.observation(project_id, chosen) if chosen else None
    if observation is None or observation.trace_id != trace_id:
        return None
    query = ScoreQuery(trace_id=trace_id, observation_id=chosen, limit=MAX_SCORES, count=False)
    scores, _ = await store.scores(project_id, query)

    def present() -> Detail:
        return present_observation(observation, scores, linked_prompts([observation], place.registry, place.root))

    return await with_media(await asyncio.to_thread(present), observation, services, place)


async def with_media(detail: Detail, shown: Trace | Observation, services: Services, place: Place) -> Detail:
    documents = {"input": shown.input, "output": shown.output, "metadata": shown.metadata}
    found = await attachments(documents, services, place)
    return msgspec.structs.replace(detail, media=found) if found else detail


def tree_pages(layout: timeline.Timeline, href: Callable[..., str]) -> Pages:
    first = (layout.page - 1) * timeline.PAGE_ROWS
    return Pages(
        previous=href(page=layout.page - 1) if layout.page > 1 else "",
        next=href(page=layout.page + 1) if layout.page < layout.pages else "",
        said=f"{first + 1:,}–{first + len(layout.rows):,} of {layout.total:,} observations",
    )


def totals(detail: TraceDetail) -> dict[str, Any]:
    observations = detail.observations
    latency = timeline.span_of(observations)[1] if observations else None
    return {
        "latency": formats.duration(detail.trace.latency if detail.trace.latency is not None else latency),
        "cost": formats.dollars(detail.trace.total_cost),
        "tokens": sum(timeline.total_tokens(observation) for observation in observations),
        "observations": len(observations),
        "errors": sum(observation.level.value == "ERROR" for observation in observations),
    }


def frame_view(
    detail: TraceDetail, layout: timeline.Timeline, place: Place, href: Callable[..., str]
) -> dict[str, Any]:
    """Everything around the chosen observation."""
    trace = detail.trace
    return {
        "section": "traces",
        "trace": trace,
        "href": href,
        "layout": layout,
        "kinds": sorted({row.type for row in layout.rows}),
        "pages": tree_pages(layout, href),
        "totals": totals(detail),
        "facts": trace_facts(trace, place.root),
        "scores": [score_chip(score) for score in detail.scores if score.observation_id is None],
        "tag_links": [(tag, addresses.traces(place.root, tag=tag)) for tag in trace.tags],
    }


@get(["/traces/{trace_id:path}", "/trace"])
async def trace_page(
    request: WebRequest,
    place: NamedDependency[Place],
    services: NamedDependency[Services],
    site: NamedDependency[Site],
    trace_id: FromPath[str | None] = None,
) -> Page:
    """An id that a path cannot carry (see `addresses`) comes as ``/trace?id=``."""
    wanted = request.query_params.get("id", "") if trace_id is None else trace_id.removeprefix("/")
    chosen = request.query_params.get("observation") or request.query_params.get("peek") or ""
    href = partial(addresses.trace, place.root, wanted)
    shown = await read_observation(wanted, chosen, services, place)
    shown = await commented(shown, wanted, services, place) if shown is not None else None
    if shown is not None and request.headers.get("hx-target") == "observation":
        return await site.page(request, "observation.html", {"detail": shown}, at=place)
    detail = await read_trace(services.traces, place.project.id, wanted)
    if shown is None:
        shown = await with_media(await asyncio.to_thread(present_trace, detail, place), detail.trace, services, place)
        shown = await commented(shown, wanted, services, place)
    if request.headers.get("hx-target") == "observation":
        return await site.page(request, "observation.html", {"detail": shown}, at=place)
    page = whole_number(request.query_params.get("page"))
    layout = await asyncio.to_thread(timeline.lay_out, detail.observations, page=page, chosen=chosen)
    view = frame_view(detail, layout, place, href) | {"detail": shown}
    return await site.page(request, "trace.html", view, at=place)
