"""Starts, commits and memory of a registry with 10,000 prompts, 20,000 labels and 100,000 commits.

    .venv/bin/python tests/benchmarks/bench_registry.py [--prompts N --labels N --commits N]

Each start is a process of its own. Another process follows the branch while this one commits.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.registry_history import make_history, prompt_name
from trunkline.registry.registry import Registry, open_registry
from trunkline.registry.repository import init_repository
from trunkline.registry.snapshot import Snapshot
from trunkline.registry.watch import watch
from trunkline.store.registry_tables import SQLiteTables
from trunkline.types import Actor, ActorKind, PromptContent, PromptType

PROJECT = "bench"
ACTOR = Actor(kind=ActorKind.OPERATOR, name="Bench", email="bench@example.com")


def open_here(folder: Path) -> Registry:
    return open_registry(folder / "bench.git", PROJECT, SQLiteTables(folder / "registry.db"))


def resident_mb(field: str = "VmRSS") -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


def start(folder: Path) -> None:
    """One start, in this process."""
    before, began = resident_mb(), time.perf_counter()
    registry = open_here(folder)
    took = time.perf_counter() - began
    peak = resident_mb("VmHWM")
    registry.close()
    figures = {
        "seconds": round(took, 2),
        "added_mb": round(resident_mb() - before, 1),
        "rss_mb": round(resident_mb(), 1),
        "peak_mb": round(peak, 1),
        "prompts": len(registry.snapshot.prompts),
        "labels": sum(len(state.labels) for state in registry.snapshot.prompts.values()),
        "faults": len(registry.snapshot.faults),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


async def follow(folder: Path) -> None:
    """Prints when each head is served here, for the parent to compare."""
    registry = open_here(folder)
    gc.collect()
    gc.freeze()
    sys.stdout.write(json.dumps({"ready": True}) + "\n")
    sys.stdout.flush()

    def told(changed: Registry) -> None:
        sys.stdout.write(json.dumps({"head": changed.snapshot.head, "at": time.monotonic_ns()}) + "\n")
        sys.stdout.flush()

    await watch({PROJECT: registry}, 5, told)


def child(folder: Path, mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, "--folder", str(folder), "--mode", mode], stdout=subprocess.PIPE, text=True
    )


def one_start(folder: Path) -> dict[str, float]:
    began = time.perf_counter()
    done = child(folder, "start").communicate(timeout=300)[0]
    figures: dict[str, float] = json.loads(done.splitlines()[-1])
    return {**figures, "with_imports": round(time.perf_counter() - began, 2)}


def commits(folder: Path, prompts: int, rounds: int) -> None:
    follower = child(folder, "follow")
    assert follower.stdout is not None
    follower.stdout.readline()
    registry = open_here(folder)
    gc.collect()
    gc.freeze()  # as a server does after its start
    served: list[float] = []
    returned: list[float] = []
    heads: dict[str, tuple[int, int]] = {}
    swaps: list[int] = []
    swap = registry._swap

    def noted(snapshot: Snapshot) -> None:
        swap(snapshot)
        swaps.append(time.monotonic_ns())

    registry._swap = noted  # type: ignore[method-assign]
    for number in range(rounds):
        name = prompt_name(number * 37 % prompts)
        began = time.monotonic_ns()
        if number % 2:
            registry.promote(name, "production", version=1, actor=ACTOR)
        else:
            content = PromptContent(type=PromptType.CHAT, prompt=({"role": "user", "content": f"{number} {{{{x}}}}"},))
            registry.create_version(name, content, actor=ACTOR)
        returned.append((time.monotonic_ns() - began) / 1e6)
        if len(swaps) > len(served):
            served.append((swaps[-1] - began) / 1e6)
            heads[registry.snapshot.head] = began, swaps[-1]
        time.sleep(0.01)
    time.sleep(0.5)
    follower.terminate()
    rows = [json.loads(line) for line in follower.stdout.read().splitlines() if line.startswith("{")]
    there = [(row["at"] - heads[row["head"]][1]) / 1e6 for row in rows if row.get("head") in heads]
    report("begin of a commit until served in the same process, ms", served)
    report("begin of a commit until it returned, ms", returned)
    report("served here until served in another process, ms", there)


def report(what: str, values: Sequence[float]) -> None:
    ordered = sorted(values)
    p50, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    sys.stdout.write(f"{what}: p50 {p50:.1f}, p99 {p99:.1f} ({len(ordered)} measured)\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=10_000)
    parser.add_argument("--labels", type=int, default=20_000)
    parser.add_argument("--commits", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--mode", choices=["start", "follow", "all"], default="all")
    given = parser.parse_args()
    if given.mode == "start":
        start(given.folder)
    elif given.mode == "follow":
        asyncio.run(follow(given.folder))
    elif given.folder is not None:
        measure(given.folder, given)
    else:
        with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as folder:
            measure(Path(folder), given)


def measure(folder: Path, given: argparse.Namespace) -> None:
    repository = folder / "bench.git"
    if not repository.exists():
        init_repository(repository)
        make_history(repository, prompts=given.prompts, labels=given.labels, commits=given.commits)
    sys.stdout.write(
        f"{given.prompts} prompts, {given.labels} labels, {given.commits} commits, {os.cpu_count()} cores\n"
    )
    for name in ("registry.db", "registry.db-wal", "registry.db-shm"):
        (folder / name).unlink(missing_ok=True)
    sys.stdout.write(f"first start:  {one_start(folder)}\n")
    sys.stdout.write(f"second start: {one_start(folder)}\n")
    sys.stdout.write(f"tables: {(folder / 'registry.db').stat().st_size / 1e6:.0f} MB\n")
    commits(folder, given.prompts, given.rounds)


if __name__ == "__main__":
    main()
