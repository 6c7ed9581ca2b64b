"""Annotation queues: their items, from put in to completed, and who is assigned."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.conftest import World
from api.contract import check, check_error

PATH = "/api/public/annotation-queues"


async def config(api: httpx.AsyncClient) -> str:
    made: str = check(await api.post("/api/public/score-configs", json={"name": "x", "dataType": "TEXT"})).json()["id"]
    return made


async def make(api: httpx.AsyncClient, name: str = "triage") -> Any:
    body = {"name": name, "description": "look at these", "scoreConfigIds": [await config(api)]}
    answer = check(await api.post(PATH, json=body))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def put(api: httpx.AsyncClient, queue: str, id: str = "t", **fields: Any) -> Any:
    answer = check(await api.post(f"{PATH}/{queue}/items", json={"objectId": id, "objectType": "TRACE", **fields}))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_queues_read_back_newest_first(api: httpx.AsyncClient) -> None:
    made = [await make(api, name) for name in ("a", "b", "c")]
    assert check(await api.get(f"{PATH}/{made[0]['id']}")).json() == made[0]
    page = check(await api.get(PATH, params={"limit": 2})).json()
    assert page["data"] == [made[2], made[1]]
    assert page["meta"]["totalItems"] == 3


async def test_an_item_is_put_in_completed_and_taken_out(api: httpx.AsyncClient) -> None:
    queue = (await make(api))["id"]
    item = await put(api, queue, objectType="OBSERVATION")
    assert (item["status"], item["completedAt"], item["objectType"]) == ("PENDING", None, "OBSERVATION")
    address = f"{PATH}/{queue}/items/{item['id']}"
    assert check(await api.get(address)).json() == item
    done = check(await api.patch(address, json={"status": "COMPLETED"})).json()
    assert done["status"] == "COMPLETED"
    assert done["completedAt"] is not None
    assert check(await api.patch(address, json={})).json()["status"] == "COMPLETED"
    assert check(await api.patch(address, json={"status": "PENDING"})).json()["status"] == "PENDING"
    assert check(await api.delete(address)).json()["success"]
    for gone in (await api.get(address), await api.delete(address), await api.patch(address, json={})):
        assert (gone.status_code, gone.json()["error"]) == (404, "LangfuseNotFoundError")


async def test_items_by_status(api: httpx.AsyncClient) -> None:
    queue, other = (await make(api))["id"], (await make(api, "other"))["id"]
    pending, done = await put(api, queue), await put(api, queue, status="COMPLETED")
    await put(api, other)
    assert done["completedAt"] is not None

    async def ids(**params: Any) -> list[str]:
        return [item["id"] for item in check(await api.get(f"{PATH}/{queue}/items", params=params)).json()["data"]]

    assert await ids() == [done["id"], pending["id"]]
    assert await ids(status="PENDING") == [pending["id"]]
    assert await ids(limit=1, page=2) == [pending["id"]]
    assert (await api.get(f"{PATH}/{queue}/items", params={"status": "DONE"})).status_code == 400
    address = f"{PATH}/{other}/items/{pending['id']}"
    assert (await api.get(address)).status_code == 404


async def test_assignments(world: World, api: httpx.AsyncClient) -> None:
    queue = (await make(api))["id"]
    user = world.services.control.create_user("anna", "correct horse").id
    for _ in range(2):
        made = check(await api.post(f"{PATH}/{queue}/assignments", json={"userId": user})).json()
        assert made == {"userId": user, "queueId": queue, "projectId": "one"}
    assert (await api.post(f"{PATH}/{queue}/assignments", json={"userId": "nobody"})).status_code == 404
    for _ in range(2):
        ended = await api.request("DELETE", f"{PATH}/{queue}/assignments", json={"userId": user})
        assert check(ended).json() == {"success": True}
    for method in ("POST", "DELETE"):
        answer = await api.request(method, f"{PATH}/nothing/assignments", json={"userId": user})
        assert answer.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"name": "x", "scoreConfigIds": []},
        {"name": "x", "scoreConfigIds": ["nothing"]},
        {"name": "x", "scoreConfigIds": [7]},
        {"name": " ", "scoreConfigIds": ["c"]},
        {"name": "x" * 256, "scoreConfigIds": ["c"]},
        {"name": "x", "description": "x" * 10_001, "scoreConfigIds": ["c"]},
        {"name": "x", "scoreConfigIds": [str(index) for index in range(101)]},
    ],
)
async def test_wrong_queues_get_400(api: httpx.AsyncClient, body: Any) -> None:
    answer = await api.post(PATH, json=body)
    assert answer.status_code == 400, answer.text
    check_error(answer)
    assert check(await api.get(PATH)).json()["meta"]["totalItems"] == 0


async def test_wrong_items_get_400(api: httpx.AsyncClient) -> None:
    queue = (await make(api))["id"]
    wrong: list[Any] = [
        {},
        [],
        {"objectId": "t"},
        {"objectId": "", "objectType": "TRACE"},
        {"objectId": "x" * 801, "objectType": "TRACE"},
        {"objectId": "t", "objectType": "PROMPT"},
        {"objectId": "t", "objectType": "TRACE", "status": "DONE"},
    ]
    for body in wrong:
        answer = await api.post(f"{PATH}/{queue}/items", json=body)
        assert answer.status_code == 400, body
        check_error(answer)
    assert (await api.post(f"{PATH}/nothing/items", json={"objectId": "t", "objectType": "TRACE"})).status_code == 404


async def test_projects_do_not_see_each_other(world: World, api: httpx.AsyncClient) -> None:
    queue = await make(api)
    item = await put(api, queue["id"])
    async with world.client("other") as other:
        assert (await other.get(PATH)).json()["data"] == []
        for method, rest in (("GET", ""), ("GET", "/items"), ("POST", "/items"), ("GET", f"/items/{item['id']}")):
            body = {"objectId": "t", "objectType": "TRACE"} if method == "POST" else None
            assert (await other.request(method, f"{PATH}/{queue['id']}{rest}", json=body)).status_code == 404
        for method in ("PATCH", "DELETE"):
            assert (await other.request(method, f"{PATH}/{queue['id']}/items/{item['id']}", json={})).status_code == 404
        theirs = await other.post(PATH, json={"name": "x", "scoreConfigIds": queue["scoreConfigIds"]})
        assert theirs.status_code == 400
