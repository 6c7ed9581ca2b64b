"""One prompt: its versions beside the chosen one, shown tab by tab. Version, tab and choices are in the address."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from functools import partial
from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from trunkline.api.services import Services
from trunkline.errors import NotFound
from trunkline.registry.registry import Registry
from trunkline.registry.snapshot import LATEST, PromptState
from trunkline.types import Struct, Version
from trunkline.ui import addresses, formats
from trunkline.ui.labels import LabelChip, chips_by_version
from trunkline.ui.paging import page_of, whole_number
from trunkline.ui.prompt_numbers import generations_view, metrics_view
from trunkline.ui.prompt_tabs import config_view, diff_view, text_view, use_view
from trunkline.ui.prompts import Crumb, crumbs, fault_line
from trunkline.ui.rendering import Page, Site
from trunkline.ui.sessions import Place, WebRequest, origin_of

MAX_VERSIONS = 500
"""Versions that the left side lists; older ones have their address all the same."""


class Tab(StrEnum):
    PROMPT = "prompt"
    CONFIG = "config"
    DIFF = "diff"
    METRICS = "metrics"
    GENERATIONS = "generations"
    USE = "use"


class VersionLine(Struct, frozen=True, kw_only=True):
    version: Version
    href: str
    labels: tuple[LabelChip, ...]
    message: str
    chosen: bool


class Loaded(Struct, frozen=True, kw_only=True):
    """A prompt and the version that the address chose."""

    state: PromptState
    versions: tuple[Version, ...]
    """Newest first."""
    chosen: Version
    chips: dict[int, tuple[LabelChip, ...]]


def load(registry: Registry, name: str, number: int | None, label: str) -> Loaded:
    """Blocks. A number, else what the label serves first, else the newest. Raises NotFound."""
    state = registry.snapshot.prompt(name)
    versions = registry.versions(name)
    wanted = number or _labelled(registry, state, label) or state.latest
    chosen = next((version for version in versions if version.version == wanted), None)
    if chosen is None and not wanted and versions:
        chosen = versions[0]
    if chosen is None:
        raise NotFound(f"The prompt {name!r} has no version {wanted}.")
    return Loaded(state=state, versions=versions, chosen=chosen, chips=chips_by_version(state))


def _labelled(registry: Registry, state: PromptState, label: str) -> int | None:
    if not label or label == LATEST:
        return None
    served = registry.snapshot.label(state.name, label)
    if served is None or not served.arms:
        raise NotFound(f"The prompt {state.name!r} has no label {label!r}.")
    return served.arms[0].version.version


def version_lines(loaded: Loaded, root: str, tab: Tab) -> tuple[VersionLine, ...]:
    """Choosing another version stays on the tab."""
    return tuple(
        VersionLine(
            version=version,
            href=addresses.prompt(root, version.name, version=version.version, tab=_shown(tab)),
            labels=loaded.chips.get(version.version, ()),
            message=formats.clipped(version.message.partition("\n")[0], 200) or "No message",
            chosen=version is loaded.chosen,
        )
        for version in loaded.versions[:MAX_VERSIONS]
    )


def _shown(tab: Tab) -> str | None:
    return None if tab is Tab.PROMPT else tab.value


def tab_of(request: WebRequest) -> Tab:
    wanted = request.query_params.get("tab")
    return Tab(wanted) if wanted in set(Tab) else Tab.PROMPT


async def tab_view(tab: Tab, request: WebRequest, loaded: Loaded, place: Place, services: Services) -> dict[str, Any]:
    """What the chosen tab shows beside the frame."""
    query, chosen = request.query_params, loaded.chosen
    match tab:
        case Tab.METRICS:
            return await metrics_view(services.traces, place, loaded.chips, chosen)
        case Tab.GENERATIONS:
            everything = query.get("of") == "all"
            return await generations_view(services.traces, place, chosen, everything=everything, page=page_of(request))
        case Tab.DIFF:
            against = whole_number(query.get("against"))
            view = partial(diff_view, place, loaded.versions, chosen, against, whole=query.get("context") == "all")
        case Tab.CONFIG:
            view = partial(config_view, place, chosen)
        case Tab.USE:
            view = partial(use_view, place, loaded.state, chosen, origin_of(request, services.settings))
        case Tab.PROMPT:
            view = partial(text_view, place, chosen, raw=query.get("view") == "raw")
    return await asyncio.to_thread(view)


def frame_view(loaded: Loaded, place: Place, tab: Tab) -> dict[str, Any]:
    name = loaded.state.name
    folder, _, leaf = name.rpartition("/")
    held = [served for served in (*loaded.state.labels.values(), loaded.state.newest) if served and served.held]
    href = partial(addresses.prompt, place.root, name)
    return {
        "section": "prompts",
        "name": name,
        "leaf": leaf,
        "crumbs": (Crumb(name="Prompts", href=addresses.prompts(place.root)), *crumbs(place.root, folder)),
        "state": loaded.state,
        "tags": [(tag, addresses.prompts(place.root, tag=tag)) for tag in loaded.state.tags],
        "lines": version_lines(loaded, place.root, tab),
        "more_versions": max(0, len(loaded.versions) - MAX_VERSIONS),
        "chosen": loaded.chosen,
        "labels": loaded.chips.get(loaded.chosen.version, ()),
        "held": [(served.label, fault_line(served.held), served.as_of) for served in held if served.held],
        "tab": tab.value,
        "tabs": [(t.value, t.value.capitalize(), href(version=loaded.chosen.version, tab=_shown(t))) for t in Tab],
        "href": partial(href, version=loaded.chosen.version),
        "traces": addresses.traces(place.root, prompt=name, version=loaded.chosen.version),
    }


@get(["/prompts/{name:path}", "/prompt"])
async def prompt_page(
    request: WebRequest,
    place: NamedDependency[Place],
    services: NamedDependency[Services],
    site: NamedDependency[Site],
    name: FromPath[str | None] = None,
) -> Page:
    """A name that a path cannot carry (see `addresses`) comes as ``/prompt?name=``; a folder's name leads to it."""
    query = request.query_params
    wanted = query.get("name", "") if name is None else name.removeprefix("/")
    prompts = place.registry.snapshot.prompts
    if wanted not in prompts:
        if any(other.startswith(f"{wanted}/") for other in prompts):
            return site.redirect(addresses.prompts(place.root, folder=wanted))
        raise NotFound(f"There is no prompt {wanted!r} in this project.")
    number, label = whole_number(query.get("version")), query.get("label") or ""
    loaded = await asyncio.to_thread(load, place.registry, wanted, number, label)
    tab = tab_of(request)
    view = frame_view(loaded, place, tab) | await tab_view(tab, request, loaded, place, services)
    return await site.page(request, f"prompt_{tab.value}.html", view, at=place)
