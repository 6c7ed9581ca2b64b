"""The released SDKs, each in the environment that `make test` makes and keeps under ``.cache``."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def run_sdk(name: str, script: str, *arguments: str, url: str, keys: tuple[str, str], **environment: str) -> Any:
    """Runs ``tests/sdk/<script>`` with the SDK `name`, as ``py5``, against a server; returns the JSON it printed.

    Skips where the environment was never made: ``make test`` makes it.
    """
    python = ROOT / ".cache" / f"sdk-{name}" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"the environment of SDK {name} is missing; `make test` makes it")
    finished = subprocess.run(
        [python, ROOT / "tests" / "sdk" / script, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "LANGFUSE_HOST": url,
            "LANGFUSE_BASE_URL": url,
            "LANGFUSE_PUBLIC_KEY": keys[0],
            "LANGFUSE_SECRET_KEY": keys[1],
            **environment,
        },
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)
