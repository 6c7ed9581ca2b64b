"""What handlers work with: every part of one server process, wired by `main` and handed over whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trunkline import __version__
from trunkline.api.access_log import AccessLog
from trunkline.api.auth import Authenticator
from trunkline.api.limits import Limits
from trunkline.api.metrics import Metrics
from trunkline.errors import Unavailable
from trunkline.registry.registry import Registry
from trunkline.serving.answers import PromptServer
from trunkline.settings import Settings
from trunkline.store.comments import CommentStore
from trunkline.store.control import ControlStore, now_micros
from trunkline.store.datasets import DatasetStore
from trunkline.store.experiments import ExperimentStore
from trunkline.store.media import MediaLibrary
from trunkline.store.models import ModelStore
from trunkline.store.project_settings import ProjectSettings
from trunkline.store.queues import QueueStore
from trunkline.store.score_configs import ScoreConfigStore
from trunkline.store.traces import TraceStore
from trunkline.tracing.mask_rules import rules
from trunkline.tracing.masking import Masker
from trunkline.tracing.retention import Retention
from trunkline.types import Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of one process. `registries` is by project id and grows when a project is made."""

    settings: Settings
    control: ControlStore
    auth: Authenticator
    registries: Mapping[str, Registry]
    prompts: PromptServer
    traces: TraceStore
    score_configs: ScoreConfigStore
    datasets: DatasetStore
    experiments: ExperimentStore
    media: MediaLibrary
    models: ModelStore
    comments: CommentStore
    queues: QueueStore
    metrics: Metrics
    access_log: AccessLog | None = None
    limits: Limits = field(init=False)
    retention: Retention = field(init=False)
    started_at: Micros = field(default_factory=now_micros)
    version: str = __version__

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", Limits(self.auth.settings, workers=self.settings.workers))
        object.__setattr__(self, "retention", self._retention())

    def _retention(self) -> Retention:
        def projects() -> list[str]:
            return [project.id for project in self.control.projects()]

        def days(project_id: str) -> int | None:
            return self.auth.settings(project_id).retention_days

        return Retention(self.traces, projects, days, self.media.delete_of_traces)

    def project_settings(self, project_id: str) -> ProjectSettings:
        """What a project has set for itself: from memory, at most a second old."""
        return self.auth.settings(project_id)

    def masker(self, project_id: str) -> Masker | None:
        """What masks what comes in for a project, in one request; None where the project does not ask for it."""
        settings = self.auth.settings(project_id)
        if not settings.masking:
            return None
        return Masker(rules(settings.mask_emails, settings.mask_patterns), self.control.digest)

    def registry(self, project_id: str) -> Registry:
        """A project's registry. Raises Unavailable while a project that was just made is being opened here."""
        try:
            return self.registries[project_id]
        except KeyError:
            raise Unavailable(f"The registry of project {project_id!r} is being opened; try again.") from None
