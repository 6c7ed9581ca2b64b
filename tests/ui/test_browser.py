"""The pages in a real browser: reading them by mouse and keys, and under attack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from trunkline.types import Change, ObservationType
from ui.hostile import PAYLOADS, seed_hostile
from ui.watched import Watched, open_browser, watched
from ui.world import TRACE, observation_change, open_world, serve, trace_change

pytestmark = pytest.mark.browser
ROOT = "/project/default"
TRIAGE = f"{ROOT}/prompts/support/triage"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def reader(browser: Browser, address: str) -> Iterator[Watched]:
    with watched(browser, address) as reader:
        reader.sign_in()
        yield reader
        reader.check()


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Watched]:
    with watched(browser, address, width=400) as phone:
        phone.sign_in()
        yield phone
        phone.check()


def test_from_the_start_page_to_a_diff(reader: Watched) -> None:
    page = reader.page
    page.get_by_role("link", name="Support desk").click()
    page.get_by_role("link", name="support", exact=True).first.click()
    page.get_by_role("link", name="triage", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("triage")
    page.get_by_role("link", name="Diff").click()
    expect(page.locator("ins").first).to_have_text("sort")
    page.get_by_label(re.compile("Compare version")).select_option("1")
    expect(page).to_have_url(re.compile("against=1"))
    expect(page.locator(".diff-head")).to_contain_text("Version 1 → version 3")


def test_search_narrows_while_typing_and_is_in_the_address(reader: Watched) -> None:
    page = reader.open(f"{ROOT}/prompts")
    page.keyboard.press("/")
    page.keyboard.type("sum")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"q=sum"))
    reader.check()
    page.reload()
    expect(page.locator("#list tbody tr")).to_have_count(1)


def test_keys_lead_through_rows_and_sections(reader: Watched) -> None:
    page = reader.open(f"{ROOT}/prompts")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("[data-open]").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("folder=support"))
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page).to_have_url(re.compile("/traces$"))
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile("/prompts$"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_an_observation_opens_beside_its_tree(reader: Watched) -> None:
    page = reader.open(f"{ROOT}/traces/{TRACE}")
    page.locator("#tree").get_by_text("triage", exact=True).click()
    pane = page.locator("#observation")
    expect(pane.get_by_role("heading", name="triage")).to_be_visible()
    expect(page).to_have_url(re.compile("observation=o-triage"))
    expect(page.locator("#tree [aria-current=true]")).to_contain_text("triage")
    reader.check()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(pane.get_by_role("heading", name="route_ticket")).to_be_visible()
    page.go_back()
    expect(pane.get_by_role("heading", name="triage")).to_be_visible()
    page.go_back()
    expect(pane).to_contain_text("Thanks for telling us")


def test_from_a_generation_to_the_version_that_made_it(reader: Watched) -> None:
    page = reader.open(f"{ROOT}/traces/{TRACE}?observation=o-triage")
    page.get_by_role("link", name="support/triage@2").click()
    expect(page).to_have_url(re.compile(r"support/triage\?version=2"))
    expect(page.locator(".version-title")).to_have_text("Version 2")


def test_a_branch_of_the_tree_folds(reader: Watched) -> None:
    page = reader.open(f"{ROOT}/traces/{TRACE}")
    rows = page.locator("#tree > li:visible")
    expect(rows).to_have_count(10)
    page.get_by_role("button", name="Fold 2 below draft-reply").click()
    expect(rows).to_have_count(8)
    page.get_by_role("button", name=re.compile("below agent")).click()
    expect(rows).to_have_count(2)
    page.get_by_role("button", name=re.compile("below agent")).click()
    expect(rows).to_have_count(8)


def test_light_and_dark(reader: Watched) -> None:
    page = reader.open(f"{ROOT}/prompts")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_label("Account of admin").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate(background) != light
    assert page.url.endswith("/prompts")
    page.get_by_label("Account of admin").click()
    page.get_by_role("button", name="System").click()
    expect(page.locator("html")).not_to_have_attribute("data-theme", re.compile(".*"))


def test_sign_out(browser: Browser, address: str) -> None:
    with watched(browser, address) as leaver:
        leaver.sign_in()
        leaver.page.get_by_label("Account of admin").click()
        leaver.page.get_by_role("button", name="Sign out").click()
        leaver.page.wait_for_url("**/sign-in")
        leaver.open(f"{ROOT}/prompts")
        expect(leaver.page).to_have_url(re.compile("/sign-in"))
        leaver.check()


@pytest.mark.parametrize(
    "path",
    [
        "/projects",
        f"{ROOT}/prompts",
        f"{ROOT}/prompts?folder=support",
        *[f"{TRIAGE}?tab={tab}" for tab in ("prompt", "config", "diff", "metrics", "generations", "use")],
        f"{ROOT}/traces",
        f"{ROOT}/traces/{TRACE}?observation=o-triage",
    ],
)
def test_pages_fit_a_phone(phone: Watched, path: str) -> None:
    page = phone.open(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


# --- under attack


@pytest.mark.timeout(400)
def test_no_trace_and_no_prompt_runs_a_script(browser: Browser, tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        places = seed_hostile(world)
        with serve(world) as address, watched(browser, address) as victim:
            victim.sign_in()
            for path in hostile_pages(places):
                victim.open(path)
                victim.check()
            click_through(victim, places)


def hostile_pages(places: list[tuple[str, str]]) -> list[str]:
    pages = [f"{ROOT}/prompts", f"{ROOT}/prompts?folder=hostile", f"{ROOT}/traces"]
    pages += [f"{ROOT}/prompts/hostile/every?tab={tab}" for tab in ("prompt", "config", "diff", "metrics", "use")]
    pages += [f"{ROOT}/prompts/hostile/each?tab=diff&version={n}" for n in (2, 9, 20, 30)]
    pages += [f"{ROOT}/traces/{trace}" for trace, _ in places]
    pages += [f"{ROOT}/traces/{trace}?observation={quote(observation, safe='')}" for trace, observation in places]
    for payload in PAYLOADS[::3]:
        given = quote(payload, safe="")
        pages += [f"{ROOT}/traces?name={given}&user={given}&tag={given}", f"{ROOT}/prompts?q={given}&folder={given}"]
    return pages


def click_through(victim: Watched, places: list[tuple[str, str]]) -> None:
    """What htmx puts into a page is as harmless as what came with it."""
    for trace, _ in places[::4]:
        page = victim.open(f"{ROOT}/traces/{trace}")
        page.locator("#tree [data-open]").nth(1).click()
        expect(page).to_have_url(re.compile("observation="))
        victim.check()


def test_a_tree_of_thousands_is_paged_and_quick(browser: Browser, tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        now = world.now
        changes: list[Change] = [trace_change("large", now, name="large")]
        for n in range(2500):
            parent = f"o{(n - 1) // 4}" if n else None
            changes.append(
                observation_change(
                    "large",
                    f"o{n}",
                    now + n * 1000,
                    now + n * 1000 + 90_000,
                    name=f"step {n}",
                    type=ObservationType.SPAN,
                    parent_id=parent,
                )
            )
        world.write(changes)
        with serve(world) as address, watched(browser, address) as reader:
            reader.sign_in()
            page = reader.open(f"{ROOT}/traces/large")
            assert page.locator("#tree > li").count() == 2001
            page.get_by_role("link", name="Next").click()
            expect(page.locator("#tree > li")).to_have_count(500)
            reader.check()
            loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
            assert loaded < 10_000
