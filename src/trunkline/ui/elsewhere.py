"""Addresses that lead on: the start page, the choice of a project, and what SDKs print for pages still to come."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from trunkline.api.services import Services
from trunkline.errors import NotFound
from trunkline.store.traces import TraceQuery, TraceStore
from trunkline.ui import addresses
from trunkline.ui.failures import Link
from trunkline.ui.rendering import Page, Site
from trunkline.ui.sessions import Place, Visitor, WebRequest


@get("/")
async def start_page(visitor: NamedDependency[Visitor], site: NamedDependency[Site]) -> Page:
    if len(visitor.projects) == 1:
        return site.redirect(addresses.prompts(f"/project/{visitor.projects[0].id}"))
    return site.redirect("/projects")


@get("/projects")
async def projects_page(request: WebRequest, visitor: NamedDependency[Visitor], site: NamedDependency[Site]) -> Page:
    return await site.page(request, "projects.html", {}, at=visitor)


@get("/trace/{trace_id:path}")
async def trace_of_any_project(
    trace_id: FromPath[str],
    visitor: NamedDependency[Visitor],
    services: NamedDependency[Services],
    site: NamedDependency[Site],
) -> Page:
    """What Langfuse's SDK 2 prints: it knows no project. Of several that have such a trace the first is shown."""
    wanted = trace_id.removeprefix("/")
    for project in visitor.projects:
        if await _has_trace(services.traces, project.id, wanted):
            return site.redirect(addresses.trace(f"/project/{project.id}", wanted))
    raise NotFound(f"There is no trace {wanted!r} in any project. One that was sent just now may not have arrived yet.")


async def _has_trace(store: TraceStore, project_id: str, trace_id: str) -> bool:
    traces, _ = await store.traces(project_id, TraceQuery(ids=(trace_id,), limit=1, count=False))
    return bool(traces)


@get("/")
async def project_page(place: NamedDependency[Place], site: NamedDependency[Site]) -> Page:
    return site.redirect(addresses.prompts(place.root))


@get("/sessions/{session_id:path}")
async def session_page(session_id: FromPath[str], place: NamedDependency[Place], site: NamedDependency[Site]) -> Page:
    return site.redirect(addresses.traces(place.root, session=session_id.removeprefix("/")))


@get("/users/{user_id:path}")
async def user_page(user_id: FromPath[str], place: NamedDependency[Place], site: NamedDependency[Site]) -> Page:
    return site.redirect(addresses.traces(place.root, user=user_id.removeprefix("/")))


@get(["/sessions", "/users"])
async def without_list(place: NamedDependency[Place], site: NamedDependency[Site]) -> Page:
    return site.redirect(addresses.traces(place.root))


@get(["/datasets", "/datasets/{rest:path}", "/experiments", "/experiments/{rest:path}"])
async def datasets_page(request: WebRequest, place: NamedDependency[Place], site: NamedDependency[Site]) -> Page:
    """SDKs print the addresses of datasets and their runs, SDK 5 for Python those of experiments."""
    view = {
        "code": 404,
        "title": "Datasets have no page yet",
        "text": "What an experiment recorded is among the traces.",
        "links": (
            Link(text="Traces of experiments", href=addresses.traces(place.root, environment="sdk-experiment")),
            Link(text="All traces", href=addresses.traces(place.root)),
        ),
    }
    return await site.page(request, "message.html", view, at=place, status=404)


@get("/{rest:path}")
async def no_such_page(request: WebRequest, place: NamedDependency[Place], site: NamedDependency[Site]) -> Page:
    """Inside a project, so that the bar and its ways on are there."""
    view = {
        "code": 404,
        "title": "Nothing here",
        "text": "No page has this address.",
        "links": (Link(text="Prompts", href=addresses.prompts(place.root)),),
    }
    return await site.page(request, "message.html", view, at=place, status=404)
