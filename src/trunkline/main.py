"""The composition root: builds every part of one process from the settings and wires them together."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from trunkline.api.access_log import AccessLog
from trunkline.api.app import create_app
from trunkline.api.auth import Authenticator
from trunkline.api.fastpath import App, Message, Receive, Scope, Send
from trunkline.api.langfuse.shapes_prompts import PromptEncoder
from trunkline.api.logs import configure_logging
from trunkline.api.metrics import ENVIRONMENT, Metrics
from trunkline.api.registry_metrics import RegistryMetrics
from trunkline.api.retention_metrics import count_retention
from trunkline.api.services import Services
from trunkline.errors import TrunklineError
from trunkline.installation import DataFolder, open_or_seed
from trunkline.registry.receive import ReceiveServer
from trunkline.registry.registry import Registry, open_registry
from trunkline.registry.tables import Tables
from trunkline.registry.watch import watch
from trunkline.rows import FetchCount
from trunkline.serving.answers import PromptServer
from trunkline.serving.cache import SharedCache
from trunkline.serving.fetches import FetchCounts
from trunkline.settings import Settings, load_settings
from trunkline.store.comments import CommentStore
from trunkline.store.control import ControlStore, now_micros
from trunkline.store.datasets import DatasetStore
from trunkline.store.experiments import ExperimentStore
from trunkline.store.media import open_media
from trunkline.store.models import ModelStore
from trunkline.store.queues import QueueStore
from trunkline.store.registry_tables import SQLiteTables
from trunkline.store.score_configs import ScoreConfigStore
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.tracing.pricing import Pricing
from trunkline.tracing.retention import Retention
from trunkline.types import Micros
from trunkline.ui.routes import routers

log = structlog.get_logger(__name__)

HOUR: Micros = 3_600_000_000
SWEEP_S = 3600.0
"""How often media that nothing refers to are looked for; those of deleted traces go at once."""
GC_THRESHOLD = 50_000
"""New containers between two young collections. Decoding a batch of spans makes thousands that all live until the batch
is written; collecting among them is 30 % of its time (`docs/performance.md`)."""


def application() -> App:
    """What uvicorn calls in each worker process: the whole application, told by the environment."""
    settings = load_settings()
    configure_logging(settings)
    process = Process(settings)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 100)
    return process


class Process:
    """One worker process: its parts, and the background tasks that live from the server's start to its stop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = DataFolder(settings.data)
        self.parts = compose(settings, self.folder)
        self._app = create_app(self.parts.services, routers(self.parts.services))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application's own lifespan inside of this process's: its tasks start first and end last.

        They must have ended before the server hears that the shutdown is complete: it stops the loop then.
        """
        async with AsyncExitStack() as stack:

            async def receive_and_start() -> Message:
                message = await receive()
                if message["type"] == "lifespan.startup":
                    await stack.enter_async_context(self.running())
                return message

            async def stop_and_send(message: Message) -> None:
                if message["type"].startswith("lifespan.shutdown."):
                    await stack.aclose()
                await send(message)

            await self._app(scope, receive_and_start, stop_and_send)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Opens the registries, then keeps every background task going."""
        services, parts = self.parts.services, self.parts
        await asyncio.to_thread(parts.open_registries)
        services.auth.on_change.append(parts.open_registries)
        if services.access_log is not None:
            services.access_log.start()
        tasks: list[Callable[[], Awaitable[None]]] = [
            lambda: watch(parts.registries, self.settings.head_poll_ms),
            services.prompts.fetches.run,
            services.metrics.run,
            services.traces.keep_search,
            lambda: serve_hooks(self.folder, parts.registries),
            lambda: sweep_media(self.folder, services),
            lambda: apply_retention(self.folder, services.retention),
            lambda: end_with_parent(self.settings.workers),
        ]
        try:
            async with keeping(tasks):
                yield
        finally:
            await self._close()

    async def _close(self) -> None:
        services = self.parts.services
        if services.prompts.shared is not None:
            await services.prompts.shared.aclose()
        await services.traces.close()
        await asyncio.to_thread(self.parts.close)
        if services.access_log is not None:
            services.access_log.close()


