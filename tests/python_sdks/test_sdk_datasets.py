"""Every SDK: datasets, runs, experiments, evaluation of what is stored; and what the generated clients can decode."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from python_sdks.sdk_world import World
from trunkline.api.operations import OPERATIONS

pytestmark = pytest.mark.sdk

SDKS = ("py2", "py3", "py4", "py5")
SINCE_3 = ("py3", "py4", "py5")


@pytest.mark.parametrize("sdk", SDKS)
def test_datasets_and_items(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "datasets")["made"]
    assert (told["description"], told["metadata"]) == ("of tests", {"owner": "us"})
    items = [[*item[:4], item[4].rpartition(".")[2]] for item in told["items"]]
    # The item that was created again is changed; archived ones are not part of what is run.
    assert items == [
        [f"{sdk}-item-0", {"number": 0}, 0, {"k": 0}, "ACTIVE"],
        [f"{sdk}-item-1", {"number": 1}, 2, {"k": 1}, "ACTIVE"],
        [f"{sdk}-item-2", {"number": 20}, 4, {"k": 2}, "ACTIVE"],
    ]
    archived = shared.get(f"/dataset-items/{sdk}-archived")
    assert (archived["status"], archived["input"]) == ("ARCHIVED", "old")


@pytest.mark.parametrize("sdk", ["py2", "py3", "py4"])
def test_runs_are_read_and_deleted(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "datasets")
    read = told["read"]
    more = [f"{sdk} observed"] if sdk == "py2" else []
    assert read["names"] == [*more, f"{sdk} run/1", f"{sdk} run/2"]
    assert (read["description"], read["metadata"]) == ("tried", {"model": "m"})
    assert [item[0] for item in read["items"]] == [f"{sdk}-item-{number}" for number in range(3)]
    for _, trace_id, observation_id in read["items"]:
        assert observation_id in shared.observations(trace_id)
    if sdk != "py2":
        assert told["after"] == [f"{sdk} run/1"]


@pytest.mark.parametrize("sdk", SINCE_3)
def test_experiments_on_a_dataset(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "datasets")["runs"][0]
    assert told["run_name"] == f"{sdk} run/1"
    assert [output for output, _ in told["items"]] == [0, 2, 40]
    assert told["evaluations"] == [["mean exact", pytest.approx(2 / 3)]]
    assert told["url"].startswith(f"{shared.server.url}/project/default/")
    (score,) = shared.get("/v2/scores", datasetRunId=told["dataset_run_id"])["data"]
    assert (score["name"], score["value"], score["comment"]) == ("mean exact", pytest.approx(2 / 3), "of all")
    for output, trace_id in told["items"]:
        trace = shared.trace(trace_id)
        assert (trace["environment"], trace["output"]) == ("sdk-experiment", output)
        scores = {each["name"]: each for each in trace["scores"]}
        assert scores["exact"]["value"] == (0 if output == 40 else 1)
        assert scores["warm"]["stringValue"] == "yes"
    experiments = shared.get("/experiments", fromStartTime="2026-01-01T00:00:00Z", limit=100)["data"]
    assert f"{sdk} run/1" in {each["name"] for each in experiments}


@pytest.mark.parametrize("sdk", SINCE_3)
def test_experiments_on_local_data(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "datasets")["local"]
    assert [output for output, _ in told["items"]] == [10, 12]
    if sdk == "py5":  # Its runs need no dataset, and are scored by an id that nobody created.
        (score,) = shared.get("/v2/scores", datasetRunId=told["dataset_run_id"])["data"]
        assert (score["name"], score["value"]) == ("mean exact", 0.5)


@pytest.mark.parametrize("sdk", SINCE_3)
def test_what_is_stored_is_evaluated(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "datasets")["evaluated"]
    traces = {} if sdk == "py5" else {"traces": 1}
    assert told == {"fetched": 5, "processed": 5, "failed": 0, "scores": 5, "completed": True} | traces
    scores = shared.get("/v2/scores", name=f"{sdk} length", limit=100)["data"]
    lengths = sorted(score["value"] for score in scores if score["observationId"])
    assert lengths == [0, 1, 2, 3, 4]


READS = {
    "comments": "/api/public/comments",
    "queues": "/api/public/annotation-queues",
    "sessions": "/api/public/sessions",
    "session": "/api/public/sessions/{session_id}",
    "metrics": "/api/public/v2/metrics",
    "metrics v1": "/api/public/metrics",
}
"""Reads of the generated clients by the route without which they may fail. All others must work."""


@pytest.mark.parametrize("sdk", SINCE_3)
def test_the_generated_client_decodes_every_read(shared: World, sdk: str) -> None:
    told: Any = shared.told(sdk, "generated_client")
    absent = {key for key, path in READS.items() if ("GET", path) not in OPERATIONS}
    failures = {key: read["failed"] for key, read in told["reads"].items() if "failed" in read and key not in absent}
    assert failures == {}
    assert {key: why for key, why in told["async failures"].items() if key not in absent} == {}
    empty = {key for key, read in told["reads"].items() if read.get("count") == 0}
    assert empty <= {"comments", "queues"}


@pytest.mark.parametrize("sdk", SINCE_3)
def test_what_the_generated_client_creates(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "generated_client")["writes"]
    assert {key: made.get("name", made.get("failed")) for key, made in told.items()} == {
        "config": f"{sdk} c",
        "model": f"{sdk}-m",
    }
    ends = shared.told(sdk, "generated_client")["ends"]
    kept = shared.trace(ends["kept"])
    assert (kept["name"], kept["input"], kept["latency"], kept["scores"]) == (f"{sdk} by hand", "by hand", 1.0, [])
    assert not any(shared.is_there(trace_id) for trace_id in ends["deleted"])
    assert shared.get(f"/models/{quote(told['model']['id'])}")["prices"]["input"]["price"] == 0.5
