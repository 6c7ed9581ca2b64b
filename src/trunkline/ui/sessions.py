"""Who looks at a page: the cookie session, the projects they may see, and which one this page is about."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import FromPath

from trunkline.api.services import Services
from trunkline.errors import NotFound, Unauthorized
from trunkline.registry.registry import Registry
from trunkline.settings import Settings
from trunkline.store.control import ControlStore, User
from trunkline.types import Project, Struct
from trunkline.ui.security import form_token

SESSION_COOKIE = "trunkline_session"
VISIT_COOKIE = "trunkline_visit"
"""A random value given with the sign-in form, from which that form's token is derived."""
THEME_COOKIE = "trunkline_theme"
THEMES = ("light", "dark")

PLACE = "trunkline_place"

WebRequest = Request[Any, Any, Any]


class SignInNeeded(Unauthorized):
    """Nobody is signed in; the handler of this error leads to the sign-in page and back."""


class Visitor(Struct, frozen=True, kw_only=True):
    user: User
    token: str
    projects: tuple[Project, ...]

    @property
    def form_token(self) -> str:
        return form_token(self.token)


class Place(Struct, frozen=True, kw_only=True):
    """Where in the site a page is: its visitor, its project and that project's registry."""

    visitor: Visitor
    project: Project
    registry: Registry

    @property
    def root(self) -> str:
        return f"/project/{self.project.id}"


async def find_visitor(request: WebRequest, control: ControlStore) -> Visitor | None:
    token = request.cookies.get(SESSION_COOKIE, "")
    if not token or len(token) > 100:
        return None
    return await asyncio.to_thread(_visitor, control, token)


def _visitor(control: ControlStore, token: str) -> Visitor | None:
    found = control.find_session(token)
    return Visitor(user=found[0], token=token, projects=tuple(control.projects())) if found else None


async def provide_visitor(request: WebRequest, services: NamedDependency[Services]) -> Visitor:
    visitor = await find_visitor(request, services.control)
    if visitor is None:
        raise SignInNeeded("Sign in to see this page.")
    return visitor


async def provide_place(
    request: WebRequest,
    project_id: FromPath[str],
    visitor: NamedDependency[Visitor],
    services: NamedDependency[Services],
) -> Place:
    """Leaves the place in the request's state too, where an error's page finds it."""
    project = next((project for project in visitor.projects if project.id == project_id), None)
    if project is None:
        raise NotFound(f"There is no project {project_id!r}.")
    place = Place(visitor=visitor, project=project, registry=services.registry(project_id))
    request.state[PLACE] = place
    return place


def origin_of(request: WebRequest, settings: Settings) -> str:
    """Scheme, host and port for code that a reader copies: as set, else as they see this page."""
    return settings.url.rstrip("/") or f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"


def new_visit() -> str:
    return secrets.token_urlsafe(24)
