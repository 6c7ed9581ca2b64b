"""The server as a whole: time to the first healthy answer and resident memory, empty-handed and with 10,000 prompts.

A start is timed from the command to the first 200 of ``/health``, so Python and every import are in it. The large
registry has 10,000 prompts, 20,000 labels and 100,000 commits; its first start indexes all of it, the second loads what
was saved.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent)]

from benchmarks.registry_history import make_history  # noqa: E402
from server_process import ServerProcess, children  # noqa: E402
from trunkline.registry.repository import init_repository  # noqa: E402

ROUNDS = 3
PROMPTS, LABELS, COMMITS = 10_000, 20_000, 100_000


def resident_mb(server: ServerProcess) -> float:
    assert server.process is not None
    pids = [server.process.pid, *children(server.process.pid)]
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def measured(data: Path) -> tuple[float, float]:
    """One start: seconds until it is healthy, MB a second later."""
    began = time.perf_counter()
    server = ServerProcess(data).start()
    seconds = time.perf_counter() - began
    time.sleep(1)
    megabytes = resident_mb(server)
    server.stop()
    return seconds, megabytes


def report(what: str, rounds: list[tuple[float, float]]) -> None:
    seconds, megabytes = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"{what:44} {seconds:6.2f} s {megabytes:6.0f} MB  (median of {len(rounds)})", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="trunkline-bench-") as folder:
        data = Path(folder) / "data"
        report("first start, made and seeded", [measured(data)])
        report("later start, 6 prompts", [measured(data) for _ in range(ROUNDS)])
        repository = data / "repositories" / "default.git"
        shutil.rmtree(repository)
        (data / "registry.db").unlink()
        init_repository(repository)
        make_history(repository, prompts=PROMPTS, labels=LABELS, commits=COMMITS)
        report(f"first start, {PROMPTS:,} prompts, {COMMITS:,} commits", [measured(data)])
        report(f"later start, {PROMPTS:,} prompts", [measured(data) for _ in range(ROUNDS)])


if __name__ == "__main__":
    main()
