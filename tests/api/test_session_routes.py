"""Sessions: they exist as soon as a trace names them, begin with their first trace, and are read with all of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api.conftest import World
from api.contract import check


def at(second: int) -> str:
    return f"2026-03-01T12:00:{second:02}.000Z"


async def fill(api: httpx.AsyncClient, *bodies: dict[str, Any]) -> None:
    batch = [
        {"id": f"e-{body['id']}", "type": "trace-create", "timestamp": body["timestamp"], "body": body}
        for body in bodies
    ]
    answer = await api.post("/api/public/ingestion", json={"batch": batch})
    assert not answer.json()["errors"], answer.text


@pytest.fixture
async def filled(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """Sessions s0 to s3, each begun a second after the one before; their second traces come in the other order."""
    bodies = [
        {
            "id": f"t{n}",
            "sessionId": f"s{n}",
            "timestamp": at(n),
            "environment": "prod" if n else "dev",
            "input": {"n": n},
        }
        for n in range(4)
    ]
    bodies += [{"id": f"u{n}", "sessionId": f"s{n}", "timestamp": at(20 - n), "environment": "late"} for n in range(4)]
    await fill(api, *bodies, {"id": "alone", "timestamp": at(50)})
    return api


async def sessions(api: httpx.AsyncClient, **params: Any) -> Any:
    answer = check(await api.get("/api/public/sessions", params=params))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_last_begun_come_first(filled: httpx.AsyncClient) -> None:
    found = await sessions(filled)
    assert [each["id"] for each in found["data"]] == ["s3", "s2", "s1", "s0"]
    assert found["data"][3] == {"id": "s0", "createdAt": at(0), "projectId": "one", "environment": "dev"}
    page = await sessions(filled, limit=3, page=2)
    assert [each["id"] for each in page["data"]] == ["s0"]
    assert page["meta"] == {"page": 2, "limit": 3, "totalItems": 4, "totalPages": 2}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"environment": "dev"}, ["s0"]),
        ({"environment": ["dev", "prod"]}, ["s3", "s2", "s1", "s0"]),
        ({"environment": "late"}, []),
        ({"fromTimestamp": at(1), "toTimestamp": at(3)}, ["s2", "s1"]),
        ({"fromTimestamp": at(2), "environment": "prod"}, ["s3", "s2"]),
    ],
)
async def test_filters(filled: httpx.AsyncClient, params: Any, expected: list[str]) -> None:
    found = await sessions(filled, **params)
    assert [each["id"] for each in found["data"]] == expected
    assert found["meta"]["totalItems"] == len(expected)


async def test_one_with_its_traces(filled: httpx.AsyncClient) -> None:
    found = check(await filled.get("/api/public/sessions/s2")).json()
    assert (found["createdAt"], found["environment"]) == (at(2), "prod")
    assert [trace["id"] for trace in found["traces"]] == ["t2", "u2"]
    assert found["traces"][0]["input"] == {"n": 2}
    unknown = check(await filled.get("/api/public/sessions/none"))
    assert (unknown.status_code, unknown.json()["error"]) == (404, "LangfuseNotFoundError")


async def test_a_session_goes_with_its_last_trace(filled: httpx.AsyncClient) -> None:
    await filled.delete("/api/public/traces/t0")
    assert (await sessions(filled))["data"][0] == {
        "id": "s0",
        "createdAt": at(20),
        "projectId": "one",
        "environment": "late",
    }
    await filled.delete("/api/public/traces/u0")
    assert (await filled.get("/api/public/sessions/s0")).status_code == 404


@pytest.mark.parametrize("session_id", ["a/b", "a//b", "é ☃", "%2F", "a?b#c", "x" * 200])
async def test_ids_are_any_text(api: httpx.AsyncClient, session_id: str) -> None:
    await fill(api, {"id": "t", "sessionId": session_id, "timestamp": at(1)})
    answer = await api.get(httpx.URL(f"http://test/api/public/sessions/{quote(session_id, safe='')}"))
    assert (answer.status_code, answer.json().get("id")) == (200, session_id), answer.text
    assert [each["id"] for each in (await sessions(api))["data"]] == [session_id]


@pytest.mark.parametrize("query", ["page=0", "limit=101", "fromTimestamp=noon", "toTimestamp=1e99"])
async def test_wrong_parameters_get_400(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"/api/public/sessions?{query}")
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid request data")


@pytest.mark.usefixtures("filled")
async def test_another_project_sees_none(world: World) -> None:
    async with world.client("other") as other:
        assert (await sessions(other))["data"] == []
        assert (await other.get("/api/public/sessions/s1")).status_code == 404
