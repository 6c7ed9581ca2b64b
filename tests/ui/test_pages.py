"""Every page against a real server and real stores: what it says, its headers, and the addresses that SDKs print."""

from __future__ import annotations

import re
from contextlib import closing
from urllib.parse import quote

import httpx
import pytest

from trunkline.store.sqlite_index import index_path
from trunkline.store.sqlite_indexer import Indexer, run_to_the_end
from trunkline.ui.security import CONTENT_SECURITY_POLICY
from ui.world import TRACE, World

ROOT = "/project/default"
TRIAGE = f"{ROOT}/prompts/support/triage"
PAGES = [
    "/projects",
    f"{ROOT}/prompts",
    f"{ROOT}/prompts?folder=support",
    f"{ROOT}/prompts?q=tri",
    f"{ROOT}/prompts?tag=support",
    TRIAGE,
    f"{TRIAGE}?version=1",
    f"{TRIAGE}?label=production",
    f"{ROOT}/prompts/support/reply?view=raw",
    f"{ROOT}/prompts/summarise",
    *[f"{TRIAGE}?tab={tab}" for tab in ("prompt", "config", "diff", "metrics", "generations", "use")],
    f"{ROOT}/traces",
    f"{ROOT}/traces?prompt=support/triage&version=2",
    f"{ROOT}/traces?name=nothing",
    f"{ROOT}/traces/{TRACE}",
    f"{ROOT}/traces/{TRACE}?observation=o-triage",
    "/project/second/prompts",
    "/project/second/traces",
]


def text_of(html: str) -> str:
    """What a reader sees, roughly: without tags, blanks as one."""
    body = html.partition("<main")[2]
    return " ".join(re.sub(r"<[^>]*>", " ", body).replace("&#34;", '"').replace("&#39;", "'").split())


@pytest.mark.parametrize("path", PAGES)
def test_pages_answer_with_strict_headers_and_no_inline_code(signed_in: httpx.Client, path: str) -> None:
    page = signed_in.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"
    assert " style=" not in page.text
    assert not re.search(r"\son[a-z]+=", page.text)
    assert not re.search(r"<script(?![^>]* src=)", page.text)
    assert not re.search(r"""(?:src|href)=["']?(?:https?:|//)""", page.text)


@pytest.mark.parametrize("path", PAGES)
def test_every_link_on_a_page_leads_somewhere(signed_in: httpx.Client, path: str) -> None:
    """Links of one page, each looked at once."""
    links = {link.replace("&amp;", "&") for link in re.findall(r'(?:href|hx-get)="(/[^"]*)"', signed_in.get(path).text)}
    for link in sorted(links)[:40]:
        assert signed_in.get(link).status_code in {200, 303}, link


def test_prompts_by_folder(signed_in: httpx.Client) -> None:
    top = text_of(signed_in.get(f"{ROOT}/prompts").text)
    assert "support 3 prompts" in top
    assert "greeting" in top
    assert top.index("support 3 prompts") < top.index("triage") < top.index("greeting")
    folder = text_of(signed_in.get(f"{ROOT}/prompts?folder=support").text)
    assert "production 2" in folder
    assert "staging 3" in folder
    assert "production 1·2" in folder
    assert "Mara Lind" in folder


def test_generations_of_the_last_days_are_counted(signed_in: httpx.Client) -> None:
    row = re.search(r"triage</a>.*?</tr>", signed_in.get(f"{ROOT}/prompts?q=triage").text, re.S)
    assert row is not None
    assert re.search(r"</svg>\s*71</td>", row[0])


def test_search_spans_folders(signed_in: httpx.Client) -> None:
    found = text_of(signed_in.get(f"{ROOT}/prompts?q=RI").text)
    assert "support/ triage" in found
    assert "summarise" in found
    assert "greeting" not in found


def test_versions_stand_beside_the_chosen_one(signed_in: httpx.Client, world: World) -> None:
    page = signed_in.get(f"{TRIAGE}?version=2").text
    said = text_of(page)
    for version in world.registry.versions("support/triage"):
        assert version.commit[:7] in said
    assert "Name the queues" in said
    assert "The router knows three." not in said
    assert "Version 2 production" in said
    assert "Answer with one word only." in said


@pytest.mark.parametrize("name", ["support/triage", "support%2Ftriage", "support%2ftriage"])
def test_slashes_in_names_come_raw_and_encoded(signed_in: httpx.Client, name: str) -> None:
    page = signed_in.get(f"{ROOT}/prompts/{name}")
    assert page.status_code == 200
    assert "Versions" in page.text


def test_references_are_filled_in_or_shown_raw(signed_in: httpx.Client) -> None:
    resolved = text_of(signed_in.get(f"{ROOT}/prompts/support/reply").text)
    assert "Never promise a refund." in resolved
    assert "support/rules @1" in resolved
    raw = signed_in.get(f"{ROOT}/prompts/support/reply?view=raw").text
    assert "@@@langfusePrompt:name=support/rules|label=production@@@" in raw
    assert f'class="ref" href="{ROOT}/prompts/support/rules?label=production"' in raw


