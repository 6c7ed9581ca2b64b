"""The tabs of a prompt that read the traces: what each version did, and its latest generations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.store.traces import ObservationQuery, TraceStore
from trunkline.types import Observation, ScoreSummary, Struct, Version, VersionMetrics
from trunkline.ui import addresses, formats, timeline
from trunkline.ui.content import snippet
from trunkline.ui.labels import LabelChip
from trunkline.ui.paging import pages_of
from trunkline.ui.sessions import Place

PAGE_GENERATIONS = 50
MAX_SCORES = 8
"""Names of scores that get a column."""


class MetricsRow(Struct, frozen=True, kw_only=True):
    metrics: VersionMetrics
    href: str
    labels: tuple[LabelChip, ...]
    chosen: bool
    share: str
    """Generations relative to the busiest version, as an SVG length; likewise the latencies."""
    p50: str
    p95: str
    scores: tuple[str, ...]
    """In the order of the columns."""


class GenerationRow(Struct, frozen=True, kw_only=True):
    observation: Observation
    href: str
    name: str
    input: str
    output: str
    latency: str
    tokens: int
    cost: float


def summaries(metrics: VersionMetrics) -> dict[str, ScoreSummary]:
    """Scores of the generations; where there are none of a name, those of their traces."""
    return {**metrics.trace_scores, **metrics.scores}


def score_names(versions: list[VersionMetrics]) -> list[str]:
    """Those with the most scores, by name."""
    counts: dict[str, int] = {}
    for metrics in versions:
        for name, summary in summaries(metrics).items():
            counts[name] = counts.get(name, 0) + summary.count
    return sorted(sorted(counts, key=lambda name: (-counts[name], name))[:MAX_SCORES])


def written(summary: ScoreSummary | None) -> str:
    """A mean, or the category given most often with its share."""
    if summary is None or not summary.count:
        return formats.DASH
    if summary.mean is not None:
        return formats.mean(summary.mean)
    if not summary.values:
        return formats.count(summary.count)
    value, times = max(summary.values.items(), key=lambda item: item[1])
    return f"{formats.clipped(value, 24)} {times / summary.count:.0%}"


def metrics_rows(
    versions: list[VersionMetrics], place: Place, chips: Mapping[int, tuple[LabelChip, ...]], chosen: Version
) -> list[MetricsRow]:
    busiest = max((metrics.generations for metrics in versions), default=0) or 1
    slowest = max((metrics.latency_ms.p95 or 0 for metrics in versions), default=0) or 1
    names = score_names(versions)
    return [
        MetricsRow(
            metrics=metrics,
            href=addresses.prompt(place.root, chosen.name, version=metrics.version, tab="metrics"),
            labels=chips.get(metrics.version, ()),
            chosen=metrics.version == chosen.version,
            share=formats.percent(metrics.generations / busiest),
            p50=formats.percent((metrics.latency_ms.p50 or 0) / slowest),
            p95=formats.percent((metrics.latency_ms.p95 or 0) / slowest),
            scores=tuple(written(summaries(metrics).get(name)) for name in names),
        )
        for metrics in versions
    ]


async def metrics_view(
    store: TraceStore, place: Place, chips: Mapping[int, tuple[LabelChip, ...]], chosen: Version
) -> dict[str, Any]:
    versions = await store.version_metrics(place.project.id, chosen.name)
    return {
        "rows": metrics_rows(versions, place, chips, chosen),
        "score_names": score_names(versions),
        "generations": sum(metrics.generations for metrics in versions),
    }


async def generations_view(
    store: TraceStore, place: Place, chosen: Version, *, everything: bool, page: int
) -> dict[str, Any]:
    """The latest generations of the chosen version, or of all versions."""
    observations, total = await store.observations(
        place.project.id,
        ObservationQuery(
            prompt_name=chosen.name,
            prompt_version=None if everything else chosen.version,
            limit=PAGE_GENERATIONS,
            offset=(page - 1) * PAGE_GENERATIONS,
        ),
    )

    def at(number: int) -> str:
        scope = "all" if everything else None
        return addresses.prompt(
            place.root, chosen.name, version=chosen.version, tab="generations", of=scope, page=number
        )

    return {
        "rows": [generation_row(observation, place.root) for observation in observations],
        "everything": everything,
        "total": total,
        "pages": pages_of(page, PAGE_GENERATIONS, len(observations), total, at(page - 1), at(page + 1)),
    }


def generation_row(observation: Observation, root: str) -> GenerationRow:
    end = observation.end_time
    return GenerationRow(
        observation=observation,
        href=addresses.trace(root, observation.trace_id, observation=observation.id),
        name=formats.clipped(observation.name or "", 60) or observation.type.value.lower(),
        input=snippet(observation.input),
        output=snippet(observation.output),
        latency=formats.duration(None if end is None else end - observation.start_time),
        tokens=timeline.total_tokens(observation),
        cost=timeline.total_cost(observation),
    )
