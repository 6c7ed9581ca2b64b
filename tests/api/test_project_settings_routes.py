"""A project's own settings over the API, and how soon they are in force."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.conftest import World
from api.contract import check_error
from trunkline.api.auth import Authenticator
from trunkline.store.project_settings import DEFAULTS

PATH = "/api/v1/project/settings"


async def test_settings_are_changed_one_by_one(world: World, api: httpx.AsyncClient) -> None:
    before = (await api.get(PATH)).json()
    assert before["masking"] is False
    assert set(before) == set(DEFAULTS.__struct_fields__)
    changed = await api.patch(PATH, json={"masking": True, "retention_days": 30})
    assert changed.status_code == 200
    assert changed.json() == {**before, "masking": True, "retention_days": 30}
    assert (await api.patch(PATH, json={"masking": None})).json() == {**before, "retention_days": 30}
    async with world.client("reader") as reader, world.client("other") as other:
        assert (await reader.get(PATH)).json()["retention_days"] == 30
        assert (await other.get(PATH)).json() == before


async def test_a_change_is_in_force_here_at_once_and_elsewhere_on_the_next_look(
    world: World, api: httpx.AsyncClient
) -> None:
    elsewhere = Authenticator(world.services.control)
    await api.patch(PATH, json={"masking": True})
    assert world.services.project_settings("one").masking
    assert not world.services.project_settings("two").masking
    assert not elsewhere.settings("one").masking
    assert elsewhere.refresh()
    assert elsewhere.settings("one").masking


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"masking": 1}, ["masking"]),
        ({"mask_patterns": ["a", 5]}, ["mask_patterns", 1]),
        ({"maskign": True}, []),
        ([], None),
        ("masking", None),
    ],
    ids=repr,
)
async def test_a_wrong_setting_is_named(api: httpx.AsyncClient, body: Any, place: Any) -> None:
    answer = await api.patch(PATH, json=body)
    assert answer.status_code == 400
    check_error(answer)
    if place is not None:
        assert answer.json()["issues"][0]["path"] == place
    assert (await api.get(PATH)).json()["mask_patterns"] == []


async def test_a_pattern_that_is_not_bounded_is_refused(api: httpx.AsyncClient) -> None:
    for pattern in ("(?<=a)b", "a{1001}", "(", "a*"):
        answer = await api.patch(PATH, json={"masking": True, "mask_patterns": ["KD-[0-9]+", pattern]})
        assert answer.status_code == 400
        check_error(answer)
        assert repr(pattern) in answer.json()["message"]
    assert not world_is_masking((await api.get(PATH)).json())


def world_is_masking(settings: dict[str, Any]) -> bool:
    return bool(settings["masking"] or settings["mask_patterns"])


async def test_masking_is_for_the_project_that_asks_for_it(world: World, api: httpx.AsyncClient) -> None:
    await api.patch(PATH, json={"masking": True, "mask_patterns": ["KD-[0-9]+"]})
    score = {"traceId": "t", "name": "n", "value": 1, "comment": "ada@example.org asked for KD-17"}
    async with world.client("other") as other:
        for client, comment in ((api, "[masked e-mail] asked for [masked]"), (other, score["comment"])):
            made = await client.post("/api/public/scores", json=score)
            found = await client.get(f"/api/public/v2/scores/{made.json()['id']}")
            assert found.json()["comment"] == comment


async def test_a_project_may_have_a_smaller_limit_of_its_own(world: World, api: httpx.AsyncClient) -> None:
    await api.patch(PATH, json={"ingestion_body_bytes": 2000})
    body = {"batch": [], "metadata": {"x": "y" * 3000}}
    async with world.client("other") as other:
        for path in ("/api/public/ingestion", "/api/public/scores", "/api/public/otel/v1/traces"):
            refused = await api.post(path, json=body)
            assert refused.status_code == 413
            check_error(refused)
            assert (await other.post(path, json=body)).status_code != 413


async def test_items_of_datasets_are_masked_too(api: httpx.AsyncClient) -> None:
    await api.patch(PATH, json={"masking": True})
    key, dataset = "sk-ant-api03-abcdefgh", {"name": "cases", "description": "by ada@example.org", "metadata": {"a": 1}}
    assert (await api.post("/api/public/v2/datasets", json=dataset)).status_code == 200
    item = {"datasetName": "cases", "input": {"ask": f"my key is {key}"}, "expectedOutput": "ada@example.org"}
    made = (await api.post("/api/public/dataset-items", json=item)).json()
    found = await api.get(f"/api/public/dataset-items/{made['id']}")
    assert found.json()["input"]["ask"].startswith("my key is [masked key ")
    for answer in (found, await api.get("/api/public/v2/datasets/cases")):
        assert answer.status_code == 200
        assert key not in answer.text
        assert "ada@" not in answer.text


async def test_comments_are_masked_too(api: httpx.AsyncClient) -> None:
    await api.patch(PATH, json={"masking": True})
    event = {"id": "e", "type": "trace-create", "timestamp": "2026-03-01T12:00:00.000Z", "body": {"id": "t"}}
    await api.post("/api/public/ingestion", json={"batch": [event]})
    projects = (await api.get("/api/public/projects")).json()["data"]
    comment = {"projectId": projects[0]["id"], "objectType": "TRACE", "objectId": "t", "content": "ask ada@example.org"}
    made = await api.post("/api/public/comments", json=comment)
    assert made.is_success, made.text
    found = await api.get("/api/public/comments", params={"objectType": "TRACE", "objectId": "t"})
    assert found.json()["data"][0]["content"].startswith("ask [masked e-mail ")
