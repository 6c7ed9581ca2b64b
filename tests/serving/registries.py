"""A real registry on a real repository, for tests of what is served from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from trunkline.registry.memory_tables import memory_tables
from trunkline.registry.registry import Registry, open_registry
from trunkline.registry.repository import init_repository
from trunkline.serving.entries import PromptEntry
from trunkline.types import (
    JSON,
    Actor,
    ActorKind,
    Arm,
    LabelTarget,
    Message,
    PromptContent,
    PromptType,
    TemplateEngine,
    Variable,
)

ACTOR = Actor(kind=ActorKind.KEY, name="tests", email="tests@example.org", id="pk-lf-tests")


def new_registry(folder: Path, project_id: str = "default") -> Registry:
    path = folder / f"{project_id}.git"
    init_repository(path)
    return open_registry(path, project_id, memory_tables())


def text(
    prompt: str,
    *,
    jinja2: bool = False,
    config: JSON = None,
    variables: Mapping[str, Variable] | None = None,
) -> PromptContent:
    engine = TemplateEngine.JINJA2 if jinja2 else TemplateEngine.MUSTACHE
    return PromptContent(
        type=PromptType.TEXT, prompt=prompt, template=engine, config=config or {}, variables=variables or {}
    )


def chat(*messages: Message) -> PromptContent:
    return PromptContent(type=PromptType.CHAT, prompt=messages)


def create(registry: Registry, name: str, content: PromptContent | str, *labels: str) -> int:
    """A new version with labels on it; its number."""
    made = text(content) if isinstance(content, str) else content
    return registry.create_version(name, made, actor=ACTOR, labels=labels).version


def split(registry: Registry, name: str, label: str, weights: Mapping[int, int]) -> None:
    arms = tuple(
        Arm(version=version, blob=registry.version(name, version).blob, weight=weight)
        for version, weight in weights.items()
    )
    registry.promote(name, label, split=LabelTarget(arms=arms), actor=ACTOR)


class PlainEncoder:
    """An encoder that says everything that an entry says, and counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def prompt(self, entry: PromptEntry, /) -> bytes:
        self.calls += 1
        said = {
            "name": entry.version.name,
            "version": entry.version.version,
            "commit": entry.version.commit,
            "blob": entry.version.blob,
            "type": entry.content.type,
            "prompt": entry.content.prompt,
            "labels": entry.labels,
            "tags": entry.tags,
            "uses": [(use.reference.name, use.version.version) for use in entry.uses],
            "updated_at": entry.updated_at,
        }
        return msgspec.json.encode(said)
