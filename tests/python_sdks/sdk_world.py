"""One server with two projects, and what each SDK told of its scenarios against it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from api.contract import check
from llm_stand_in import llm
from sdk_environment import run_sdk
from server_process import PUBLIC_KEY, SECRET_KEY, ServerProcess, running

_ALONE = ("sampling", "traces_otel", "decorators_otel", "datasets", "generated_client")
_LAST = ("prompts", "clients")
SCENARIOS: Mapping[str, tuple[str, ...]] = {
    "otel": ("plain_otel", "emitters"),
    "py2": ("sampling", "traces_v2", "decorators_v2", "datasets", *_LAST),
    "py3": (*_ALONE, *_LAST),
    "py4": (*_ALONE, *_LAST),
    "py5": (*_ALONE, "langchain_handler", "openai_wrapper", *_LAST),
}
"""The modules of ``tests/sdk`` that each SDK runs, in this order, in one interpreter: starts cost more than they.

What makes several clients comes last: where a process has several, the SDKs do not guess which one is meant.
The OpenAI wrapper, once imported, traces what LangChain calls too."""

FIRST = (PUBLIC_KEY, SECRET_KEY)
KEYS = {"PROMPTS": 0, "MASKED": 1, "DISABLED": 1}
"""More keys by name, of the first project or of the second: the SDKs keep one client for each public key."""

ORIGIN = ("resourceAttributes", "scope")
"""Keys of metadata that tell where a span came from."""


@dataclass
class World:
    server: ServerProcess
    environment: dict[str, str]
    second: tuple[str, str]
    _told: dict[str, Any] = field(default_factory=dict)

    def told(self, sdk: str, scenario: str) -> Any:
        """What a scenario returned. All of an SDK's run when the first is asked for."""
        if sdk not in self._told:
            self._told[sdk] = run_sdk(
                sdk,
                "scenarios.py",
                *SCENARIOS[sdk],
                url=self.server.url,
                keys=FIRST,
                **self.environment,
            )
        told = self._told[sdk][scenario]
        assert not (isinstance(told, dict) and "traceback" in told), told["traceback"]
        return told

    def get(self, path: str, *, keys: tuple[str, str] = FIRST, **params: Any) -> Any:
        """An answer of the compatible API, held to its description."""
        with httpx.Client(base_url=self.server.url, auth=keys, timeout=30) as client:
            return check(client.get(f"/api/public{path}", params=params)).json()

    def trace(self, trace_id: str) -> Any:
        return self.get(f"/traces/{trace_id}")

    def observations(self, trace_id: str) -> dict[str, Any]:
        """A trace's observations by id, without what tells where their metadata came from."""
        found = {each["id"]: each for each in self.trace(trace_id)["observations"]}
        for each in found.values():
            each["metadata"] = said_in(each["metadata"])
        return found

    def is_there(self, trace_id: str, *, keys: tuple[str, str] = FIRST) -> bool:
        with httpx.Client(base_url=self.server.url, auth=keys, timeout=30) as client:
            return client.get(f"/api/public/traces/{trace_id}").status_code == httpx.codes.OK


def said_in(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata as the application gave it."""
    return {key: value for key, value in metadata.items() if key not in ORIGIN}


def subset(found: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Any]:
    """What `found` has under the keys of `expected`, to be compared with it."""
    return {key: found.get(key) for key in expected}


@contextlib.contextmanager
def world(data: Path) -> Iterator[World]:
    """A server of its own, with a second project beside the first, and an LLM for the wrappers."""
    with running(data) as server, llm() as llm_url:
        second = second_project(server)
        environment = {"LLM_URL": llm_url, "SECOND_PUBLIC_KEY": second[0], "SECOND_SECRET_KEY": second[1]}
        for name, owner in KEYS.items():
            with httpx.Client(base_url=server.url, auth=second if owner else FIRST, timeout=30) as client:
                made = client.post("/api/v1/keys", json={"name": name.lower()}).raise_for_status().json()
            environment |= {f"{name}_PUBLIC_KEY": made["public_key"], f"{name}_SECRET_KEY": made["secret_key"]}
        yield World(server, environment, second)


def second_project(server: ServerProcess) -> tuple[str, str]:
    """Makes a project with the command for it; its key pair."""
    command = [sys.executable, "-m", "trunkline.cli", "projects", "create", "Second", "--id", "second", "--json"]
    done = subprocess.run(
        [*command, "--data", str(server.data)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=server._environment(),
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    return made["public_key"], made["secret_key"]
