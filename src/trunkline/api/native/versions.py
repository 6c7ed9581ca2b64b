"""Prompts and their versions as the native API shows them: lists, texts, history, differences."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from litestar import Response, get
from litestar.di import NamedDependency
from msgspec.structs import asdict

from trunkline.api.errors import answer
from trunkline.api.langfuse.formats import iso
from trunkline.api.langfuse.prompt_params import PromptParams
from trunkline.api.native.bodies import HTTPRequest
from trunkline.api.native.shapes import HistoryShape, VersionShape
from trunkline.api.services import Services
from trunkline.errors import InvalidRequest, NotFound
from trunkline.prompts.diff import line_diff
from trunkline.prompts.files import dump_prompt
from trunkline.prompts.names import validate_prompt_name
from trunkline.registry.changes import HistoryItem
from trunkline.registry.messages import told_arms
from trunkline.registry.registry import Registry
from trunkline.registry.snapshot import LabelState, PromptState, Snapshot
from trunkline.serving.entries import labels_of
from trunkline.types import JSON, Caller, Fault, Version

MAX_LISTED, DEFAULT_LISTED = 1000, 100


@get("/api/v1/prompts")
async def list_prompts(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Prompts by name with what each label serves. `after` the last name of a page gives the next one."""
    params = PromptParams(request.scope["query_string"])
    prefix, label, tag = params.text("prefix") or "", params.text("label"), params.text("tag")
    after, limit = params.text("after") or "", params.bounded("limit", DEFAULT_LISTED, MAX_LISTED)
    params.check()
    snapshot = services.registry(caller.project_id).snapshot
    names = sorted(
        name
        for name, state in snapshot.prompts.items()
        if name.startswith(prefix) and name > after and _has(state, label, tag)
    )
    shown = [state_shape(snapshot.prompts[name]) for name in names[:limit]]
    following = names[limit - 1] if len(names) > limit else None
    return answer(HTTPStatus.OK, {"head": snapshot.head, "prompts": shown, "next": following})


@get("/api/v1/prompts/show")
async def show_prompt(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """One version's file as it is written: text with its references, engine, config, tags, contract."""
    params = PromptParams(request.scope["query_string"])
    name, version, label = params.required("name"), params.version(), params.text("label")
    params.check()
    if version is not None and label is not None:
        raise InvalidRequest("Give a label or a version, not both.")
    registry = services.registry(caller.project_id)
    shown = await asyncio.to_thread(_show, registry, validate_prompt_name(name), version, label or "production")
    return answer(HTTPStatus.OK, shown)


@get("/api/v1/prompts/history")
async def get_history(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """What happened to a prompt, or to one of its labels, commit by commit, the newest first."""
    params = PromptParams(request.scope["query_string"])
    name, label = params.required("name"), params.text("label")
    limit = params.bounded("limit", DEFAULT_LISTED, MAX_LISTED)
    params.check()
    registry = services.registry(caller.project_id)
    items = await asyncio.to_thread(registry.history, validate_prompt_name(name), label, limit)
    return answer(HTTPStatus.OK, {"name": name, "label": label, "history": [history_shape(item) for item in items]})


@get("/api/v1/prompts/diff")
async def get_diff(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The difference of two versions' files, line by line."""
    params = PromptParams(request.scope["query_string"])
    name, old, new = params.required("name"), params.version("from"), params.version("to")
    params.check()
    if old is None or new is None:
        raise InvalidRequest("Give the two versions to compare: `from` and `to`.")
    registry = services.registry(caller.project_id)
    return answer(HTTPStatus.OK, await asyncio.to_thread(_diff, registry, validate_prompt_name(name), old, new))


def version_shape(snapshot: Snapshot, version: Version) -> VersionShape:
    state = snapshot.prompts.get(version.name)
    return VersionShape(
        name=version.name,
        version=version.version,
        commit=version.commit,
        blob=version.blob,
        author=version.author,
        message=version.message,
        created_at=iso(version.created_at),
        labels=labels_of(state, version.version) if state else (),
    )


def history_shape(item: HistoryItem) -> HistoryShape:
    return HistoryShape(
        commit=item.commit,
        time=iso(item.time),
        author=item.author,
        message=item.message,
        kind=item.kind,
        what=_what(item),
        label=item.label,
        version=item.version,
        blob=item.blob,
    )


def _what(item: HistoryItem) -> str:
    match item.kind:
        case "version":
            return f"version {item.version}" if item.version is not None else "the file"
        case "label":
            return f"{item.label} serves {told_arms(item.arms)}" if item.arms else f"{item.label}: a broken file"
        case "label-removal":
            return f"{item.label} removed"
        case "deletion":
            return "deleted"
        case _:
            return "version numbers"


def state_shape(state: PromptState) -> dict[str, JSON]:
    return {
        "name": state.name,
        "type": state.type.value,
        "tags": list(state.tags),
        "latest": state.latest,
        "versions": list(state.versions),
        "labels": {label: label_shape(served) for label, served in sorted(state.labels.items())},
        "updated_at": iso(state.updated_at),
    }


def label_shape(served: LabelState) -> dict[str, JSON]:
    """`version` is the one that is served, or the first of a split; `held` says why the head's file is not followed."""
    arms = [{"version": arm.version.version, "weight": arm.weight} for arm in served.arms]
    shown: dict[str, JSON] = {"version": arms[0]["version"] if arms else None}
    if len(arms) > 1:
        shown["split"] = arms
    if served.held is not None:
        shown |= {"held": fault_shape(served.held), "as_of": served.as_of}
    return shown


def fault_shape(fault: Fault) -> dict[str, JSON]:
    return {
        "path": fault.path,
        "line": fault.line,
        "severity": fault.severity.value,
        "code": fault.code,
        "message": fault.message,
    }


def _has(state: PromptState, label: str | None, tag: str | None) -> bool:
    return (label is None or label == "latest" or label in state.labels) and (tag is None or tag in state.tags)


def _show(registry: Registry, name: str, number: int | None, label: str) -> dict[str, JSON]:
    snapshot = registry.snapshot
    if number is not None:
        version = registry.version(name, number)
    else:
        served = snapshot.label(name, label)
        if served is None or not served.arms:
            raise NotFound(f"Prompt not found: '{name}' with label '{label}'")
        version = served.arms[0].version
    content = registry.content(version)
    # Tags are shown for every version as the newest file has them.
    tags = snapshot.prompt(name).tags
    return {**asdict(version_shape(snapshot, version)), **asdict(content), "tags": tags}


def _diff(registry: Registry, name: str, old: int, new: int) -> dict[str, JSON]:
    versions = [registry.version(name, number) for number in (old, new)]
    before, after = (dump_prompt(registry.content(version)).decode() for version in versions)
    lines = [{"op": op.value, "text": text} for op, text in line_diff(before, after)]
    shapes = [version_shape(registry.snapshot, version) for version in versions]
    return {"name": name, "from": shapes[0], "to": shapes[1], "lines": lines}


handlers = [list_prompts, show_prompt, get_history, get_diff]
