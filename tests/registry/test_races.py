"""Processes that race and processes that die: nothing acknowledged is lost, history stays linear."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry_folder import ADA, Folder, git, text

WORKER = """
import json, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from registry_folder import ADA, PROJECT, text
from trunkline.errors import Conflict
from trunkline.registry.registry import open_registry
from trunkline.store.registry_tables import SQLiteTables
registry = open_registry(Path({repository!r}), PROJECT, SQLiteTables(Path({tables!r})))
who, rounds = {who!r}, {rounds}
print(json.dumps({{"ready": True}}), flush=True)
for number in range(rounds):
    try:
        if number % 2:
            moved = registry.promote("shared", "production", version=1 + number % 3, actor=ADA)
            told = {{"commit": moved.commit}}
        else:
            version = registry.create_version("shared", text(f"{{who}} {{number}}"), actor=ADA)
            told = {{"commit": version.commit, "version": version.version, "blob": version.blob}}
        print(json.dumps(told), flush=True)
    except Conflict as error:
        print(json.dumps({{"conflict": error.message}}), flush=True)
"""


def worker(folder: Folder, who: str, rounds: int) -> subprocess.Popen[str]:
    script = WORKER.format(
        tests=str(Path(__file__).parent.parent),
        repository=str(folder.repository_path),
        tables=str(folder.path / "registry.db"),
        who=who,
        rounds=rounds,
    )
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


def start(folder: Folder) -> None:
    registry = folder.open()
    for number in (1, 2, 3):
        registry.create_version("shared", text(str(number)), actor=ADA)


def check_acknowledged(folder: Folder, acknowledged: list[dict[str, object]]) -> None:
    """Everything acknowledged is in the first-parent history, under the number that was told."""
    history = set(git(folder.repository_path, "rev-list", "--first-parent", "main").split())
    registry = folder.open()
    cold = folder.open(f"cold{time.monotonic_ns()}.db")
    assert registry.snapshot == cold.snapshot
    assert registry.snapshot.faults == ()
    for told in acknowledged:
        assert told["commit"] in history
        number = told.get("version")
        if isinstance(number, int):
            version = registry.version("shared", number)
            assert (version.commit, version.blob) == (told["commit"], told["blob"])
            assert cold.version("shared", number) == version


def test_two_processes_race_and_lose_nothing(folder: Folder) -> None:
    start(folder)
    rounds = 40
    workers = [worker(folder, who, rounds) for who in ("left", "right")]
    told = [[json.loads(line) for line in one.communicate(timeout=100)[0].splitlines()[1:]] for one in workers]
    assert [one.returncode for one in workers] == [0, 0]
    assert [len(lines) for lines in told] == [rounds, rounds]
    acknowledged = [line for lines in told for line in lines if "commit" in line]
    versions = [line["version"] for line in acknowledged if "version" in line]
    assert sorted(versions) == list(range(4, 4 + len(versions)))
    assert git(folder.repository_path, "rev-list", "--min-parents=2", "main") == ""
    check_acknowledged(folder, acknowledged)


@pytest.mark.crash
@pytest.mark.timeout(7200)
def test_a_process_killed_during_commits_loses_nothing_acknowledged(folder: Folder) -> None:
    start(folder)
    chance = random.Random()
    for _ in range(int(os.environ.get("TRUNKLINE_CRASH_ROUNDS", "10"))):
        with worker(folder, f"crash {chance.random()}", 10_000) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0.005, 0.25))
            process.send_signal(signal.SIGKILL)
            whole = [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        git(folder.repository_path, "fsck", "--strict", "--no-dangling")
        check_acknowledged(folder, [line for line in map(json.loads, whole) if "commit" in line])
