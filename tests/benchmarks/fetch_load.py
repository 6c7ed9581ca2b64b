"""Load by wrk, or by `fetch_generator` where it is not installed, on a core of its own; and the server's CPU for it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fetch_servers import Running

CORES = sorted(os.sched_getaffinity(0))
SERVER, GENERATOR = CORES[0], CORES[-1]
TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
Told = tuple[int, float, float]
"""Answers, answers a second, 99th percentile in milliseconds."""
SCRIPT = """
local requests = {}
local turn = 0
init = function(args)
  for path in io.lines("PATHS") do
    table.insert(requests, wrk.format(METHOD, path, HEADERS, BODY))
  end
end
request = function()
  turn = turn % #requests + 1
  return requests[turn]
end
"""


@dataclass(frozen=True)
class Load:
    """Requests in turn, one a path; with a body they are POSTs."""

    paths: Sequence[str]
    headers: Mapping[str, str]
    body: str = ""

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"


@dataclass(frozen=True)
class Round:
    rate: float
    """Answers a second."""
    cpu_us: float
    """CPU of the server a request, in microseconds."""
    p99_ms: float


def run_load(server: Running, load: Load, connections: int, seconds: int) -> Round:
    """One round. Raises AssertionError where an answer was not right."""
    before = _ticks(server.pid)
    requests, rate, p99_ms = (_wrk if shutil.which("wrk") else _generator)(server, load, connections, seconds)
    return Round(rate, (_ticks(server.pid) - before) * TICK_US / requests, p99_ms)


def _wrk(server: Running, load: Load, connections: int, seconds: int) -> Told:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "load.lua")
        script.write_text(_script(load, Path(folder)))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script)]
        output = _run([*command, f"http://127.0.0.1:{server.port}/"], seconds)
    assert "Non-2xx" not in output, output
    assert "Socket errors" not in output, output
    number = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", output)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    if number is None or rate is None or p99 is None:
        raise AssertionError(output)
    scale = {"us": 1e-3, "ms": 1.0, "s": 1e3}[p99[2]]
    return int(number[1]), float(rate[1]), float(p99[1]) * scale


def _generator(server: Running, load: Load, connections: int, seconds: int) -> Told:
    plan = {
        "port": server.port,
        "connections": connections,
        "seconds": seconds,
        "paths": load.paths,
        "method": load.method,
        "headers": load.headers,
        "body": load.body,
    }
    program = str(Path(__file__).with_name("fetch_generator.py"))
    told = json.loads(_run([sys.executable, program], seconds, json.dumps(plan)))
    return told["requests"], told["rate"], told["p99_ms"]


def _run(command: list[str], seconds: int, given: str = "") -> str:
    command = ["taskset", "-c", str(GENERATOR), *command]
    done = subprocess.run(command, check=True, input=given, capture_output=True, text=True, timeout=seconds + 30)
    assert not done.stderr, done.stderr  # wrk says here that a script is broken, and goes on without it
    return done.stdout


def _script(load: Load, folder: Path) -> str:
    paths = folder / "paths"
    paths.write_text("\n".join(load.paths) + "\n")
    headers = ", ".join(f"[ {_lua(name)} ] = {_lua(value)}" for name, value in load.headers.items())
    values = {
        "PATHS": str(paths),
        "METHOD": _lua(load.method),
        "HEADERS": f"{{{headers}}}",
        "BODY": _lua(load.body) if load.body else "nil",
    }
    return re.sub("PATHS|METHOD|HEADERS|BODY", lambda match: values[match[0]], SCRIPT)


def _lua(text: str) -> str:
    return "[==[" + text + "]==]"


def _ticks(pid: int) -> int:
    """CPU time that a process has taken, user and system, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
