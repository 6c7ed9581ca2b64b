"""The two servers that the fetch benchmark compares, each a process on one core, and a registry of many prompts."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PUBLIC_KEY, SECRET_KEY = "pk-lf-bench", "sk-lf-bench"
HEADERS = {"Authorization": "Basic " + base64.b64encode(f"{PUBLIC_KEY}:{SECRET_KEY}".encode()).decode()}
CORE = min(os.sched_getaffinity(0))
LOCALHOST = "127.0.0.1"
ADDRESS = re.compile(rb"http://127\.0\.0\.1:(\d+)")
TEXT = """\
    You triage tickets of {{customer}}. Read the ticket, name its queue and its urgency, and answer in one line.

    {{ticket}}

"""


@dataclass(frozen=True)
class Running:
    port: int
    pid: int


def names(number: int) -> list[str]:
    return [f"team-{index % 100:02}/prompt-{index:05}" for index in range(number)]


@contextlib.contextmanager
def trunkline_server(folder: Path) -> Iterator[Running]:
    """`trunkline serve` on a data folder with one worker; its log goes to a file."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "trunkline.cli", "serve", "--data", str(folder / "data"), "--port", "0"]
    environment = {"TRUNKLINE_PUBLIC_KEY": PUBLIC_KEY, "TRUNKLINE_SECRET_KEY": SECRET_KEY}
    with _running(command, environment, folder / "trunkline.log") as server:
        yield server


@contextlib.contextmanager
def bare_server(folder: Path, answers: Mapping[str, object]) -> Iterator[Running]:
    """The bare app on uvicorn with the options that Trunkline gives it."""
    recorded = folder / "answers.json"
    recorded.write_text(json.dumps(answers))
    place = str(Path(__file__).parent)
    command = [sys.executable, "-m", "uvicorn", "bare_app:app", "--app-dir", place, "--host", LOCALHOST, "--port", "0"]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header"]
    with _running(command, {"BARE_ANSWERS": str(recorded)}, folder / "bare.log") as server:
        yield server


@contextlib.contextmanager
def _running(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[Running]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(CORE), *command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
    try:
        yield Running(_port(log, process), process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        for found in ADDRESS.finditer(log.read_bytes()):
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection(LOCALHOST, int(found[1]), timeout=5)
                connection.request("GET", "/health")
                connection.getresponse().read()
                connection.close()
                return int(found[1])
        time.sleep(0.02)
    raise AssertionError(f"the server did not start:\n{log.read_text()[-3000:]}")


def record(port: int, name: str, compile_body: str) -> tuple[dict[str, object], str]:
    """What our server answers, for the bare app to repeat; and the ETag of the fetch."""
    connection = http.client.HTTPConnection(LOCALHOST, port, timeout=10)
    path = f"/api/public/v2/prompts/{name.replace('/', '%2F')}?label=production"
    get = _answer(connection, "GET", path, None)
    post = _answer(connection, "POST", "/api/v1/compile", compile_body)
    connection.close()
    etag = next(value for key, value in get["headers"] if key == "etag")  # type: ignore[attr-defined]
    return {"GET": get, "POST": post}, etag


def _answer(connection: http.client.HTTPConnection, method: str, path: str, body: str | None) -> dict[str, object]:
    connection.request(method, path, body, {**HEADERS, "Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read().decode()
    assert response.status == 200, text
    return {"status": 200, "headers": [(key.lower(), value) for key, value in response.getheaders()], "body": text}


def add_prompts(folder: Path, number: int) -> None:
    """Commits that many prompts of 1.1 KB, each with the label `production`, to the first project's repository."""
    repository = next((folder / "data" / "repositories").glob("*.git"))
    prompt = ("type: text\nprompt: |\n" + TEXT * 7).encode()
    blob = hashlib.sha1(b"blob %d\0" % len(prompt) + prompt, usedforsecurity=False).hexdigest()
    label = f"version: 1\nblob: {blob}\n".encode()
    stream = _commit("Add prompts", {f"prompts/{name}.yaml": prompt for name in names(number)}, first=True)
    stream += _commit("Label them", {f"labels/production/{name}.yaml": label for name in names(number)}, first=False)
    subprocess.run(["git", "-C", str(repository), "fast-import", "--quiet"], input=stream, check=True, timeout=120)


def _commit(message: str, files: Mapping[str, bytes], *, first: bool) -> bytes:
    lines = [b"commit refs/heads/main\ncommitter Bench <bench@example.org> %d +0000\n" % time.time()]
    lines.append(b"data %d\n%s\n" % (len(message), message.encode()))
    if first:
        lines.append(b"from refs/heads/main^0\n")
    for path, data in files.items():
        lines.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
    return b"".join(lines)
