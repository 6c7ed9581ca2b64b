"""``/health`` for operators and load balancers, ``/metrics`` for Prometheus.

Anyone may ask whether the server is well. Which files are at fault is told to those who hold a key of the project:
their names are the project's own.
"""

from __future__ import annotations

import asyncio
import os
from http import HTTPStatus

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency

from trunkline.api.access import PUBLIC, authorization
from trunkline.api.errors import answer
from trunkline.api.langfuse.formats import iso
from trunkline.api.metrics import CONTENT_TYPE
from trunkline.api.native.versions import fault_shape, label_shape
from trunkline.api.retention_metrics import RetentionMetrics, overdue
from trunkline.api.search_metrics import SearchMetrics, search_health, search_status
from trunkline.api.services import Services
from trunkline.errors import TrunklineError, Unauthorized
from trunkline.registry.registry import Registry
from trunkline.types import JSON


@get("/health", opt=PUBLIC)
async def get_health(request: Request[object, object, State], services: NamedDependency[Services]) -> Response[bytes]:
    """200 while prompts are served, even if some files of a registry are at fault; 503 where a part is down."""
    named = _project_of_key(request, services)
    down, projects = await asyncio.to_thread(_look, services, named)
    late = await overdue(services.retention)
    for project in projects:
        if project["id"] in late:
            days = services.project_settings(project["id"]).retention_days
            project["retention"] = {"days": days, "overdue_s": round(late[project["id"]] / 1e6)}
    faulty = any(project["faults"] or project["rewritten_history"] for project in projects)
    body = {
        "status": "unavailable" if down else "degraded" if faulty else "ok",
        "version": services.version,
        "worker": os.getpid(),
        "started_at": iso(services.started_at),
        "down": down,
        "redis": _redis(services),
        "search": search_health(await search_status(services.traces)),
        "projects": projects,
    }
    status = HTTPStatus.SERVICE_UNAVAILABLE if down else HTTPStatus.OK
    return answer(status, body, {"cache-control": "no-store", **({"retry-after": "1"} if down else {})})


@get("/metrics", opt=PUBLIC)
async def get_metrics(services: NamedDependency[Services]) -> Response[bytes]:
    """Counters of all worker processes in Prometheus' text format."""
    search = SearchMetrics(await search_status(services.traces))
    retention = RetentionMetrics(await overdue(services.retention))
    exposition = await asyncio.to_thread(services.metrics.exposition, search, retention)
    return Response(exposition, media_type=CONTENT_TYPE)


def project_health(project_id: str, registry: Registry, *, detailed: bool) -> dict[str, JSON]:
    """The head that is served, since when it was looked for, and what is wrong; with `detailed` by file."""
    snapshot = registry.snapshot
    held = snapshot.held()
    shown: dict[str, JSON] = {
        "id": project_id,
        "head": snapshot.head,
        "staleness_ms": round(registry.staleness_ms()),
        "prompts": len(snapshot.prompts),
        "faults": len(snapshot.faults),
        "held": len(held),
        "rewritten_history": bool(registry.rewritten_to),
    }
    if detailed:
        shown["faulty_files"] = [fault_shape(fault) for fault in snapshot.faults]
        shown["held_entries"] = {name: label_shape(state) for name, state in sorted(held.items())}
        shown["rewritten_to"] = registry.rewritten_to or None
        shown["unsaved"] = registry.unsaved.message if registry.unsaved else None
    return shown


def _project_of_key(request: Request[object, object, State], services: Services) -> str | None:
    try:
        caller = services.auth.authenticate(authorization(request.scope))
    except Unauthorized:
        return None
    return None if caller.scores_only else caller.project_id


def _look(services: Services, named: str | None) -> tuple[list[str], list[dict[str, JSON]]]:
    projects = [
        project_health(project_id, registry, detailed=project_id == named)
        for project_id, registry in sorted(services.registries.items())
    ]
    return _parts_down(services), projects


def _parts_down(services: Services) -> list[str]:
    down = []
    try:
        projects = services.control.projects()
    except TrunklineError as error:
        return [f"control: {error.message}"]
    for project in projects:
        if project.id not in services.registries:
            down.append(f"registry {project.id}: not open yet")
    return down


def _redis(services: Services) -> str:
    shared = services.prompts.shared
    if shared is None:
        return "off"
    return "ok" if shared.available else "down"


handlers = [get_health, get_metrics]
