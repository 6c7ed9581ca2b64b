"""Bad input against the real server: a clear error, nothing lost, the last good prompt served, also after a restart."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hostile_templates import HOSTILE

from server_process import ServerProcess, running, wait_for

NAME = "support/triage"
GIT_IDENTITY = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running(tmp_path_factory.mktemp("bad-input") / "data") as started:
        yield started


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client() as opened:
        yield opened


def git(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *GIT_IDENTITY, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False
    )


def clone_with(server: ServerProcess, folder: Path, files: dict[str, str]) -> Path:
    """A clone of the registry with one more commit that writes `files`."""
    clone = folder / "clone"
    assert git("clone", "-q", f"file://{server.repository()}", clone, cwd=folder).returncode == 0
    for path, text in files.items():
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        (clone / path).write_text(text)
    git("add", "-A", cwd=clone)
    assert git("commit", "-q", "-m", "A change", cwd=clone).returncode == 0
    return clone


def memory_mb(server: ServerProcess) -> float:
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def assert_refused(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert set(answer.json()) >= {"message", "error"}
    assert answer.json()["message"]


FAULTS = {
    "broken YAML": ({f"prompts/{NAME}.yaml": "type: chat\nmessages: [\n"}, f"prompts/{NAME}.yaml:"),
    "a label to nowhere": ({f"labels/production/{NAME}.yaml": "version: 99\n"}, f"labels/production/{NAME}.yaml"),
    "a hostile template": (
        {f"prompts/{NAME}.yaml": "type: text\ntemplate: jinja2\nprompt: \"{{ 'x' * 10**9 }}\"\n"},
        f"prompts/{NAME}.yaml",
    ),
    "brackets": ({f"prompts/{NAME}.yaml": "type: text\nprompt: " + "[" * 200_000 + "\n"}, f"prompts/{NAME}.yaml"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_push_with_a_fault_is_refused_by_file_and_line(server: ServerProcess, fault: str, tmp_path: Path) -> None:
    files, named = FAULTS[fault]
    before = git("rev-parse", "main", cwd=server.repository()).stdout
    pushed = git("push", "origin", "HEAD", cwd=clone_with(server, tmp_path, files))
    assert pushed.returncode != 0
    assert named in pushed.stderr
    assert git("rev-parse", "main", cwd=server.repository()).stdout == before


@pytest.mark.parametrize("fault", FAULTS)
def test_the_last_good_prompt_is_served_at_a_bad_head_and_after_a_restart(fault: str, tmp_path: Path) -> None:
    files, named = FAULTS[fault]
    with running(tmp_path / "data") as server, server.client() as client:
        good = client.get(f"/api/public/v2/prompts/{NAME}").json()
        clone = clone_with(server, tmp_path, files)
        (server.repository() / "hooks" / "pre-receive").unlink()  # a head that no hook saw: a mirror, a restored backup
        assert git("push", "-q", "origin", "HEAD", cwd=clone).returncode == 0

        def faults() -> str:
            return client.get("/health").text

        wait_for(lambda: named.rstrip(":") in faults(), what="health to name the faulty file")
        assert client.get(f"/api/public/v2/prompts/{NAME}").json()["prompt"] == good["prompt"]
        assert client.get("/api/public/v2/prompts/support/greeting").status_code == 200
    with running(tmp_path / "data") as server, server.client() as client:
        served = client.get(f"/api/public/v2/prompts/{NAME}").json()
        assert (served["version"], served["prompt"]) == (good["version"], good["prompt"])
        assert named.rstrip(":") in client.get("/health").text


@pytest.mark.parametrize(
    "key", [("pk-lf-test", "sk-wrong"), ("pk-nobody", "sk-lf-test"), ("", ""), ("pk-lf-test", "x" * 20_000)]
)
def test_a_wrong_key(server: ServerProcess, key: tuple[str, str]) -> None:
    for method, path in (("GET", f"/api/public/v2/prompts/{NAME}"), ("POST", "/api/public/ingestion")):
        assert_refused(httpx.request(method, server.url + path, auth=key), 401)


@pytest.mark.parametrize(
    "name",
    ["a//b", "a|b", "/a", "a/", "..", "../../etc/passwd", "x" * 300, "a/../b", "con", ".git/config", "\u0000", "💥/é"],
)
def test_hostile_names_are_stored_and_read_back_equal_or_refused(client: httpx.Client, name: str) -> None:
    created = client.post("/api/public/v2/prompts", json={"name": name, "prompt": "Hello", "labels": ["production"]})
    if created.status_code == 201:
        assert created.json()["name"] == name
        quoted = "".join(f"%{byte:02X}" for byte in name.encode())
        assert client.get(f"/api/public/v2/prompts/{quoted}").json()["name"] == name
    else:
        assert_refused(created, 400, 409)


def chunks(count: int, size: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b" " * size


def test_bodies_that_are_bombs(server: ServerProcess, client: httpx.Client) -> None:
    otel = "/api/public/otel/v1/traces"
    before = memory_mb(server)
    protobuf = {"content-type": "application/x-protobuf"}
    bomb = gzip.compress(bytes(300_000_000), 9)
    for path in ("/api/public/ingestion", otel, "/api/public/v2/prompts", "/api/v1/compile", "/api/public/scores"):
        as_json = {"content-type": "application/json"}
        assert_refused(client.post(path, content=chunks(100, 1_000_000), headers=as_json), 400, 413)
        assert_refused(client.post(path, content=b"[" * 400_000, headers=as_json), 400, 413)
        gzipped = {**as_json, "content-encoding": "gzip"}
        assert_refused(client.post(path, content=bomb, headers=gzipped), 400, 413, 415)
        assert_refused(client.post(path, content=b"\xff\xfe{", headers=as_json), 400, 415)
    assert_refused(client.post(otel, content=bomb, headers={**protobuf, "content-encoding": "gzip"}), 413)
    assert_refused(client.post(otel, content=b"\x0a\xff\xff\xff\xff\x0f", headers=protobuf), 400)
    assert client.get(f"/api/public/v2/prompts/{NAME}").status_code == 200
    assert memory_mb(server) - before < 256


def test_hostile_templates_are_refused_and_the_server_goes_on(client: httpx.Client) -> None:

    assert len(HOSTILE) >= 40
    before = client.get("/api/public/v2/prompts", params={"limit": 1}).json()["meta"]["totalItems"]
    for name, template in HOSTILE.items():
        body = {"name": f"hostile/{name}", "prompt": template, "config": {}, "template": "jinja2"}
        assert_refused(client.post("/api/public/v2/prompts", json=body, timeout=10), 400)
    assert client.get("/api/public/v2/prompts", params={"limit": 1}).json()["meta"]["totalItems"] == before
