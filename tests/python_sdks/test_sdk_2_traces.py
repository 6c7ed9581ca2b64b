"""SDK 2.60: what it records by batches of events is read back field by field."""

from __future__ import annotations

from typing import Any

import pytest

from python_sdks.sdk_world import World, subset
from trunkline.api.operations import OPERATIONS

pytestmark = pytest.mark.sdk


@pytest.fixture
def told(shared: World) -> Any:
    return shared.told("py2", "traces_v2")


def test_updates_may_come_before_creates(shared: World, told: Any) -> None:
    trace = shared.trace("py2-later")
    expected: dict[str, Any] = {
        "name": "later",
        "input": "first",
        "output": "last",
        "tags": ["first", "second"],
        "environment": "staging",
        "release": "r-2",
        # The later word counts, key by key.
        "metadata": {"deep": {"a": 1, "b": 2}, "x": 2},
    }
    assert subset(trace, expected) == expected
    (generation,) = trace["observations"]
    expected = {
        "id": "py2-later-g",
        "name": "g",
        "model": "gpt-4o-mini",
        "input": "i",
        "output": "o",
        "metadata": {"k": [1], "l": 2},
        "level": "WARNING",
        "startTime": "2026-04-05T06:07:08.900Z",
        "latency": 4.0,
    }
    assert subset(generation, expected) == expected


def test_observations_by_ids_alone(shared: World, told: Any) -> None:
    ids = told["parents"]
    trace = shared.trace(ids["trace"])
    assert (trace["sessionId"], trace["userId"]) == ("py2/session 1", "ünï user")
    found = {each["name"]: each for each in trace["observations"]}
    assert {name: each["parentObservationId"] for name, each in found.items()} == {
        "outer": None,
        "seen": ids["span"],
        "inner": ids["span"],
        "call": ids["inner"],
    }
    expected = {"input": "in", "output": "out", "version": "3", "level": "DEBUG", "statusMessage": "fine"}
    assert subset(found["inner"], expected) == expected
    assert found["seen"]["type"] == "EVENT"
    assert found["seen"]["metadata"] == {"metadata": ["a list"]}
    assert found["call"]["completionStartTime"] == "2026-04-05T06:07:08.900Z"
    # The SDK makes up a trace for an observation without one.
    assert shared.get(f"/observations/{ids['alone']}")["traceId"]


def test_the_error_path_of_the_introduction(shared: World, told: Any) -> None:
    trace = shared.trace(told["error"]["trace"])
    assert trace["output"] == {"error": "the model took too long"}
    (generation,) = trace["observations"]
    expected = {"id": told["error"]["generation"], "level": "ERROR", "statusMessage": "the model took too long"}
    assert subset(generation, expected) == expected
    assert generation["endTime"] is not None


def test_usage_in_every_form(shared: World, told: Any) -> None:
    found = shared.observations(told["usage"]["trace"])
    details = {key: found[identifier]["usageDetails"] for key, identifier in told["usage"]["ids"].items()}
    plain = {"input": 10, "output": 20, "total": 30}
    assert details == {
        "langfuse": {"input": 10, "output": 20, "total": 35},
        "priced": plain,
        "openai": plain,
        "camel": plain,
        "characters": {"input": 100, "output": 200, "total": 300},
        "openai details": {
            "input": 6,
            "input_cached_tokens": 4,
            "input_audio_tokens": 0,
            "output": 15,
            "output_reasoning_tokens": 5,
            "total": 30,
        },
        "own": {"input": 3, "output": 4, "cache_read": 5, "total": 12},
        "cost": {"input": 1, "total": 1},
    }
    costs = {key: found[identifier]["costDetails"] for key, identifier in told["usage"]["ids"].items()}
    assert costs["priced"] == {"input": 0.1, "output": 0.2, "total": 0.4}
    assert costs["cost"] == {"input": 0.5, "fee": 0.25, "total": 0.75}
    assert costs["openai"]["total"] == pytest.approx(10 * 0.15e-6 + 20 * 0.6e-6)


def test_every_way_to_link_a_prompt(shared: World, told: Any) -> None:
    older, newer = told["links"]["versions"]
    found = shared.observations(told["links"]["trace"])
    ids = told["links"]["ids"]
    linked = {key: found[identifier]["promptVersion"] for key, identifier in ids.items()}
    assert linked == {"create": older, "update": newer, "end": newer, "client": newer, "fallback": None, "below": older}
    served = shared.get("/v2/prompts/py2%2Flinked", version=older)
    assert found[ids["create"]]["promptName"] == "py2/linked"
    assert found[ids["create"]]["promptCommit"] == served["commit"]
    assert told["links"]["fallback"] is True


