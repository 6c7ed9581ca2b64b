"""Errors as pages: what is wrong, in a sentence, and a way on."""

from __future__ import annotations

from urllib.parse import urlencode

import structlog
from litestar import Response
from litestar.exceptions import HTTPException

from trunkline.errors import TrunklineError
from trunkline.types import Struct
from trunkline.ui.rendering import Page, Site, own_address
from trunkline.ui.security import PAGE_HEADERS
from trunkline.ui.sessions import SignInNeeded, WebRequest

log = structlog.get_logger(__name__)

_TITLES = {
    400: "That address cannot be meant",
    401: "Sign in first",
    403: "Not allowed",
    404: "Nothing here",
    405: "That cannot be done here",
    413: "Too large",
    429: "Too many attempts",
    503: "Not available right now",
}


class Link(Struct, frozen=True, kw_only=True):
    text: str
    href: str


class Failures:
    """The error handlers of all pages."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def sign_in(self, request: WebRequest, error: SignInNeeded) -> Page:
        """To the sign-in page and back. A request by htmx is told to take the whole window there."""
        back = own_address(request) if request.method == "GET" else "/"
        target = "/sign-in?" + urlencode({"next": back})
        if request.headers.get("hx-request"):
            return Response("", status_code=200, headers={**PAGE_HEADERS, "HX-Redirect": target})
        return self._site.redirect(target)

    def known(self, request: WebRequest, error: TrunklineError) -> Page:
        if error.status >= 500:
            log.error("page_failed", path=request.scope["path"], error=error.message, exc_info=error)
        response = self.page(request, error.status, error.message)
        retry_after = getattr(error, "retry_after", None)
        if retry_after is not None:
            response.headers["Retry-After"] = str(max(1, round(retry_after)))
        return response

    def http(self, request: WebRequest, error: HTTPException) -> Page:
        """The framework's own: no such route, a body that is too large."""
        text = "" if error.status_code == 404 else error.detail
        return self.page(request, error.status_code, text)

    def unknown(self, request: WebRequest, error: Exception) -> Page:
        log.error("unhandled_exception", path=request.scope["path"], method=request.method, exc_info=error)
        return self.page(request, 500, "Something went wrong in the server. Its log has the details.")

    def page(self, request: WebRequest, status: int, text: str) -> Page:
        return self._site.bare_page(
            request,
            "message.html",
            {
                "code": status,
                "title": _TITLES.get(status, "Something went wrong"),
                "text": text or "No page has this address.",
                "links": ways_on(request.scope["path"]),
            },
            status=status,
        )


def ways_on(path: str) -> tuple[Link, ...]:
    parts = path.split("/")
    if len(parts) > 3 and parts[1] == "project" and parts[2].isascii() and parts[2].replace("-", "").isalnum():
        root = f"/project/{parts[2]}"
        return (Link(text="Prompts", href=f"{root}/prompts"), Link(text="Traces", href=f"{root}/traces"))
    return (Link(text="Start page", href="/"),)