def test_a_diff_marks_words(signed_in: httpx.Client) -> None:
    page = signed_in.get(f"{TRIAGE}?tab=diff&version=3&against=2").text
    assert "<del>triage</del>" in page
    assert "<ins>sort</ins>" in page
    assert "<del>.2</del>" in page
    assert "+3" in page


def test_a_diff_may_go_back_further(signed_in: httpx.Client) -> None:
    page = text_of(signed_in.get(f"{TRIAGE}?tab=diff&version=3&against=1").text)
    assert "Version 1 → version 3" in page


def test_metrics_by_version(signed_in: httpx.Client) -> None:
    said = text_of(signed_in.get(f"{TRIAGE}?tab=metrics").text)
    assert "helpful" in said
    assert re.search(r"2 production 24 ", said)
    assert "$0.0000" in said


def test_generations_link_to_their_observation(signed_in: httpx.Client) -> None:
    page = signed_in.get(f"{TRIAGE}?tab=generations&version=2").text
    assert f"{ROOT}/traces/{TRACE}?observation=o-triage" in page
    assert len(re.findall(r"<tr>", page)) == 25


def test_code_names_the_label_that_serves_the_version(signed_in: httpx.Client, address: str) -> None:
    label = signed_in.get(f"{TRIAGE}?tab=use&version=2").text.replace("&#34;", '"').replace("&#39;", "'")
    assert 'langfuse.get_prompt("support/triage", label="production", type="chat")' in label
    assert f"{address}/api/public/v2/prompts/support%2Ftriage?label=production" in label
    number = signed_in.get(f"{TRIAGE}?tab=use&version=1").text.replace("&#34;", '"')
    assert 'langfuse.get_prompt("support/triage", version=1, type="chat")' in number


def test_traces_have_their_numbers(signed_in: httpx.Client) -> None:
    said = text_of(signed_in.get(f"{ROOT}/traces").text)
    assert "ERROR handle-ticket" in said
    assert "4.21 s" in said
    assert "1,521" in said
    assert "support/triage @2" in said
    assert "helpful 0.82" in said
    assert "customer-1729" in said


def test_traces_are_paged(signed_in: httpx.Client) -> None:
    first = signed_in.get(f"{ROOT}/traces").text
    assert "1–50 of 71" in first
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    assert "51–71 of 71" in signed_in.get(following[1]).text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("name=simple-query", 23),
        ("user=customer-1", 10),
        ("session=chat-3", 7),
        ("environment=staging", 18),
        ("tag=gold", 1),
        ("prompt=support/triage&version=2", 24),
        ("prompt=support/triage&version=99", 0),
        ("prompt=no/such", 0),
    ],
)
def test_traces_are_filtered_by_the_address(signed_in: httpx.Client, query: str, shown: int) -> None:
    page = signed_in.get(f"{ROOT}/traces?{query}").text
    assert len(re.findall(r'<a data-open class="clip name"', page)) == shown


def test_a_trace_shows_its_tree_and_the_chosen_observation(signed_in: httpx.Client, world: World) -> None:
    page = signed_in.get(f"{ROOT}/traces/{TRACE}?observation=o-triage").text
    said = text_of(page)
    for name in (
        "agent",
        "load-customer",
        "customers.find",
        "route_ticket",
        "draft-reply",
        "reply",
        "policy-check",
        "sent",
    ):
        assert name in said
    version = world.registry.version("support/triage", 2)
    assert f"support/triage @2 {version.commit[:7]} {version.blob[:7]} Mara Lind" in said
    assert f"support/triage @2 {version.commit[:7]}" in text_of(signed_in.get(f"{ROOT}/traces/{TRACE}").text)
    assert "calls route_ticket" in said
    assert "gpt-4o-mini" in said
    assert "To first token 450 ms" in said
    assert "temperature 0.2" in said
    assert "correct True" in said
    assert re.search(r'href="[^"]*observation=o-triage"[^>]*aria-current="true"', page)


def test_htmx_gets_the_pane_alone(signed_in: httpx.Client) -> None:
    headers = {"hx-request": "true", "hx-target": "observation"}
    pane = signed_in.get(f"{ROOT}/traces/{TRACE}?observation=o-reply", headers=headers).text
    assert "<html" not in pane
    assert "429 Too Many Requests" in pane


def test_an_unknown_observation_shows_the_trace(signed_in: httpx.Client) -> None:
    assert "Thanks for telling us" in signed_in.get(f"{ROOT}/traces/{TRACE}?observation=nope").text


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/", "/projects"),
        (ROOT, f"{ROOT}/prompts"),
        (f"{ROOT}/sessions/chat-3", f"{ROOT}/traces?session=chat-3"),
        (f"{ROOT}/sessions/a%2Fb", f"{ROOT}/traces?session=a%2Fb"),
        (f"{ROOT}/users/customer-1", f"{ROOT}/traces?user=customer-1"),
        (f"{ROOT}/sessions", f"{ROOT}/traces"),
        (f"{ROOT}/prompts/support", f"{ROOT}/prompts?folder=support"),
        (f"/trace/{TRACE}", f"{ROOT}/traces/{TRACE}"),
    ],
)
def test_addresses_that_lead_on(signed_in: httpx.Client, path: str, target: str) -> None:
    answer = signed_in.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, target)


