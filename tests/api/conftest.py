"""The real application on a data folder of its own: two projects with repositories, tables, and every kind of key."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from trunkline.api.app import create_app
from trunkline.api.auth import Authenticator
from trunkline.api.fastpath import Outer
from trunkline.api.langfuse.shapes_prompts import PromptEncoder
from trunkline.api.metrics import Metrics
from trunkline.api.services import Services
from trunkline.registry.memory_tables import memory_tables
from trunkline.registry.registry import Registry, open_registry
from trunkline.registry.repository import init_repository
from trunkline.serving.answers import PromptServer
from trunkline.settings import Settings, load_settings
from trunkline.store.comments import CommentStore
from trunkline.store.control import ControlStore
from trunkline.store.datasets import DatasetStore
from trunkline.store.experiments import ExperimentStore
from trunkline.store.media import open_media
from trunkline.store.models import ModelStore
from trunkline.store.queues import QueueStore
from trunkline.store.score_configs import ScoreConfigStore
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.tracing.pricing import Pricing
from trunkline.types import KeyKind

SIGNING_KEY = b"s" * 32
MAX_BODY = 200_000


@dataclass
class World:
    """One process's parts, and the Authorization headers by what they are: `key`, `reader`, `other`, `revoked`, …"""

    app: Outer
    services: Services
    headers: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def registry(self) -> Registry:
        return self.services.registries["one"]

    def client(self, who: str = "key") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=self.headers[who])


def basic(public: str, secret: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(f'{public}:{secret}'.encode()).decode()}"}


def make_headers(control: ControlStore) -> dict[str, dict[str, str]]:
    headers: dict[str, dict[str, str]] = {"none": {}, "bad": basic("pk-nobody", "sk-nobody")}
    kinds = (("key", "one", KeyKind.FULL), ("reader", "one", KeyKind.READ_ONLY), ("other", "two", KeyKind.FULL))
    for who, project, kind in (*kinds, ("revoked", "one", KeyKind.FULL)):
        key, secret = control.create_key(project, who, kind)
        headers[who] = basic(key.public_key, secret)
        if who == "key":
            headers["public"] = {"authorization": f"Bearer {key.public_key}"}
        if who == "revoked":
            control.revoke_key(project, key.public_key)
    return headers


def open_projects(folder: Path, control: ControlStore) -> dict[str, Registry]:
    registries = {}
    for project in ("one", "two"):
        control.create_project(project.title(), project_id=project)
        path = folder / f"{project}.git"
        init_repository(path)
        registries[project] = open_registry(path, project, memory_tables())
    return registries


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    # Settings that are not known are refused, and how many cases `make fuzz` runs is none.
    monkeypatch.delenv("TRUNKLINE_FUZZ_CASES", raising=False)
    return load_settings(data=tmp_path, max_body_bytes=MAX_BODY)


@pytest.fixture
async def world(settings: Settings) -> AsyncIterator[World]:
    control = ControlStore(settings.data / "control.db", SIGNING_KEY)
    registries = open_projects(settings.data, control)
    headers = make_headers(control)
    models = ModelStore(control)
    traces = SQLiteTraceStore(settings.data / "traces.db", pricer=Pricing(models))
    services = Services(
        settings=settings,
        control=control,
        auth=Authenticator(control),
        registries=registries,
        prompts=PromptServer(registries, PromptEncoder(), secret=SIGNING_KEY),
        traces=traces,
        score_configs=ScoreConfigStore(control),
        datasets=DatasetStore(control.engine),
        experiments=ExperimentStore(control.engine),
        media=open_media(settings, control, settings.data / "media", SIGNING_KEY),
        models=models,
        comments=CommentStore(control),
        queues=QueueStore(control),
        metrics=Metrics(),
    )
    yield World(create_app(services), services, headers)
    await traces.close()
    for registry in registries.values():
        registry.close()
    control.close()


@pytest.fixture
async def api(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the full key of project `one`."""
    async with world.client() as client:
        yield client
