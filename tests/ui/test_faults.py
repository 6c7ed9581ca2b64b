"""What the pages say of a registry with broken files, and of a server in trouble."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from trunkline.errors import Unavailable
from trunkline.types import TraceDetail
from ui.signing import sign_in
from ui.world import MARA, open_world, seed_prompts, serve, text

ROOT = "/project/default"


def commit_by_hand(bare: Path, folder: Path, path: str, content: str) -> None:
    """Brings a commit in that no server would have taken: a fetch asks no hook."""
    clone = folder / "clone"
    identity = ["-c", "user.name=Hand", "-c", "user.email=hand@example.com"]
    subprocess.run(["git", "clone", "-q", bare, clone], check=True)
    (clone / path).write_text(content)
    subprocess.run(["git", *identity, "commit", "-qam", "By hand"], cwd=clone, check=True)
    subprocess.run(["git", "fetch", "-q", clone, "main:main"], cwd=bare, check=True)


def test_a_held_label_names_its_file(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        seed_prompts(world.registry)
        label = "labels/production/support/triage.yaml"
        commit_by_hand(tmp_path / "default.git", tmp_path, label, "version: 99\n")
        world.registry.refresh()
        with serve(world) as address, httpx.Client(base_url=address) as client:
            sign_in(client)
            page = client.get(f"{ROOT}/prompts/support/triage").text
            assert label in page
            assert "is served as of" in page
            assert 'class="label held"' in page
            assert label in client.get(f"{ROOT}/prompts").text


def test_a_broken_version_is_said_on_its_tabs(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        world.registry.create_version("greeting", text("Hello"), actor=MARA)
        commit_by_hand(tmp_path / "default.git", tmp_path, "prompts/greeting.yaml", "type: text\nprompt: [\n")
        world.registry.refresh()
        with serve(world) as address, httpx.Client(base_url=address) as client:
            sign_in(client)
            for tab in ("prompt", "config", "diff", "metrics", "generations", "use"):
                for version in (1, 2):
                    answer = client.get(f"{ROOT}/prompts/greeting?version={version}&tab={tab}")
                    assert answer.status_code == 200
            assert "cannot be shown" in client.get(f"{ROOT}/prompts/greeting?version=2").text
            assert "cannot be shown" not in client.get(f"{ROOT}/prompts/greeting").text


SLOW = Unavailable("The disk is slow.", retry_after=3)


@pytest.mark.parametrize(("fault", "status"), [(SLOW, 503), (KeyError("x"), 500)])
def test_a_fault_is_a_page_without_its_details(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, status: int
) -> None:
    with open_world(tmp_path) as world:

        async def broken(*_: object, **__: object) -> TraceDetail:
            raise fault

        monkeypatch.setattr(type(world.services.traces), "traces", broken)
        with serve(world) as address, httpx.Client(base_url=address) as client:
            sign_in(client)
            answer = client.get(f"{ROOT}/traces")
            assert answer.status_code == status
            assert "Traceback" not in answer.text
            assert "KeyError" not in answer.text
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
            assert answer.headers.get("retry-after") == ("3" if status == 503 else None)
            assert "Support desk" in answer.text


def test_a_project_being_opened_is_not_available_yet(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        world.services.control.create_project("New", project_id="new")
        with serve(world) as address, httpx.Client(base_url=address) as client:
            sign_in(client)
            assert client.get("/project/new/prompts").status_code == 503


def test_a_set_address_stands_in_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_URL", "https://prompts.example.com/")
    with open_world(tmp_path) as world:
        world.registry.create_version("greeting", text("Hello"), actor=MARA)
        with serve(world) as address, httpx.Client(base_url=address) as client:
            sign_in(client)
            page = client.get(f"{ROOT}/prompts/greeting?tab=use").text
            assert "https://prompts.example.com/api/v1/compile" in page
