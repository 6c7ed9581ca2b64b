"""The real server as a process: started as a user would, on a free loopback port, stopped at the end of the test."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

STARTED = re.compile(r"https?://127\.0\.0\.1:(\d+)")
PUBLIC_KEY = "pk-lf-test"
SECRET_KEY = "sk-lf-test"
ADMIN_PASSWORD = "correct horse battery staple"


def wait_for(condition: Callable[[], bool], *, seconds: float = 30.0, what: str = "the condition") -> None:
    """Polls until `condition` holds; fails the test when it does not hold in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.01)


@dataclass
class ServerProcess:
    """One `trunkline serve` on a data folder. `output` is what it printed so far, line by line."""

    data: Path
    workers: int = 1
    environment: dict[str, str] = field(default_factory=dict)
    wrapper: tuple[str, ...] = ()
    output: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    url: str = ""

    def start(self, *, seconds: float = 60.0) -> ServerProcess:
        command = [*self.wrapper, sys.executable, "-m", "trunkline.cli", "serve", "--data", str(self.data)]
        command += ["--port", "0", "--workers", str(self.workers)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self._environment()
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        deadline = time.monotonic() + seconds
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("the server did not start:\n" + "".join(self.output))
            time.sleep(0.02)
        return self

    def stop(self, *, seconds: float = 30.0) -> int:
        """SIGTERM, as an operator would. Returns the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            # A wrapper such as strace ends with what it wraps.
            os.kill(children(self.process.pid)[-1] if self.wrapper else self.process.pid, signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("the server did not stop:\n" + "".join(self.output[-20:])) from None

    def kill(self) -> None:
        """SIGKILL to the server and its workers: what a power cut looks like to the files."""
        assert self.process is not None
        for pid in [*children(self.process.pid), self.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def client(self, **options: object) -> httpx.Client:
        """An HTTP client with the server's key pair."""
        return httpx.Client(base_url=self.url, auth=(PUBLIC_KEY, SECRET_KEY), timeout=30, **options)  # type: ignore[arg-type]

    def repository(self, project: str = "default") -> Path:
        return self.data / "repositories" / f"{project}.git"

    def _environment(self) -> dict[str, str]:
        return {
            **clean_environment(),
            "TRUNKLINE_PUBLIC_KEY": PUBLIC_KEY,
            "TRUNKLINE_SECRET_KEY": SECRET_KEY,
            "TRUNKLINE_ADMIN_PASSWORD": ADMIN_PASSWORD,
            **self.environment,
        }

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.output.append(line)

    def _answers(self) -> bool:
        if not self.url:
            found = next((m for line in list(self.output) if (m := STARTED.search(line))), None)
            if found is None:
                return False
            self.url = found[0]
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(self.url + "/health", timeout=5).status_code == httpx.codes.OK
        return False


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of ours, and with compiled modules kept: starts are quicker."""
    ours = ("TRUNKLINE_", "LANGFUSE_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def children(pid: int) -> list[int]:
    """The processes below `pid`, the deepest first."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += [*children(int(child)), int(child)]
    return found


@contextlib.contextmanager
def running(data: Path, **options: object) -> Iterator[ServerProcess]:
    """A server that ends with the block."""
    server = ServerProcess(data, **options)  # type: ignore[arg-type]
    try:
        yield server.start()
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop()
