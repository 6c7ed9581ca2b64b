"""The list of prompts: its filters and its rows.

A filter is asked of each version, as upstream does it: a prompt is listed with those of its versions that match. When a
version was last changed is not kept one by one: one that has a label counts as changed when its prompt was.
"""

from __future__ import annotations

from trunkline.api.langfuse.formats import iso
from trunkline.api.langfuse.shapes_prompts import PromptMetaShape
from trunkline.errors import TrunklineError
from trunkline.registry.registry import Registry
from trunkline.registry.snapshot import LATEST, PromptState
from trunkline.serving.entries import labels_of
from trunkline.types import JSON, Micros, Struct, Version


class PromptFilter(Struct, frozen=True, kw_only=True):
    """What versions must match; None is any. `since` <= changed < `until`."""

    name: str | None = None
    label: str | None = None
    tag: str | None = None
    version: int | None = None
    since: Micros | None = None
    until: Micros | None = None


class _Matching(Struct, frozen=True, kw_only=True):
    state: PromptState
    versions: tuple[int, ...]
    """Those that match, oldest first."""


def list_page(registry: Registry, wanted: PromptFilter, offset: int, limit: int) -> tuple[list[PromptMetaShape], int]:
    """One page of prompts by name, and how many there are. Blocks: it may read versions and texts."""
    prompts = registry.snapshot.prompts
    names = [wanted.name] if wanted.name is not None else sorted(prompts)
    matching = [found for name in names if name in prompts and (found := _match(registry, prompts[name], wanted))]
    return [_row(registry, found) for found in matching[offset : offset + limit]], len(matching)


def _match(registry: Registry, state: PromptState, wanted: PromptFilter) -> _Matching | None:
    if wanted.tag is not None and wanted.tag not in state.tags:
        return None
    numbers = state.versions if wanted.label is None else _labelled(state, wanted.label)
    if wanted.version is not None:
        numbers = tuple(number for number in numbers if number == wanted.version)
    if wanted.since is not None or wanted.until is not None:
        numbers = tuple(number for number in numbers if _in_time(registry, state, number, wanted))
    return _Matching(state=state, versions=numbers[::-1]) if numbers else None


def _labelled(state: PromptState, label: str) -> tuple[int, ...]:
    """The versions that have a label, newest first: several where it is split."""
    if label == LATEST:
        return (state.latest,) if state.latest else ()
    served = state.labels.get(label)
    return tuple(sorted({arm.version.version for arm in served.arms}, reverse=True)) if served else ()


def _in_time(registry: Registry, state: PromptState, number: int, wanted: PromptFilter) -> bool:
    changed = _changed(state, registry.version(state.name, number))
    return (wanted.since is None or changed >= wanted.since) and (wanted.until is None or changed < wanted.until)


def _changed(state: PromptState, version: Version) -> Micros:
    return state.updated_at if labels_of(state, version.version) else version.created_at


def _row(registry: Registry, found: _Matching) -> PromptMetaShape:
    state = found.state
    newest = registry.version(state.name, found.versions[-1])
    labels = {label for number in found.versions for label in labels_of(state, number)}
    return PromptMetaShape(
        name=state.name,
        type=state.type,
        versions=list(found.versions),
        labels=sorted(labels),
        tags=state.tags,
        last_updated_at=iso(_changed(state, newest)),
        last_config=_config(registry, newest),
    )


def _config(registry: Registry, version: Version) -> JSON:
    try:
        return registry.content(version).config
    except TrunklineError:  # a version whose file is broken is listed all the same; a fetch says what is wrong
        return {}
