"""Datasets, their items and their runs over HTTP; every answer is held to the published description."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api.conftest import World
from api.contract import check, check_error

BASE = "/api/public"
TIME = "2026-03-01T12:00:00.000Z"
SCHEMA = {"type": "object", "required": ["q"], "properties": {"q": {"type": "string"}}}


def escaped(name: str) -> str:
    return quote(name, safe="")


async def post(api: httpx.AsyncClient, path: str, **body: Any) -> Any:
    answer = check(await api.post(f"{BASE}/{path}", json=body))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def read(api: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = check(await api.get(f"{BASE}/{path}", params=params or None))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def make(api: httpx.AsyncClient, name: str = "data", **fields: Any) -> Any:
    return await post(api, "v2/datasets", name=name, **fields)


async def add(api: httpx.AsyncClient, id: str, dataset: str = "data", **fields: Any) -> Any:
    return await post(api, "dataset-items", datasetName=dataset, id=id, **fields)


async def link(api: httpx.AsyncClient, run: str, item: str, trace: str = "t", **fields: Any) -> Any:
    return await post(api, "dataset-run-items", runName=run, datasetItemId=item, traceId=trace, **fields)


async def refused(api: httpx.AsyncClient, status: int, path: str, body: Any) -> str:
    answer = await api.post(f"{BASE}/{path}", json=body)
    check_error(answer)
    assert answer.status_code == status, answer.text
    return answer.text


# --- datasets


async def test_a_dataset_comes_back_and_is_changed_by_its_name(api: httpx.AsyncClient) -> None:
    made = await make(api, description="questions", metadata={"a": [1, None]})
    assert (made["name"], made["projectId"], made["inputSchema"]) == ("data", "one", None)
    changed = await make(api, metadata=None, description="answers")
    assert (changed["id"], changed["createdAt"]) == (made["id"], made["createdAt"])
    assert (changed["description"], changed["metadata"]) == ("answers", {"a": [1, None]})
    assert await read(api, "v2/datasets/data") == changed
    assert (await api.get(f"{BASE}/v2/datasets/other")).status_code == 404


@pytest.mark.parametrize("name", ["plain", "a/b/c", "mit Leer/zeichen", "ü/%2F?#&+", "runs", "x/runs/y", "日本 語"])
async def test_names_come_back_as_they_were_sent(api: httpx.AsyncClient, name: str) -> None:
    dataset = await make(api, name)
    assert (await read(api, f"v2/datasets/{escaped(name)}"))["name"] == name
    item = await add(api, f"item of {name}", name, input="x")
    assert (await read(api, "dataset-items", datasetName=name))["data"] == [item]
    assert await read(api, f"dataset-items/{escaped(item['id'])}") == item
    for run in (f"{name} 1", "runs/only", "a/runs/b"):
        await link(api, run, item["id"])
        found = await read(api, f"datasets/{escaped(name)}/runs/{escaped(run)}")
        assert (found["name"], found["datasetName"], len(found["datasetRunItems"])) == (run, name, 1)
        listed = await read(api, "dataset-run-items", datasetId=dataset["id"], runName=run)
        assert listed["data"] == found["datasetRunItems"]
    assert (await read(api, f"datasets/{escaped(name)}/runs"))["meta"]["totalItems"] == 3
    gone = await api.delete(f"{BASE}/datasets/{escaped(name)}/runs/{escaped(name)}%201")
    assert gone.json() == {"message": "Dataset run successfully deleted"}


async def test_names_with_raw_slashes_and_names_escaped_twice_are_found(api: httpx.AsyncClient) -> None:
    """As SDK 2 for Python sends them."""
    await make(api, "my set/a b")
    await add(api, "i", "my set/a b", input=1)
    await link(api, "run/1", "i")
    assert (await read(api, "v2/datasets/my%20set/a%20b"))["name"] == "my set/a b"
    assert (await read(api, "dataset-items", datasetName="my%20set/a%20b"))["meta"]["totalItems"] == 1
    assert (await read(api, "datasets/my%20set/a%20b/runs/run/1"))["name"] == "run/1"
    assert (await read(api, "datasets/my%20set/a%20b/runs"))["data"][0]["name"] == "run/1"


async def test_datasets_are_listed_by_pages_the_newest_first(api: httpx.AsyncClient) -> None:
    for index in range(5):
        await make(api, f"d{index}")
    page = await read(api, "v2/datasets", limit=2, page=2)
    assert [each["name"] for each in page["data"]] == ["d2", "d1"]
    assert page["meta"] == {"page": 2, "limit": 2, "totalItems": 5, "totalPages": 3}
    assert (await read(api, "v2/datasets", page=9))["data"] == []


async def test_the_older_routes_add_items_and_runs(api: httpx.AsyncClient) -> None:
    made = (await api.post(f"{BASE}/datasets", json={"name": "data"})).json()
    assert (made["items"], made["runs"]) == ([], [])
    item = await add(api, "i", input=1)
    await add(api, "gone", input=1, status="ARCHIVED")
    await link(api, "first", "i")
    await link(api, "second", "i")
    listed = (await api.get(f"{BASE}/datasets")).json()
    assert [(each["items"], each["runs"]) for each in listed["data"]] == [(["i"], ["second", "first"])]
    whole = (await api.get(f"{BASE}/datasets/data")).json()
    assert (whole["id"], whole["items"], whole["runs"]) == (made["id"], [item], ["second", "first"])


# --- items


async def test_an_item_keeps_what_is_not_given_anew(api: httpx.AsyncClient) -> None:
    await make(api)
    made = await add(api, "i", input={"q": "ü\u0000"}, expectedOutput="", metadata=[1], sourceTraceId="t")
    assert (made["input"], made["expectedOutput"], made["metadata"]) == ({"q": "ü\u0000"}, "", [1])
    assert (made["status"], made["sourceTraceId"], made["sourceObservationId"]) == ("ACTIVE", "t", None)
    assert made["mediaReferences"] == []
    changed = await add(api, "i", expectedOutput=False, input=None, sourceObservationId="o")
    assert (changed["input"], changed["expectedOutput"]) == ({"q": "ü\u0000"}, False)
    assert (changed["createdAt"], changed["sourceTraceId"]) == (made["createdAt"], "t")
    assert await read(api, "dataset-items/i") == changed


async def test_an_item_without_an_id_gets_one(api: httpx.AsyncClient) -> None:
    await make(api)
    first, second = [await post(api, "dataset-items", datasetName="data", input=1) for _ in range(2)]
    assert first["id"] != second["id"]
    assert (first["expectedOutput"], first["metadata"]) == (None, None)


async def test_numbers_and_the_order_of_keys_stay_as_they_were_sent(api: httpx.AsyncClient) -> None:
    await make(api)
    number, keys = b"123456789012345678901234567890.10", b'{"b": 1, "a": 2}'
    body = b'{"datasetName": "data", "id": "i", "input": ' + number + b', "metadata": ' + keys + b"}"
    for answer in (await api.post(f"{BASE}/dataset-items", content=body), await api.get(f"{BASE}/dataset-items/i")):
        assert b'"input":' + number in answer.content
        assert b'"metadata":' + keys in answer.content


async def test_archived_items_are_read_by_id_only(api: httpx.AsyncClient) -> None:
    await make(api)
    await add(api, "i", input=1)
    await add(api, "i", status="ARCHIVED")
    assert (await read(api, "dataset-items", datasetName="data"))["data"] == []
    assert (await read(api, "dataset-items/i"))["status"] == "ARCHIVED"
    await refused(api, 404, "dataset-run-items", {"runName": "r", "datasetItemId": "i", "traceId": "t"})
    await add(api, "i", status="ACTIVE")
    assert (await read(api, "dataset-items", datasetName="data"))["meta"]["totalItems"] == 1


async def test_an_id_belongs_to_one_dataset(api: httpx.AsyncClient) -> None:
    await make(api)
    await make(api, "other")
    await add(api, "i", input=1)
    told = await refused(api, 404, "dataset-items", {"datasetName": "other", "id": "i", "input": 2})
    assert "already exists in a dataset other than other" in told
    assert (await read(api, "dataset-items/i"))["input"] == 1


async def test_items_by_source_and_pages(api: httpx.AsyncClient) -> None:
    await make(api)
    await make(api, "other")
    for index in range(5):
        await add(api, f"i{index}", input=index, sourceTraceId=f"t{index % 2}", sourceObservationId=f"o{index}")
    await add(api, "j", "other", input=9, sourceTraceId="t0")
    page = await read(api, "dataset-items", datasetName="data", limit=2, page=2)
    assert ([each["id"] for each in page["data"]], page["meta"]["totalPages"]) == (["i2", "i1"], 3)
    assert (await read(api, "dataset-items", sourceTraceId="t0"))["meta"]["totalItems"] == 4
    found = await read(api, "dataset-items", datasetName="data", sourceTraceId="t1", sourceObservationId="o3")
    assert [each["id"] for each in found["data"]] == ["i3"]


async def test_a_version_shows_the_dataset_as_it_stood(api: httpx.AsyncClient) -> None:
    await make(api)
    first = (await add(api, "a", input=1))["updatedAt"]
    second = (await add(api, "b", input=1))["updatedAt"]
    third = (await add(api, "a", input=2))["updatedAt"]
    assert (await api.delete(f"{BASE}/dataset-items/b")).status_code == 200

    async def at(**version: str) -> dict[str, Any]:
        found = await read(api, "dataset-items", datasetName="data", **version)
        return {each["id"]: each["input"] for each in found["data"]}

    assert await at(version="2020-01-01T00:00:00Z") == {}
    assert (await at(version=first))["a"] == 1
    assert (await at(version=second))["b"] == 1
    assert (await at(version=third))["a"] == 2
    assert await at(version="2100-01-01T00:00:00Z") == await at() == {"a": 2}
    answer = await api.get(f"{BASE}/dataset-items", params={"version": first})
    assert (answer.status_code, answer.json()["error"][0]["path"]) == (400, ["version"])


async def test_a_deleted_item_takes_its_run_items_along(api: httpx.AsyncClient) -> None:
    await make(api)
    for id in ("a", "b"):
        await add(api, id, input=1)
        await link(api, "run", id, f"t-{id}")
    answer = check(await api.delete(f"{BASE}/dataset-items/a"))
    assert answer.json() == {"message": "Dataset item successfully deleted"}
    found = await read(api, "datasets/data/runs/run")
    assert [each["datasetItemId"] for each in found["datasetRunItems"]] == ["b"]
    for method in ("GET", "DELETE"):
        gone = await api.request(method, f"{BASE}/dataset-items/a")
        assert (gone.status_code, gone.json()["error"]) == (404, "LangfuseNotFoundError")
    again = await add(api, "a", expectedOutput="new")
    assert (again["input"], again["expectedOutput"]) == (None, "new")


# --- runs


async def test_links_make_a_run_and_bring_it_up_to_date(api: httpx.AsyncClient) -> None:
    dataset = await make(api)
    await add(api, "i", input=1)
    first = await link(api, "run", "i", "t1", observationId="o", createdAt="2026-01-02T03:04:05Z")
    assert (first["observationId"], first["createdAt"]) == ("o", "2026-01-02T03:04:05.000Z")
    assert await link(api, "run", "i", "t1", observationId="o") == first
    await link(api, "run", "i", "t2", runDescription="why", metadata={"k": 1})
    run = await read(api, "datasets/data/runs/run")
    assert (run["id"], run["description"], run["metadata"]) == (first["datasetRunId"], "why", {"k": 1})
    assert (run["datasetId"], len(run["datasetRunItems"])) == (dataset["id"], 2)
    page = await read(api, "dataset-run-items", datasetId=dataset["id"], runName="run", limit=1, page=2)
    assert ([each["traceId"] for each in page["data"]], page["meta"]["totalItems"]) == (["t1"], 2)


async def test_the_id_of_a_run_is_the_one_that_sdks_work_out(api: httpx.AsyncClient) -> None:
    name = 'rün "1"\n'
    dataset = await make(api)
    await add(api, "i", input=1)
    made = await link(api, name, "i")
    named = ["langfuse-experiment-v1", "one", dataset["id"], name]
    seed = json.dumps(named, separators=(",", ":"), ensure_ascii=False)
    assert made["datasetRunId"] == hashlib.sha256(seed.encode()).hexdigest()[:16]


async def test_an_observation_alone_tells_its_trace(api: httpx.AsyncClient) -> None:
    await make(api)
    await add(api, "i", input=1)
    body = {"id": "o", "traceId": "t", "name": "n", "startTime": TIME}
    batch = {"batch": [{"id": "e", "type": "span-create", "timestamp": TIME, "body": body}]}
    assert (await api.post(f"{BASE}/ingestion", json=batch)).is_success
    made = await post(api, "dataset-run-items", runName="r", datasetItemId="i", observationId="o")
    assert (made["traceId"], made["observationId"]) == ("t", "o")
    told = await refused(api, 404, "dataset-run-items", {"runName": "r", "datasetItemId": "i", "observationId": "x"})
    assert "Observation not found" in told


async def test_a_run_on_a_version_says_so_and_needs_the_item_to_be_there(api: httpx.AsyncClient) -> None:
    await make(api)
    item = await add(api, "i", input=1)
    await link(api, "run", "i", datasetVersion=item["createdAt"], metadata={"a": 1})
    run = await read(api, "datasets/data/runs/run")
    assert run["metadata"] == {"a": 1, "dataset_version": item["createdAt"]}
    body = {"runName": "r", "datasetItemId": "i", "traceId": "t", "datasetVersion": "2020-01-01T00:00:00Z"}
    await refused(api, 404, "dataset-run-items", body)


async def test_a_deleted_run_leaves_the_traces(api: httpx.AsyncClient) -> None:
    await make(api)
    await add(api, "i", input=1)
    trace = {"id": "t", "name": "kept", "timestamp": TIME}
    batch = {"batch": [{"id": "e", "type": "trace-create", "timestamp": TIME, "body": trace}]}
    assert (await api.post(f"{BASE}/ingestion", json=batch)).is_success
    await link(api, "run", "i")
    answer = check(await api.delete(f"{BASE}/datasets/data/runs/run"))
    assert answer.json()["message"]
    for method in ("GET", "DELETE"):
        gone = await api.request(method, f"{BASE}/datasets/data/runs/run")
        assert (gone.status_code, gone.json()["error"]) == (404, "LangfuseNotFoundError")
    assert (await read(api, "datasets/data/runs"))["data"] == []
    assert (await read(api, "traces/t"))["name"] == "kept"
    assert (await api.delete(f"{BASE}/datasets/data")).status_code == 404


# --- what is refused

RUN_ITEM = {"runName": "r", "datasetItemId": "kept", "traceId": "t"}
WRONG: list[tuple[str, Any]] = [
    ("v2/datasets", {}),
    ("v2/datasets", {"name": 7}),
    ("v2/datasets", {"name": ""}),
    ("v2/datasets", {"name": "  "}),
    ("v2/datasets", {"name": "/a"}),
    ("v2/datasets", {"name": "a//b"}),
    ("v2/datasets", {"name": "a/"}),
    ("v2/datasets", {"name": "a\0b"}),
    ("v2/datasets", {"name": "x" * 1001}),
    ("v2/datasets", {"name": "a", "description": {}}),
    ("v2/datasets", {"name": "a", "inputSchema": "text"}),
    ("v2/datasets", {"name": "a", "inputSchema": {"type": "strin"}}),
    ("v2/datasets", []),
    ("v2/datasets", None),
    ("datasets", {"name": None}),
    ("dataset-items", {"input": 1}),
    ("dataset-items", {"datasetName": "data", "id": ""}),
    ("dataset-items", {"datasetName": "data", "id": "x" * 256}),
    ("dataset-items", {"datasetName": "data", "id": 1}),
    ("dataset-items", {"datasetName": "data", "status": "active"}),
    ("dataset-items", {"datasetName": "data", "sourceTraceId": ["t"]}),
    ("dataset-run-items", {"runName": "r", "datasetItemId": "kept"}),
    ("dataset-run-items", {**RUN_ITEM, "runName": ""}),
    ("dataset-run-items", {**RUN_ITEM, "traceId": "t" * 801}),
    ("dataset-run-items", {**RUN_ITEM, "createdAt": "yesterday"}),
    ("dataset-run-items", {**RUN_ITEM, "createdAt": "0001-01-01T00:00:00Z"}),
    ("dataset-run-items", {**RUN_ITEM, "datasetVersion": 7}),
    ("dataset-run-items", {"datasetItemId": "kept", "traceId": "t"}),
    ("dataset-run-items", 3),
]


@pytest.mark.parametrize(("path", "body"), WRONG, ids=range(len(WRONG)))
async def test_wrong_bodies_get_400_and_store_nothing(api: httpx.AsyncClient, path: str, body: Any) -> None:
    await make(api)
    await add(api, "kept", input=1)

    async def state() -> list[Any]:
        paths = ("datasets", "dataset-items", "datasets/data/runs")
        return [(await api.get(f"{BASE}/{each}")).json() for each in paths]

    before = await state()
    await refused(api, 400, path, body)
    assert await state() == before


DEEP = b'{"name": "a", "datasetName": "a", "metadata": ' + b"[" * 200 + b"]" * 200 + b"}"
NO_JSON = [b"", b"{", b"\xff", b'{"name": "\xff"}', b"[" * 100_000, DEEP]


@pytest.mark.parametrize("body", NO_JSON, ids=range(len(NO_JSON)))
async def test_what_is_no_json_or_too_deep_gets_400(api: httpx.AsyncClient, body: bytes) -> None:
    for path in ("v2/datasets", "datasets", "dataset-items", "dataset-run-items"):
        answer = await api.post(f"{BASE}/{path}", content=body)
        check_error(answer)
        assert answer.status_code == 400


async def test_a_body_that_is_too_large_is_refused(api: httpx.AsyncClient) -> None:
    await make(api)
    answer = await api.post(f"{BASE}/dataset-items", json={"datasetName": "data", "input": "x" * 200_000})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "v2/datasets?limit=0",
        "v2/datasets?limit=101",
        "v2/datasets?page=x",
        "dataset-items?datasetName=data&version=yesterday",
        "dataset-run-items?runName=r",
        "dataset-run-items?datasetId=d",
        "datasets/data/runs?page=0",
    ],
)
async def test_wrong_parameters_get_400(api: httpx.AsyncClient, path: str) -> None:
    await make(api)
    answer = await api.get(f"{BASE}/{path}")
    check_error(answer)
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid request data")


@pytest.mark.parametrize(
    "path",
    [
        "v2/datasets/%00",
        "v2/datasets/%ff",
        "datasets//runs/",
        "datasets/data/runs//",
        "datasets/data/runs/%00",
        "datasets/%2F%2F/runs/%2F",
        "dataset-items/%E0%A4",
        f"dataset-items/{'x' * 5000}",
        f"dataset-items?datasetName={'x' * 2000}",
    ],
    ids=range(9),
)
async def test_odd_addresses_find_nothing(api: httpx.AsyncClient, path: str) -> None:
    await make(api)
    for method in ("GET", "DELETE"):
        answer = await api.request(method, f"{BASE}/{path}")
        check_error(answer)
        assert answer.status_code in {400, 404, 405}


async def test_another_project_has_names_and_ids_of_its_own(world: World, api: httpx.AsyncClient) -> None:
    await make(api)
    await add(api, "i", input="mine")
    run = await link(api, "run", "i")
    async with world.client("other") as other:
        assert (await read(other, "v2/datasets"))["data"] == []
        await refused(other, 404, "dataset-items", {"datasetName": "data", "id": "i", "input": 1})
        await refused(other, 404, "dataset-run-items", {"runName": "run", "datasetItemId": "i", "traceId": "t"})
        await make(other)
        await add(other, "i", input="theirs")
        assert (await link(other, "run", "i"))["datasetRunId"] != run["datasetRunId"]
        assert (await api.delete(f"{BASE}/dataset-items/i")).status_code == 200
        assert (await read(other, "dataset-items/i"))["input"] == "theirs"
        assert len((await read(other, "datasets/data/runs/run"))["datasetRunItems"]) == 1


# --- schemas


async def test_items_must_fit_the_schemas(api: httpx.AsyncClient) -> None:
    made = await make(api, inputSchema=SCHEMA, expectedOutputSchema={"type": "integer"})
    assert (made["inputSchema"], made["expectedOutputSchema"]) == (SCHEMA, {"type": "integer"})
    await add(api, "i", input={"q": "x"}, expectedOutput=1)
    await add(api, "open", input={"q": "x"})
    told = await refused(api, 400, "dataset-items", {"datasetName": "data", "id": "i", "expectedOutput": "one"})
    assert "expectedOutput" in told
    for item in ({"id": "new", "input": {"q": 1}}, {"input": {"q": "x"}}, {"id": "n", "input": "text"}):
        await refused(api, 400, "dataset-items", {"datasetName": "data", **item})
    assert (await read(api, "dataset-items/i"))["expectedOutput"] == 1
    assert (await read(api, "dataset-items", datasetName="data"))["meta"]["totalItems"] == 2


async def test_a_schema_that_items_break_is_refused_and_can_be_taken_away(api: httpx.AsyncClient) -> None:
    await make(api)
    await add(api, "i", input={"q": 1})
    assert "item i" in await refused(api, 400, "v2/datasets", {"name": "data", "inputSchema": SCHEMA})
    assert (await read(api, "v2/datasets/data"))["inputSchema"] is None
    await add(api, "i", status="ARCHIVED")
    await make(api, inputSchema=SCHEMA)
    assert (await make(api, description="kept"))["inputSchema"] == SCHEMA
    assert (await make(api, inputSchema=None))["inputSchema"] is None
