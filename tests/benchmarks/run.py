"""Runs every benchmark, one after another, and prints what they print. `make bench`; names select: run.py fetch ingest.

A benchmark is a script ``bench_<name>.py`` beside this file. Each bounds its own load in count and time, talks to
loopback only, and compares within its own run: machines are shared and noisy.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).parent
LONGEST_S = 1_200


def main(names: list[str]) -> int:
    scripts = [path for path in sorted(FOLDER.glob("bench_*.py")) if not names or path.stem[len("bench_") :] in names]
    failed = []
    for script in scripts:
        print(f"\n=== {script.stem[len('bench_') :]}", flush=True)
        began = time.monotonic()
        try:
            code = subprocess.run([sys.executable, script], check=False, timeout=LONGEST_S).returncode
        except subprocess.TimeoutExpired:
            code = -1
        if code:
            failed.append(script.name)
        print(f"--- {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        print(f"\nFailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