def test_scores(shared: World, told: Any) -> None:
    scores = {each["name"]: each for each in shared.trace(told["scores"]["trace"])["scores"]}
    span = told["scores"]["span"]
    keys = ("dataType", "value", "stringValue", "observationId")
    assert {name: tuple(score.get(key) for key in keys) for name, score in scores.items()} == {
        "numeric": ("NUMERIC", 0.75, None, None),
        "of a span": ("CATEGORICAL", 0, "warm", span),
        "boolean": ("BOOLEAN", 1, "True", span),
        "zero": ("NUMERIC", 0, None, None),
    }
    assert scores["numeric"]["id"] == "py2-score"
    (early,) = shared.get("/v2/scores", traceId="py2-never-traced")["data"]
    assert early["name"] == "too early"


def test_more_than_a_batch_holds(shared: World, told: Any) -> None:
    found = shared.observations(told["many"]["trace"])
    assert len(found) == 60
    assert {each["output"] for each in found.values()} == set(range(60))
    assert {len(each["input"]["text"]) for each in found.values()} == {20_000}


def test_what_the_fetch_functions_give(told: Any) -> None:
    fetched = dict(told["fetched"])
    sessions = fetched.pop("sessions")
    if ("GET", "/api/public/sessions") in OPERATIONS:
        assert {"py2/session 1", "py2-scored"} <= set(sessions)
    assert fetched == {
        "generations": ["call"],
        "spans": ["inner"],
        "in session": ["parents"],
        "newest": ["later"],
        "before": 0,
        "trace": "later",
        "span": "outer",
        "many": 60,
        "since": ["call"],
    }


def test_decorated_functions(shared: World) -> None:
    told = shared.told("py2", "decorators_v2")
    assert told["auth"] is True
    trace = shared.trace(told["main"]["trace"])
    expected: dict[str, Any] = {
        "name": "py2-decorated",
        "userId": "py2-user",
        "sessionId": "py2-session",
        "tags": ["a", "b"],
        "metadata": {"plan": "pro"},
        "version": "1.2",
        "release": "r-9",
        "public": True,
        "output": {"answer": "an answer"},
    }
    assert subset(trace, expected) == expected
    assert trace["input"]["kwargs"] == {"extra": [1]}
    assert told["url"] == f"{shared.server.url}/project/default/traces/{trace['id']}"
    found = {each["id"]: each for each in trace["observations"]}
    expected = {
        "type": "GENERATION",
        "name": "llm",
        "model": "gpt-4o-mini",
        "input": [{"role": "user", "content": "Say why?"}],
        "output": "an answer",
        "usageDetails": {"input": 5, "output": 2, "total": 7},
        "promptName": "py2/decorated",
        "promptVersion": 1,
        "metadata": {"attempt": 2},
        "level": "WARNING",
        "statusMessage": "slow",
        "version": "8",
    }
    assert subset(found[told["generation"]["id"]], expected) == expected
    assert found[told["silent"]["id"]]["input"] is None
    scores = {score["name"]: score for score in trace["scores"]}
    assert (scores["helpful"]["observationId"], scores["helpful"]["value"]) == (told["generation"]["id"], 0.5)
    assert (scores["resolved"]["stringValue"], scores["resolved"]["observationId"]) == ("yes", None)


def test_decorated_generators_and_coroutines(shared: World) -> None:
    told = shared.told("py2", "decorators_v2")
    assert shared.trace(told["generator"]["trace"])["output"] == "n0 n1 n2 "
    agent = shared.trace(told["agent"]["trace"])
    assert (agent["name"], agent["output"]) == ("an agent", {"parts": [0, 2, 4], "chunks": [0, 1, 2]})
    found = {each["id"]: each for each in agent["observations"]}
    assert found[told["async generator"]["id"]]["output"] == "0+1+2"
    assert [found[told[f"step {number}"]["id"]]["output"] for number in range(3)] == [0, 2, 4]
    given = shared.observations("py2-own-id")
    assert given[told["given"]["id"]]["parentObservationId"] == "py2-parent"


def test_a_decorated_function_that_raises(shared: World) -> None:
    told = shared.told("py2", "decorators_v2")
    trace = shared.trace(told["fails"]["trace"])
    assert trace["name"] == "fails"
