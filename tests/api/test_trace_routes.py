"""Reading and deleting traces and observations: filters, pages, field groups, cursors, and ids of any text."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api.conftest import World
from api.contract import check


def at(second: int) -> str:
    return f"2026-03-01T12:00:{second:02}.000Z"


def event(kind: str, second: int, **body: Any) -> dict[str, Any]:
    return {"id": f"{kind}-{body['id']}", "type": kind, "timestamp": at(second), "body": body}


async def fill(api: httpx.AsyncClient, *events: dict[str, Any]) -> None:
    answer = await api.post("/api/public/ingestion", json={"batch": list(events)})
    assert answer.status_code == 207, answer.text
    assert not answer.json()["errors"]


async def read(api: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await api.get(f"/api/public/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return check(answer).json()


async def ids(api: httpx.AsyncClient, path: str, **params: Any) -> list[str]:
    return [each["id"] for each in (await read(api, path, **params))["data"]]


@pytest.fixture
async def filled(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """Traces t0 to t4, a second apart, of users u0 and u1; each with a generation and a span below it."""
    events = []
    for index in range(5):
        trace: dict[str, Any] = {
            "id": f"t{index}",
            "name": f"name-{index % 3}",
            "userId": f"u{index % 2}",
            "timestamp": at(index),
        }
        trace |= {"sessionId": "s", "tags": ["all", f"tag-{index}"], "version": str(index), "release": "r"}
        events.append(event("trace-create", index, **trace, environment="prod" if index else "dev", input={"i": index}))
        generation = {"id": f"g{index}", "traceId": f"t{index}", "startTime": at(index), "model": "gpt-4o"}
        events.append(event("generation-create", index, **generation, name="draft", usage={"input": 5, "output": 5}))
        child = {"id": f"c{index}", "traceId": f"t{index}", "parentObservationId": f"g{index}", "level": "ERROR"}
        events.append(event("span-create", index, **child, startTime=at(index + 10), metadata={"long": "x" * 300}))
    await fill(api, *events)
    return api


async def test_traces_are_listed_newest_first(filled: httpx.AsyncClient) -> None:
    assert await ids(filled, "traces") == ["t4", "t3", "t2", "t1", "t0"]
    page = await read(filled, "traces", limit=2, page=2)
    assert [each["id"] for each in page["data"]] == ["t2", "t1"]
    assert page["meta"] == {"page": 2, "limit": 2, "totalItems": 5, "totalPages": 3}
    assert await ids(filled, "traces", orderBy="timestamp.asc", limit=1) == ["t0"]
    assert await ids(filled, "traces", page=9) == []
    for order in ("public", "bookmarked", "id", "name", "userId", "sessionId", "release", "version"):
        assert len(await ids(filled, "traces", orderBy=f"{order}.DESC")) == 5
    assert set((await read(filled, "traces", limit=1))["data"][0]["observations"]) == {"g4", "c4"}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"userId": "u1"}, {"t1", "t3"}),
        ({"name": "name-0"}, {"t0", "t3"}),
        ({"sessionId": "none"}, set()),
        ({"tags": ["all", "tag-2"]}, {"t2"}),
        ({"tags": "all,tag-2"}, {"t2"}),
        ({"version": "3"}, {"t3"}),
        ({"release": "r", "environment": "dev"}, {"t0"}),
        ({"environment": ["dev", "prod"], "userId": "u0"}, {"t0", "t2", "t4"}),
        ({"fromTimestamp": at(1), "toTimestamp": at(3)}, {"t1", "t2"}),
    ],
)
async def test_filters_of_traces(filled: httpx.AsyncClient, params: Any, expected: set[str]) -> None:
    assert set(await ids(filled, "traces", **params)) == expected


async def test_field_groups_of_traces(filled: httpx.AsyncClient) -> None:
    (trace,) = (await read(filled, "traces", limit=1, fields="core"))["data"]
    assert "input" not in trace
    assert (trace["observations"], trace["scores"], trace["latency"], trace["totalCost"]) == ([], [], -1, -1)
    one = await read(filled, "traces/t1", fields="core,observations")
    assert len(one["observations"]) == 2
    assert "input" not in one


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"traceId": "t1"}, {"g1", "c1"}),
        ({"type": "GENERATION", "userId": "u1"}, {"g1", "g3"}),
        ({"level": "ERROR", "traceId": "t2"}, {"c2"}),
        ({"parentObservationId": "g3"}, {"c3"}),
        ({"name": "draft", "fromStartTime": at(3), "toStartTime": at(4)}, {"g3"}),
    ],
)
async def test_filters_of_observations(filled: httpx.AsyncClient, params: Any, expected: set[str]) -> None:
    assert set(await ids(filled, "observations", **params)) == expected
    assert set(await ids(filled, "v2/observations", **params)) == expected


async def test_the_second_form_pages_with_a_cursor(filled: httpx.AsyncClient) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await read(filled, "v2/observations", limit=3, **cursor)
        seen += [each["id"] for each in page["data"]]
        if "cursor" not in page["meta"]:
            break
        cursor = {"cursor": page["meta"]["cursor"]}
        # What comes in between moves nothing.
        await fill(filled, event("span-create", 59, id=f"new-{len(seen)}", traceId="t0", startTime=at(59)))
    assert len(seen) == len(set(seen)) == 10


async def test_the_second_form_tells_of_the_trace(filled: httpx.AsyncClient) -> None:
    groups = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context"
    found = (await read(filled, "v2/observations", fields=groups, traceId="t1"))["data"]
    child, generation = sorted(found, key=lambda each: str(each["id"]))
    assert (generation["userId"], generation["sessionId"], generation["traceName"]) == ("u1", "s", "name-1")
    assert generation["tags"] == ["all", "tag-1"]
    assert generation["usageDetails"]["total"] == 10
    assert generation["isRootObservation"] is True
    assert len(child["metadata"]["long"]) == 200
    (expanded,) = (
        await read(filled, "v2/observations", fields="metadata", expandMetadata="long", level="ERROR", traceId="t1")
    )["data"]
    assert len(expanded["metadata"]["long"]) == 300
    assert set(await ids(filled, "v2/observations", isRootObservation="true", limit=100)) == {f"g{i}" for i in range(5)}


@pytest.mark.parametrize(
    "path",
    [
        "traces?page=0",
        "traces?limit=101",
        "traces?limit=many",
        "traces?fromTimestamp=yesterday",
        "traces?orderBy=cost.asc",
        "traces?orderBy=timestamp",
        "traces?fields=everything",
        "observations?type=THOUGHT",
        "observations?level=LOUD",
        "v2/observations?limit=1001",
        "v2/observations?cursor=x",
        "v2/observations?cursor=WzFd",
        "v2/observations?parseIoAsJson=true",
        "v2/observations?isRootObservation=maybe",
    ],
)
async def test_wrong_parameters_get_400(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(f"/api/public/{path}")
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid request data"), answer.text
    (issue,) = answer.json()["error"]
    assert issue["path"] == [path.partition("?")[2].partition("=")[0]]


@pytest.mark.parametrize("path", ["traces/none", "observations/none", "v2/scores/none", "traces/a%2Fb"])
async def test_unknown_ids_get_404(api: httpx.AsyncClient, path: str) -> None:
    answer = check(await api.get(f"/api/public/{path}"))
    assert (answer.status_code, answer.json()["error"]) == (404, "LangfuseNotFoundError")


@pytest.mark.parametrize("trace_id", ["a/b", "a//b/", "é ☃", "%2F", "a?b#c", "a..b", "x" * 800, "a b+c"])
async def test_ids_are_any_text(api: httpx.AsyncClient, trace_id: str) -> None:
    await fill(api, event("span-create", 1, id=trace_id, startTime=at(1)))
    for path in (f"traces/{quote(trace_id, safe='')}", f"observations/{quote(trace_id, safe='')}"):
        answer = await api.get(httpx.URL(f"http://test/api/public/{path}"))
        assert answer.status_code == 200, answer.text
        assert answer.json()["id"] == trace_id


async def test_deletions(filled: httpx.AsyncClient) -> None:
    one = check(await filled.delete("/api/public/traces/t0"))
    assert one.status_code == 200
    many = check(await filled.request("DELETE", "/api/public/traces", json={"traceIds": ["t1", "t2", "none"]}))
    assert many.status_code == 200
    assert await ids(filled, "traces") == ["t4", "t3"]
    assert (await read(filled, "observations"))["meta"]["totalItems"] == 4
    again = await filled.delete("/api/public/traces/t0")
    assert (again.status_code, again.json()["error"]) == (404, "LangfuseNotFoundError")


@pytest.mark.parametrize("body", [7, {}, [], {"traceIds": "t"}, {"traceIds": [1]}, {"traceIds": []}])
async def test_wrong_bulk_deletions_get_400(api: httpx.AsyncClient, body: Any) -> None:
    answer = await api.request("DELETE", "/api/public/traces", json=body)
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid request data")


async def test_another_project_sees_nothing(world: World, filled: httpx.AsyncClient) -> None:
    async with world.client("other") as other:
        assert await ids(other, "traces") == []
        for path in ("traces/t0", "observations/g0"):
            assert (await other.get(f"/api/public/{path}")).status_code == 404
        assert (await other.delete("/api/public/traces/t0")).status_code == 404
        await other.request("DELETE", "/api/public/traces", json={"traceIds": ["t0"]})
    assert len(await ids(filled, "traces")) == 5


@pytest.mark.usefixtures("filled")
async def test_a_read_only_key_reads_and_writes_nothing(world: World) -> None:
    async with world.client("reader") as reader:
        assert len(await ids(reader, "traces")) == 5
        for method, path in [
            ("POST", "ingestion"),
            ("POST", "otel/v1/traces"),
            ("POST", "scores"),
            ("DELETE", "traces/t0"),
            ("DELETE", "traces"),
            ("DELETE", "scores/x"),
        ]:
            assert (await reader.request(method, f"/api/public/{path}")).status_code == 403, path
