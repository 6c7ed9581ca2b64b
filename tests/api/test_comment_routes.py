"""Comments: on what they hang, who sees them, and where they are counted."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.conftest import World
from api.contract import check, check_error

PATH = "/api/public/comments"
TIME = "2026-03-01T12:00:00Z"


@pytest.fixture
async def filled(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """A trace in a session, with a generation of version 1 of a prompt."""
    await api.post("/api/public/v2/prompts", json={"name": "a/b@2", "prompt": "x"})
    generation = {"id": "g", "traceId": "t", "startTime": TIME, "promptName": "a/b@2", "promptVersion": 1}
    events = [("trace-create", {"id": "t", "sessionId": "s", "timestamp": TIME}), ("generation-create", generation)]
    batch = [
        {"id": str(index), "type": type, "timestamp": TIME, "body": body} for index, (type, body) in enumerate(events)
    ]
    check(await api.post("/api/public/ingestion", json={"batch": batch}))
    return api


def on(type: str, id: str, content: Any = "well done", **fields: Any) -> dict[str, Any]:
    return {"projectId": "one", "objectType": type, "objectId": id, "content": content, **fields}


OBJECTS = [("TRACE", "t"), ("OBSERVATION", "g"), ("SESSION", "s"), ("PROMPT", "a/b@2@1")]


@pytest.mark.parametrize(("type", "id"), OBJECTS)
async def test_a_comment_reads_back(filled: httpx.AsyncClient, type: str, id: str) -> None:
    made = check(await filled.post(PATH, json=on(type, id, "  *well* done\n", authorUserId="anna")))
    assert made.status_code == 200, made.text
    comment = check(await filled.get(f"{PATH}/{made.json()['id']}")).json()
    assert (comment["objectType"], comment["objectId"], comment["projectId"]) == (type, id, "one")
    assert (comment["content"], comment["authorUserId"]) == ("*well* done", "anna")
    listed = check(await filled.get(PATH, params={"objectType": type, "objectId": id})).json()
    assert listed["data"] == [comment]


async def test_filters_and_pages(filled: httpx.AsyncClient) -> None:
    for index, (type, id) in enumerate(OBJECTS * 2):
        await filled.post(PATH, json=on(type, id, str(index), authorUserId="anna" if index % 2 else None))

    async def found(**params: Any) -> list[str]:
        answer = check(await filled.get(PATH, params=params))
        assert answer.status_code == 200, answer.text
        return [comment["content"] for comment in answer.json()["data"]]

    assert await found() == [str(index) for index in range(8)]
    assert await found(objectType="SESSION") == ["2", "6"]
    assert await found(objectType="SESSION", objectId="t") == []
    assert await found(authorUserId="anna") == ["1", "3", "5", "7"]
    assert await found(limit=3, page=3) == ["6", "7"]
    for params in ({"objectId": "t"}, {"objectType": "DATASET"}, {"page": 0}, {"limit": 101}):
        answer = await filled.get(PATH, params=params)
        assert answer.status_code == 400
        check_error(answer)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        on("TRACE", "t", ""),
        on("TRACE", "t", " \n\t"),
        on("TRACE", "t", "x" * 5001),
        on("TRACE", "t", None),
        on("TRACE", "t", authorUserId="x" * 256),
        on("TRACE", "t", authorUserId=7),
        on("trace", "t"),
        on("DATASET", "t"),
        {key: value for key, value in on("TRACE", "t").items() if key != "projectId"},
    ],
)
async def test_wrong_comments_get_400(filled: httpx.AsyncClient, body: Any) -> None:
    answer = await filled.post(PATH, json=body)
    assert answer.status_code == 400, answer.text
    check_error(answer)
    assert check(await filled.get(PATH)).json()["meta"]["totalItems"] == 0


@pytest.mark.parametrize("type", ["TRACE", "OBSERVATION", "SESSION", "PROMPT"])
@pytest.mark.parametrize("id", ["nothing", "", "@", "a/b@2@0", "a/b@2@9", "a/b@2@²", "x@" + "9" * 40, "y" * 5000, "\0"])
async def test_what_is_not_there_cannot_be_commented_on(filled: httpx.AsyncClient, type: str, id: str) -> None:
    answer = await filled.post(PATH, json=on(type, id))
    assert (answer.status_code, answer.json()["error"]) == (404, "LangfuseNotFoundError")


async def test_projects_do_not_see_each_other(world: World, filled: httpx.AsyncClient) -> None:
    made = check(await filled.post(PATH, json=on("TRACE", "t"))).json()["id"]
    async with world.client("other") as other:
        assert (await other.get(f"{PATH}/{made}")).status_code == 404
        assert (await other.get(PATH)).json()["data"] == []
        for type, id in OBJECTS:
            assert (await other.post(PATH, json=on(type, id))).status_code == 404


async def test_comments_and_scores_move_the_numbers_of_their_version_at_once(filled: httpx.AsyncClient) -> None:
    async def numbers() -> Any:
        (row,) = (await filled.get("/api/v1/prompts/metrics", params={"name": "a/b@2"})).json()["versions"]
        return row

    before = await numbers()
    assert (before["generations"], before["scores"], before["comments"]) == (1, {}, 0)
    for value in (1, 0.5):
        score = {"traceId": "t", "observationId": "g", "name": "helpful", "value": value}
        assert (await filled.post("/api/public/scores", json=score)).status_code == 200
    assert (await numbers())["scores"]["helpful"] == {"count": 2, "mean": 0.75, "values": {}}
    for type, id in OBJECTS:
        check(await filled.post(PATH, json=on(type, id)))
    assert (await numbers())["comments"] == 2
