"""Which prompts and folders the list shows, without a server."""

from __future__ import annotations

from trunkline.registry.snapshot import PromptState, Snapshot
from trunkline.types import PromptType
from trunkline.ui.prompts import PAGE_ROWS, Listing, Selection, crumbs, present_listing


def listing(names: list[str], *, folder: str = "", search: str = "", tag: str = "", page: int = 1) -> Listing:
    states = {
        name: PromptState(
            name=name,
            type=PromptType.TEXT,
            tags=("t",) if name.endswith("t") else (),
            latest=1,
            versions=(1,),
            labels={},
            updated_at=len(name),
            blob="b",
        )
        for name in names
    }
    selection = Selection(folder=folder, search=search, tag=tag, page=page)
    return present_listing(Snapshot(head="h", prompts=states), {"a/x": 3, "a/b/y": 4}, selection, "/p")


def test_few_prompts_are_shown_in_their_folders() -> None:
    found = listing(["z", "a/x", "a/b/y"])
    assert [(folder.name, folder.prompts, folder.generations) for folder in found.folders] == [("a", 2, 7)]
    assert [(row.folder, row.leaf) for row in found.folders[0].rows] == [("b/", "y"), ("", "x")]
    assert [row.leaf for row in found.prompts] == ["z"]


def test_many_prompts_are_behind_their_folders() -> None:
    found = listing([f"a/{n}" for n in range(100)])
    assert found.folders[0].rows == ()
    assert found.folders[0].prompts == 100


def test_a_folder_is_not_a_prefix_of_a_name() -> None:
    found = listing(["a/x", "ab/x", "a"], folder="a")
    assert [row.leaf for row in found.prompts] == ["x"]
    assert found.folders == ()


def test_search_ignores_case_and_stays_below_the_folder() -> None:
    found = listing(["a/Triage", "b/triage", "a/other"], folder="a", search="TRI")
    assert [(row.folder, row.leaf) for row in found.prompts] == [("a/", "Triage")]


def test_tags_span_folders() -> None:
    assert [row.leaf for row in listing(["a/cat", "dog", "bat"], tag="t").prompts] == ["cat", "bat"]


def test_long_lists_are_paged() -> None:
    names = [f"{n:04d}" for n in range(450)]
    last = listing(names, page=3)
    assert (len(last.prompts), last.pages.next, last.pages.said) == (450 - 2 * PAGE_ROWS, "", "401–450 of 450")
    assert last.pages.previous == "/p/prompts?page=2"


def test_crumbs_lead_down() -> None:
    assert [(crumb.name, crumb.href) for crumb in crumbs("/p", "a/b")] == [
        ("a", "/p/prompts?folder=a"),
        ("b", "/p/prompts?folder=a%2Fb"),
    ]
