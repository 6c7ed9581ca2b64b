"""Cursors are text that a client holds: whatever it sends back for one is answered."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from api.contract import check

FORGED = [
    [10**30, "x"],
    [-(10**30), "x"],
    [2**63, "x"],
    [0, "x" * 5000],
    [0, "\ud800"],
    [0, "\x00"],
    [1.5, "x"],
    ["1", "x"],
    [0],
    {},
    None,
]


@pytest.mark.parametrize("path", ["v2/observations", "v3/scores"])
@pytest.mark.parametrize("content", FORGED, ids=range(len(FORGED)))
async def test_a_forged_cursor_is_refused_or_finds_nothing(api: httpx.AsyncClient, path: str, content: Any) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(content).encode()).decode()
    answer = check(await api.get(f"/api/public/{path}", params={"cursor": cursor}))
    assert answer.status_code in {200, 400}, answer.text


@pytest.mark.parametrize("path", ["v2/observations", "v3/scores"])
@pytest.mark.parametrize("cursor", ["%", "é", "====", "AA", "WzFd", "-_-_", "WyI"])
async def test_what_is_no_cursor_is_refused(api: httpx.AsyncClient, path: str, cursor: str) -> None:
    answer = check(await api.get(f"/api/public/{path}", params={"cursor": cursor}))
    assert answer.status_code == 400, answer.text
