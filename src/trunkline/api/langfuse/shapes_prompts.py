"""Prompts as Langfuse's API shows and takes them; beside its keys a prompt has `commit` and `blob`.

Shapes: the description's Prompt, PromptMeta and CreatePromptRequest. A prompt's `id` is derived (name@version): here a
version is known by number, commit and blob.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from trunkline.api.bodies import convert
from trunkline.api.langfuse.formats import Shape, iso
from trunkline.errors import InvalidData
from trunkline.prompts.names import validate_writable_label
from trunkline.registry.operations import default_message
from trunkline.serving.entries import LATEST, PromptEntry
from trunkline.types import JSON, Message, PromptContent, PromptType, TemplateEngine, Version

PRODUCTION = "production"
MAX_COMMIT_MESSAGE = 500
"""Characters, as upstream has it."""

Issue = dict[str, object]


class Dependency(Shape, kw_only=True):
    id: str
    name: str
    version: int


class ResolutionGraph(Shape, kw_only=True):
    """Which versions the references stood for: from the id of what refers to what it refers to."""

    root: Dependency
    dependencies: dict[str, list[Dependency]]


class PromptShape(Shape, kw_only=True):
    id: str
    project_id: str
    name: str
    version: int
    type: PromptType
    prompt: str | Sequence[Message]
    config: JSON
    labels: tuple[str, ...]
    tags: tuple[str, ...]
    is_active: bool
    commit_message: str | None
    resolution_graph: ResolutionGraph | None
    created_by: str
    created_at: str
    updated_at: str
    commit: str
    blob: str


class PromptMetaShape(Shape, kw_only=True):
    """A prompt in the list: what its versions that match the filters say together."""

    name: str
    type: PromptType
    versions: list[int]
    labels: list[str]
    tags: tuple[str, ...]
    last_updated_at: str
    last_config: JSON


class PromptEncoder:
    """Makes the bytes that a fetch answers."""

    def prompt(self, entry: PromptEntry, /) -> bytes:
        return msgspec.json.encode(prompt_shape(entry))


def prompt_shape(entry: PromptEntry) -> PromptShape:
    version = entry.version
    return PromptShape(
        id=prompt_id(version),
        project_id=entry.project_id,
        name=version.name,
        version=version.version,
        type=entry.content.type,
        prompt=entry.content.prompt,
        config={} if entry.content.config is None else entry.content.config,
        labels=entry.labels,
        tags=entry.tags,
        is_active=PRODUCTION in entry.labels,
        commit_message=_commit_message(version),
        resolution_graph=_graph(entry),
        created_by=version.author or "API",
        created_at=iso(version.created_at),
        updated_at=iso(max(entry.updated_at, version.created_at)),
        commit=version.commit,
        blob=version.blob,
    )


def _commit_message(version: Version) -> str | None:
    """What the author said; None where the service had to say something."""
    return None if version.message in {"", default_message(version.name, version.version)} else version.message


def prompt_id(version: Version) -> str:
    return f"{version.name}@{version.version}"


def _graph(entry: PromptEntry) -> ResolutionGraph | None:
    if not entry.uses or not entry.resolved:
        return None
    # A use names the text that holds the reference by its blob; a text revert gives one blob to several versions.
    holders: dict[str, list[Version]] = {}
    for version in (entry.version, *(use.version for use in entry.uses)):
        known = holders.setdefault(version.blob, [])
        if version not in known:
            known.append(version)
    dependencies: dict[str, list[Dependency]] = {}
    for use in entry.uses:
        for holder in holders.get(use.holder, ()):
            listed = dependencies.setdefault(prompt_id(holder), [])
            dependency = _dependency(use.version)
            if dependency not in listed:
                listed.append(dependency)
    return ResolutionGraph(root=_dependency(entry.version), dependencies=dependencies)


def _dependency(version: Version) -> Dependency:
    return Dependency(id=prompt_id(version), name=version.name, version=version.version)


# --- what is sent


class CreatePrompt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of a POST, checked. `labels` are without `latest`, which every new version gets."""

    name: str
    prompt: str | list[dict[str, JSON]]
    type: Literal["text", "chat"] | None = None
    config: JSON = None
    labels: list[str] | None = None
    tags: list[str] | None = None
    commit_message: str | None = None
    is_active: bool | None = None
    """An old way to say that the version is labelled `production`."""
    template: TemplateEngine | None = None
    """Not Langfuse's: which engine fills the variables in. Without it the engine stays what it was."""

    def content(self, before: PromptContent | None) -> PromptContent:
        """The new version's text. Engine and contract stay as they were `before`: an SDK has no words for them."""
        given = self.prompt
        kept = before.template if before is not None else TemplateEngine.MUSTACHE
        return PromptContent(
            type=PromptType.TEXT if isinstance(given, str) else PromptType.CHAT,
            prompt=given if isinstance(given, str) else tuple(given),
            template=self.template or kept,
            config={} if self.config is None else self.config,
            tags=tuple(self.tags or ()),
            variables=before.variables if before is not None else {},
        )

    def wanted_labels(self) -> tuple[str, ...]:
        """The labels to set, each once. Raises InvalidRequest for one that cannot be set."""
        wanted = [*(self.labels or ()), *([PRODUCTION] if self.is_active else ())]
        return tuple(dict.fromkeys(validate_writable_label(label) for label in wanted if label != LATEST))


class NewLabels(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of a PATCH."""

    new_labels: list[str]


def read_create(body: JSON) -> CreatePrompt:
    """Raises InvalidData with what breaks the schema."""
    given = convert(body, CreatePrompt)
    issues = _faults(given)
    if issues:
        raise InvalidData(issues)
    return given


def read_new_labels(body: JSON) -> tuple[str, ...]:
    """Raises InvalidData, and InvalidRequest for a label that cannot be set (`latest` is one)."""
    given = convert(body, NewLabels)
    return tuple(dict.fromkeys(validate_writable_label(label) for label in given.new_labels))


def _faults(given: CreatePrompt) -> list[Issue]:
    issues: list[Issue] = []
    if given.commit_message is not None and len(given.commit_message) > MAX_COMMIT_MESSAGE:
        bound = f"expected at most {MAX_COMMIT_MESSAGE} characters"
        issues.append({"code": "too_big", "path": ["commitMessage"], "message": bound})
    if isinstance(given.prompt, str):
        if given.type == "chat":
            issues.append(_wrong(["prompt"], "expected a list of messages for a prompt of type chat"))
        return issues
    if given.type != "chat":
        issues.append(_wrong(["prompt"], "expected a string; a list of messages needs `type: chat`"))
    for index, message in enumerate(given.prompt):
        issues.extend(_message_faults(index, message))
    return issues


def _message_faults(index: int, message: Mapping[str, JSON]) -> list[Issue]:
    needed = ("name",) if message.get("type") == "placeholder" else ("role", "content")
    return [
        _wrong(["prompt", index, key], "expected a string") for key in needed if not isinstance(message.get(key), str)
    ]


def _wrong(path: list[str | int], message: str) -> Issue:
    return {"code": "invalid_type", "path": path, "message": message}
