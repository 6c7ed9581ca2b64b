"""What each version of a prompt did in production: the trace store's numbers beside the registry's names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from litestar import Response, get
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.formats import iso_or_none
from trunkline.api.langfuse.prompt_params import PromptParams
from trunkline.api.native.bodies import HTTPRequest
from trunkline.api.native.shapes import NO_METRICS, Cost, Mean, MetricsRow, ScoreNumbers
from trunkline.api.services import Services
from trunkline.errors import NotFound
from trunkline.prompts.names import validate_prompt_name
from trunkline.registry.registry import Registry
from trunkline.serving.entries import labels_of
from trunkline.types import Caller, ScoreSummary, Version, VersionMetrics


@get("/api/v1/prompts/metrics")
async def get_metrics(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Generations, latency, tokens, cost and scores of each version, the newest version first."""
    params = PromptParams(request.scope["query_string"])
    name, environment = params.required("name"), params.text("environment")
    since, until = params.time("since"), params.time("until")
    params.check()
    name = validate_prompt_name(name)
    registry = services.registry(caller.project_id)
    known = {version.version: version for version in await asyncio.to_thread(_versions, registry, name)}
    measured = await services.traces.version_metrics(
        caller.project_id, name, since=since, until=until, environment=environment
    )
    if not known and not measured:
        raise NotFound(f"Prompt not found: '{name}'")
    comments = await asyncio.to_thread(services.comments.by_version, caller.project_id, name)
    return answer(HTTPStatus.OK, {"name": name, "versions": metrics_rows(registry, name, known, measured, comments)})


def metrics_rows(
    registry: Registry,
    name: str,
    known: Mapping[int, Version],
    measured: list[VersionMetrics],
    comments: Mapping[int, int],
) -> list[MetricsRow]:
    """A row for each version that the registry has or that was measured."""
    state = registry.snapshot.prompts.get(name)
    numbers = {metrics.version: metrics for metrics in measured}
    return [
        _row(
            number,
            known.get(number),
            labels_of(state, number) if state else (),
            numbers.get(number, NO_METRICS),
            comments.get(number, 0),
        )
        for number in sorted(known.keys() | numbers.keys(), reverse=True)
    ]


def _versions(registry: Registry, name: str) -> tuple[Version, ...]:
    try:
        return registry.versions(name)
    except NotFound:
        return ()


def _row(
    number: int, version: Version | None, labels: tuple[str, ...], metrics: VersionMetrics, comments: int
) -> MetricsRow:
    return MetricsRow(
        version=number,
        commit=version.commit if version else None,
        blob=version.blob if version else None,
        labels=labels,
        generations=metrics.generations,
        latency_ms=metrics.latency_ms,
        input_tokens=Mean(mean=metrics.input_tokens_mean),
        output_tokens=Mean(mean=metrics.output_tokens_mean),
        cost_usd=Cost(mean=metrics.cost_mean, sum=metrics.cost_sum),
        scores=_scores(metrics.scores),
        trace_scores=_scores(metrics.trace_scores),
        comments=comments,
        first_seen=iso_or_none(metrics.first_seen),
        last_seen=iso_or_none(metrics.last_seen),
    )


def _scores(scores: Mapping[str, ScoreSummary]) -> dict[str, ScoreNumbers]:
    return {
        name: ScoreNumbers(count=summary.count, mean=summary.mean, values=summary.values)
        for name, summary in sorted(scores.items())
    }


handlers = [get_metrics]
