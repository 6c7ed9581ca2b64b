"""A released SDK that sends more than a project's limit lets in backs off, tries again, and loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdk_environment import run_sdk
from server_process import PUBLIC_KEY, SECRET_KEY, running

LIMIT, TRACES = 30, 34


@pytest.mark.sdk
def test_an_sdk_backs_off_and_loses_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, server.client() as client:
        limit = {"ingestion_requests_per_minute": LIMIT}
        assert client.patch("/api/v1/project/settings", json=limit).status_code == 200
        sent = run_sdk("py2", "limited_py2.py", str(TRACES), url=server.url, keys=(PUBLIC_KEY, SECRET_KEY))
        found = client.get("/api/public/traces", params={"limit": 100}).json()
        assert {trace["id"] for trace in found["data"]} == set(sent)
        refused = [line for line in server.output if '"status":429' in line.replace(" ", "")]
        assert refused, "the limit was never reached"
