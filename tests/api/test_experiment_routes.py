"""Experiments, told of by spans and by links, over HTTP."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx
import pytest

from api.conftest import World
from api.contract import check, check_error
from tracing.otlp_spans import START, export, span

BASE = "/api/public"
SINCE = "2020-01-01T00:00:00Z"
ALL_GROUPS = "core,dataset,io,metadata,itemMetadata,experimentMetadata,scores"
SECOND = 1_000_000


def item_span(index: int = 0, **changed: Any) -> Any:
    """The root span of an item; the attributes are named without their prefix, None leaves one out."""
    root = f"{index + 1:016x}"
    attributes: dict[str, object] = {
        "id": "exp",
        "name": "nightly",
        "description": "why",
        "metadata": '{"model": "m"}',
        "item.id": f"item-{index}",
        "item.expected_output": '{"a": 1}',
        "item.metadata": '{"n": 1}',
        "item.root_observation_id": root,
    }
    start = changed.pop("start", START + index * SECOND)
    id, parent = changed.pop("span_id", root), changed.pop("parent", "")
    attributes |= {key.replace("__", "."): value for key, value in changed.items()}
    named = {f"langfuse.experiment.{key}": value for key, value in attributes.items() if value is not None}
    named |= {"langfuse.environment": "sdk-experiment", "langfuse.observation.output": "out"}
    return span(named, id=id, parent=parent, trace=f"{index + 1:032x}", start=start, end=start + 1000)


async def send(api: httpx.AsyncClient, *spans: Any) -> None:
    headers = {"content-type": "application/x-protobuf"}
    answer = await api.post(f"{BASE}/otel/v1/traces", content=export(*spans, scope="langfuse-sdk"), headers=headers)
    assert answer.status_code == 200, answer.text


async def read(api: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = check(await api.get(f"{BASE}/{path}", params={"fromStartTime": SINCE, **params}))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def post(api: httpx.AsyncClient, path: str, **body: Any) -> Any:
    answer = check(await api.post(f"{BASE}/{path}", json=body))
    assert answer.is_success, answer.text
    return answer.json()


async def test_root_spans_make_an_experiment_with_items(api: httpx.AsyncClient) -> None:
    await send(api, item_span(0), item_span(1))
    (experiment,) = (await read(api, "experiments", fields="core,metadata"))["data"]
    assert experiment == {
        "id": "exp",
        "name": "nightly",
        "description": "why",
        "startTime": "2026-11-23T19:04:11.000Z",
        "endTime": "2026-11-23T19:04:12.001Z",
        "itemCount": 2,
        "datasetId": None,
        "metadata": {"model": "m"},
    }
    (newest, oldest) = (await read(api, "experiment-items", fields=ALL_GROUPS))["data"]
    assert (newest["experimentItemId"], oldest["experimentItemId"]) == ("item-1", "item-0")
    assert (oldest["id"], oldest["traceId"]) == (f"{1:016x}", f"{1:032x}")
    assert (oldest["experimentId"], oldest["experimentName"]) == ("exp", "nightly")
    assert (oldest["level"], oldest["environment"]) == ("DEFAULT", "sdk-experiment")
    assert (oldest["input"], oldest["output"], oldest["expectedOutput"]) == (None, "out", {"a": 1})
    assert (oldest["experimentItemMetadata"], oldest["experimentMetadata"]) == ({"n": 1}, {"model": "m"})
    assert (oldest["experimentDescription"], oldest["experimentDatasetId"]) == ("why", None)
    assert "attributes" not in oldest["metadata"]
    trace = await read(api, f"traces/{1:032x}")
    assert trace["environment"] == "sdk-experiment"


async def test_fields_are_those_that_were_asked_for(api: httpx.AsyncClient) -> None:
    await send(api, item_span())
    core = {"id", "traceId", "startTime", "endTime", "level", "environment"}
    core |= {"experimentId", "experimentName", "experimentItemId"}
    (item,) = (await read(api, "experiment-items", fields="core"))["data"]
    assert set(item) == core
    (item,) = (await read(api, "experiment-items"))["data"]
    assert set(item) == core | {"experimentDatasetId", "experimentItemVersion"}
    (experiment,) = (await read(api, "experiments"))["data"]
    assert not {"metadata", "scores"} & set(experiment)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=lambda order: "".join(map(str, order)))
async def test_spans_come_in_any_order_and_twice(api: httpx.AsyncClient, order: tuple[int, ...]) -> None:
    """What a later span says of the experiment holds, whichever came first; children say nothing."""
    spans = [
        item_span(0, name="old", description="first"),
        item_span(1, name="new", description=None),
        item_span(0, span_id="ff" * 8, parent=f"{1:016x}", name="child", start=START + 9 * SECOND),
    ]
    for index in (*order, *reversed(order)):
        await send(api, spans[index])
    (experiment,) = (await read(api, "experiments"))["data"]
    assert (experiment["name"], experiment["description"], experiment["itemCount"]) == ("new", "first", 2)
    assert len((await read(api, "experiment-items"))["data"]) == 2


NO_ITEM: list[dict[str, Any]] = [
    {"id": None},
    {"id": ""},
    {"id": "x" * 801},
    {"item__id": None},
    {"item__root_observation_id": "0" * 16},
    {"item__root_observation_id": ["a"]},
    {"item__root_observation_id": None},
]


@pytest.mark.parametrize("changed", NO_ITEM, ids=range(len(NO_ITEM)))
async def test_a_span_that_names_no_experiment_item_is_a_span_like_others(api: httpx.AsyncClient, changed: Any) -> None:
    await send(api, item_span(0, **changed))
    assert (await read(api, "experiments"))["data"] == []
    assert (await read(api, f"traces/{1:032x}"))["observations"]


ODD: list[dict[str, Any]] = [
    {"name": None},
    {"name": ["odd", 1]},
    {"name": "n" * 5000},
    {"metadata": "no json"},
    {"metadata": "[1]"},
    {"metadata": '{"a":' * 200},
    {"metadata": 7},
    {"item__version": "yesterday"},
    {"item__expected_output": "NaN"},
    {"item__expected_output": '"\\ud800"'},
    {"item__metadata": "null"},
    {"dataset__id": "not here"},
    {"dataset__id": "d" * 900},
    {"description": "\0"},
]


@pytest.mark.parametrize("changed", ODD, ids=range(len(ODD)))
async def test_odd_attributes_do_no_harm(api: httpx.AsyncClient, changed: Any) -> None:
    await send(api, item_span(0, **changed))
    (experiment,) = (await read(api, "experiments", fields="core,metadata"))["data"]
    assert (experiment["id"], experiment["itemCount"]) == ("exp", 1)
    assert len((await read(api, "experiment-items", fields=ALL_GROUPS))["data"]) == 1


async def test_an_experiment_on_a_dataset_is_a_run_of_it(api: httpx.AsyncClient) -> None:
    dataset = await post(api, "v2/datasets", name="data")
    for index in range(2):
        body = {"id": f"item-{index}", "datasetName": "data", "expectedOutput": "1", "metadata": {"from": "dataset"}}
        await post(api, "dataset-items", **body)
    await send(api, *(item_span(index, dataset__id=dataset["id"], item__expected_output="1") for index in range(2)))
    run = await read(api, "datasets/data/runs/nightly")
    assert (run["id"], run["metadata"], run["datasetId"]) == ("exp", {"model": "m"}, dataset["id"])
    assert {each["datasetItemId"] for each in run["datasetRunItems"]} == {"item-0", "item-1"}
    items = (await read(api, "experiment-items", fields=ALL_GROUPS))["data"]
    assert [each["expectedOutput"] for each in items] == ["1", "1"], "the dataset knows that it is a text"
    assert items[0]["experimentItemMetadata"] == {"from": "dataset"}
    assert items[0]["experimentItemVersion"] is not None
    check(await api.delete(f"{BASE}/datasets/data/runs/nightly"))
    assert (await read(api, "experiments"))["data"] == (await read(api, "experiment-items"))["data"] == []
    assert (await read(api, f"traces/{1:032x}"))["id"]


@pytest.mark.parametrize("link_first", [True, False])
async def test_links_and_spans_of_one_item_are_one_item(api: httpx.AsyncClient, link_first: bool) -> None:
    """JavaScript's SDK 5 and Python's 3 and 4 send both; the experiment's id is what the link answered."""
    dataset = await post(api, "v2/datasets", name="data")
    await post(api, "dataset-items", id="item-0", datasetName="data", input=1)
    body = {"runName": "nightly", "datasetItemId": "item-0", "traceId": f"{1:032x}", "observationId": f"{1:016x}"}
    if link_first:
        run_id = (await post(api, "dataset-run-items", **body))["datasetRunId"]
        await send(api, item_span(0, id=run_id, dataset__id=dataset["id"]))
    else:
        await send(api, item_span(0, id="exp", dataset__id=dataset["id"]))
        run_id = (await post(api, "dataset-run-items", **body))["datasetRunId"]
        assert run_id == "exp"
    (experiment,) = (await read(api, "experiments"))["data"]
    assert (experiment["id"], experiment["itemCount"], experiment["datasetId"]) == (run_id, 1, dataset["id"])
    assert experiment["startTime"] == "2026-11-23T19:04:11.000Z"
    assert experiment["description"] == "why"


