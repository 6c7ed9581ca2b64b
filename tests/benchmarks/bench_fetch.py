"""Prompt fetch and compile against a bare ASGI app: the ratio of their rates on the same HTTP server.

    python tests/benchmarks/bench_fetch.py [--seconds 1] [--rounds 7] [--json FILE] [--check]

Both servers run with one worker on one core, the load generator (wrk) on another. Rounds are interleaved and short, and
what is reported is the median of the rounds' ratios, with the least CPU that a request took in any round beside it: the
machine may have other things to do. The server writes its access log, counts its metrics and gives every request an id.
``--check`` exits with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.fetch_load import GENERATOR, SERVER, Load, Round, run_load
from benchmarks.fetch_servers import HEADERS, Running, add_prompts, bare_server, names, record, trunkline_server

COMPILE = json.dumps({"name": names(1)[0], "variables": {"customer": "Ada", "ticket": "x" * 200}})


@dataclass
class Case:
    """One kind of request at one number of connections, and what its rounds gave."""

    name: str
    prompts: int
    connections: int
    load: Load
    target: float
    bare: list[Round] = field(default_factory=list)
    ours: list[Round] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return statistics.median(ours.rate / bare.rate for ours, bare in zip(self.ours, self.bare, strict=True))

    def against(self, other: Case) -> float:
        """Our rate to that of another case, in the same rounds."""
        return statistics.median(ours.rate / theirs.rate for ours, theirs in zip(self.ours, other.ours, strict=True))

    @property
    def least_cpu(self) -> tuple[float, float]:
        """Microseconds a request, of the bare app and ours."""
        return min(each.cpu_us for each in self.bare), min(each.cpu_us for each in self.ours)

    def row(self) -> Mapping[str, object]:
        ratios = [ours.rate / bare.rate for ours, bare in zip(self.ours, self.bare, strict=True)]
        bare_us, ours_us = self.least_cpu
        return {
            "case": self.name,
            "prompts": self.prompts,
            "connections": self.connections,
            "bare_rate": round(statistics.median(each.rate for each in self.bare)),
            "rate": round(statistics.median(each.rate for each in self.ours)),
            "ratio": round(self.ratio, 3),
            "ratio_range": [round(min(ratios), 3), round(max(ratios), 3)],
            "bare_cpu_us": round(bare_us, 1),
            "cpu_us": round(ours_us, 1),
            "cpu_ratio": round(bare_us / ours_us, 3),
            "p99_ms": round(statistics.median(each.p99_ms for each in self.ours), 2),
            "target": self.target,
        }


def cases(prompts: int, etag: str, connections: tuple[int, ...]) -> Iterator[Case]:
    paths = [f"/api/public/v2/prompts/{name.replace('/', '%2F')}?label=production" for name in names(prompts)]
    for number in connections:
        target = 0.70 if number <= 8 else 0.65
        yield Case("200", prompts, number, Load(paths, HEADERS), target)
        if prompts == 1:
            yield Case("304", prompts, number, Load(paths, {**HEADERS, "If-None-Match": etag}), target)
            compile_headers = {**HEADERS, "Content-Type": "application/json"}
            yield Case("compile", prompts, number, Load(["/api/v1/compile"], compile_headers, COMPILE), 0.3)


@contextmanager
def both(prompts: int, scratch: Path) -> Iterator[tuple[Running, Running, str]]:
    """Our server with that many prompts and a bare one with its answers; and the ETag of the first prompt."""
    folder = scratch / str(prompts)
    with trunkline_server(folder):  # the first start makes the folder
        pass
    add_prompts(folder, prompts)
    with trunkline_server(folder) as ours:
        answers, etag = record(ours.port, names(1)[0], COMPILE)
        with bare_server(folder, answers) as bare:
            yield ours, bare, etag


def measure(prompts: int, arguments: argparse.Namespace, scratch: Path) -> list[Case]:
    with both(prompts, scratch) as (ours, bare, etag):
        measured = list(cases(prompts, etag, (8, 64)))
        for case in measured:
            run_load(ours, case.load, case.connections, 1 if prompts == 1 else 3)
            run_load(bare, case.load, case.connections, 1)
        for _ in range(arguments.rounds):
            for case in measured:
                case.bare.append(run_load(bare, case.load, case.connections, arguments.seconds))
                case.ours.append(run_load(ours, case.load, case.connections, arguments.seconds))
        return measured


def missed(measured: list[Case]) -> list[str]:
    found = [f"{case.name} at {case.connections}: {case.ratio:.2f}" for case in measured if case.ratio < case.target]
    whole = {case.connections: case for case in measured if case.name == "200" and case.prompts == 1}
    for case in measured:
        # "Not slower", within what two medians of the same thing differ by on a busy machine.
        if case.name == "304" and case.against(whole[case.connections]) < 0.95:
            found.append(f"304 at {case.connections} is slower than a 200")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=1, help="of a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--prompts", type=int, nargs="+", default=[1, 10_000])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    print(f"server on core {SERVER}, wrk on core {GENERATOR}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="bench-fetch-") as scratch:
        measured = [case for prompts in arguments.prompts for case in measure(prompts, arguments, Path(scratch))]
    for case in measured:
        print(json.dumps(case.row()))
    if arguments.json:
        arguments.json.write_text(json.dumps([case.row() for case in measured], indent=1) + "\n")
    faults = missed(measured)
    for fault in faults:
        print(f"target missed: {fault}", file=sys.stderr)
    return 1 if faults and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