class Parts:
    """What `compose` made: the services that handlers see, and what only the process itself handles."""

    def __init__(self, folder: DataFolder, tables: SQLiteTables, services: Services, registries: dict[str, Registry]):
        self.folder, self.tables, self.services, self.registries = folder, tables, services, registries

    def open_registries(self) -> None:
        """Opens the registry of every project that is not open yet. Blocks: a cold index takes seconds."""
        for project in self.services.control.projects():
            if project.id not in self.registries:
                path = open_or_seed(self.folder, project.id)
                self.registries[project.id] = open_registry(path, project.id, self.tables)

    def close(self) -> None:
        for registry in self.registries.values():
            registry.close()
        self.tables.close()
        self.services.control.close()


def compose(settings: Settings, folder: DataFolder) -> Parts:
    """Every part of a process, not running yet."""
    key = folder.signing_key()
    control = ControlStore(folder.control, key)
    models = ModelStore(control)
    tables = SQLiteTables(folder.registry)
    registries: dict[str, Registry] = {}
    metrics = Metrics(Path(os.environ[ENVIRONMENT]) if settings.workers > 1 and ENVIRONMENT in os.environ else None)
    shared = _shared_cache(settings, key)
    if shared is not None:
        metrics.watch_shared_cache(shared)
    metrics.register(RegistryMetrics(registries))
    fetches = FetchCounts(lambda counts: _write_fetches(tables, counts))
    prompts = PromptServer(registries, PromptEncoder(), shared, fetches, secret=key)
    services = Services(
        settings=settings,
        control=control,
        auth=Authenticator(control),
        registries=registries,
        prompts=prompts,
        traces=SQLiteTraceStore(folder.traces, pricer=Pricing(models), search=settings.search),
        score_configs=ScoreConfigStore(control),
        datasets=DatasetStore(control.engine),
        experiments=ExperimentStore(control.engine),
        media=open_media(settings, control, folder.media, key),
        models=models,
        comments=CommentStore(control),
        queues=QueueStore(control),
        metrics=metrics,
        access_log=AccessLog() if settings.access_log else None,
    )
    count_retention(metrics, services.retention)
    return Parts(folder, tables, services, registries)


def _shared_cache(settings: Settings, key: bytes) -> SharedCache | None:
    if not settings.redis_url:
        return None
    return SharedCache(
        settings.redis_url,
        key,
        timeout=settings.redis_timeout_ms / 1000,
        ttl=settings.redis_ttl_s,
        max_bytes=settings.redis_max_bytes,
    )


def _write_fetches(tables: Tables, counts: Mapping[tuple[str, str, int, str, str], int]) -> None:
    hour = now_micros() // HOUR
    tables.fetches.add(FetchCount(*counted, hour=hour, count=count) for counted, count in counts.items())


@contextlib.asynccontextmanager
async def keeping(tasks: list[Callable[[], Awaitable[None]]]) -> AsyncIterator[None]:
    """Keeps background tasks going: one that fails is logged and begun again after a second."""
    running = [asyncio.create_task(_kept(task)) for task in tasks]
    try:
        yield
    finally:
        for task in reversed(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _kept(task: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await task()
            return
        except Exception as error:
            log.error("background_task_failed", exc_info=error)
            await asyncio.sleep(1)


async def serve_hooks(folder: DataFolder, registries: Mapping[str, Registry]) -> None:
    """Answers Git's pre-receive hooks, in one worker of all."""
    async with alone(folder.run / "receive.lock"):
        await ReceiveServer(folder.receive_socket, registries).serve()


async def sweep_media(folder: DataFolder, services: Services) -> None:
    """Deletes media that nothing refers to and what broken-off uploads left, once an hour, in one worker of all."""
    async with alone(folder.run / "media.lock"):
        while True:
            for project in await asyncio.to_thread(services.control.projects):
                try:
                    await services.media.sweep(project.id, services.traces)
                except TrunklineError as error:
                    log.warning("media_not_swept", project=project.id, error=error.message)
            await asyncio.sleep(SWEEP_S)


@contextlib.asynccontextmanager
async def alone(path: Path) -> AsyncIterator[None]:
    """For what one worker does for all: whoever holds the lock; another one follows it."""
    with path.open("w") as lock:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            await asyncio.sleep(0.5)
        yield


async def apply_retention(folder: DataFolder, retention: Retention) -> None:
    """Deletes what is too old, in one worker of all."""
    async with alone(folder.run / "retention.lock"):
        await retention.run()


async def end_with_parent(workers: int) -> None:
    """A worker whose supervisor was killed stops: it would hold the port and the files for ever."""
    if workers == 1:
        return
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells a process of its parent's end but a look
        await asyncio.sleep(0.5)
    log.warning("supervisor_gone", action="stopping")
    os.kill(os.getpid(), signal.SIGTERM)
