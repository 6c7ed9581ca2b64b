"""Limits of a project: what is counted, what a refusal says, and that nothing else is held up."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.conftest import World
from api.contract import check_error
from trunkline.api.limits import Limits, Traffic, traffic_of
from trunkline.errors import TooManyRequests
from trunkline.store.project_settings import ProjectSettings

SETTINGS = "/api/v1/project/settings"
NAME = "/api/public/v2/prompts/hello"
TIME = "2026-03-01T12:00:00.000Z"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def limits(clock: Clock, workers: int = 1, **settings: Any) -> Limits:
    return Limits(lambda project_id: ProjectSettings(**settings), workers=workers, clock=clock)


def admitted(limits: Limits, traffic: Traffic, most: int = 100) -> int:
    for count in range(most):
        try:
            limits.admit("p", traffic)
        except TooManyRequests:
            return count
    return most


def test_a_minute_lets_in_what_the_limit_says_and_fills_evenly() -> None:
    clock = Clock()
    limited = limits(clock, read_requests_per_minute=30)
    assert admitted(limited, Traffic.READS) == 30
    with pytest.raises(TooManyRequests) as refused:
        limited.admit("p", Traffic.READS)
    assert refused.value.retry_after == 2
    assert "read_requests_per_minute=30" in refused.value.message
    clock.now += 2.0
    assert admitted(limited, Traffic.READS) == 1
    clock.now += 3600
    assert admitted(limited, Traffic.READS) == 30
    assert admitted(limited, Traffic.PROMPTS) == 100


def test_workers_share_a_limit() -> None:
    assert admitted(limits(Clock(), 4, read_requests_per_minute=40), Traffic.READS) == 10
    clock = Clock()
    fewer = limits(clock, 4, read_requests_per_minute=2)
    assert admitted(fewer, Traffic.READS) == 1
    clock.now += 120
    assert admitted(fewer, Traffic.READS) == 1


def test_bytes_are_counted_when_they_have_come() -> None:
    clock = Clock()
    limited = limits(clock, ingestion_bytes_per_minute=6000)
    limited.admit("p", Traffic.INGESTION)
    limited.count_bytes("p", 12_000)
    with pytest.raises(TooManyRequests) as refused:
        limited.admit("p", Traffic.INGESTION)
    assert refused.value.retry_after == 61
    clock.now += 61
    limited.admit("p", Traffic.INGESTION)


def test_a_changed_limit_counts_anew() -> None:
    current = {"settings": ProjectSettings(read_requests_per_minute=1)}
    limited = Limits(lambda project_id: current["settings"], clock=Clock())
    assert admitted(limited, Traffic.READS) == 1
    current["settings"] = ProjectSettings(read_requests_per_minute=5)
    assert admitted(limited, Traffic.READS) == 5
    current["settings"] = ProjectSettings()
    assert admitted(limited, Traffic.READS) == 100


def test_kinds_of_traffic() -> None:
    for path in ("ingestion", "otel/v1/traces", "scores"):
        assert traffic_of("POST", f"/api/public/{path}") is Traffic.INGESTION
    assert traffic_of("GET", "/api/public/scores") is Traffic.READS
    assert traffic_of("GET", NAME) is traffic_of("POST", "/api/v1/compile") is Traffic.PROMPTS
    assert traffic_of("GET", "/api/public/traces") is Traffic.READS
    assert traffic_of("PATCH", SETTINGS) is None


@pytest.fixture
async def limited(api: httpx.AsyncClient) -> httpx.AsyncClient:
    assert (await api.post("/api/public/v2/prompts", json={"name": "hello", "prompt": "x"})).status_code == 201
    rates = ("ingestion_requests_per_minute", "read_requests_per_minute", "prompt_requests_per_minute")
    assert (await api.patch(SETTINGS, json=dict.fromkeys(rates, 3))).status_code == 200
    return api


REQUESTS: dict[str, tuple[str, str, Any]] = {
    "ingestion": ("POST", "/api/public/ingestion", {"batch": []}),
    "export": ("POST", "/api/public/otel/v1/traces", {"resourceSpans": []}),
    "score": ("POST", "/api/public/scores", {"traceId": "t", "name": "n", "value": 1}),
    "read": ("GET", "/api/public/traces", None),
    "fetch": ("GET", f"{NAME}?version=1", None),
    "unknown prompt": ("GET", "/api/public/v2/prompts/absent", None),
    "compile": ("POST", "/api/v1/compile", {"name": "hello", "version": 1}),
}


@pytest.mark.parametrize("which", REQUESTS)
async def test_the_fourth_request_of_a_minute_is_refused(world: World, limited: httpx.AsyncClient, which: str) -> None:
    method, path, body = REQUESTS[which]
    statuses = [(await limited.request(method, path, json=body)).status_code for _ in range(3)]
    assert 429 not in statuses
    refused = await limited.request(method, path, json=body)
    assert refused.status_code == 429
    check_error(refused)
    assert refused.json()["error"] == "TooManyRequestsError"
    assert 1 <= int(refused.headers["retry-after"]) <= 21
    others = {"ingestion", "read", "fetch"} - ({which} if which in {"ingestion", "read", "fetch"} else set())
    others -= {"ingestion"} if which in {"export", "score"} else set()
    others -= {"fetch"} if which in {"unknown prompt", "compile"} else set()
    for other in others:
        method, path, body = REQUESTS[other]
        assert (await limited.request(method, path, json=body)).is_success
    async with world.client("other") as client:
        assert (await client.request(method, path, json=body)).status_code != 429
    assert (await limited.patch(SETTINGS, json={"read_requests_per_minute": None})).status_code == 200


async def test_bytes_over_the_limit_hold_up_the_next_batch(api: httpx.AsyncClient) -> None:
    await api.patch(SETTINGS, json={"ingestion_bytes_per_minute": 5000})
    event = {"id": "e", "type": "trace-create", "timestamp": TIME, "body": {"id": "t", "input": "x" * 9000}}
    assert (await api.post("/api/public/ingestion", json={"batch": [event]})).status_code == 207
    refused = await api.post("/api/public/ingestion", json={"batch": [event]})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 40
    assert (await api.get("/api/public/traces/t")).status_code == 200
