from __future__ import annotations

import json
from typing import Any

import pytest

from trunkline.errors import InvalidRequest
from trunkline.tracing.ingestion import Batch, read_batch
from trunkline.types import Level, ObservationChange, ObservationType, Rank, ScoreChange, Stamp, TraceChange

NOW = 1_795_460_700_000_000
TIME = "2026-11-23T19:04:08.833055Z"
MICROS = 1_795_460_648_833_055


def event(type: str, body: object, *, id: str = "e", timestamp: object = TIME) -> dict[str, object]:
    return {"id": id, "type": type, "timestamp": timestamp, "body": body}


def read(*events: object) -> Batch:
    return read_batch(json.dumps({"batch": events, "metadata": {"sdk_name": "python"}}).encode(), now=NOW)


def observation(type: str, body: dict[str, object]) -> ObservationChange:
    batch = read(event(type, body))
    assert batch.errors == ()
    change = batch.changes[-1]
    assert isinstance(change, ObservationChange)
    return change


def refusal(type: str, body: object) -> str:
    batch = read(event(type, body, id="bad"), event("trace-create", {"id": "t"}, id="good"))
    assert batch.successes == ("good",)
    assert len(batch.changes) == 1
    [error] = batch.errors
    assert (error.id, error.status, error.error) == ("bad", 400, "InvalidRequestError")
    return error.message


@pytest.mark.parametrize("kind", list(ObservationType))
def test_every_kind_of_observation(kind: ObservationType) -> None:
    created = observation(f"{kind.value.lower()}-create", {"id": "o", "traceId": "t", "name": "n"})
    updated = observation(f"{kind.value.lower()}-update", {"id": "o", "traceId": "t"})
    assert (created.type, created.stamp) == (kind, Stamp(Rank.CREATE, MICROS))
    assert (updated.type, updated.stamp) == (kind, Stamp(Rank.UPDATE, MICROS))


def test_the_oldest_events_have_their_type_in_the_body() -> None:
    assert observation("observation-create", {"id": "o", "traceId": "t", "type": "GENERATION"}).type == "GENERATION"
    assert observation("observation-update", {"id": "o", "traceId": "t"}).type is None
    assert "Unknown observation type 'OTHER'" in refusal("observation-create", {"id": "o", "type": "OTHER"})


def test_the_place_in_the_batch_breaks_ties() -> None:
    batch = read(event("trace-create", {"id": "a"}), event("sdk-log", {"log": "x"}), event("trace-create", {"id": "b"}))
    assert [change.stamp.index for change in batch.changes] == [0, 2]
    assert batch.successes == ("e", "e", "e")


def test_a_trace() -> None:
    body = {
        "id": "t",
        "timestamp": "2026-11-23T20:00:00+01:00",
        "name": "n",
        "userId": "u",
        "sessionId": "s",
        "release": "r",
        "version": "v",
        "environment": "Langfuse-Prod",
        "public": False,
        "tags": ["b", "a", "a", ""],
        "input": {"x": [1, None]},
        "output": "",
        "metadata": {},
        "level": "ERROR",
        "status_message": "unknown keys are ignored",
    }
    assert read(event("trace-create", body)).changes == (
        TraceChange(
            id="t",
            stamp=Stamp(Rank.CREATE, MICROS),
            timestamp=1_795_460_400_000_000,
            name="n",
            user_id="u",
            session_id="s",
            release="r",
            version="v",
            environment="prod",
            public=False,
            tags=("a", "b"),
            input=b'{"x": [1, null]}',
            output=None,
            metadata=None,
        ),
    )


def test_a_generation() -> None:
    body = {
        "id": "o",
        "traceId": "t",
        "name": "n",
        "startTime": TIME,
        "endTime": TIME,
        "completionStartTime": TIME,
        "parentObservationId": "p",
        "level": "WARNING",
        "statusMessage": "slow",
        "version": "v",
        "environment": "prod",
        "model": "gpt-4o",
        "modelParameters": {"temperature": 0.2},
        "usage": {"input": 1, "output": 2},
        "promptName": "support/triage",
        "promptVersion": 8,
        "input": [],
        "output": 0,
        "metadata": ["x"],
    }
    change = observation("generation-create", body)
    assert (change.start_time, change.end_time, change.completion_start_time) == (MICROS, MICROS, MICROS)
    assert (change.parent_id, change.level, change.status_message) == ("p", Level.WARNING, "slow")
    assert (change.model, change.model_parameters) == ("gpt-4o", b'{"temperature": 0.2}')
    assert (change.usage, change.cost) == ({"input": 1, "output": 2, "total": 3}, None)
    assert (change.prompt_name, change.prompt_version) == ("support/triage", 8)
    assert (change.input, change.output, change.metadata) == (b"[]", b"0", b'{"metadata":["x"]}')


