"""All pages as one Litestar router, to be handed to the application with `routers`."""

from __future__ import annotations

from litestar import Router, get
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath
from litestar.response import Response
from litestar.types import ControllerRouterHandler

from trunkline.api.services import Services
from trunkline.errors import TrunklineError
from trunkline.ui.elsewhere import (
    datasets_page,
    no_such_page,
    project_page,
    projects_page,
    session_page,
    start_page,
    trace_of_any_project,
    user_page,
    without_list,
)
from trunkline.ui.failures import Failures
from trunkline.ui.media import media_bytes
from trunkline.ui.prompt import prompt_page
from trunkline.ui.prompts import prompts_page
from trunkline.ui.rendering import Site, make_site
from trunkline.ui.sessions import SignInNeeded, WebRequest, provide_place, provide_visitor
from trunkline.ui.signin import Throttle, choose_theme, sign_in, sign_in_page, sign_out
from trunkline.ui.trace import trace_page
from trunkline.ui.traces import traces_page

FOR_EVER = "public, max-age=31536000, immutable"


@get("/static/{digest:str}/{name:path}")
async def static_file(
    request: WebRequest, digest: FromPath[str], name: FromPath[str], site: NamedDependency[Site]
) -> Response[bytes]:
    """A file of the allow-list. Under another release's digest it is served too, but never kept."""
    asset = site.assets.files.get(name.removeprefix("/"))
    if asset is None:
        raise NotFoundException
    headers = {
        "ETag": asset.etag,
        "Cache-Control": FOR_EVER if digest == site.assets.digest else "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if request.headers.get("if-none-match") == asset.etag:
        return Response(b"", status_code=304, headers=headers)
    return Response(asset.body, media_type=asset.media_type, headers=headers)


def routers(services: Services) -> list[ControllerRouterHandler]:
    """Every page, with its errors shown as pages; to be given to ``create_app`` as `extra_handlers`."""
    site = make_site(secure_cookies=services.settings.secure_cookies)
    throttle = Throttle()
    failures = Failures(site)

    def provide_services() -> Services:
        return services

    def provide_site() -> Site:
        return site

    def provide_throttle() -> Throttle:
        return throttle

    project = Router(
        "/project/{project_id:str}",
        route_handlers=[
            project_page,
            prompts_page,
            prompt_page,
            traces_page,
            trace_page,
            media_bytes,
            session_page,
            user_page,
            without_list,
            datasets_page,
            no_such_page,
        ],
        dependencies={"place": Provide(provide_place)},
    )
    return [
        Router(
            "/",
            route_handlers=[
                start_page,
                projects_page,
                trace_of_any_project,
                sign_in_page,
                sign_in,
                sign_out,
                choose_theme,
                static_file,
                project,
            ],
            dependencies={
                "services": Provide(provide_services, sync_to_thread=False),
                "site": Provide(provide_site, sync_to_thread=False),
                "throttle": Provide(provide_throttle, sync_to_thread=False),
                "visitor": Provide(provide_visitor),
            },
            exception_handlers={
                SignInNeeded: failures.sign_in,
                TrunklineError: failures.known,
                HTTPException: failures.http,
                Exception: failures.unknown,
            },
            include_in_schema=False,
        )
    ]
