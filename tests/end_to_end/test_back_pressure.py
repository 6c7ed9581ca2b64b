"""A store that another process holds, under load: memory stays bounded, clients are told to come again, nothing that
was acknowledged is lost, and it recovers by itself."""

from __future__ import annotations

import re
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from server_process import ServerProcess, running, wait_for

TIME = "2026-11-23T22:00:00.000Z"
CLIENTS, HELD_S = 24, 12.0
BODY = 900_000


class Load:
    """Clients that send large batches without a pause. `answers` has every trace id with its status."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(CLIENTS)]
        self.answers: list[tuple[str, int, str | None]] = []

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(60)

    def statuses(self, since: int = 0) -> set[int]:
        return {status for _, status, _ in self.answers[since:]}

    def _send(self) -> None:
        with self._server.client() as client:
            while not self._end.is_set():
                trace = str(uuid.uuid4())
                answer = client.post("/api/public/ingestion", json={"batch": [event(trace)]})
                self.answers.append((trace, answer.status_code, answer.headers.get("retry-after")))


def event(trace: str) -> dict[str, Any]:
    body = {"id": trace, "name": "load", "input": trace * (BODY // len(trace))}
    return {"id": trace, "type": "trace-create", "timestamp": TIME, "body": body}


def memory_mb(server: ServerProcess) -> float:
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1000


@pytest.mark.timeout(180)
def test_a_store_held_by_another_writer(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, server.client() as client:
        client.post("/api/public/v2/prompts", json={"name": "hello", "prompt": "x", "labels": ["production"]})
        with closing(apsw.Connection(str(server.data / "traces.db"))) as other, Load(server) as load:
            wait_for(lambda: 207 in load.statuses(), what="a batch that was stored")
            before = memory_mb(server)
            other.set_busy_timeout(20_000)
            other.execute("BEGIN IMMEDIATE")
            held = len(load.answers)
            end, most = time.monotonic() + HELD_S, 0.0
            while time.monotonic() < end or 503 not in load.statuses(held):
                most = max(most, memory_mb(server))
                assert client.get("/api/public/v2/prompts/hello").status_code == 200
                assert time.monotonic() < end + 60, "nobody was told to come again"
                time.sleep(0.1)
            assert most < before + 300
            other.execute("ROLLBACK")
            free = len(load.answers)
            wait_for(lambda: 207 in load.statuses(free), what="the store to recover")
        assert load.statuses() <= {207, 503}
        assert all(after is not None and int(after) >= 1 for _, status, after in load.answers if status == 503)
        lost = [id for id, status, _ in load.answers if status == 207 and not stored(client, id)]
        assert lost == []


def stored(client: httpx.Client, trace: str) -> bool:
    return client.get(f"/api/public/traces/{trace}", params={"fields": "core"}).status_code == 200