def test_details_win_over_usage() -> None:
    change = observation(
        "generation-create",
        {
            "id": "o",
            "traceId": "t",
            "usage": {"input": 1, "totalCost": 9},
            "usageDetails": {"input": 5},
            "costDetails": {"input": 1},
        },
    )
    assert change.usage == {"input": 5, "total": 5}
    assert change.cost == {"input": 1.0, "total": 1.0}


def test_only_generations_are_linked_to_prompts() -> None:
    link = {"id": "o", "traceId": "t", "promptName": "p", "promptVersion": 1}
    assert observation("generation-update", link).prompt_name == "p"
    assert observation("span-create", link).prompt_name is None


def test_a_start_that_is_missing_is_the_event_s_time() -> None:
    assert observation("span-create", {"id": "o", "traceId": "t"}).start_time == MICROS
    assert observation("span-update", {"id": "o", "traceId": "t"}).start_time is None


def test_an_observation_without_trace_gets_one_of_its_own_id() -> None:
    trace, change = read(event("span-create", {"id": "o", "name": "n", "environment": "prod"})).changes
    assert isinstance(trace, TraceChange)
    assert isinstance(change, ObservationChange)
    assert (trace.id, trace.name, trace.environment, trace.timestamp) == ("o", "n", "prod", MICROS)
    assert change.trace_id == "o"


def test_an_update_without_trace_makes_none() -> None:
    [change] = read(event("span-update", {"id": "o", "output": "x"})).changes
    assert isinstance(change, ObservationChange)
    assert change.trace_id == "o"


def test_bodies_without_id_take_the_event_s() -> None:
    batch = read(
        event("trace-create", {"name": "n"}, id="e1"),
        event("span-create", {"traceId": "t"}, id="e2"),
        event("score-create", {"traceId": "t", "name": "n", "value": 1}, id="e3"),
    )
    assert [change.id for change in batch.changes] == ["e1", "e2", "e3"]


def test_a_score() -> None:
    [change] = read(event("score-create", {"id": "s", "traceId": "t", "name": "n", "value": 1})).changes
    assert isinstance(change, ScoreChange)
    assert (change.id, change.stamp, change.timestamp) == ("s", Stamp(Rank.CREATE, MICROS), MICROS)


@pytest.mark.parametrize(
    ("type", "body", "says"),
    [
        ("trace-create", None, "no valid trace"),
        ("trace-create", {"id": 5}, "$.id"),
        ("trace-create", {"id": "x" * 801}, "801 characters"),
        ("trace-create", {"tags": "a"}, "$.tags"),
        ("trace-create", {"timestamp": "x"}, "is no time"),
        ("span-create", {"level": "LOUD"}, "Unknown level"),
        ("span-create", {"startTime": "1969-12-31T00:00:00Z"}, "1970"),
        ("generation-create", {"usageDetails": {"input": -1}}, "usage 'input'"),
        ("generation-create", {"costDetails": {"input": "1"}}, "cost 'input'"),
        ("generation-create", {"promptVersion": 0}, "promptVersion"),
        ("generation-create", {"promptVersion": "8"}, "$.promptVersion"),
        ("score-create", {"name": "n", "value": 1}, "exactly one of"),
        ("nothing-create", {}, "Unknown event type 'nothing-create'"),
    ],
)
def test_a_wrong_event_is_told_and_spoils_no_other(type: str, body: Any, says: str) -> None:
    assert says in refusal(type, body)


def test_events_that_are_none() -> None:
    batch = read(
        "text", {"id": "a"}, {"id": 5}, event("trace-create", {}, timestamp="x"), event("trace-create", {"id": "t"})
    )
    assert [error.id for error in batch.errors] == ["", "a", "", "e"]
    assert batch.successes == ("e",)


def test_a_field_that_nests_too_deep_costs_its_event_only() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    assert "128 levels" in refusal("trace-create", {"input": deep})


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"batch": {}}', b'{"batch": null}', b"{", b"\xff", b"[" * 100_000,
     b'{"batch":[' + b"[" * 100_000, b'{"batch": [1]} x'],
)  # fmt: skip
def test_bodies_that_are_no_batch(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_batch(body, now=NOW)


def test_lenient_json_is_mended() -> None:
    trace = b'{"id":"t","name":"a\\u0000\\ud800","input":NaN,"output":{"x":[1,Infinity]}}'
    body = b'{"batch":[{"id":"e","type":"trace-create","timestamp":"%s","body":%s}]}' % (TIME.encode(), trace)
    [change] = read_batch(body, now=NOW).changes
    assert isinstance(change, TraceChange)
    assert (change.name, change.input, change.output) == ("a\ufffd", None, b'{"x":[1,null]}')


def test_wrong_utf8_is_no_json() -> None:
    body = b'{"batch":[{"id":"e","type":"trace-create","timestamp":"%s","body":{"input":"\xff"}}]}' % TIME.encode()
    with pytest.raises(InvalidRequest, match="not valid JSON"):
        read_batch(body, now=NOW)