async def test_linked_traces_appear_as_experiment_items(api: httpx.AsyncClient) -> None:
    await post(api, "v2/datasets", name="data")
    await post(api, "dataset-items", id="i", datasetName="data", expectedOutput={"x": 1}, metadata=[1])
    moment = "2026-03-01T12:00:00.000Z"
    trace = {"id": "t", "name": "n", "timestamp": moment, "input": "in", "output": {"o": 1}, "metadata": {"k": "v"}}
    batch = [{"id": "e", "type": "trace-create", "timestamp": moment, "body": trace}]
    assert (await api.post(f"{BASE}/ingestion", json={"batch": batch})).is_success
    linked = {"runName": "run", "datasetItemId": "i", "traceId": "t", "createdAt": moment, "metadata": "odd"}
    await post(api, "dataset-run-items", **linked)
    (item,) = (await read(api, "experiment-items", fields=ALL_GROUPS))["data"]
    assert (item["id"], item["traceId"], item["startTime"]) == ("t", "t", moment)
    assert (item["input"], item["output"], item["expectedOutput"]) == ("in", {"o": 1}, {"x": 1})
    assert (item["metadata"], item["experimentItemMetadata"]) == ({"k": "v"}, {"metadata": [1]})
    assert (item["experimentMetadata"], item["experimentName"]) == ({"metadata": "odd"}, "run")
    assert (await api.delete(f"{BASE}/traces/t")).is_success
    (item,) = (await read(api, "experiment-items", fields=ALL_GROUPS))["data"]
    assert (item["input"], item["output"], item["expectedOutput"]) == (None, None, {"x": 1})


