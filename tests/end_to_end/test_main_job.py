"""What a new user does, in six steps, with nothing but the released SDKs and the printed keys.

The server is the real one, as a process with two workers; the LLM is a stand-in on loopback.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from llm_stand_in import llm
from sdk_environment import run_sdk
from server_process import ADMIN_PASSWORD, PUBLIC_KEY, SECRET_KEY, ServerProcess, running, wait_for

NAME = "support/triage"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with running(tmp_path / "data", workers=2) as started:
        yield started


@contextlib.contextmanager
def pinned_to_each_worker(server: ServerProcess, count: int = 2) -> Iterator[list[httpx.Client]]:
    """Kept-alive connections, one to each worker process: /health names the process that answers."""
    with contextlib.ExitStack() as stack:
        found: dict[int, httpx.Client] = {}

        def connect() -> bool:
            client = stack.enter_context(server.client(limits=httpx.Limits(max_connections=1)))
            found.setdefault(client.get("/health").json()["worker"], client)
            return len(found) == count

        wait_for(connect, what=f"connections to {count} workers")
        yield list(found.values())


def fetch(client: httpx.Client, **selector: object) -> dict[str, Any]:
    answer = client.get(f"/api/public/v2/prompts/{NAME}", params=selector)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def git(*arguments: object, cwd: Path) -> str:
    done = subprocess.run(["git", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def cli(server: ServerProcess, *arguments: str) -> str:
    keys = {"TRUNKLINE_PUBLIC_KEY": PUBLIC_KEY, "TRUNKLINE_SECRET_KEY": SECRET_KEY}
    done = subprocess.run(
        [sys.executable, "-m", "trunkline.cli", *arguments, "--url", server.url],
        capture_output=True,
        text=True,
        check=False,
        env={**server._environment(), **keys},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.sdk
@pytest.mark.parametrize("sdk", ["py2", "py5"])
def test_the_six_steps(server: ServerProcess, sdk: str, tmp_path: Path) -> None:
    with server.client() as client, llm() as llm_url:
        before = fetch(client)

        # Steps 1 to 3 happen in the SDK's own process.
        found = run_sdk(sdk, f"main_job_{sdk}.py", url=server.url, keys=(PUBLIC_KEY, SECRET_KEY), LLM_URL=llm_url)
        assert found["auth"] is True
        assert found["fetched"]["version"] == before["version"]
        assert "production" in found["fetched"]["labels"]
        assert any("Trunkline" in str(message.get("content")) for message in found["fetched"]["messages"])
        created = assert_created_as_a_commit(server, client, found)
        assert_trace_reads_back(client, sdk, found, created)
        assert_pages_show_it(server, found, created)
        if sdk == "py2":
            assert_introduction_reads_back(client, found)

        with pinned_to_each_worker(server) as workers:
            promote_and_see_it_served(server, client, workers, created, before)
            assert_metrics(client, created)
            roll_back_in_three_ways(server, client, workers, created, before, tmp_path)


def assert_created_as_a_commit(server: ServerProcess, client: httpx.Client, found: Any) -> dict[str, Any]:
    created = fetch(client, version=found["created"]["version"])
    assert "latest" in created["labels"]
    log = git("log", "-p", "-1", created["commit"], cwd=server.repository())
    assert f"prompts/{NAME}.yaml" in log
    assert re.search(r"^\+.*(Never ask for a password|Answer in English)", log, re.MULTILINE)
    tree = git("ls-tree", created["commit"], f"prompts/{NAME}.yaml", cwd=server.repository())
    assert created["blob"] in tree
    return created


def assert_trace_reads_back(client: httpx.Client, sdk: str, found: Any, created: dict[str, Any]) -> None:
    trace = client.get(f"/api/public/traces/{found['trace']['id']}").json()
    assert trace["name"] == f"triage-{sdk}"
    assert trace["userId"] == f"user-{sdk[-1]}"
    assert trace["sessionId"] == f"session-{sdk[-1]}"
    assert trace["tags"] == ["e2e", sdk]
    assert trace["totalCost"] > 0
    by_id = {observation["id"]: observation for observation in trace["observations"]}
    generation = by_id[found["trace"]["generation"]]
    assert generation["type"] == "GENERATION"
    assert generation["model"] == "gpt-4o-mini"
    # SDK 2 sends the fractions among model parameters as strings.
    assert generation["modelParameters"] == {"temperature": "0.2" if sdk == "py2" else 0.2}
    assert by_id[generation["parentObservationId"]]["name"] == ("prepare" if sdk == "py2" else "triage")
    assert generation["usageDetails"]["input"] > 0
    assert generation["usageDetails"]["output"] > 0
    assert generation["costDetails"]["total"] == pytest.approx(generation["calculatedTotalCost"])
    assert generation["output"].startswith("gpt-4o-mini read")
    link = {key: generation[key] for key in ("promptName", "promptVersion", "promptCommit", "promptBlob")}
    assert link == {
        "promptName": NAME,
        "promptVersion": created["version"],
        "promptCommit": created["commit"],
        "promptBlob": created["blob"],
    }
    scores = {score["name"]: score for score in trace["scores"]}
    assert scores["helpful"]["observationId"] == generation["id"]
    assert scores["helpful"]["value"] == (0.9 if sdk == "py2" else 0.7)
    assert scores["resolved"]["value"] == 1


def assert_introduction_reads_back(client: httpx.Client, found: Any) -> None:
    trace = client.get(f"/api/public/traces/{found['introduction']['id']}").json()
    assert trace["name"] == "simple-query"
    assert trace["metadata"] == {"user": "user@langfuse.example", "email": "x@example.org"}
    (generation,) = trace["observations"]
    assert generation["name"] == "openai-generation"
    assert generation["modelParameters"] == {"temperature": "0.7", "max_tokens": 100}
    assert generation["metadata"] == {"interface": "whatsapp"}
    assert generation["output"] == trace["output"] == found["introduction"]["reply"]
    assert generation["completionStartTime"] is not None
    assert generation["timeToFirstToken"] is not None
    usage = generation["usageDetails"]
    assert usage["total"] == usage["input"] + usage["output"]
    failed = client.get(f"/api/public/traces/{found['failed']['id']}").json()
    (attempt,) = failed["observations"]
    assert attempt["level"] == "ERROR"
    assert "broken-model" in attempt["statusMessage"]
    assert "broken-model" in failed["output"]["error"]


def assert_pages_show_it(server: ServerProcess, found: Any, created: dict[str, Any]) -> None:
    with httpx.Client(base_url=server.url, follow_redirects=True) as browser:
        sign_in(browser)
        page = browser.get(f"/project/default/traces/{found['trace']['id']}")
        assert page.status_code == 200
        for shown in (NAME, created["commit"][:7], created["blob"][:7], "prepare", "helpful"):
            assert shown in page.text, shown
        page = browser.get(f"/project/default/prompts/{NAME}")
        assert page.status_code == 200
        assert created["commit"][:7] in page.text


def sign_in(browser: httpx.Client) -> None:
    """As the form does it: every hidden field goes back with name and password."""
    page = browser.get("/project/default/prompts")
    form = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text))
    action = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    assert action, page.text
    url = action[1].replace("&amp;", "&")
    answer = browser.post(url, data={**form, "name": "admin", "password": ADMIN_PASSWORD})
    assert answer.status_code == 200, answer.text


def served_everywhere(workers: list[httpx.Client], version: int) -> None:
    for worker in workers:
        wait_for(
            lambda worker=worker: fetch(worker)["version"] == version,  # type: ignore[misc]
            seconds=1,
            what=f"version {version} from every worker",
        )


def promote_and_see_it_served(
    server: ServerProcess, client: httpx.Client, workers: list[httpx.Client], created: Any, before: Any
) -> None:
    answer = client.post(
        "/api/v1/promotions",
        json={"name": NAME, "version": created["version"], "label": "production", "expected": before["version"]},
    )
    assert answer.status_code < 300, answer.text
    moved = answer.json()
    assert (moved["label"], moved["from"], moved["to"]) == ("production", before["version"], created["version"])
    changed = git("show", "--format=", "--name-only", moved["commit"], cwd=server.repository()).split()
    assert changed == [f"labels/production/{NAME}.yaml"]
    served_everywhere(workers, created["version"])


def assert_metrics(client: httpx.Client, created: Any) -> None:
    answer = client.get("/api/v1/prompts/metrics", params={"name": NAME})
    assert answer.status_code == 200, answer.text
    assert answer.json()["name"] == NAME
    row = next(row for row in answer.json()["versions"] if row["version"] == created["version"])
    assert row["commit"] == created["commit"]
    assert row["blob"] == created["blob"]
    assert "production" in row["labels"]
    assert row["generations"] == 1
    assert row["latency_ms"]["p50"] > 0
    assert row["latency_ms"]["p95"] >= row["latency_ms"]["p50"]
    assert row["input_tokens"]["mean"] > 0
    assert row["output_tokens"]["mean"] > 0
    assert row["cost_usd"]["sum"] > 0
    assert row["scores"]["helpful"]["count"] == 1
    assert row["scores"]["helpful"]["mean"] in (pytest.approx(0.9), pytest.approx(0.7))


def roll_back_in_three_ways(
    server: ServerProcess, client: httpx.Client, workers: list[httpx.Client], created: Any, before: Any, tmp_path: Path
) -> None:
    def promote_again() -> str:
        body = {"name": NAME, "version": created["version"], "label": "production"}
        answer = client.post("/api/v1/promotions", json=body)
        assert answer.status_code < 300, answer.text
        served_everywhere(workers, created["version"])
        commit: str = answer.json()["commit"]
        return commit

    cli(server, "rollback", NAME, "--label", "production")
    served_everywhere(workers, before["version"])

    promote_again()
    answer = client.post("/api/v1/rollbacks", json={"name": NAME, "label": "production", "leaving": created["version"]})
    assert answer.status_code < 300, answer.text
    served_everywhere(workers, before["version"])

    promotion = promote_again()
    clone = tmp_path / "clone"
    git("clone", "-q", f"file://{server.repository()}", clone, cwd=tmp_path)
    git("config", "user.name", "Release Owner", cwd=clone)
    git("config", "user.email", "owner@example.org", cwd=clone)
    git("revert", "--no-edit", promotion, cwd=clone)
    git("push", "-q", "origin", "HEAD", cwd=clone)
    served_everywhere(workers, before["version"])
