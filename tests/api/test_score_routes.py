"""Scores: made by object and by list, by a key pair and by a browser, read in three forms, deleted."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.conftest import World
from api.contract import check, check_error

PATH = "/api/public/scores"


async def make(api: httpx.AsyncClient, **fields: Any) -> str:
    answer = check(await api.post(PATH, json={"traceId": "t", "name": "helpful", "value": 0.5, **fields}))
    assert answer.status_code == 200, answer.text
    made: str = answer.json()["id"]
    return made


async def read(api: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await api.get(f"/api/public/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return check(answer).json()


async def test_a_score_reads_back_in_every_form(api: httpx.AsyncClient) -> None:
    trace = {"id": "t", "userId": "u", "sessionId": "s", "tags": ["a"], "environment": "staging"}
    created = {"id": "e", "type": "trace-create", "timestamp": "2026-03-01T12:00:00Z", "body": trace}
    await api.post("/api/public/ingestion", json={"batch": [created]})
    made = await make(api, id="one", comment="fine", metadata={"by": "x"}, observationId="o")
    assert made == "one"
    score = await read(api, "v2/scores/one")
    assert (score["name"], score["value"], score["stringValue"], score["comment"]) == ("helpful", 0.5, None, "fine")
    assert (score["dataType"], score["source"], score["metadata"]) == ("NUMERIC", "API", {"by": "x"})
    (listed,) = (await read(api, "v2/scores", userId="u", traceTags="a"))["data"]
    assert listed["trace"] == {"userId": "u", "tags": ["a"], "environment": "staging", "sessionId": "s"}
    (bare,) = (await read(api, "v2/scores", fields="score"))["data"]
    assert "trace" not in bare
    (third,) = (await read(api, "v3/scores", fields="details,subject,annotation", traceId="t", observationId="o"))[
        "data"
    ]
    assert third["value"] == 0.5
    assert third["subject"] == {"kind": "observation", "id": "o", "traceId": "t"}


@pytest.mark.parametrize(
    ("fields", "value", "text", "third"),
    [
        ({"value": 1, "dataType": "BOOLEAN"}, 1, "True", True),
        ({"value": "good"}, 0, "good", "good"),
        ({"value": "long text", "dataType": "TEXT"}, None, "long text", "long text"),
        ({"value": 7}, 7, None, 7),
    ],
)
async def test_kinds_of_values(api: httpx.AsyncClient, fields: Any, value: Any, text: Any, third: Any) -> None:
    made = await make(api, **fields)
    score = await read(api, f"v2/scores/{made}")
    assert (score.get("value"), score["stringValue"]) == (value, text)
    assert (await read(api, "v3/scores"))["data"][0]["value"] == third


async def test_a_list_is_accepted(api: httpx.AsyncClient) -> None:
    scores = [{"traceId": "t", "name": f"n{index}", "value": index} for index in range(3)]
    answer = await api.post(PATH, json=scores)
    assert (answer.status_code, answer.json()) == (202, {"message": "Accepted"})
    assert (await read(api, "v2/scores"))["meta"]["totalItems"] == 3


async def test_a_list_with_bad_entries_says_which(api: httpx.AsyncClient) -> None:
    answer = await api.post(PATH, json=[{"traceId": "t", "name": "a", "value": 1}, {"name": "b", "value": 1}, 3])
    body = answer.json()
    assert (answer.status_code, body["accepted"], body["rejected"]) == (207, 1, 2)
    assert len(body["errors"]) == 2
    assert all(error["message"] for error in body["errors"])
    assert (await read(api, "v2/scores"))["meta"]["totalItems"] == 1


async def test_the_same_id_again_is_an_update(api: httpx.AsyncClient) -> None:
    await make(api, id="one", value=1)
    await make(api, id="one", value=2)
    listed = await read(api, "v2/scores")
    assert [score["value"] for score in listed["data"]] == [2]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "value": 1},
        {"traceId": "t", "sessionId": "s", "name": "x", "value": 1},
        {"traceId": "t", "name": "x", "value": "2", "dataType": "NUMERIC"},
        {"traceId": "t", "name": "x", "value": 2, "dataType": "BOOLEAN"},
        {"traceId": "t", "name": "x", "value": "y" * 501, "dataType": "TEXT"},
        {"traceId": "t", "value": 1},
        {"observationId": "o", "name": "x", "value": 1},
        7,
        None,
    ],
)
async def test_wrong_scores_get_400(api: httpx.AsyncClient, body: Any) -> None:
    answer = await api.post(PATH, json=body)
    assert answer.status_code == 400, answer.text
    check_error(answer)
    assert (await read(api, "v2/scores"))["meta"]["totalItems"] == 0


async def test_filters_and_pages(api: httpx.AsyncClient) -> None:
    for index in range(5):
        await make(
            api, id=f"s{index}", value=index, name="even" if index % 2 == 0 else "odd", observationId=f"o{index}"
        )
    assert (await read(api, "v2/scores", name="odd"))["meta"]["totalItems"] == 2
    assert {each["id"] for each in (await read(api, "v2/scores", operator=">=", value=3))["data"]} == {"s3", "s4"}
    assert {each["id"] for each in (await read(api, "v2/scores", scoreIds="s1,s2,x"))["data"]} == {"s1", "s2"}
    assert [each["id"] for each in (await read(api, "v2/scores", observationId="o4"))["data"]] == ["s4"]
    page = await read(api, "v2/scores", limit=2, page=3)
    assert (len(page["data"]), page["meta"]["totalPages"]) == (1, 3)
    first = await read(api, "v3/scores", limit=3)
    rest = await read(api, "v3/scores", limit=3, cursor=first["meta"]["cursor"])
    assert "cursor" not in rest["meta"]
    assert {each["id"] for each in first["data"] + rest["data"]} == {f"s{index}" for index in range(5)}


@pytest.mark.parametrize(
    "path",
    [
        "v2/scores?limit=101",
        "v2/scores?operator=>",
        "v2/scores?operator=like&value=1",
        "v2/scores?source=NOBODY",
        "v2/scores?fields=score&userId=u",
        "v2/scores?fields=all",
        "v3/scores?observationId=o",
        "v3/scores?traceId=t&sessionId=s",
        "v3/scores?cursor=!",
        "v3/scores?fields=everything",
    ],
)
async def test_wrong_parameters_get_400(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(f"/api/public/{path}")
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid request data")
    assert answer.json()["error"][0]["path"]


async def test_deletion(api: httpx.AsyncClient) -> None:
    await make(api, id="a/b")
    answer = await api.delete(f"{PATH}/a%2Fb")
    assert (answer.status_code, answer.content) == (204, b"")
    for gone in (await api.delete(f"{PATH}/a%2Fb"), await api.get("/api/public/v2/scores/a%2Fb")):
        assert (gone.status_code, gone.json()["error"]) == (404, "LangfuseNotFoundError")


async def test_a_browser_may_create_scores_and_nothing_else(world: World) -> None:
    score = {"id": "mine", "traceId": "t", "name": "thumbs", "value": 1}
    async with world.client("public") as browser:
        assert (await browser.post(PATH, json=score)).status_code == 200
        for method, path in [
            ("GET", "/api/public/v2/scores"),
            ("GET", "/api/public/traces"),
            ("DELETE", f"{PATH}/mine"),
            ("POST", "/api/public/otel/v1/traces"),
        ]:
            answer = await browser.request(method, path)
            assert answer.status_code == 403, (method, path)
            check_error(answer)
    async with world.client("none") as nobody:
        assert (await nobody.post(PATH, json=score)).status_code == 401