async def test_scores_hang_on_the_experiment_or_its_items(api: httpx.AsyncClient) -> None:
    """A score may come before anything of its experiment."""
    for body in (
        {"id": "run", "datasetRunId": "exp", "name": "mean", "value": 1},
        {"id": "own", "traceId": f"{1:032x}", "observationId": f"{1:016x}", "name": "n", "value": 1},
        {"id": "trace", "traceId": f"{1:032x}", "name": "n", "value": 1},
        {"id": "child", "traceId": f"{1:032x}", "observationId": "c", "name": "n", "value": 1},
    ):
        await post(api, "scores", **body)
    await send(api, item_span(0), item_span(1))
    (experiment,) = (await read(api, "experiments", fields="scores"))["data"]
    told = [(each["id"], each["subject"]) for each in experiment["scores"]]
    assert told == [("run", {"kind": "experiment", "id": "exp"})]
    other, item = (await read(api, "experiment-items", fields="scores"))["data"]
    assert {each["id"] for each in item["scores"]} == {"own", "trace"}
    assert other["scores"] == []
    other, item = (await read(api, "experiment-items", fields="scores", scoreLimit=1))["data"]
    assert len(item["scores"]) == 1
    assert [each["id"] for each in (await read(api, "v3/scores", experimentId="exp"))["data"]] == ["run"]


