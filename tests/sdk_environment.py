"""The released SDKs, each in the environment that `make test` makes and keeps under ``.cache``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
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
    command = [str(python), str(ROOT / "tests" / "sdk" / script), *arguments]
    return _told(command, url, keys, environment)


def run_node(name: str, *scenarios: str, url: str, keys: tuple[str, str], **environment: str) -> Any:
    """Runs scenarios of ``tests/sdk/<name>``, as ``js5``, in one Node process; returns the JSON it printed."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node here: the JavaScript SDKs cannot run")
    folder = ROOT / ".cache" / f"sdk-{name}"
    if not (folder / ".ready").exists():
        missing = f"the environment of SDK {name} is missing; `make test` makes it"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with tempfile.TemporaryDirectory() as scripts:
        # Node looks for modules beside the script that asks for them.
        shutil.copytree(ROOT / "tests" / "sdk" / name, scripts, dirs_exist_ok=True)
        (Path(scripts) / "node_modules").symlink_to(folder / "node_modules")
        return _told([node, f"{scripts}/scenarios.mjs", *scenarios], url, keys, environment)


def _told(command: list[str], url: str, keys: tuple[str, str], environment: dict[str, str]) -> Any:
    finished = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "LANGFUSE_HOST": url,
            "LANGFUSE_BASE_URL": url,
            "LANGFUSE_BASEURL": url,
            "LANGFUSE_PUBLIC_KEY": keys[0],
            "LANGFUSE_SECRET_KEY": keys[1],
            **environment,
        },
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)
