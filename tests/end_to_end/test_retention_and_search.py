"""What only whole servers show: old traces go by themselves, the index goes on where a killed worker left it."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from server_process import children, running, wait_for
from trunkline.types import JSON


def send(client: httpx.Client, number: int, text: str, days: float = 0) -> None:
    moment = (datetime.now(UTC) - timedelta(days=days)).isoformat().replace("+00:00", "Z")
    trace = {"id": f"t{number}", "name": "trace", "timestamp": moment}
    span = {"id": f"o{number}", "traceId": f"t{number}", "startTime": moment, "input": text}
    events = [("trace-create", trace), ("span-create", span)]
    batch = [{"id": f"{kind}{number}", "type": kind, "timestamp": moment, "body": body} for kind, body in events]
    answer = client.post("/api/public/ingestion", json={"batch": batch})
    assert answer.json()["errors"] == []


def found(client: httpx.Client, text: str) -> list[str]:
    answer = client.get("/api/v1/search", params={"q": text, "limit": 100})
    assert answer.status_code == 200, answer.text
    return sorted(hit["observation_id"] for hit in answer.json()["hits"])


def health(client: httpx.Client) -> JSON:
    return client.get("/health").json()


def test_old_traces_go_by_themselves(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, server.client() as client:
        for number in range(45):
            send(client, number, "word", days=8 + number)
        send(client, 100, "word", days=6)
        wait_for(lambda: len(found(client, "word")) == 46, what="the index")
        answer = client.patch("/api/v1/project/settings", json={"retention_days": 7})
        assert answer.status_code == 200
        wait_for(lambda: found(client, "word") == ["o100"], what="the deletion")
        assert client.get("/api/public/traces").json()["meta"]["totalItems"] == 1
        assert client.get("/api/public/observations").json()["meta"]["totalItems"] == 1
        wait_for(lambda: health(client)["search"]["documents"] == 2, what="the index to forget")
        assert health(client)["projects"][0]["retention"] == {"days": 7, "overdue_s": 0}
        assert "trunkline_retention_traces_total 45.0" in client.get("/metrics").text
        assert 'trunkline_retention_overdue_seconds{project="default"} 0.0' in client.get("/metrics").text


def test_another_worker_takes_the_index_over(tmp_path: Path) -> None:
    with running(tmp_path / "data", workers=2) as server, server.client() as client:
        send(client, 1, "before")
        wait_for(lambda: found(client, "before") == ["o1"], what="the index")
        keeper = holder_of(tmp_path / "data" / "search.db-indexer", server.process.pid if server.process else 0)
        os.kill(keeper, signal.SIGKILL)
        wait_for(lambda: sent(client, 2, "after"), what="a worker to answer")
        wait_for(lambda: found(client, "after") == ["o2"], what="the next worker to index")
        assert found(client, "before OR after") == ["o1", "o2"]


def sent(client: httpx.Client, number: int, text: str) -> bool:
    try:
        send(client, number, text)
    except httpx.TransportError:
        return False
    return True


def holder_of(lock: Path, server: int) -> int:
    """Which worker holds the lock, as the kernel says."""
    inode = str(lock.stat().st_ino)
    held = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    holders = {int(fields[4]) for fields in held if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}")}
    (holder,) = holders & set(children(server))
    return holder


@pytest.mark.parametrize("setting", ["off", "false"])
def test_search_that_is_off(tmp_path: Path, setting: str) -> None:
    with running(tmp_path / "data", environment={"TRUNKLINE_SEARCH": setting}) as server, server.client() as client:
        send(client, 1, "word")
        assert client.get("/api/v1/search?q=word").status_code == 404
        assert health(client)["search"] == "off"
        assert not (tmp_path / "data" / "search.db").exists()
        assert "trunkline_search" not in client.get("/metrics").text


def test_the_index_goes_on_where_a_killed_server_stopped(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, server.client() as client:
        for number in range(30):
            send(client, number, "word")
        server.kill()
    with running(tmp_path / "data") as server, server.client() as client:
        wait_for(lambda: len(found(client, "word")) == 30, what="the index")
