"""The link of an observation to its prompt's version: looked up on each read, and marked while there is none."""

from __future__ import annotations

import json
from typing import Any

import httpx

from api.contract import check

TIME = "2026-03-01T12:00:00.000Z"
START = 1_772_366_400_000_000_000


async def links(api: httpx.AsyncClient, observation_id: str = "g") -> list[dict[str, Any]]:
    """The link as every read that has it tells of it."""
    one = check(await api.get(f"/api/public/observations/{observation_id}")).json()
    trace = check(await api.get(f"/api/public/traces/{one['traceId']}")).json()
    params = {"traceId": one["traceId"], "fields": "prompt"}
    second = check(await api.get("/api/public/v2/observations", params=params)).json()["data"]
    listed = check(await api.get("/api/public/observations", params={"traceId": one["traceId"]})).json()["data"]
    keys = ("promptId", "promptName", "promptVersion", "promptCommit", "promptBlob", "promptStatus")
    found = [
        one,
        *(each for part in (trace["observations"], second, listed) for each in part if each["id"] == one["id"]),
    ]
    return [{key: each[key] for key in keys} for each in found]


async def create(api: httpx.AsyncClient, text: str) -> Any:
    answer = await api.post("/api/public/v2/prompts", json={"name": "made/later", "prompt": text, "type": "text"})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_version_that_is_made_later_is_linked_from_then_on(api: httpx.AsyncClient) -> None:
    body = {"id": "g", "traceId": "t", "startTime": TIME, "promptName": "made/later", "promptVersion": 2}
    batch = [{"id": "e", "type": "generation-create", "timestamp": TIME, "body": body}]
    await api.post("/api/public/ingestion", json={"batch": batch})
    name = {"promptName": "made/later", "promptVersion": 2}
    missing = {**name, "promptId": None, "promptCommit": None, "promptBlob": None, "promptStatus": "missing"}
    assert await links(api) == [missing] * 4
    await create(api, "one")
    assert await links(api) == [missing] * 4
    made = await create(api, "two")
    git = {"promptId": made["id"], "promptCommit": made["commit"], "promptBlob": made["blob"]}
    assert await links(api) == [{**name, **git, "promptStatus": "linked"}] * 4


async def test_a_fallback_is_visible_as_such(api: httpx.AsyncClient) -> None:
    """The AI SDK sends what the prompt's ``toJSON`` gives: a fallback carries the number that was asked for."""
    prompt = {"name": "made/later", "version": 3, "isFallback": True, "prompt": "x", "type": "text"}
    values = {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.telemetry.metadata.langfusePrompt": json.dumps(prompt),
    }
    span = {
        "traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": "x", "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 1),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in values.items()],
    }  # fmt: skip
    scope = {"scope": {"name": "ai"}, "spans": [span]}
    answer = await api.post("/api/public/otel/v1/traces", json={"resourceSpans": [{"scopeSpans": [scope]}]})
    assert answer.status_code == 200, answer.text
    (found, *others) = await links(api, "0" * 15 + "1")
    assert (found["promptName"], found["promptVersion"], found["promptStatus"]) == ("made/later", None, "fallback")
    assert others == [found] * 3


async def test_no_prompt_no_status(api: httpx.AsyncClient) -> None:
    body = {"id": "g", "traceId": "t", "startTime": TIME}
    batch = [{"id": "e", "type": "span-create", "timestamp": TIME, "body": body}]
    await api.post("/api/public/ingestion", json={"batch": batch})
    assert {each["promptStatus"] for each in await links(api)} == {None}
