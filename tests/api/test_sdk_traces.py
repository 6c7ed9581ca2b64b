"""The released SDKs against the real server: what they record is read back field by field, by them and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.contract import check
from sdk_environment import run_sdk
from server_process import PUBLIC_KEY, SECRET_KEY, ServerProcess, running

pytestmark = pytest.mark.sdk


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data: Path = tmp_path_factory.mktemp("sdk") / "data"
    with running(data) as started:
        yield started


@pytest.fixture(scope="module")
def py2(server: ServerProcess) -> Any:
    return run_sdk("py2", "traces_py2.py", url=server.url, keys=(PUBLIC_KEY, SECRET_KEY))


@pytest.fixture(scope="module")
def py5(server: ServerProcess) -> Any:
    return run_sdk("py5", "traces_py5.py", url=server.url, keys=(PUBLIC_KEY, SECRET_KEY))


def get(server: ServerProcess, path: str, **params: Any) -> Any:
    with server.client() as client:
        return check(client.get(path, params=params)).json()


def subset(found: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: found[key] for key in keys}


def test_sdk_2_reads_its_trace_back(py2: Any) -> None:
    trace = py2["trace"]
    assert subset(trace, "id", "name", "userId", "sessionId", "version", "release", "environment", "public") == {
        "id": "trace/with slash",
        "name": "answer",
        "userId": "user-1",
        "sessionId": "session-1",
        "version": "1.2",
        "release": "r-1",
        "environment": "staging",
        "public": True,
    }
    assert trace["tags"] == ["a", "b", "c"]
    assert trace["input"] == {"question": "why?"}
    assert trace["output"] == {"answer": "because"}
    assert trace["metadata"] == {"deep": {"one": 1, "two": 2}}
    assert trace["timestamp"].startswith("2026-03-01T12:00:00.123")
    assert trace["latency"] == 3.0
    assert trace["totalCost"] > 0
    assert sorted(each["name"] for each in trace["observations"]) == ["cache-miss", "draft", "retrieve"]
    scores = {score["name"]: score for score in trace["scores"]}
    assert scores["helpful"]["observationId"] == py2["ids"]["generation"]
    assert (scores["helpful"]["value"], scores["helpful"]["comment"]) == (0.9, "on the point")
    assert (scores["resolved"]["value"], scores["resolved"]["stringValue"]) == (1, "True")
    assert scores["tone"]["stringValue"] == "warm"


def test_sdk_2_reads_its_generation_back(server: ServerProcess, py2: Any) -> None:
    generation = get(server, f"/api/public/observations/{py2['ids']['generation']}")
    assert generation["parentObservationId"] == py2["ids"]["span"]
    assert generation["model"] == "gpt-4o-mini"
    # The SDK's own union of parameter types has no float: it sends one as text.
    assert generation["modelParameters"] == {"temperature": "0.7", "max_tokens": 100, "stop": ["a", "b"]}
    assert generation["input"] == [{"role": "user", "content": "Say 1"}]
    assert generation["output"] == "one"
    assert generation["version"] == "9"
    assert generation["latency"] == 1.5
    assert generation["timeToFirstToken"] == 0.25
    assert generation["usageDetails"] == {"input": 11, "output": 7, "total": 18}
    assert generation["usage"]["unit"] == "TOKENS"
    assert generation["calculatedTotalCost"] == pytest.approx(generation["costDetails"]["total"])
    prompt = get(server, "/api/public/v2/prompts/sdk/py2")
    assert subset(generation, "promptName", "promptVersion", "promptCommit", "promptBlob", "promptId") == {
        "promptName": "sdk/py2",
        "promptVersion": py2["prompt"]["version"],
        "promptCommit": prompt["commit"],
        "promptBlob": prompt["blob"],
        "promptId": prompt["id"],
    }
    (event,) = get(server, "/api/public/observations", traceId=py2["ids"]["trace"], type="EVENT")["data"]
    assert subset(event, "level", "statusMessage", "name") == {
        "level": "WARNING",
        "statusMessage": "cold",
        "name": "cache-miss",
    }


def test_sdk_2_lists_and_pages(py2: Any) -> None:
    assert py2["traces"] == [py2["ids"]["trace"]]
    assert py2["total"] == 1
    assert py2["observations"] == [py2["ids"]["generation"]]
    assert py2["observation"]["id"] == py2["ids"]["generation"]
    assert py2["missing"] == "NotFoundError"


def test_the_example_of_the_introduction(server: ServerProcess, py2: Any) -> None:
    trace = get(server, f"/api/public/traces/{py2['introduction']['trace']}")
    assert (trace["name"], trace["metadata"]) == ("simple-query", {"email": "user@example.org"})
    (generation,) = trace["observations"]
    assert generation["name"] == "openai-generation"
    assert generation["model"] == "gpt-4o"
    assert generation["modelParameters"] == {"temperature": "0.2"}
    assert generation["metadata"] == {"interface": "whatsapp"}
    assert generation["usageDetails"] == {"input": 50, "output": 49, "total": 99}
    assert generation["output"] == "Hi"
    assert generation["completionStartTime"] is not None
    assert generation["calculatedTotalCost"] > 0
    failed = get(server, f"/api/public/traces/{py2['failed']['trace']}")
    (attempt,) = failed["observations"]
    assert subset(attempt, "level", "statusMessage") == {"level": "ERROR", "statusMessage": "no such model"}
    assert attempt["endTime"] is not None
    assert failed["metadata"] == {"expect": "failure"}


def test_sdk_5_reads_back(server: ServerProcess, py5: Any) -> None:
    trace = get(server, f"/api/public/traces/{py5['trace']}")
    assert subset(trace, "name", "userId", "sessionId", "version", "tags", "input", "output") == {
        "name": "answer",
        "userId": "user-5",
        "sessionId": "session-5",
        "version": "1.2",
        "tags": ["a", "b"],
        "input": {"args": ["why?"], "kwargs": {}},
        "output": {"answer": "why?"},
    }
    by_id = {each["id"]: each for each in trace["observations"]}
    assert sorted(each["name"] for each in by_id.values()) == ["answer", "broken", "draft", "inner-tool"]
    generation = by_id[py5["generation"]]
    assert generation["type"] == "GENERATION"
    assert generation["parentObservationId"] == py5["root"]
    assert generation["model"] == "gpt-4o-mini"
    assert generation["modelParameters"]["temperature"] == 0.7
    assert generation["input"] == [{"role": "user", "content": "Say why?"}]
    assert generation["output"] == "one"
    assert generation["usageDetails"] == {"input": 50, "output": 49, "total": 99}
    assert generation["calculatedTotalCost"] > 0
    assert subset(generation, "level", "statusMessage") == {"level": "WARNING", "statusMessage": "slow"}
    assert subset(generation["metadata"], "number", "text", "deep") == {
        "number": 1,
        "text": "plain",
        "deep": {"a": [1, 2]},
    }
    prompt = get(server, "/api/public/v2/prompts/sdk/py5")
    assert (generation["promptCommit"], generation["promptBlob"]) == (prompt["commit"], prompt["blob"])
    broken = by_id[py5["broken"]]
    assert subset(broken, "level", "statusMessage") == {"level": "ERROR", "statusMessage": "ValueError: no such model"}
    (tool,) = [each for each in by_id.values() if each["name"] == "inner-tool"]
    assert (tool["type"], tool["parentObservationId"], tool["output"]) == ("TOOL", py5["generation"], "X")
    scores = {score["name"]: score for score in trace["scores"]}
    assert scores.keys() == {"helpful", "tone", "speed", "resolved", "note"}
    assert (scores["helpful"]["observationId"], scores["helpful"]["value"]) == (py5["generation"], 0.9)
    assert scores["speed"]["observationId"] == tool["id"]
    assert scores["note"]["stringValue"] == "well done"


def test_sdk_5_pages_with_a_cursor(py5: Any) -> None:
    assert len(py5["first_page"]) == 2
    assert not set(py5["first_page"]) & set(py5["rest"])
    assert py5["generation"] in py5["first_page"] + py5["rest"]
    assert py5["last_cursor"] is None


def test_the_same_score_id_again_is_an_update(py5: Any) -> None:
    assert py5["session_scores"] == [["fixed-id", 4]]


def test_printed_addresses(server: ServerProcess, py2: Any, py5: Any) -> None:
    """SDK 5 knows the project from the API; SDK 2 does not ask."""
    assert py5["url"] == f"{server.url}/project/default/traces/{py5['trace']}"
    assert py2["url"] == f"{server.url}/trace/{py2['ids']['trace']}"
