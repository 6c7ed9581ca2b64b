"""Made and mutated bodies on every ingestion route: never a 5xx, an error always says something, and what was refused
left nothing behind."""

from __future__ import annotations

import gzip
import json
import os
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.contract import check_error
from api.test_otel_routes import GENERATION, JSON_EXPORT, export

CASES = int(os.environ.get("TRUNKLINE_FUZZ_CASES", "40"))
INGESTION = "/api/public/ingestion"
OTEL = "/api/public/otel/v1/traces"
SCORES = "/api/public/scores"
JSON = {"content-type": "application/json"}
PROTOBUF = {"content-type": "application/x-protobuf"}
GZIP = {"content-encoding": "gzip"}
NOW = "2026-03-01T12:00:00.000Z"

pytestmark = pytest.mark.fuzz
fuzzing = settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(autouse=True)
def no_settings_from_campaigns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application refuses settings that it does not know, and how many cases to run is one."""
    monkeypatch.delenv("TRUNKLINE_FUZZ_CASES", raising=False)


TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", NOW, "1970-01-01", "9999-12-31T23:59:59.999999Z", "NaN", "null", "\x00", "x" * 801, "t", "-1"]
    ),
)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400, 1e308]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)
KINDS = st.sampled_from(
    [
        "trace-create",
        "span-create",
        "span-update",
        "generation-create",
        "generation-update",
        "event-create",
        "score-create",
        "sdk-log",
        "observation-create",
        "agent-create",
        "no-such-type",
    ]
)
FIELDS = [
    "id",
    "traceId",
    "name",
    "startTime",
    "endTime",
    "completionStartTime",
    "timestamp",
    "parentObservationId",
    "level",
    "statusMessage",
    "version",
    "release",
    "environment",
    "model",
    "modelParameters",
    "usage",
    "usageDetails",
    "costDetails",
    "promptName",
    "promptVersion",
    "input",
    "output",
    "metadata",
    "tags",
    "public",
    "userId",
    "sessionId",
    "value",
    "dataType",
    "comment",
    "observationId",
    "datasetRunId",
    "configId",
    "source",
    "type",
    "log",
]
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=12)
LIKELY = st.fixed_dictionaries({"id": TEXTS, "traceId": st.sampled_from(["t", "u", None])}).flatmap(
    lambda known: BODIES.map(lambda body: {**body, **known})
)
EVENTS = st.one_of(
    st.fixed_dictionaries(
        {"id": TEXTS, "type": KINDS, "timestamp": st.one_of(st.just(NOW), TEXTS), "body": st.one_of(BODIES, LIKELY)}
    ),
    VALUES,
)


async def stored(api: httpx.AsyncClient) -> tuple[int, ...]:
    totals = []
    for path in ("traces", "observations", "v2/scores"):
        answer = await api.get(f"/api/public/{path}?limit=100")
        assert answer.status_code == 200, answer.text
        totals.append(answer.json()["meta"]["totalItems"])
    return tuple(totals)


async def post(api: httpx.AsyncClient, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    """Sends, and holds the answer to the rules that every answer follows."""
    before = await stored(api)
    answer = await api.post(path, content=body, headers=headers)
    assert answer.status_code < 500, (answer.status_code, answer.text, body[:500])
    if answer.status_code >= 400:
        check_error(answer)
        assert await stored(api) == before
    return answer


def encode(value: Any) -> bytes:
    return json.dumps(value).encode()


@st.composite
def mutated(draw: st.DrawFn, valid: bytes) -> bytes:
    """A valid body with a few bytes changed, cut out or put in."""
    body = bytearray(valid)
    for _ in range(draw(st.integers(1, 6))):
        position = draw(st.integers(0, len(body)))
        match draw(st.sampled_from(["change", "cut", "insert", "repeat"])):
            case "change":
                body[position : position + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del body[position : position + draw(st.integers(1, 20))]
            case "insert":
                body[position:position] = draw(st.binary(max_size=8))
            case _:
                body[position:position] = body[position : position + draw(st.integers(1, 40))]
    return bytes(body)


VALID_BATCH = encode(
    {
        "batch": [
            {
                "id": "1",
                "type": "trace-create",
                "timestamp": NOW,
                "body": {"id": "t", "tags": ["a"], "metadata": {"a": 1}},
            },
            {
                "id": "2",
                "type": "generation-create",
                "timestamp": NOW,
                "body": {"id": "g", "traceId": "t", "startTime": NOW, "model": "gpt-4o", "usage": {"input": 1}},
            },
            {
                "id": "3",
                "type": "score-create",
                "timestamp": NOW,
                "body": {"id": "s", "traceId": "t", "name": "n", "value": 0.5},
            },
        ]
    }
)
VALID_PROTOBUF = export(GENERATION, {"name": "child", "parent_id": bytes([1] * 8)}).SerializeToString()


@fuzzing
@given(st.lists(EVENTS, max_size=5))
async def test_made_batches(api: httpx.AsyncClient, events: list[Any]) -> None:
    answer = await post(api, INGESTION, encode({"batch": events}), JSON)
    if answer.status_code == 207:
        found = answer.json()
        assert len(found["successes"]) + len(found["errors"]) == len(events)
        assert all(error["message"] and 400 <= error["status"] < 500 for error in found["errors"])


@fuzzing
@given(mutated(VALID_BATCH))
async def test_mutated_batches(api: httpx.AsyncClient, body: bytes) -> None:
    await post(api, INGESTION, body, JSON)


@fuzzing
@given(mutated(VALID_PROTOBUF), st.booleans())
async def test_mutated_protobuf(api: httpx.AsyncClient, body: bytes, zipped: bool) -> None:
    headers = {**PROTOBUF, **(GZIP if zipped else {})}
    await post(api, OTEL, gzip.compress(body, 1) if zipped else body, headers)


@fuzzing
@given(mutated(gzip.compress(VALID_PROTOBUF, 1, mtime=0)))
async def test_mutated_gzip(api: httpx.AsyncClient, body: bytes) -> None:
    await post(api, OTEL, body, {**PROTOBUF, **GZIP})


@fuzzing
@given(mutated(encode(JSON_EXPORT)))
async def test_mutated_json_exports(api: httpx.AsyncClient, body: bytes) -> None:
    await post(api, OTEL, body, JSON)


@fuzzing
@given(st.dictionaries(st.sampled_from(["key", "value", "stringValue", "intValue", "arrayValue"]), VALUES), VALUES)
async def test_made_json_exports(api: httpx.AsyncClient, attribute: Any, anything: Any) -> None:
    span = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": "x", "startTimeUnixNano": "1"}
    for spans in ([{**span, "attributes": [attribute]}], [{**span, "status": anything}], [anything], anything):
        await post(api, OTEL, encode({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}), JSON)


@fuzzing
@given(st.one_of(BODIES, st.lists(st.one_of(BODIES, VALUES), max_size=4), VALUES))
async def test_made_scores(api: httpx.AsyncClient, body: Any) -> None:
    await post(api, SCORES, encode(body), JSON)


@fuzzing
@given(st.binary(max_size=300), st.sampled_from([INGESTION, OTEL, SCORES]), st.sampled_from([JSON, PROTOBUF, {}, GZIP]))
async def test_bytes(api: httpx.AsyncClient, body: bytes, path: str, headers: dict[str, str]) -> None:
    await post(api, path, body, headers)


@fuzzing
@given(
    st.sampled_from(["traces", "observations", "v2/observations", "v2/scores", "v3/scores", "traces/x", "v2/scores/x"]),
    st.dictionaries(
        st.sampled_from(
            [
                "page",
                "limit",
                "orderBy",
                "tags",
                "environment",
                "fromTimestamp",
                "fromStartTime",
                "fields",
                "cursor",
                "type",
                "level",
                "operator",
                "value",
                "source",
                "dataType",
                "isRootObservation",
                "parseIoAsJson",
                "expandMetadata",
                "userId",
                "scoreIds",
                "filter",
            ]
        ),
        TEXTS,
        max_size=4,
    ),
)
async def test_made_queries(api: httpx.AsyncClient, path: str, params: dict[str, str]) -> None:
    answer = await api.get(f"/api/public/{path}", params=params)
    assert answer.status_code < 500, (answer.status_code, answer.text)
    if answer.status_code >= 400:
        check_error(answer)
