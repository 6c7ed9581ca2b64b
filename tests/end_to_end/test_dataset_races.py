"""Two workers on one data folder: who races to make the same dataset, item, run or link gets the same one."""

from __future__ import annotations

import base64
import concurrent.futures
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from server_process import PUBLIC_KEY, SECRET_KEY, ServerProcess, running
from tracing.otlp_spans import START, export, span

BASE = "/api/public"
CLIENTS = 6
ROUNDS = 5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running(tmp_path_factory.mktemp("data"), workers=2) as process:
        yield process


def at_once(server: ServerProcess, send: Callable[[httpx.Client, int], httpx.Response]) -> list[Any]:
    """What `CLIENTS` connections, which both workers share, are answered to the same request."""

    def one(index: int) -> httpx.Response:
        with server.client() as client:
            return send(client, index)

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(one, range(CLIENTS)))
    assert [answer.status_code for answer in answers] == [200] * CLIENTS, [answer.text for answer in answers]
    return [answer.json() if answer.content else None for answer in answers]


def race(server: ServerProcess, round: int) -> None:
    name = f"data/{round}"
    made = at_once(server, lambda client, _: client.post(f"{BASE}/v2/datasets", json={"name": name}))
    assert len({each["id"] for each in made}) == 1
    body = {"datasetName": name, "id": f"item-{round}", "input": round}
    items = at_once(server, lambda client, _: client.post(f"{BASE}/dataset-items", json=body))
    assert len({each["createdAt"] for each in items}) == 1
    changes = at_once(
        server, lambda client, index: client.post(f"{BASE}/dataset-items", json={**body, "input": f"by {index}"})
    )
    assert {each["input"] for each in changes} == {f"by {index}" for index in range(CLIENTS)}
    run = {"runName": "run", "datasetItemId": f"item-{round}", "traceId": "t", "metadata": {"k": 1}}
    links = at_once(server, lambda client, _: client.post(f"{BASE}/dataset-run-items", json=run))
    assert len({(each["id"], each["datasetRunId"]) for each in links}) == 1


def test_racing_for_datasets_items_and_runs_gives_one_of_each(server: ServerProcess) -> None:
    for round in range(ROUNDS):
        race(server, round)
    with server.client() as client:
        assert client.get(f"{BASE}/v2/datasets").json()["meta"]["totalItems"] == ROUNDS
        assert client.get(f"{BASE}/dataset-items").json()["meta"]["totalItems"] == ROUNDS


def test_racing_spans_and_links_of_one_experiment_make_one_item_each(server: ServerProcess) -> None:
    auth = base64.b64encode(f"{PUBLIC_KEY}:{SECRET_KEY}".encode()).decode()
    headers = {"content-type": "application/x-protobuf", "authorization": f"Basic {auth}"}

    def root(index: int) -> Any:
        attributes = {
            "langfuse.experiment.id": "racing",
            "langfuse.experiment.name": "racing",
            "langfuse.experiment.item.id": f"item-{index}",
            "langfuse.experiment.item.root_observation_id": f"{index + 1:016x}",
        }
        return span(attributes, id=f"{index + 1:016x}", trace=f"{index + 1:032x}", start=START + index)

    body = export(*(root(index) for index in range(20)))
    at_once(server, lambda client, _: httpx.post(f"{server.url}{BASE}/otel/v1/traces", content=body, headers=headers))
    with server.client() as client:
        params = {"fromStartTime": "2020-01-01T00:00:00Z", "id": "racing"}
        (experiment,) = client.get(f"{BASE}/experiments", params=params).json()["data"]
    assert experiment["itemCount"] == 20


def test_what_was_answered_is_there_after_a_kill(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        with server.client() as client:
            client.post(f"{BASE}/v2/datasets", json={"name": "data"}).raise_for_status()
            for index in itertools.count():
                body = {"datasetName": "data", "id": f"i{index}", "input": index}
                client.post(f"{BASE}/dataset-items", json=body).raise_for_status()
                linked = {"runName": "run", "datasetItemId": f"i{index}", "traceId": "t"}
                client.post(f"{BASE}/dataset-run-items", json=linked).raise_for_status()
                if index == 9:
                    break
        server.kill()
        server.url, server.output = "", []
        server.start()
        with server.client() as client:
            assert client.get(f"{BASE}/dataset-items").json()["meta"]["totalItems"] == 10
            assert len(client.get(f"{BASE}/datasets/data/runs/run").json()["datasetRunItems"]) == 10
