"""/health and /metrics: who sees what, and when the server counts as well."""

from __future__ import annotations

import os

import httpx
import pytest

from api.conftest import World
from trunkline.errors import Unavailable
from trunkline.registry.trees import Draft
from trunkline.types import Actor, ActorKind

ACTOR = Actor(kind=ActorKind.PUSH, name="Somebody", email="somebody@example.org")
BROKEN = "prompts/broken.yaml"


def break_a_file(world: World) -> None:
    """A head that no check saw, as a mirror or a restored backup would bring it."""
    repository = world.registry.repository
    draft = Draft(repository, world.registry.snapshot.head)
    draft.write(BROKEN, b"type: text\nprompt: [\n")
    sha = repository.write_commit(draft.write_tree(), draft.head, ACTOR, "break it", 1_700_000_000)
    repository.move_head(draft.head, sha)
    world.registry.refresh()


async def test_a_server_that_is_well(api: httpx.AsyncClient, world: World) -> None:
    await api.post("/api/public/v2/prompts", json={"name": "a", "prompt": "x"})
    answer = await api.get("/health")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["worker"], body["redis"], body["down"]) == ("ok", os.getpid(), "off", [])
    assert body["version"] == world.services.version
    one = next(project for project in body["projects"] if project["id"] == "one")
    assert (one["head"], one["prompts"], one["faults"]) == (world.registry.snapshot.head, 1, 0)
    assert one["staleness_ms"] == 0


async def test_a_faulty_file_is_named_to_those_who_hold_a_key(api: httpx.AsyncClient, world: World) -> None:
    await api.post("/api/public/v2/prompts", json={"name": "a", "prompt": "x"})
    break_a_file(world)
    answer = await api.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert BROKEN in answer.text
    for who in ("none", "bad", "other", "revoked", "public"):
        async with world.client(who) as client:
            seen = await client.get("/health")
        assert (seen.status_code, seen.json()["status"]) == (200, "degraded")
        assert BROKEN not in seen.text


async def test_a_project_that_is_not_open_yet_makes_it_503(api: httpx.AsyncClient, world: World) -> None:
    world.services.control.create_project("Three", project_id="three")
    answer = await api.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert "three" in answer.json()["down"][0]
    assert answer.headers["retry-after"] == "1"


async def test_a_control_store_that_cannot_be_read_makes_it_503(
    api: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise Unavailable("disk gone")

    monkeypatch.setattr(world.services.control, "projects", fail)
    answer = await api.get("/health")
    assert answer.status_code == 503
    assert "disk gone" in answer.json()["down"][0]


async def test_metrics_are_in_prometheus_format(api: httpx.AsyncClient) -> None:
    await api.get("/api/public/health")
    answer = await api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "trunkline_http_request_duration_seconds_count" in answer.text
