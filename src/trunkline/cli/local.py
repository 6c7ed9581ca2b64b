"""The application within this process, as the operator of a data folder or of a plain repository."""

from __future__ import annotations

import contextlib
import getpass
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from litestar import Litestar

from trunkline.api.app import create_litestar
from trunkline.api.auth import Authenticator
from trunkline.api.langfuse.shapes_prompts import PromptEncoder
from trunkline.api.metrics import Metrics
from trunkline.api.services import Services
from trunkline.errors import InvalidRequest
from trunkline.installation import DataFolder
from trunkline.registry.memory_tables import MemoryTables
from trunkline.registry.registry import Registry, open_registry
from trunkline.registry.working_tree import WorkingTree
from trunkline.serving.answers import PromptServer
from trunkline.settings import Settings
from trunkline.store.comments import CommentStore
from trunkline.store.control import ControlStore
from trunkline.store.datasets import DatasetStore
from trunkline.store.experiments import ExperimentStore
from trunkline.store.media import open_media
from trunkline.store.models import ModelStore
from trunkline.store.queues import QueueStore
from trunkline.store.registry_tables import SQLiteTables
from trunkline.store.score_configs import ScoreConfigStore
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.types import Actor, ActorKind, Caller


class AsOperator(Authenticator):
    """Whoever can write to the files is their operator; commits say so."""

    def __init__(self, control: ControlStore, project_id: str, actor: Actor) -> None:
        super().__init__(control)
        self._caller = Caller(project_id=project_id, actor=actor)

    def authenticate(self, header: bytes | None) -> Caller:
        return self._caller


@contextlib.asynccontextmanager
async def local_app(*, data: Path | None, repository: Path | None, project: str | None) -> AsyncIterator[Litestar]:
    """The routes on `data` or on `repository`, for as long as the block lasts."""
    with contextlib.ExitStack() as stack:
        if repository is not None:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="trunkline-"))
            services = stack.enter_context(_on_repository(repository, Path(scratch)))
        elif data is not None:
            services = stack.enter_context(_on_data(data, project))
        else:
            raise InvalidRequest("Give --data DIR, --repo DIR or --url URL.")
        try:
            yield create_litestar(services)
        finally:
            await services.traces.close()


@contextlib.contextmanager
def _on_data(data: Path, project: str | None) -> Iterator[Services]:
    folder = DataFolder(data)
    key = folder.signing_key()
    control, tables = ControlStore(folder.control, key), SQLiteTables(folder.registry)
    with contextlib.ExitStack() as stack:
        stack.callback(control.close)
        stack.callback(tables.close)
        project_id = _chosen([found.id for found in control.projects()], project)
        registry = open_registry(folder.repository(project_id), project_id, tables)
        stack.callback(registry.close)
        actor = Actor(kind=ActorKind.OPERATOR, name=_user(), email=f"{_user()}@operators.trunkline.invalid")
        yield _services(registry, control, AsOperator(control, project_id, actor), folder.traces, key)


@contextlib.contextmanager
def _on_repository(repository: Path, scratch: Path) -> Iterator[Services]:
    # Nothing is known here but what Git says: the tables stand in a folder that goes away.
    control = ControlStore(scratch / "control.db", b"no key is kept in a plain repository")
    project_id = "repository"
    with contextlib.ExitStack() as stack:
        stack.callback(control.close)
        tree = WorkingTree(repository)
        registry = open_registry(tree.git_directory, project_id, MemoryTables())
        stack.callback(registry.close)
        access = AsOperator(control, project_id, tree.identity())
        with tree.following(registry):
            yield _services(registry, control, access, scratch / "traces.db", b"")


def _services(registry: Registry, control: ControlStore, access: AsOperator, traces: Path, key: bytes) -> Services:
    registries = {registry.project_id: registry}
    settings = Settings()
    return Services(
        settings=settings,
        control=control,
        auth=access,
        registries=registries,
        prompts=PromptServer(registries, PromptEncoder(), secret=key),
        traces=SQLiteTraceStore(traces),
        score_configs=ScoreConfigStore(control),
        datasets=DatasetStore(control.engine),
        experiments=ExperimentStore(control.engine),
        media=open_media(settings, control, traces.with_name("media"), key),
        models=ModelStore(control),
        comments=CommentStore(control),
        queues=QueueStore(control),
        metrics=Metrics(),
    )


def _chosen(projects: list[str], wanted: str | None) -> str:
    if wanted is None and len(projects) == 1:
        return projects[0]
    if wanted is None:
        raise InvalidRequest(f"There are several projects: give --project with one of {', '.join(projects)}.")
    if wanted not in projects:
        raise InvalidRequest(f"There is no project {wanted!r} here; there is {', '.join(projects)}.")
    return wanted


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
