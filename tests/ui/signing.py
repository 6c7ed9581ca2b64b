"""Signing in as a browser does it, with nothing but httpx."""

from __future__ import annotations

import re

import httpx

from ui.world import PASSWORD


def token_of(html: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f]{64})"', html)
    assert found is not None
    return found[1]


def sign_in(client: httpx.Client, password: str = PASSWORD, target: str = "/") -> httpx.Response:
    page = client.get("/sign-in", params={"next": target})
    form = {"name": "admin", "password": password, "next": target, "token": token_of(page.text)}
    return client.post("/sign-in", data=form)
