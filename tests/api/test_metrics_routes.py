"""Numbers over the compatible API: what both metrics endpoints answer, and what they refuse."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from api.conftest import World
from api.contract import check, check_error

DAY = "2026-03-0"
V1, V2 = "/api/public/metrics", "/api/public/v2/metrics"
COUNT = {"measure": "count", "aggregation": "count"}


def query(**fields: Any) -> dict[str, str]:
    document = {
        "view": "observations",
        "metrics": [COUNT],
        "fromTimestamp": f"{DAY}1T00:00:00Z",
        "toTimestamp": f"{DAY}6T00:00:00.000Z",
    }
    return {"query": json.dumps({name: value for name, value in (document | fields).items() if value is not ...})}


async def ask(api: httpx.AsyncClient, path: str = V2, **fields: Any) -> list[dict[str, Any]]:
    answer = await api.get(path, params=query(**fields))
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = check(answer).json()["data"]
    return data


async def refusal(api: httpx.AsyncClient, path: str = V2, **fields: Any) -> str:
    answer = check(await api.get(path, params=query(**fields)))
    assert answer.status_code == 400, answer.text
    return answer.text


def event(kind: str, day: int, **body: Any) -> dict[str, Any]:
    time = f"{DAY}{day}T10:20:30.000Z"
    times = {"timestamp": time} if kind == "trace-create" else {"startTime": time}
    return {"id": f"{body['id']}-event", "type": kind, "timestamp": time, "body": times | body}


def generation(id: str, day: int, seconds: int, **body: Any) -> dict[str, Any]:
    ended = {"endTime": f"{DAY}{day}T10:20:{30 + seconds}.000Z", "model": "gpt-4o", "name": "answer"}
    usage = {"usageDetails": {"input": 100, "output": 10}, "promptName": "support/triage", "promptVersion": 2}
    return event("generation-create", day, id=id, traceId="t1", **(ended | usage | body))


@pytest.fixture
async def api(api: httpx.AsyncClient) -> httpx.AsyncClient:
    batch = [
        event("trace-create", 2, id="t1", name="chat", userId="ada", sessionId="s", tags=["b", "a"], release="r"),
        event("trace-create", 4, id="t2", name="other", environment="staging"),
        generation("g1", 2, 1, costDetails={"total": 0.5}),
        generation("g2", 2, 3, costDetails={"total": 0.25}, promptVersion=3),
        event("span-create", 4, id="o3", traceId="t2", name="step", environment="staging", metadata={"city": "Rome"}),
    ]
    answer = await api.post("/api/public/ingestion", json={"batch": batch})
    assert answer.status_code == 207
    assert not answer.json()["errors"]
    for score in (
        {"id": "n1", "name": "quality", "value": 0.25, "traceId": "t1", "observationId": "g1"},
        {"id": "n2", "name": "quality", "value": 0.75, "traceId": "t1"},
        {"id": "b1", "name": "ok", "value": 1, "dataType": "BOOLEAN", "traceId": "t1"},
        {"id": "c1", "name": "topic", "value": "billing", "traceId": "t2"},
    ):
        timed = score | {"timestamp": f"{DAY}2T11:00:00Z"}
        assert (await api.post("/api/public/scores", json=timed)).status_code == 200
    return api


@pytest.mark.parametrize("path", [V1, V2])
async def test_groups_and_names_of_an_answer(api: httpx.AsyncClient, path: str) -> None:
    metrics = [COUNT, {"measure": "latency", "aggregation": "avg"}, {"measure": "totalCost", "aggregation": "sum"}]
    found = await ask(api, path, dimensions=[{"field": "name"}], metrics=metrics)
    assert found == [
        {"name": "answer", "count_count": 2, "avg_latency": 2000.0, "sum_totalCost": 0.75},
        {"name": "step", "count_count": 1, "avg_latency": None, "sum_totalCost": 0},
    ]


async def test_a_question_without_groups_has_one_row(api: httpx.AsyncClient) -> None:
    assert await ask(api) == [{"count_count": 3}]
    assert await ask(api, fromTimestamp="2020-01-01T00:00:00Z", toTimestamp="2020-02-01T00:00:00Z") == [
        {"count_count": 0}
    ]


async def test_gaps_of_a_series_in_time_are_filled(api: httpx.AsyncClient) -> None:
    metrics = [COUNT, {"measure": "latency", "aggregation": "p95"}]
    found = await ask(api, metrics=metrics, timeDimension={"granularity": "auto"})
    assert [(row["time_dimension"], row["count_count"]) for row in found] == [
        (f"{DAY}1", 0), (f"{DAY}2", 2), (f"{DAY}3", 0), (f"{DAY}4", 1), (f"{DAY}5", 0),
    ]  # fmt: skip
    assert found[0]["p95_latency"] is None
    assert found[1]["p95_latency"] == pytest.approx(2900, rel=0.011)


async def test_an_order_leaves_the_gaps(api: httpx.AsyncClient) -> None:
    order = [{"field": "count_count", "direction": "desc"}]
    found = await ask(api, timeDimension={"granularity": "hour"}, orderBy=order)
    assert found == [
        {"time_dimension": f"{DAY}2T10:00:00Z", "count_count": 2},
        {"time_dimension": f"{DAY}4T10:00:00Z", "count_count": 1},
    ]
    found = await ask(api, timeDimension={"granularity": "week"}, dimensions=[{"field": "promptVersion"}])
    assert {(row["time_dimension"], row["promptVersion"]) for row in found} == {
        ("2026-02-23", None), ("2026-03-02", 2), ("2026-03-02", 3), ("2026-03-02", None),
    }  # fmt: skip


async def test_both_ends_of_the_window_count(api: httpx.AsyncClient) -> None:
    at = f"{DAY}2T10:20:30.000Z"
    assert await ask(api, fromTimestamp=at, toTimestamp=f"{DAY}4T10:20:30.000Z") == [{"count_count": 3}]
    assert await ask(api, fromTimestamp=f"{DAY}2T10:20:30.001Z") == [{"count_count": 1}]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ([{"column": "type", "type": "stringOptions", "operator": "any of", "value": ["GENERATION"]}], 2),
        ([{"column": "promptVersion", "type": "number", "operator": ">", "value": 2}], 1),
        ([{"column": "userId", "type": "string", "operator": "=", "value": "ada"}], 2),
        ([{"column": "traceId", "type": "string", "operator": "=", "value": "t2"}], 1),
        ([{"column": "tags", "type": "arrayOptions", "operator": "all of", "value": ["a", "b"]}], 2),
        ([{"column": "isRootObservation", "type": "boolean", "operator": "=", "value": True}], 3),
        ([{"column": "traceRelease", "type": "string", "operator": "=", "value": "r"}], 2),
        ([{"column": "startTimeMonth", "type": "string", "operator": "=", "value": "2026-03"}], 3),
        ([{"column": "startTime", "type": "datetime", "operator": "<", "value": f"{DAY}3T00:00:00Z"}], 2),
        ([{"column": "metadata", "key": "city", "type": "stringObject", "operator": "=", "value": "Rome"}], 1),
        ([{"column": "parentObservationId", "type": "null", "operator": "is null", "value": ""}], 3),
        (
            [
                {"column": "environment", "type": "string", "operator": "=", "value": "staging"},
                {"column": "name", "type": "string", "operator": "contains", "value": "ste"},
            ],
            1,
        ),
    ],
    ids=lambda value: value[0]["column"] if isinstance(value, list) else "",
)
@pytest.mark.parametrize("path", [V1, V2])
async def test_filters(api: httpx.AsyncClient, path: str, filters: list[Any], count: int) -> None:
    assert await ask(api, path, filters=filters) == [{"count_count": count}]


async def test_scores(api: httpx.AsyncClient) -> None:
    value = {"measure": "value", "aggregation": "avg"}
    found = await ask(api, view="scores-numeric", dimensions=[{"field": "name"}], metrics=[value])
    assert found == [{"name": "ok", "avg_value": 1.0}, {"name": "quality", "avg_value": 0.5}]
    found = await ask(api, view="scores-boolean", dimensions=[{"field": "booleanValue"}], metrics=[value])
    assert found == [{"booleanValue": True, "avg_value": 1.0}]
    dimensions = [{"field": "stringValue"}, {"field": "traceName"}]
    found = await ask(api, view="scores-categorical", dimensions=dimensions)
    assert found == [{"stringValue": "billing", "traceName": "other", "count_count": 1}]
    by_prompt = [{"field": "observationPromptName"}, {"field": "observationPromptVersion"}]
    named = [{"column": "name", "type": "string", "operator": "=", "value": "quality"}]
    found = await ask(api, view="scores-numeric", dimensions=by_prompt, filters=named, metrics=[value])
    assert found == [
        {"observationPromptName": None, "observationPromptVersion": None, "avg_value": 0.75},
        {"observationPromptName": "support/triage", "observationPromptVersion": 2, "avg_value": 0.25},
    ]


async def test_traces_are_a_view_of_the_first_version_only(api: httpx.AsyncClient) -> None:
    metrics = [COUNT, {"measure": "observationsCount", "aggregation": "sum"}]
    found = await ask(api, V1, view="traces", dimensions=[{"field": "userId"}, {"field": "tags"}], metrics=metrics)
    assert {(row["userId"], *row["tags"], row["count_count"], row["sum_observationsCount"]) for row in found} == {
        ("ada", "a", "b", 1, 2), (None, 1, 1),
    }  # fmt: skip
    assert "scores-numeric" in await refusal(api, V2, view="traces")


async def test_histograms(api: httpx.AsyncClient) -> None:
    metrics = [{"measure": "latency", "aggregation": "histogram"}]
    found = await ask(api, metrics=metrics, config={"bins": 2})
    assert found == [{"histogram_latency": [[1000.0, 2000.0, 1], [2000.0, 3000.0, 1]]}]


async def test_row_limits(api: httpx.AsyncClient) -> None:
    minutes: dict[str, Any] = {"timeDimension": {"granularity": "minute"}}
    assert len(await ask(api, **minutes)) == 100
    assert len(await ask(api, config={"row_limit": 7}, **minutes)) == 7
    assert len(await ask(api, V1, **minutes)) == 5 * 24 * 60
    assert "1000" in await refusal(api, config={"row_limit": 1001})
    assert "coarser" in await refusal(api, fromTimestamp="1990-01-01T00:00:00Z", **minutes)


@pytest.mark.parametrize("field", ["id", "traceId", "userId", "sessionId", "parentObservationId"])
async def test_costly_dimensions_are_refused_by_the_second_version(api: httpx.AsyncClient, field: str) -> None:
    assert "filter" in await refusal(api, V2, dimensions=[{"field": field}])
    assert len(await ask(api, V1, dimensions=[{"field": field}])) >= 1


@pytest.mark.parametrize("field", ["id", "traceId", "userId", "sessionId", "observationId"])
async def test_costly_dimensions_of_scores(api: httpx.AsyncClient, field: str) -> None:
    assert "filter" in await refusal(api, V2, view="scores-categorical", dimensions=[{"field": field}])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"view": ...}, "view"),
        ({"view": "users"}, "view"),
        ({"view": 7}, "view"),
        ({"metrics": []}, "metrics"),
        ({"metrics": ...}, "metrics"),
        ({"metrics": [{"measure": "speed", "aggregation": "sum"}]}, "latency"),
        ({"metrics": [{"measure": "latency", "aggregation": "p42"}]}, "p50"),
        ({"dimensions": [{"field": "colour"}]}, "environment"),
        ({"dimensions": [{"field": "name"}] * 2}, "twice"),
        ({"dimensions": [{"field": "name"}] * 50}, "at most"),
        ({"dimensions": "name"}, "dimensions"),
        ({"filters": [{"column": "colour", "type": "string", "operator": "=", "value": "x"}]}, "filters"),
        ({"filters": [{"column": "tags", "type": "string", "operator": "=", "value": "x"}]}, "arrayOptions"),
        ({"filters": {"column": "name"}}, "filters"),
        ({"timeDimension": {"granularity": "year"}}, "granularity"),
        ({"fromTimestamp": ...}, "fromTimestamp"),
        ({"fromTimestamp": "yesterday"}, "fromTimestamp"),
        ({"toTimestamp": f"{DAY}1T00:00:00Z"}, "toTimestamp"),
        ({"toTimestamp": "0001-01-01T00:00:00+14:00"}, "toTimestamp"),
        ({"orderBy": [{"field": "latency", "direction": "asc"}]}, "count_count"),
        ({"orderBy": [{"field": "count_count", "direction": "up"}]}, "direction"),
        ({"config": {"bins": 0}}, "bins"),
        ({"config": {"bins": 10**30}}, "bins"),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", [V1, V2])
async def test_what_cannot_be_meant_is_refused(
    api: httpx.AsyncClient, path: str, fields: dict[str, Any], said: str
) -> None:
    assert said in await refusal(api, path, **fields)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "\ud800", "[" * 5000, "{}" + " " * 30_000], ids=len)
async def test_what_is_no_document_is_refused(api: httpx.AsyncClient, text: str) -> None:
    for path in (V1, V2):
        answer = await api.get(path, params={"query": text.encode("utf-8", "surrogatepass").decode("latin-1")})
        assert check(answer).status_code == 400
        assert check(await api.get(path)).status_code == 400


async def test_the_last_year_there_is(api: httpx.AsyncClient) -> None:
    ends = {"fromTimestamp": "0001-01-01T00:00:00Z", "toTimestamp": "9999-12-31T23:59:59.999Z"}
    assert await ask(api, **ends) == [{"count_count": 3}]
    for granularity in ("auto", "month", "day"):
        assert "coarser" in await refusal(api, timeDimension={"granularity": granularity}, **ends)
        last = {"fromTimestamp": "9999-11-30T00:00:00Z", "toTimestamp": "9999-12-31T23:59:59.999Z"}
        assert len(await ask(api, timeDimension={"granularity": granularity}, **last)) in {1, 31}


async def test_days_by_model(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/public/metrics/daily", params={"limit": 1, "page": 2})
    assert answer.json() == {
        "data": [
            {
                "date": f"{DAY}2",
                "countTraces": 1,
                "countObservations": 2,
                "totalCost": 0.75,
                "usage": [
                    {
                        "model": "gpt-4o",
                        "inputUsage": 200,
                        "outputUsage": 20,
                        "totalUsage": 220,
                        "countTraces": 1,
                        "countObservations": 2,
                        "totalCost": 0.75,
                    }
                ],
            }
        ],
        "meta": {"page": 2, "limit": 1, "totalItems": 2, "totalPages": 2},
    }


@pytest.mark.parametrize(
    ("params", "days"),
    [
        ({}, [4, 2]),
        ({"traceName": "chat"}, [2]),
        ({"userId": "ada"}, [2]),
        ({"tags": ["a", "b"]}, [2]),
        ({"tags": ["a", "c"]}, []),
        ({"environment": ["staging"]}, [4]),
        ({"environment": ["staging", "default"]}, [4, 2]),
        ({"fromTimestamp": f"{DAY}3T00:00:00Z"}, [4]),
        ({"toTimestamp": f"{DAY}3T00:00:00Z"}, [2]),
        ({"page": 9}, []),
    ],
    ids=str,
)
async def test_days_that_are_asked_for(api: httpx.AsyncClient, params: dict[str, Any], days: list[int]) -> None:
    answer = await api.get("/api/public/metrics/daily", params=params)
    assert [day["date"] for day in answer.json()["data"]] == [f"{DAY}{day}" for day in days]


@pytest.mark.parametrize("params", [{"page": "0"}, {"limit": "101"}, {"fromTimestamp": "yesterday"}], ids=str)
async def test_days_that_cannot_be_meant(api: httpx.AsyncClient, params: dict[str, str]) -> None:
    for path in ("/api/public/metrics/daily", "/api/v1/users"):
        answer = await api.get(path, params=params | {"since": "yesterday"})
        assert answer.status_code == 400
        check_error(answer)


async def test_users(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/users", params={"order": "traces"})
    assert answer.json() == {
        "users": [
            {
                "user": "ada",
                "traces": 1,
                "observations": 2,
                "input_tokens": 200,
                "output_tokens": 20,
                "total_tokens": 220,
                "cost_usd": 0.75,
                "first_seen": f"{DAY}2T10:20:30.000Z",
                "last_seen": f"{DAY}2T10:20:30.000Z",
            }
        ],
        "page": 1,
        "limit": 50,
        "total": 1,
    }
    assert (await api.get("/api/v1/users", params={"contains": "x"})).json()["users"] == []
    assert (await api.get("/api/v1/users", params={"order": "beauty"})).status_code == 400


async def test_a_project_sees_its_own_numbers(world: World, api: httpx.AsyncClient) -> None:
    async with world.client("other") as other:
        for path in (V1, V2):
            assert await ask(other, path) == [{"count_count": 0}]
            assert await ask(other, path, dimensions=[{"field": "name"}]) == []
        assert (await other.get("/api/public/metrics/daily")).json()["data"] == []
        assert (await other.get("/api/v1/users")).json()["users"] == []
