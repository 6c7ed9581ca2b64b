"""GET /api/v1/search, and what /health and /metrics say of the index."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.conftest import World
from api.contract import check_error
from trunkline.types import JSON

TIME = "2026-03-01T12:00:00.000Z"


@pytest.fixture(autouse=True)
async def keeping(world: World) -> AsyncIterator[None]:
    task = asyncio.create_task(world.services.traces.keep_search())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def send(api: httpx.AsyncClient, *bodies: JSON, kind: str = "span-create") -> None:
    batch = [{"id": f"e{n}", "type": kind, "timestamp": TIME, "body": body} for n, body in enumerate(bodies)]
    answer = await api.post("/api/public/ingestion", json={"batch": batch})
    assert answer.json()["errors"] == []
    async with asyncio.timeout(20):
        while (seen := (await api.get("/health")).json()["search"])["lag_ms"] or seen["unread_traces"]:
            await asyncio.sleep(0.01)


async def search(api: httpx.AsyncClient, text: str, **query: Any) -> JSON:
    answer = await api.get("/api/v1/search", params={"q": text, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_hit(api: httpx.AsyncClient) -> None:
    body = {
        "id": "o/1",
        "traceId": "t é",
        "name": "answer",
        "startTime": TIME,
        "output": {"content": "It was refunded."},
    }
    await send(api, body | {"environment": "staging"})
    expected = {
        "trace_id": "t é", "observation_id": "o/1", "type": "SPAN", "name": "answer", "environment": "staging",
        "time": TIME, "field": "output", "snippet": "It was refunded.",
    }  # fmt: skip
    assert await search(api, '"was refund"*') == {"hits": [expected], "cursor": None}
    assert await search(api, "refund") == {"hits": [], "cursor": None}


async def test_a_trace(api: httpx.AsyncClient) -> None:
    await send(api, {"id": "t", "name": "checkout", "timestamp": TIME}, kind="trace-create")
    (hit,) = (await search(api, "checkout"))["hits"]
    assert (hit["trace_id"], hit["observation_id"], hit["type"], hit["field"]) == ("t", None, "TRACE", "name")
    assert (await search(api, "checkout", type="SPAN"))["hits"] == []


async def test_filters_and_pages(api: httpx.AsyncClient) -> None:
    bodies = [
        {
            "id": f"o{n}",
            "traceId": "t",
            "name": "word",
            "startTime": f"2026-03-01T{n:02}:30:00Z",
            "environment": f"e{n % 2}",
        }
        for n in range(10)
    ]
    await send(api, *bodies)
    first = await search(api, "word", limit=4)
    assert [hit["observation_id"] for hit in first["hits"]] == ["o9", "o8", "o7", "o6"]
    second = await search(api, "word", limit=4, cursor=first["cursor"])
    assert [hit["observation_id"] for hit in second["hits"]] == ["o5", "o4", "o3", "o2"]
    third = await search(api, "word", limit=4, cursor=second["cursor"])
    assert ([hit["observation_id"] for hit in third["hits"]], third["cursor"]) == (["o1", "o0"], None)
    narrow = {"environment": "e1", "from": "2026-03-01T03:00:00Z", "to": "2026-03-01T07:30:00Z", "type": "span,event"}
    assert [hit["observation_id"] for hit in (await search(api, "word", **narrow))["hits"]] == ["o5", "o3"]


@pytest.mark.parametrize(
    "query",
    [
        {}, {"q": ""}, {"q": "***"}, {"q": "t*"}, {"q": "a " * 33}, {"q": "x" * 1001}, {"q": "(" * 9 + "a"},
        {"q": "a", "limit": "0"}, {"q": "a", "limit": "101"}, {"q": "a", "from": "yesterday"}, {"q": "a", "type": "X"},
        {"q": "a", "cursor": "x"}, {"q": "a", "cursor": "W10="}, {"q": "a", "cursor": "Wy0xLC0xXQ=="},
    ],
    ids=str,
)  # fmt: skip
async def test_bad_queries(api: httpx.AsyncClient, query: dict[str, str]) -> None:
    answer = await api.get("/api/v1/search", params=query)
    check_error(answer)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "text", ['"', "a AND", "OR", "NEAR(a b)", "a' --", "{input} : a", "^a", "\x00", "a\ud800b", "a*b*c"]
)
async def test_odd_queries_are_answered(api: httpx.AsyncClient, text: str) -> None:
    answer = await api.get("/api/v1/search", params={"q": text.encode(errors="surrogatepass")})
    assert answer.status_code in {200, 400}


async def test_other_projects_find_nothing(api: httpx.AsyncClient, world: World) -> None:
    await send(api, {"id": "o", "traceId": "t", "name": "secret"})
    assert len((await search(api, "secret"))["hits"]) == 1
    async with world.client("other") as other:
        assert await search(other, "secret") == {"hits": [], "cursor": None}


async def test_what_was_deleted_is_not_found(api: httpx.AsyncClient) -> None:
    await send(api, {"id": "o", "traceId": "t", "name": "gone"}, {"id": "o2", "traceId": "t2", "name": "gone"})
    assert (await api.delete("/api/public/traces/t")).status_code == 200
    assert [hit["trace_id"] for hit in (await search(api, "gone"))["hits"]] == ["t2"]


async def test_health_and_metrics_tell_of_the_index(api: httpx.AsyncClient) -> None:
    await send(api, {"id": "o", "traceId": "t", "name": "word"})
    assert (await api.get("/health")).json()["search"] == {"lag_ms": 0, "documents": 1, "unread_traces": 0}
    families = text_string_to_metric_families((await api.get("/metrics")).text)
    values = {family.name: family.samples[0].value for family in families if "search" in family.name}
    assert values == {
        "trunkline_search_lag_seconds": 0, "trunkline_search_documents": 1, "trunkline_search_unread_traces": 0,
    }  # fmt: skip