@pytest.mark.parametrize(
    "path",
    [
        f"{ROOT}/prompts/nope",
        f"{TRIAGE}?version=99",
        f"{TRIAGE}?label=nope",
        f"{ROOT}/traces/nope",
        f"{ROOT}/nope",
        f"{ROOT}/datasets/qa/runs/1",
        f"{ROOT}/experiments/results?baseline=1",
        "/project/nope/prompts",
        "/project/second/prompts/support/triage",
        f"/project/second/traces/{TRACE}",
        "/trace/nope",
        f"/trace/{TRACE}/more",
        "/static/0/app.css/x",
    ],
)
def test_what_is_not_there_is_a_friendly_404(signed_in: httpx.Client, path: str) -> None:
    answer = signed_in.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "<h1>" in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "version=x",
        "version=-1",
        "version=99999999999999999999",
        "page=0",
        "page=x",
        "page=²",
        "tab=nope",
        "against=1",
        "a=%FF",
        "%00=%00",
    ],
)
def test_strange_queries_are_no_fault(signed_in: httpx.Client, query: str) -> None:
    for path in (TRIAGE, f"{ROOT}/prompts", f"{ROOT}/traces", f"{ROOT}/traces/{TRACE}"):
        assert signed_in.get(f"{path}?{query}").status_code < 500


@pytest.mark.parametrize(
    "name", ["%00", "..%2f..%2fetc", "a|b", "%F0%9F%92%A9", "x" * 3000, "%ff", "'", "<b>", "%252F"]
)
def test_strange_names_are_no_fault(signed_in: httpx.Client, name: str) -> None:
    for part in ("prompts", "traces", "sessions", "users", "datasets"):
        assert signed_in.get(f"{ROOT}/{part}/{name}").status_code < 500
    assert signed_in.get(f"/trace/{name}").status_code < 500


def test_a_page_past_the_end_is_empty(signed_in: httpx.Client) -> None:
    assert signed_in.get(f"{ROOT}/traces?page=500").status_code == 200
    assert signed_in.get(f"{ROOT}/prompts?page=500").status_code == 200


# --- static files


def asset_paths(client: httpx.Client) -> list[str]:
    return sorted(set(re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get("/projects").text)))


def test_static_files_are_kept_for_ever_under_their_digest(signed_in: httpx.Client) -> None:
    paths = asset_paths(signed_in)
    assert len(paths) == 6
    for path in paths:
        answer = signed_in.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        again = signed_in.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        stale = re.sub(r"/static/\w+/", "/static/0000/", path)
        assert signed_in.get(stale).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    [
        "../ui/routes.py",
        "..%2froutes.py",
        "%2e%2e/routes.py",
        "..\\routes.py",
        "/etc/passwd",
        "vendor/SHA256SUMS",
        "vendor/",
        "app.css%00",
        "..",
    ],
)
def test_static_files_are_a_closed_list(address: str, name: str) -> None:
    request = httpx.Request(
        "GET", httpx.URL(address).copy_with(raw_path=f"/static/0/{quote(name, safe='%/')}".encode())
    )
    with httpx.Client() as client:
        assert client.send(request).status_code in {303, 400, 404}


@pytest.fixture(scope="module")
def indexed(world: World) -> None:
    traces = world.services.settings.data / "traces.db"
    with closing(Indexer(traces, index_path(traces))) as indexer:
        list(run_to_the_end(indexer))


@pytest.mark.usefixtures("indexed")
def test_traces_are_searched_by_their_words(signed_in: httpx.Client) -> None:
    page = signed_in.get(f"{ROOT}/traces", params={"q": '"Thanks for telling us"'}).text
    assert len(re.findall(r'<a data-open class="clip name"', page)) == 1
    assert f"{ROOT}/traces/{TRACE}" in page
    assert "Thanks for telling us" in text_of(page)
    everywhere = signed_in.get(f"{ROOT}/traces", params={"q": "name:simple-query", "environment": "staging"}).text
    assert 0 < len(re.findall(r'<a data-open class="clip name"', everywhere)) < 23


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize(
    ("query", "said"),
    [("q=***", "no word to look for"), ("q=zzyzx", "No trace matches"), ("q=a&cursor=nonsense", "Show all traces")],
)
def test_searches_without_a_hit_say_so(signed_in: httpx.Client, query: str, said: str) -> None:
    answer = signed_in.get(f"{ROOT}/traces?{query}")
    assert (answer.status_code, said in text_of(answer.text)) == (200, True)
