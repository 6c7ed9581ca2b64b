"""Templates to answers: one environment that always escapes, one set of headers, one frame around every page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.datastructures import Cookie

from trunkline.types import Struct
from trunkline.ui import formats
from trunkline.ui.assets import Assets, load_assets
from trunkline.ui.security import PAGE_HEADERS
from trunkline.ui.sessions import PLACE, THEME_COOKIE, THEMES, Place, Visitor, WebRequest

TEMPLATES = Path(__file__).parent / "templates"
Page = Response[str]


class Site(Struct, frozen=True, kw_only=True):
    """What all pages share: the templates, the static files, and whether cookies go over HTTPS only."""

    environment: Environment
    assets: Assets
    secure_cookies: bool

    async def page(
        self,
        request: WebRequest,
        template: str,
        view: Mapping[str, Any],
        *,
        at: Place | Visitor | None = None,
        status: int = 200,
        cookies: list[Cookie] | None = None,
    ) -> Page:
        """Renders in a thread: a long page must not hold up the answers to SDKs."""
        frame = self._frame(request, at)
        html = await asyncio.to_thread(self.environment.get_template(template).render, {**frame, **view})
        return self.answer(html, status=status, cookies=cookies)

    def answer(self, html: str, *, status: int = 200, cookies: list[Cookie] | None = None) -> Page:
        return Response(
            html, status_code=status, media_type=MediaType.HTML, headers=dict(PAGE_HEADERS), cookies=cookies
        )

    def bare_page(self, request: WebRequest, template: str, view: Mapping[str, Any], *, status: int) -> Page:
        """For error handlers, which are not async; framed where the project was found before the error."""
        html = self.environment.get_template(template).render(
            {**self._frame(request, request.state.get(PLACE)), **view}
        )
        return self.answer(html, status=status)

    def redirect(self, target: str, *, cookies: list[Cookie] | None = None) -> Page:
        """After a form (POST, then GET); `target` must be one of our own paths."""
        return Response("", status_code=303, headers={**PAGE_HEADERS, "Location": target}, cookies=cookies)

    def cookie(self, key: str, value: str, *, max_age: int | None = None, path: str = "/") -> Cookie:
        """Lax, so that a link from a forge or a chat opens the page that it names."""
        return Cookie(
            key=key, value=value, path=path, max_age=max_age, httponly=True, secure=self.secure_cookies, samesite="lax"
        )

    def _frame(self, request: WebRequest, at: Place | Visitor | None) -> dict[str, Any]:
        visitor = at.visitor if isinstance(at, Place) else at
        theme = request.cookies.get(THEME_COOKIE)
        return {
            "place": at if isinstance(at, Place) else None,
            "visitor": visitor,
            "token": visitor.form_token if visitor else "",
            "theme": theme if theme in THEMES else "auto",
            "section": "",
            "here": own_address(request),
        }


def own_address(request: WebRequest) -> str:
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope.get("raw_path", b"").decode("latin-1") or request.scope["path"]
    return f"{path}?{query}" if query else path


def make_environment(assets: Assets) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["asset"] = assets.url
    environment.filters.update(
        machine_time=formats.machine_time,
        clock=formats.clock,
        minute=formats.minute,
        person=formats.person,
        duration=formats.duration,
        milliseconds=formats.milliseconds,
        dollars=formats.dollars,
        count=formats.count,
        mean=formats.mean,
        short=formats.short,
        clipped=formats.clipped,
        percent=formats.percent,
    )
    return environment


def make_site(*, secure_cookies: bool) -> Site:
    assets = load_assets()
    return Site(environment=make_environment(assets), assets=assets, secure_cookies=secure_cookies)
