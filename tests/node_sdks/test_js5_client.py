"""JS SDK 5: prompts, datasets, experiments and media; and what its generated client can decode."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from node_sdks.node_world import NodeWorld
from trunkline.api.operations import OPERATIONS

pytestmark = pytest.mark.sdk

ABSENT = {
    "comments": "/api/public/comments",
    "queues": "/api/public/annotation-queues",
    "sessions": "/api/public/sessions",
    "session": "/api/public/sessions/{session_id}",
}
"""Reads by the route without which they may fail. All others must work."""


def uri(content_type: str, name: bytes, size: int) -> str:
    return f"data:{content_type};base64," + base64.b64encode(hashlib.shake_256(name).digest(size)).decode()


def test_prompts(node: NodeWorld) -> None:
    told = node.told("js5", "prompts")
    expected: dict[str, Any] = {
        "name": "js5/shop/greet me",
        "version": 1,
        "tags": ["x", "a"],
        "config": {"model": "gpt-4o", "temperature": 0.25, "deep": {"list": [1, None, True]}},
        "prompt": "Grüße {{ name }} from {{shop}} 🚀\n  twice\n",
        "isFallback": False,
        "commitMessage": "Greet",
    }
    assert told["text"] == expected | {"labels": ["a.b-c", "production", "latest"]}
    assert told["moved"] == ["a.b-c", "staging", "latest"]
    assert told["production"] == expected | {"labels": ["production"]}
    assert told["compiled"] == "Grüße Zoë from us 🚀\n  twice\n"
    assert [message["content"] for message in told["chat"]] == ["You are a bot.", "two", "Why?"]
    assert (told["staging"], told["latest"], told["one"]) == (2, 2, 1)


def test_prompts_are_cached_fall_back_and_are_deleted(node: NodeWorld) -> None:
    told = node.told("js5", "prompts")
    assert (told["cached"], told["uncached"]) == (0, 1)
    assert told["fallback"] == [True, "Say it"]
    assert told["refused"] == {"missing": 404, "label": 400, "type": 400, "deleted": 404}
    assert told["after"] == [2]


def test_datasets_and_links(node: NodeWorld) -> None:
    told = node.told("js5", "datasets")
    assert told["description"] == "of tests"
    assert told["items"] == [
        ["js5-item-0", {"number": 0}, 0, {"k": 0}, "ACTIVE"],
        ["js5-item-1", {"number": 1}, 2, {"k": 1}, "ACTIVE"],
        ["js5-item-20", {"number": 20}, 4, {"k": 20}, "ACTIVE"],
    ]
    run = node.world.get("/datasets/js5%2Fdata%20set%20%C3%BC/runs/js5%20linked%2F1")
    assert (run["description"], run["metadata"]) == ("tried", {"model": "m"})
    for item in run["datasetRunItems"]:
        assert node.world.observations(item["traceId"])[item["observationId"]]["name"] == "linked"


def test_experiments(node: NodeWorld) -> None:
    told = node.told("js5", "datasets")["run"]
    assert told["runName"] == "js5 run/1"
    assert [output for output, _ in told["items"]] == [0, 2, 40]
    assert told["evaluations"] == [["mean exact", pytest.approx(2 / 3)]]
    assert told["url"].startswith(f"{node.world.server.url}/project/default/")
    (score,) = node.world.get("/v2/scores", datasetRunId=told["datasetRunId"])["data"]
    assert (score["name"], score["value"]) == ("mean exact", pytest.approx(2 / 3))
    for output, trace_id in told["items"]:
        trace = node.world.trace(trace_id)
        assert (trace["environment"], trace["output"]) == ("sdk-experiment", output)
        scores = {each["name"]: each for each in trace["scores"]}
        assert scores["exact"]["value"] == (0 if output == 40 else 1)
        assert scores["warm"]["stringValue"] == "yes"
    local = node.told("js5", "datasets")["local"]
    assert [output for output, _ in local["items"]] == [10, 12]
    experiments = node.world.get("/experiments", fromStartTime="2026-01-01T00:00:00Z", limit=100)["data"]
    assert {"js5 run/1", local["runName"]} <= {each["name"] for each in experiments}


def test_media(node: NodeWorld) -> None:
    told = node.told("js5", "media")
    picture = {"type": "image_url", "image_url": {"url": uri("image/png", b"picture", 70_000)}}
    assert told["input"] == {"messages": [{"role": "user", "content": [picture]}]}
    assert told["output"] == uri("audio/wav", b"sound", 700_000)
    assert told["paper"] == uri("application/pdf", b"paper", 2_000)
    assert "base64," not in str(told["stored"]), "references are stored, not bytes"


def test_the_generated_client_decodes_every_read(node: NodeWorld) -> None:
    told = node.told("js5", "reads")
    absent = {key for key, path in ABSENT.items() if ("GET", path) not in OPERATIONS}
    assert {key: read["failed"] for key, read in told.items() if "failed" in read and key not in absent} == {}
    empty = {key for key, read in told.items() if read.get("count") == 0}
    assert empty <= {"comments", "queues", "score configs"}
