"""The HTTP application: every route, one error handler, the limits, and the outer layer around it all."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from typing import cast

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from trunkline.api import health, openapi
from trunkline.api.access import caller_dependencies, check_access
from trunkline.api.cross_origin import open_to_browsers
from trunkline.api.errors import handle_error
from trunkline.api.fastpath import App, Outer
from trunkline.api.langfuse import (
    annotation_queues,
    comments,
    dataset_items,
    dataset_run_items,
    datasets,
    experiments,
    ingestion,
    media,
    metrics_daily,
    models,
    observations,
    otel,
    projects,
    prompts,
    score_configs,
    scores,
    sessions,
    traces,
)
from trunkline.api.langfuse import health as langfuse_health
from trunkline.api.langfuse import metrics as langfuse_metrics
from trunkline.api.native import (
    compiling,
    keys,
    media_bytes,
    metrics,
    project_settings,
    promotions,
    search,
    users,
    versions,
)
from trunkline.api.services import Services
from trunkline.errors import TrunklineError

MODULES = (
    *(langfuse_health, projects, prompts, ingestion, otel, traces, observations, scores, sessions),
    *(score_configs, models, comments, annotation_queues, media),
    *(datasets, dataset_items, dataset_run_items, experiments),
    *(compiling, versions, metrics, promotions, keys, media_bytes, project_settings),
    *(search,),
    *(langfuse_metrics, metrics_daily, users),
    *(health, openapi),
)


def create_app(services: Services, extra_handlers: Sequence[ControllerRouterHandler] = ()) -> Outer:
    """The whole application as ASGI: `extra_handlers` (the pages) stand beside the API and look after themselves."""
    return Outer(
        cast(App, create_litestar(services, extra_handlers)),
        prompts=services.prompts,
        authenticate=services.auth.authenticate,
        metrics=services.metrics,
        limits=services.limits,
        access_log=services.access_log,
        worker=str(os.getpid()) if services.settings.workers > 1 else "",
    )


def create_litestar(services: Services, extra_handlers: Sequence[ControllerRouterHandler] = ()) -> Litestar:
    """The routes without the outer layer."""
    api = Router(
        path="/",
        route_handlers=[handler for module in MODULES for handler in module.handlers],
        guards=[check_access],
        dependencies=caller_dependencies(),
    )

    def provide_services() -> Services:
        return services

    @contextlib.asynccontextmanager
    async def watching(_: Litestar) -> AsyncIterator[None]:
        async with watching_keys(services):
            yield

    return Litestar(
        route_handlers=[api, *extra_handlers],
        dependencies={"services": Provide(provide_services, sync_to_thread=False)},
        exception_handlers={Exception: handle_error},
        before_send=[open_to_browsers],
        request_max_body_size=services.settings.max_body_bytes,
        lifespan=[watching],
        state=State({"services": services}),
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )


@contextlib.asynccontextmanager
async def watching_keys(services: Services) -> AsyncIterator[None]:
    """Looks for changed keys for as long as the application runs, and writes their last use at its end."""
    task = asyncio.create_task(services.auth.watch())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        with contextlib.suppress(TrunklineError):
            await asyncio.to_thread(services.auth.write_used)
