"""The prompts of a project, folder by folder or by a search in their names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from litestar import get
from litestar.di import NamedDependency

from trunkline.api.services import Services
from trunkline.registry.snapshot import PromptState, Snapshot
from trunkline.store.control import now_micros
from trunkline.types import Fault, Micros, Struct, Version
from trunkline.ui import addresses, formats
from trunkline.ui.labels import LabelChip, chips_of
from trunkline.ui.paging import Pages, page_of, pages_of
from trunkline.ui.rendering import Page, Site
from trunkline.ui.sessions import Place, WebRequest

PAGE_ROWS = 200
EXPANDED = 60
"""Prompts below a folder up to which its subfolders are shown open."""
WEEK: Micros = 7 * 86_400 * 1_000_000
MAX_SEARCH = 255


class PromptRow(Struct, frozen=True, kw_only=True):
    folder: str
    """The part of the name before the last slash that nothing else on the page says."""
    leaf: str
    href: str
    type: str
    labels: tuple[LabelChip, ...]
    last: Version | None
    updated_at: Micros
    generations: int
    share: str
    """Generations relative to the list's busiest prompt, as an SVG length."""
    tags: tuple[tuple[str, str], ...]


class FolderRow(Struct, frozen=True, kw_only=True):
    name: str
    href: str
    prompts: int
    generations: int
    updated_at: Micros
    rows: tuple[PromptRow, ...]
    """What is in it, where there is so little in all that a reader need not go and look."""


class Listing(Struct, frozen=True, kw_only=True):
    folders: tuple[FolderRow, ...]
    prompts: tuple[PromptRow, ...]
    total: int
    pages: Pages


class Crumb(Struct, frozen=True, kw_only=True):
    name: str
    href: str


class Selection(Struct, frozen=True, kw_only=True):
    """What the address asks for."""

    folder: str
    search: str
    tag: str
    page: int

    @property
    def spans_folders(self) -> bool:
        return bool(self.search or self.tag)


def selection_of(request: WebRequest) -> Selection:
    query = request.query_params
    return Selection(
        folder=(query.get("folder") or "").strip("/")[:MAX_SEARCH],
        search=(query.get("q") or "").strip()[:MAX_SEARCH],
        tag=(query.get("tag") or "")[:MAX_SEARCH],
        page=page_of(request),
    )


def crumbs(root: str, folder: str) -> tuple[Crumb, ...]:
    """One link for each folder on the way down."""
    parts = folder.split("/") if folder else []
    return tuple(
        Crumb(name=part, href=addresses.prompts(root, folder="/".join(parts[: depth + 1])))
        for depth, part in enumerate(parts)
    )


def select(
    prompts: Iterable[PromptState], selection: Selection
) -> tuple[dict[str, list[PromptState]], list[PromptState]]:
    """The subfolders of the folder with what is below each, and the prompts to list, both by name."""
    prefix = f"{selection.folder}/" if selection.folder else ""
    needle = selection.search.casefold()
    folders: dict[str, list[PromptState]] = {}
    listed = []
    for state in sorted(prompts, key=lambda state: state.name):
        if not state.name.startswith(prefix):
            continue
        if selection.spans_folders:
            if needle in state.name.casefold() and (not selection.tag or selection.tag in state.tags):
                listed.append(state)
            continue
        folder, slash, _ = state.name[len(prefix) :].partition("/")
        if slash:
            folders.setdefault(folder, []).append(state)
        else:
            listed.append(state)
    return folders, listed


class Counts(Struct, frozen=True, kw_only=True):
    """What a row says beside what the snapshot knows."""

    root: str
    generations: Mapping[str, int]
    busiest: int


def present_listing(snapshot: Snapshot, generations: Mapping[str, int], selection: Selection, root: str) -> Listing:
    folders, listed = select(snapshot.prompts.values(), selection)
    start = (selection.page - 1) * PAGE_ROWS
    shown = listed[start : start + PAGE_ROWS]
    below = sum(map(len, folders.values()))
    is_open = below + len(listed) <= EXPANDED
    visible = [*shown, *(state for states in folders.values() for state in states)] if is_open else shown
    busiest = max((generations.get(state.name, 0) for state in visible), default=0)
    counts = Counts(root=root, generations=generations, busiest=busiest)

    def at(page: int) -> str:
        asked = {"folder": selection.folder, "q": selection.search, "tag": selection.tag}
        return addresses.prompts(root, **asked, page=page if page > 1 else None)

    pages = pages_of(selection.page, PAGE_ROWS, len(shown), len(listed), at(selection.page - 1), at(selection.page + 1))
    opened = folders if selection.page == 1 else {}
    return Listing(
        folders=tuple(_folder(name, states, selection.folder, counts, is_open) for name, states in opened.items()),
        prompts=tuple(_row(state, "" if selection.spans_folders else selection.folder, counts) for state in shown),
        total=len(listed),
        pages=pages,
    )


def _folder(name: str, below: list[PromptState], parent: str, counts: Counts, is_open: bool) -> FolderRow:
    path = f"{parent}/{name}" if parent else name
    return FolderRow(
        name=name,
        href=addresses.prompts(counts.root, folder=path),
        prompts=len(below),
        generations=sum(counts.generations.get(state.name, 0) for state in below),
        updated_at=max(state.updated_at for state in below),
        rows=tuple(_row(state, path, counts) for state in below) if is_open else (),
    )


def _row(state: PromptState, inside: str, counts: Counts) -> PromptRow:
    """`inside` is the folder under which the row stands."""
    folder, slash, leaf = state.name.rpartition("/")
    used = counts.generations.get(state.name, 0)
    return PromptRow(
        folder=f"{folder}{slash}".removeprefix(f"{inside}/") if inside else folder + slash,
        leaf=leaf,
        href=addresses.prompt(counts.root, state.name),
        type=state.type.value,
        labels=chips_of(state),
        last=state.newest.arms[0].version if state.newest and state.newest.arms else None,
        updated_at=state.updated_at,
        generations=used,
        share=formats.percent(used / counts.busiest if counts.busiest else 0),
        tags=tuple((tag, addresses.prompts(counts.root, tag=tag)) for tag in state.tags),
    )


@get("/prompts")
async def prompts_page(
    request: WebRequest, place: NamedDependency[Place], services: NamedDependency[Services], site: NamedDependency[Site]
) -> Page:
    selection = selection_of(request)
    generations = await services.traces.generations_by_prompt(place.project.id, now_micros() - WEEK)
    snapshot = place.registry.snapshot
    listing = await asyncio.to_thread(present_listing, snapshot, generations, selection, place.root)
    view: dict[str, Any] = {
        "section": "prompts",
        "listing": listing,
        "selection": selection,
        "crumbs": crumbs(place.root, selection.folder),
        "all_prompts": addresses.prompts(place.root),
        "total": len(snapshot.prompts),
        "faults": [fault_line(fault) for fault in snapshot.faults[:5]],
        "more_faults": max(0, len(snapshot.faults) - 5),
    }
    return await site.page(request, "prompts.html", view, at=place)


def fault_line(fault: Fault) -> str:
    return formats.clipped(str(fault), 400)
