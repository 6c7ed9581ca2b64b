"""A 2xx means on disk: seen in a system call trace, and by killing the server while it works."""

from __future__ import annotations

import concurrent.futures
import os
import random
import re
import shutil
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from server_process import PUBLIC_KEY, SECRET_KEY, ServerProcess, running

ROUNDS = int(os.environ.get("TRUNKLINE_CRASH_ROUNDS", "5"))
TRACED = "trace=fsync,fdatasync,read,recvfrom,recvmsg,write,writev,sendto,sendmsg,sync_file_range,pwrite64"


def span_batch(trace_id: str, count: int = 3) -> dict[str, object]:
    def event(index: int) -> dict[str, object]:
        body = {"id": f"{trace_id}-{index}", "traceId": trace_id, "name": "step", "input": {"text": "x" * 500}}
        now = "2026-11-23T12:00:00.000Z"
        return {"id": str(uuid.uuid4()), "type": "span-create", "timestamp": now, "body": {**body, "startTime": now}}

    return {"batch": [event(index) for index in range(count)], "metadata": {}}


def calls_between(trace: str, request: str, answer: str) -> list[str]:
    """The system calls after the one that read `request` up to the first that wrote `answer`."""
    lines = trace.splitlines()
    start = next(
        i for i, line in enumerate(lines) if request in line and re.search(r"\b(read|recvfrom|recvmsg)\(", line)
    )
    end = next(i for i, line in enumerate(lines) if i > start and answer in line)
    return lines[start:end]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_record_is_synced_before_the_answer(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    wrapper = ("strace", "-f", "-y", "-s", "200", "-e", TRACED, "-o", str(log))
    with running(tmp_path / "data", wrapper=wrapper) as server, server.client() as client:
        stored = client.post("/api/public/ingestion", json=span_batch("t-1"))
        assert stored.status_code == 207
        body = {"name": "traced/new", "prompt": "Hello {{name}}", "labels": ["production"]}
        created = client.post("/api/public/v2/prompts", json=body)
        assert created.status_code == 201
        moved = client.post("/api/v1/promotions", json={"name": "support/triage", "version": 1, "label": "staging"})
        assert moved.status_code < 300, moved.text
    trace = log.read_text(errors="replace")

    ingestion = calls_between(trace, "POST /api/public/ingestion", "HTTP/1.1 207")
    assert any(re.search(r"f(data)?sync\(\d+<.*traces\.db-wal>", call) for call in ingestion)
    for request, answer in (
        ("POST /api/public/v2/prompts", "HTTP/1.1 201"),
        ("POST /api/v1/promotions", "HTTP/1.1 20"),
    ):
        synced = [call for call in calls_between(trace, request, answer) if re.search(r"\bf(data)?sync\(", call)]
        assert any("/objects/" in call for call in synced), (request, synced)
        assert any("/refs/heads" in call for call in synced), (request, synced)


@dataclass
class Acknowledged:
    """What the server said yes to before it was killed."""

    spans: list[str] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def ingest(self, url: str) -> None:
        with httpx.Client(base_url=url, auth=(PUBLIC_KEY, SECRET_KEY), timeout=10) as client:
            while not self.stop.is_set():
                trace_id = uuid.uuid4().hex
                try:
                    answer = client.post("/api/public/ingestion", json=span_batch(trace_id))
                except httpx.TransportError:
                    return
                assert answer.status_code == 207, answer.text
                self.spans.append(trace_id)

    def commit(self, url: str) -> None:
        with httpx.Client(base_url=url, auth=(PUBLIC_KEY, SECRET_KEY), timeout=10) as client:
            while not self.stop.is_set():
                body = {"name": f"crash/{random.randrange(5)}", "prompt": uuid.uuid4().hex, "labels": ["production"]}
                try:
                    answer = client.post("/api/public/v2/prompts", json=body)
                except httpx.TransportError:
                    return
                assert answer.status_code == 201, answer.text
                self.commits.append(answer.json()["commit"])


def one_round(server: ServerProcess, seconds: float) -> Acknowledged:
    said = Acknowledged()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        work = [pool.submit(said.ingest, server.url) for _ in range(2)]
        work += [pool.submit(said.commit, server.url) for _ in range(2)]
        time.sleep(seconds)  # the moment of death is the input of this test, not a wait
        server.kill()
        said.stop.set()
        for done in work:
            done.result()
    return said


@pytest.mark.crash
@pytest.mark.timeout(60 + 30 * ROUNDS)
def test_kill_nine_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = ServerProcess(data).start()
    try:
        for _ in range(ROUNDS):
            said = one_round(server, random.uniform(0.05, 0.6))
            server = ServerProcess(data).start()
            with server.client() as client:
                for trace_id in said.spans:
                    answer = client.get(f"/api/public/traces/{trace_id}")
                    assert answer.status_code == 200, f"trace {trace_id} was acknowledged and is lost"
                    assert len(answer.json()["observations"]) == 3
            git = ["git", "-C", str(server.repository())]
            fsck = subprocess.run(
                [*git, "fsck", "--strict", "--no-dangling"], capture_output=True, text=True, check=False
            )
            assert fsck.returncode == 0, fsck.stderr
            history = subprocess.run(
                [*git, "rev-list", "main"], capture_output=True, text=True, check=True
            ).stdout.split()
            assert set(said.commits) <= set(history)
    finally:
        server.kill()