async def test_pages_begin_where_the_last_one_ended(api: httpx.AsyncClient) -> None:
    await send(api, *(item_span(index, id=f"exp-{index % 5}", start=START + index // 2) for index in range(20)))
    for path, expected in (("experiments", 5), ("experiment-items", 20)):
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await read(api, path, limit=3, **cursor)
            seen += [each["id"] for each in page["data"]]
            if "cursor" not in page["meta"]:
                break
            assert len(page["data"]) == 3
            cursor = {"cursor": page["meta"]["cursor"]}
        assert len(seen) == len(set(seen)) == expected
        assert seen == [each["id"] for each in (await read(api, path))["data"]]


async def test_times_bound_what_is_counted(api: httpx.AsyncClient) -> None:
    await send(api, *(item_span(index) for index in range(4)))
    window = {"fromStartTime": "2026-11-23T19:04:12Z", "toStartTime": "2026-11-23T19:04:14Z"}
    (experiment,) = (await read(api, "experiments", **window))["data"]
    assert (experiment["itemCount"], experiment["startTime"]) == (2, "2026-11-23T19:04:12.000Z")
    items = (await read(api, "experiment-items", **window))["data"]
    assert [each["experimentItemId"] for each in items] == ["item-2", "item-1"]
    assert (await read(api, "experiments", fromStartTime="2027-01-01T00:00:00Z"))["data"] == []


def condition(column: str, operator: str, value: Any) -> dict[str, Any]:
    type = "stringOptions" if isinstance(value, list) else "null" if value is None else "string"
    return {"type": type, "column": column, "operator": operator, "value": value}


ITEM = "experimentItemId"
FOUND: list[tuple[str, dict[str, str], list[dict[str, Any]], set[str]]] = [
    ("experiments", {"id": "a,c"}, [], {"a", "c"}),
    ("experiments", {"name": "beta"}, [], {"b"}),
    ("experiments", {"datasetId": "d1,d2"}, [], {"a", "b"}),
    ("experiments", {}, [condition("name", "contains", "0%")], {"c"}),
    ("experiments", {}, [condition("name", "does not contain", "eta")], {"a", "c"}),
    ("experiments", {}, [condition("name", "starts with", "al"), condition("id", "=", "a")], {"a"}),
    ("experiments", {}, [condition("datasetId", "none of", ["d1"])], {"b", "c"}),
    ("experiments", {}, [condition("datasetId", "is null", None)], {"c"}),
    ("experiments", {"id": "c"}, [condition("datasetId", "is not null", None)], set()),
    ("experiment-items", {"experimentId": "a", "datasetId": "d1"}, [], {"item-0"}),
    ("experiment-items", {"experimentName": "beta"}, [], {"item-1"}),
    ("experiment-items", {"experimentItemId": "item-2,item-1"}, [], {"item-1", "item-2"}),
    ("experiment-items", {}, [condition("experimentName", "ends with", "%")], {"item-2"}),
    ("experiment-items", {}, [condition(ITEM, "any of", ["item-0"])], {"item-0"}),
]


async def test_lists_and_filters(api: httpx.AsyncClient) -> None:
    await send(
        api,
        item_span(0, id="a", name="alpha", dataset__id="d1"),
        item_span(1, id="b", name="beta", dataset__id="d2"),
        item_span(2, id="c", name="gamma 100%"),
    )
    for path, params, conditions, expected in FOUND:
        filters = {"filter": json.dumps(conditions)} if conditions else {}
        page = await read(api, path, **params, **filters)
        key = "id" if path == "experiments" else ITEM
        assert {each[key] for each in page["data"]} == expected, (path, params, conditions)
    answer = check(await api.get(f"{BASE}/experiment-items", params={"experimentId": "a"}))
    assert len(answer.json()["data"]) == 1


WRONG = [
    "experiments",
    "experiments?fromStartTime=then",
    "experiment-items",
    "experiment-items?fromStartTime=",
    "experiments?fromStartTime=2020-01-01&fields=io",
    "experiment-items?fromStartTime=2020-01-01&fields=all",
    "experiments?fromStartTime=2020-01-01&limit=101",
    "experiments?fromStartTime=2020-01-01&scoreLimit=51",
    "experiments?fromStartTime=2020-01-01&scoreLimit=0",
    "experiments?fromStartTime=2020-01-01&cursor=%21",
    "experiments?fromStartTime=2020-01-01&cursor=eyJ0IjoxLCJpZCI6ImEiLCJ2IjoyfQ",
    "experiments?fromStartTime=2020-01-01&cursor=e30",
    "experiments?fromStartTime=2020-01-01&cursor=%C3%A4",
    "experiments?fromStartTime=2020-01-01&filter=%7B%7D",
    'experiments?fromStartTime=2020-01-01&filter=[{"type":"string","column":"metadata","operator":"=","value":"x"}]',
    'experiment-items?fromStartTime=2020-01-01&filter=[{"type":"string","column":"name","operator":"=","value":"x"}]',
]


@pytest.mark.parametrize("path", WRONG, ids=range(len(WRONG)))
async def test_wrong_parameters_get_400(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(f"{BASE}/{path}")
    check_error(answer)
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid request data")


async def test_another_project_sees_none_of_it(world: World, api: httpx.AsyncClient) -> None:
    dataset = await post(api, "v2/datasets", name="data")
    await send(api, item_span(0))
    async with world.client("other") as other:
        assert (await read(other, "experiments"))["data"] == (await read(other, "experiment-items"))["data"] == []
        await send(other, item_span(0, name="theirs", dataset__id=dataset["id"]))
        (theirs,) = (await read(other, "experiments"))["data"]
        assert (theirs["name"], theirs["itemCount"]) == ("theirs", 1)
    assert (await read(api, "experiments"))["data"][0]["name"] == "nightly"
    assert (await read(api, "datasets/data/runs"))["data"] == []
