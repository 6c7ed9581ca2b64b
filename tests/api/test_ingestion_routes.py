"""POST /api/public/ingestion: every event has its result, what got 201 reads back, and a bad event harms no other."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest

from api.conftest import World
from api.contract import check, check_error

PATH = "/api/public/ingestion"
NOW = "2026-03-01T12:00:00.000Z"


def event(kind: str, body: Any, *, id: str = "", timestamp: str = NOW) -> dict[str, Any]:
    return {"id": id or f"event-{kind}", "type": kind, "timestamp": timestamp, "body": body}


async def send(api: httpx.AsyncClient, *events: Any) -> Any:
    answer = await api.post(PATH, json={"batch": list(events), "metadata": {"sdk_name": "test"}})
    assert answer.status_code == 207, answer.text
    return check(answer).json()


async def read(api: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await api.get(f"/api/public/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return check(answer).json()


async def test_a_batch_reads_back(api: httpx.AsyncClient) -> None:
    found = await send(
        api,
        event("trace-create", {"id": "t", "name": "answer", "userId": "u", "tags": ["b", "a"], "unknown": 1}),
        event("span-create", {"id": "s", "traceId": "t", "name": "retrieve", "startTime": NOW}),
        event(
            "generation-create",
            {
                "id": "g",
                "traceId": "t",
                "parentObservationId": "s",
                "startTime": NOW,
                "endTime": "2026-03-01T12:00:01.500Z",
                "model": "gpt-4o",
                "modelParameters": {"temperature": 0.5},
                "usage": {"promptTokens": 10, "completionTokens": 5, "totalTokens": 15},
                "input": [{"role": "user", "content": "héllo ☃"}],
                "output": "text",
                "promptName": "never/made",
                "promptVersion": 3,
            },
        ),
        event("score-create", {"id": "sc", "traceId": "t", "observationId": "g", "name": "helpful", "value": 0.5}),
        event("sdk-log", {"log": "noise"}),
    )
    assert [each["status"] for each in found["successes"]] == [201] * 5
    assert found["errors"] == []
    trace = await read(api, "traces/t")
    assert (trace["name"], trace["userId"], trace["tags"], trace["latency"]) == ("answer", "u", ["a", "b"], 1.5)
    assert {each["id"] for each in trace["observations"]} == {"s", "g"}
    assert [score["value"] for score in trace["scores"]] == [0.5]
    generation = await read(api, "observations/g")
    assert generation["input"] == [{"role": "user", "content": "héllo ☃"}]
    assert generation["usage"]["total"] == 15
    assert (generation["promptName"], generation["promptVersion"]) == ("never/made", 3)
    assert generation["promptCommit"] is None
    assert generation["calculatedTotalCost"] > 0


async def test_an_update_may_come_before_its_create(api: httpx.AsyncClient) -> None:
    later = event("generation-update", {"id": "g", "output": "done", "endTime": "2026-03-01T12:00:02Z"}, id="e2")
    first = event("generation-create", {"id": "g", "traceId": "t", "name": "draft", "startTime": NOW}, id="e1")
    await send(api, later)
    await send(api, first, later)
    generation = await read(api, "observations/g")
    assert (generation["name"], generation["output"], generation["latency"]) == ("draft", "done", 2.0)
    listed = await read(api, "observations")
    assert listed["meta"]["totalItems"] == 1


async def test_a_bad_event_is_told_and_the_others_are_stored(api: httpx.AsyncClient) -> None:
    found = await send(
        api,
        event("trace-create", {"id": "good"}, id="e1"),
        event("no-such-type", {}, id="e2"),
        event("trace-create", {"id": "bad", "tags": 7}, id="e3"),
        {"id": "e4"},
        17,
        event("score-create", {"name": "x", "value": 1}, id="e5"),
    )
    assert [each["id"] for each in found["successes"]] == ["e1"]
    assert [each["id"] for each in found["errors"]] == ["e2", "e3", "e4", "", "e5"]
    assert {each["status"] for each in found["errors"]} == {400}
    assert all(each["message"] for each in found["errors"])
    assert (await read(api, "traces"))["meta"]["totalItems"] == 1


async def test_an_observation_without_a_trace_gets_one_of_its_own_id(api: httpx.AsyncClient) -> None:
    await send(api, event("span-create", {"id": "alone", "name": "alone", "startTime": NOW}))
    assert [each["id"] for each in (await read(api, "traces/alone"))["observations"]] == ["alone"]


async def test_gzip_and_chunks_are_taken(api: httpx.AsyncClient) -> None:
    body = json.dumps({"batch": [event("trace-create", {"id": "zipped"})]}).encode()

    async def chunks() -> Any:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    zipped = await api.post(PATH, content=gzip.compress(body), headers={"content-encoding": "gzip"})
    chunked = await api.post(PATH, content=chunks(), headers={"content-type": "application/json"})
    assert (zipped.status_code, chunked.status_code) == (207, 207)
    await read(api, "traces/zipped")


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"batch": 1}', b'{"batch": {}}', b"{", b"\xff\xfe", b'{"batch": [' + b"[" * 100_000],
    ids=lambda body: repr(body[:16]),
)
async def test_what_is_no_batch_gets_400(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await api.post(PATH, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    check_error(answer)


async def test_an_empty_batch_is_fine(api: httpx.AsyncClient) -> None:
    assert await send(api) == {"successes": [], "errors": []}


async def test_an_unknown_content_encoding_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.post(PATH, content=b"{}", headers={"content-encoding": "br"})
    assert answer.status_code == 400
    check_error(answer)


@pytest.mark.parametrize(("who", "status"), [("none", 401), ("bad", 401), ("revoked", 401), ("reader", 403)])
async def test_keys_are_asked_for(world: World, who: str, status: int) -> None:
    async with world.client(who) as client:
        answer = await client.post(PATH, json={"batch": []})
    assert answer.status_code == status
    check_error(answer)


async def test_a_browser_may_send_scores_and_nothing_else(world: World) -> None:
    """As the JavaScript SDK 3 does it from a page: the public key alone, as a bearer."""
    score = {"id": "s1", "traceId": "t1", "name": "thumb", "value": 1}
    kinds = ("trace-create", "span-create", "generation-update", "nonsense")
    bodies: dict[str, Any] = {"score-create": score, "sdk-log": {"log": "x"}}
    batch = [
        {
            "id": f"e-{kind}",
            "type": kind,
            "timestamp": "2026-03-01T12:00:00.000Z",
            "body": bodies.get(kind, {"id": "t1"}),
        }
        for kind in ("score-create", *kinds, "sdk-log")
    ]
    async with world.client("public") as browser, world.client("key") as client:
        answer = await browser.post("/api/public/ingestion", json={"batch": batch})
        assert answer.status_code == 207
        assert [each["id"] for each in answer.json()["successes"]] == ["e-score-create", "e-sdk-log"]
        errors = answer.json()["errors"]
        assert [(each["id"], each["status"], each["error"]) for each in errors] == [
            (f"e-{kind}", 403, "ForbiddenError") for kind in kinds
        ]
        found = (await client.get("/api/public/v2/scores/s1")).json()
        assert (found["name"], found["value"]) == ("thumb", 1)
        assert (await client.get("/api/public/traces/t1")).status_code == 404
        too_large = await browser.post("/api/public/scores", json={**score, "comment": "x" * (1 << 20)})
        assert too_large.status_code == 413
