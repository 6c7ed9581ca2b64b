"""Load by wrk, on a core of its own, with the CPU that the server took for it."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fetch_servers import Running

CORES = sorted(os.sched_getaffinity(0))
SERVER, GENERATOR = CORES[0], CORES[-1]
TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
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


@dataclass(frozen=True)
class Round:
    rate: float
    """Answers a second."""
    cpu_us: float
    """CPU of the server a request, in microseconds."""
    p99_ms: float


def run_wrk(server: Running, load: Load, connections: int, seconds: int) -> Round:
    """One round. Raises AssertionError where an answer was not right."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "load.lua")
        script.write_text(_script(load, Path(folder)))
        url = f"http://127.0.0.1:{server.port}/"
        command = ["taskset", "-c", str(GENERATOR), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
        before = _ticks(server.pid)
        done = subprocess.run(
            [*command, "-s", str(script), url], check=True, capture_output=True, text=True, timeout=seconds + 30
        )
        ticks = _ticks(server.pid) - before
    assert not done.stderr, done.stderr  # a broken script is said here, and then ignored
    return _read(done.stdout, ticks)


def _script(load: Load, folder: Path) -> str:
    paths = folder / "paths"
    paths.write_text("\n".join(load.paths) + "\n")
    headers = ", ".join(f"[ {_lua(name)} ] = {_lua(value)}" for name, value in load.headers.items())
    values = {
        "PATHS": str(paths),
        "METHOD": _lua("POST" if load.body else "GET"),
        "HEADERS": f"{{{headers}}}",
        "BODY": _lua(load.body) if load.body else "nil",
    }
    return re.sub("PATHS|METHOD|HEADERS|BODY", lambda match: values[match[0]], SCRIPT)


def _lua(text: str) -> str:
    return "[==[" + text + "]==]"


def _read(output: str, ticks: int) -> Round:
    assert "Non-2xx" not in output, output
    assert "Socket errors" not in output, output
    number = re.search(r"(\d+) requests in", output)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", output)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    assert number and rate and p99, output
    scale = {"us": 1e-3, "ms": 1.0, "s": 1e3}[p99[2]]
    return Round(float(rate[1]), ticks * TICK_US / int(number[1]), float(p99[1]) * scale)


def _ticks(pid: int) -> int:
    """CPU time that a process has taken, user and system, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
