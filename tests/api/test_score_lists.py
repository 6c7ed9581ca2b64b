"""The parameters of both score lists: several values, bounds, what they hang on, and what excludes what."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.contract import check

SECOND = "2026-03-01T12:00:0{}.000Z"


@pytest.fixture
async def filled(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """n0 to n3 numeric on traces; b0, b1 boolean on observations of t0; c0 to c2 categorical on sessions and a run."""
    bodies: list[dict[str, Any]] = [
        {
            "id": f"n{n}",
            "name": "quality",
            "value": n / 2,
            "traceId": f"t{n % 2}",
            "environment": "prod" if n else "dev",
        }
        for n in range(4)
    ]
    bodies += [
        {"id": f"b{n}", "name": "ok", "value": n, "dataType": "BOOLEAN", "traceId": "t0", "observationId": f"o{n}"}
        for n in range(2)
    ]
    tones = (("good", {"sessionId": "s0"}), ("bad", {"sessionId": "s1"}), ("good", {"datasetRunId": "r0"}))
    bodies += [{"id": f"c{n}", "name": "tone", "value": tone, **on} for n, (tone, on) in enumerate(tones)]
    batch = [
        {"id": f"e{n}", "type": "score-create", "timestamp": SECOND.format(n), "body": body}
        for n, body in enumerate(bodies)
    ]
    trace = {"id": "t0", "tags": ["a", "b"], "userId": "u"}
    batch.append({"id": "t", "type": "trace-create", "timestamp": SECOND.format(0), "body": trace})
    answer = await api.post("/api/public/ingestion", json={"batch": batch})
    assert not answer.json()["errors"], answer.text
    return api


async def ids(api: httpx.AsyncClient, path: str, **params: Any) -> list[str]:
    answer = check(await api.get(f"/api/public/{path}", params=params))
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["data"]]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "c2 c1 c0 b1 b0 n3 n2 n1 n0"),
        ({"name": "ok,tone"}, "c2 c1 c0 b1 b0"),
        ({"id": "n1,c2,none"}, "c2 n1"),
        ({"dataType": "numeric,Boolean"}, "b1 b0 n3 n2 n1 n0"),
        ({"source": "api,EVAL"}, "c2 c1 c0 b1 b0 n3 n2 n1 n0"),
        ({"source": "annotation"}, ""),
        ({"environment": "dev,none"}, "n0"),
        ({"traceId": "t1,t0", "dataType": "NUMERIC"}, "n3 n2 n1 n0"),
        ({"traceId": "t0", "observationId": "o1,o0"}, "b1 b0"),
        ({"sessionId": "s0,s1"}, "c1 c0"),
        ({"experimentId": "r0"}, "c2"),
        ({"dataType": "NUMERIC", "value": "0.5,1.5"}, "n3 n1"),
        ({"dataType": "BOOLEAN", "value": "true"}, "b1"),
        ({"dataType": "CATEGORICAL", "value": "good"}, "c2 c0"),
        ({"dataType": "NUMERIC", "valueMin": 0.5, "valueMax": 1}, "n2 n1"),
        ({"authorUserId": "nobody"}, ""),
        ({"configId": "none", "queueId": "none"}, ""),
        ({"fromTimestamp": SECOND.format(2), "toTimestamp": SECOND.format(4)}, "n3 n2"),
    ],
)
async def test_the_third_form(filled: httpx.AsyncClient, params: Any, expected: str) -> None:
    assert await ids(filled, "v3/scores", **params) == expected.split()


async def test_a_cursor_goes_on_while_scores_come_in(filled: httpx.AsyncClient) -> None:
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2, "dataType": "NUMERIC,BOOLEAN,CATEGORICAL"}
    while True:
        page = check(await filled.get("/api/public/v3/scores", params=params)).json()
        seen += [each["id"] for each in page["data"]]
        if "cursor" not in page["meta"]:
            break
        params["cursor"] = page["meta"]["cursor"]
        await filled.post("/api/public/scores", json={"traceId": "t0", "name": "new", "value": 1})
    assert seen == ["c2", "c1", "c0", "b1", "b0", "n3", "n2", "n1", "n0"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"observationId": "o0,o1"}, "b1 b0"),
        ({"traceTags": ["a", "b"]}, "b1 b0 n2 n0"),
        ({"traceTags": "a,b", "dataType": "NUMERIC"}, "n2 n0"),
        ({"userId": "u", "operator": "!=", "value": 1}, "b0 n0"),
        ({"datasetRunId": "r0"}, "c2"),
        ({"environment": "dev,none"}, "n0"),
    ],
)
async def test_the_second_form(filled: httpx.AsyncClient, params: Any, expected: str) -> None:
    assert await ids(filled, "v2/scores", **params) == expected.split()


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("value=1", "value"),
        ("value=1&dataType=NUMERIC,BOOLEAN", "value"),
        ("value=x&dataType=NUMERIC", "value"),
        ("value=nan&dataType=NUMERIC", "value"),
        ("value=1&dataType=BOOLEAN", "value"),
        ("value=x&dataType=TEXT", "value"),
        ("valueMin=1", "valueMin"),
        ("valueMax=1&dataType=BOOLEAN", "valueMax"),
        ("valueMin=x&dataType=NUMERIC", "valueMin"),
        ("limit=101", "limit"),
        ("dataType=NUMBER", "dataType"),
        ("source=ME", "source"),
        ("sessionId=s&experimentId=r", "experimentId"),
        ("sessionId=s&observationId=o", "observationId"),
    ],
)
async def test_what_the_third_form_refuses(api: httpx.AsyncClient, query: str, place: str) -> None:
    answer = check(await api.get(f"/api/public/v3/scores?{query}"))
    assert answer.status_code == 400, answer.text
    assert [issue["path"] for issue in answer.json()["error"]] == [[place]]
