"""Sign-in, sign-out, and the choice of light or dark."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import get, post
from litestar.di import NamedDependency

from trunkline.api.services import Services
from trunkline.errors import Forbidden, TooManyRequests
from trunkline.store.control import SESSION_S, ControlStore
from trunkline.ui.rendering import Page, Site
from trunkline.ui.security import form_token, is_form_token, is_same_origin, safe_return
from trunkline.ui.sessions import (
    SESSION_COOKIE,
    THEME_COOKIE,
    THEMES,
    VISIT_COOKIE,
    Visitor,
    WebRequest,
    find_visitor,
    new_visit,
)

MAX_FORM_BYTES = 16_384
FAILURES = 10
WINDOW_S = 60.0
AT_ONCE = 2
"""Passwords that are checked at one time."""
_YEAR_S = 365 * 86_400


class Throttle:
    """Slows down guessing: after `FAILURES` wrong passwords in a minute, an address waits.

    By the address of the connection, never by a header that the client writes. Per process, and bounded.
    """

    def __init__(self, limit: int = FAILURES, window_s: float = WINDOW_S, addresses: int = 1000) -> None:
        self._limit = limit
        self._window_s = window_s
        self._addresses = addresses
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    def check(self, address: str, now: float) -> None:
        failures = self._failures.get(address, deque())
        while failures and failures[0] <= now - self._window_s:
            failures.popleft()
        if len(failures) >= self._limit:
            wait = failures[0] + self._window_s - now
            raise TooManyRequests(f"Too many wrong passwords. Try again in {wait:.0f} s.", retry_after=wait)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for one of few places: checking a password is slow on purpose, and must not take every thread."""
        if self._waiting >= AT_ONCE * 8:
            raise TooManyRequests("Many sign-ins are being checked. Try again in a moment.")
        self._waiting += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= 1

    def failed(self, address: str, now: float) -> None:
        self._failures.setdefault(address, deque(maxlen=self._limit)).append(now)
        self._failures.move_to_end(address)
        if len(self._failures) > self._addresses:
            self._failures.popitem(last=False)


async def read_form(request: WebRequest, secret: str) -> dict[str, str]:
    """The fields of a form that our own page sent. Raises Forbidden for any other."""
    form = await request.form()
    fields = {key: value for key, value in form.items() if isinstance(value, str)}
    given = fields.get("token", "")
    headers = request.headers
    same = is_same_origin(headers.get("host", ""), headers.get("origin"), headers.get("sec-fetch-site"))
    if not same or not is_form_token(given, secret):
        raise Forbidden("This form is out of date. Go back, load the page again and send it once more.")
    return fields


def sign_in_view(secret: str, target: str, *, name: str = "", failure: str = "") -> dict[str, Any]:
    return {"token": form_token(secret), "target": target, "name": name, "failure": failure}


@get("/sign-in")
async def sign_in_page(request: WebRequest, services: NamedDependency[Services], site: NamedDependency[Site]) -> Page:
    target = safe_return(request.query_params.get("next"))
    if await find_visitor(request, services.control):
        return site.redirect(target)
    visit = request.cookies.get(VISIT_COOKIE) or new_visit()
    cookies = [site.cookie(VISIT_COOKIE, visit, path="/sign-in")]
    return await site.page(request, "sign_in.html", sign_in_view(visit, target), cookies=cookies)


@post("/sign-in", status_code=200, request_max_body_size=MAX_FORM_BYTES)
async def sign_in(
    request: WebRequest,
    services: NamedDependency[Services],
    site: NamedDependency[Site],
    throttle: NamedDependency[Throttle],
) -> Page:
    visit = request.cookies.get(VISIT_COOKIE, "")
    fields = await read_form(request, visit)
    name, target = fields.get("name", "").strip(), safe_return(fields.get("next"))
    address = request.client.host if request.client else ""
    throttle.check(address, time.monotonic())
    async with throttle.turn():
        token = await asyncio.to_thread(_open_session, services.control, name, fields.get("password", ""))
    if token is None:
        throttle.failed(address, time.monotonic())
        view = sign_in_view(visit, target, name=name, failure="That name and password do not belong together.")
        return await site.page(request, "sign_in.html", view, status=401)
    cookies = [site.cookie(SESSION_COOKIE, token, max_age=SESSION_S), _dropped(site, VISIT_COOKIE, "/sign-in")]
    return site.redirect(target, cookies=cookies)


@post("/sign-out", status_code=200, request_max_body_size=MAX_FORM_BYTES)
async def sign_out(
    request: WebRequest,
    services: NamedDependency[Services],
    site: NamedDependency[Site],
    visitor: NamedDependency[Visitor],
) -> Page:
    await read_form(request, visitor.token)
    await asyncio.to_thread(services.control.end_session, visitor.token)
    return site.redirect("/sign-in", cookies=[_dropped(site, SESSION_COOKIE, "/")])


@post("/theme", status_code=200, request_max_body_size=MAX_FORM_BYTES)
async def choose_theme(request: WebRequest, site: NamedDependency[Site], visitor: NamedDependency[Visitor]) -> Page:
    fields = await read_form(request, visitor.token)
    theme = fields.get("theme", "")
    cookie = site.cookie(THEME_COOKIE, theme, max_age=_YEAR_S) if theme in THEMES else _dropped(site, THEME_COOKIE, "/")
    return site.redirect(safe_return(fields.get("next")), cookies=[cookie])


def _open_session(control: ControlStore, name: str, password: str) -> str | None:
    user = control.verify_password(name, password)
    return control.create_session(user) if user else None


def _dropped(site: Site, key: str, path: str) -> Any:
    return site.cookie(key, "", max_age=0, path=path)
