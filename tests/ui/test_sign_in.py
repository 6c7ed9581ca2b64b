"""Signing in and out, against a real server and the real control store."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from trunkline.errors import TooManyRequests
from trunkline.ui.sessions import SESSION_COOKIE, VISIT_COOKIE
from trunkline.ui.signin import Throttle
from ui.signing import sign_in, token_of
from ui.world import PASSWORD, TRACE

PAGE = "/project/default/prompts/support/triage?tab=diff&against=1"


def test_a_page_leads_to_sign_in_and_back(visitor: httpx.Client) -> None:
    refused = visitor.get(PAGE)
    assert refused.status_code == 303
    page = visitor.get(refused.headers["location"])
    assert page.status_code == 200
    form = {"name": "admin", "password": PASSWORD, "next": PAGE, "token": token_of(page.text)}
    signed_in = visitor.post("/sign-in", data=form)
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, PAGE)
    assert visitor.get(PAGE).status_code == 200


def test_the_cookie_is_out_of_reach_of_scripts(visitor: httpx.Client) -> None:
    answer = sign_in(visitor)
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(SESSION_COOKIE))
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert "Path=/" in cookie


def test_a_wrong_password_is_told_without_saying_which_part(visitor: httpx.Client) -> None:
    answer = sign_in(visitor, password="wrong wrong")
    assert answer.status_code == 401
    assert "do not belong together" in answer.text
    assert SESSION_COOKIE not in visitor.cookies


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example"])
def test_sign_in_never_leads_elsewhere(visitor: httpx.Client, target: str) -> None:
    assert sign_in(visitor, target=target).headers["location"] == "/"


def test_the_address_that_sdk_2_prints_leads_to_the_trace_after_sign_in(visitor: httpx.Client) -> None:
    path = f"/trace/{TRACE}"
    asked = visitor.get(path)
    assert (asked.status_code, asked.headers["location"]) == (303, f"/sign-in?next=%2Ftrace%2F{TRACE}")
    answer = sign_in(visitor, target=path)
    assert visitor.get(answer.headers["location"]).headers["location"] == f"/project/default/traces/{TRACE}"


def test_signing_out_ends_the_session_on_the_server(visitor: httpx.Client) -> None:
    sign_in(visitor)
    token = visitor.cookies[SESSION_COOKIE]
    page = visitor.get("/projects")
    left = visitor.post("/sign-out", data={"token": token_of(page.text)})
    assert left.headers["location"] == "/sign-in"
    again = visitor.get("/projects", headers={"cookie": f"{SESSION_COOKIE}={token}"})
    assert again.status_code == 303


@pytest.mark.parametrize("path", ["/sign-out", "/theme"])
def test_a_form_needs_its_token(visitor: httpx.Client, path: str) -> None:
    sign_in(visitor)
    assert visitor.post(path, data={"theme": "dark"}).status_code == 403
    assert visitor.post(path, data={"theme": "dark", "token": "0" * 64}).status_code == 403
    assert visitor.get("/projects").status_code == 200


def test_another_browsers_sign_in_form_is_refused(visitor: httpx.Client, address: str) -> None:
    with httpx.Client(base_url=address) as other:
        theirs = token_of(other.get("/sign-in").text)
    visitor.get("/sign-in")
    form = {"name": "admin", "password": PASSWORD, "token": theirs}
    assert visitor.post("/sign-in", data=form).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_form_from_another_site_is_refused(visitor: httpx.Client, headers: dict[str, str]) -> None:
    token = token_of(visitor.get("/sign-in").text)
    form = {"name": "admin", "password": PASSWORD, "token": token}
    assert visitor.post("/sign-in", data=form, headers=headers).status_code == 403


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"name=%FF&password=%00", b"a=" + b"x" * 20_000, b"&" * 5000])
def test_strange_forms_are_refused_without_a_fault(visitor: httpx.Client, content: bytes) -> None:
    visitor.get("/sign-in")
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = visitor.post("/sign-in", content=content, headers=headers)
    assert 400 <= answer.status_code < 500
    multipart = visitor.post("/sign-in", content=content, headers={"content-type": "multipart/form-data"})
    assert 400 <= multipart.status_code < 500


@pytest.mark.parametrize("cookie", ["", "x", "é", "a" * 5000, '"', "; ;", "\x7f"])
def test_strange_cookies_are_nobody(address: str, cookie: str) -> None:
    headers = {b"cookie": f"{SESSION_COOKIE}={cookie}; {VISIT_COOKIE}={cookie}".encode()}
    assert httpx.get(f"{address}/projects", headers=headers).status_code in {303, 400}


def test_a_request_by_htmx_takes_the_window_to_sign_in(visitor: httpx.Client) -> None:
    answer = visitor.get("/project/default/prompts", headers={"hx-request": "true"})
    assert answer.headers["hx-redirect"].startswith("/sign-in?next=")


def test_the_theme_is_kept(visitor: httpx.Client) -> None:
    sign_in(visitor)
    page = visitor.get("/projects")
    assert "data-theme" not in page.text.partition("<head>")[0]
    chosen = visitor.post("/theme", data={"theme": "dark", "next": "/projects", "token": token_of(page.text)})
    assert chosen.headers["location"] == "/projects"
    page = visitor.get("/projects")
    assert '<html lang="en" data-theme="dark">' in page.text
    visitor.post("/theme", data={"theme": "auto", "token": token_of(page.text)})
    assert "data-theme" not in visitor.get("/projects").text.partition("<head>")[0]


def test_guessing_is_slowed_down() -> None:
    throttle = Throttle(limit=3, window_s=60, addresses=2)
    for second in range(3):
        throttle.check("a", float(second))
        throttle.failed("a", float(second))
    with pytest.raises(TooManyRequests, match="Try again in 57 s"):
        throttle.check("a", 3.0)
    throttle.check("b", 3.0)
    throttle.check("a", 61.0)


async def test_few_passwords_are_checked_at_once() -> None:
    throttle = Throttle()
    running = most = refused = 0
    enough = asyncio.Event()

    async def attempt() -> None:
        nonlocal running, most, refused
        try:
            async with throttle.turn():
                running += 1
                most = max(most, running)
                await enough.wait()
                running -= 1
        except TooManyRequests:
            refused += 1
            enough.set()

    await asyncio.gather(*(attempt() for _ in range(40)))
    assert (most, refused) == (2, 24)
    async with throttle.turn():
        pass


def test_the_throttle_holds_few_addresses() -> None:
    throttle = Throttle(limit=1, window_s=60, addresses=2)
    for address in ("a", "b", "c"):
        throttle.failed(address, 0.0)
    throttle.check("a", 1.0)
    with pytest.raises(TooManyRequests):
        throttle.check("c", 1.0)
