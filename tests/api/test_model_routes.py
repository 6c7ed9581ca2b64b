"""Models: the built-in ones, a project's own, and what its generations cost by them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api.conftest import World
from api.contract import check, check_error

PATH = "/api/public/models"
TIME = "2026-03-01T12:00:00Z"
DEFAULT = {"name": "Standard", "isDefault": True, "priority": 0, "conditions": [], "prices": {"input": 1, "output": 2}}
ABOVE = {"usageDetailPattern": "^input", "operator": "gt", "value": 100, "caseSensitive": False}
LARGE = {"name": "Large", "isDefault": False, "priority": 1, "conditions": [ABOVE], "prices": {"input": 4, "output": 8}}
FLEX = {"source": "model_parameters", "key": "service_tier", "operator": "in", "values": ["flex"]}


async def make(api: httpx.AsyncClient, **fields: Any) -> Any:
    body = {"modelName": "mine", "matchPattern": "(?i)^mine$", "unit": "TOKENS", **fields}
    answer = check(await api.post(PATH, json=body))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def generate(api: httpx.AsyncClient, id: str, model: str, usage: dict[str, int], **fields: Any) -> Any:
    body = {"id": id, "traceId": "t", "startTime": TIME, "model": model, "usageDetails": usage, **fields}
    event = {"id": id, "type": "generation-create", "timestamp": TIME, "body": body}
    check(await api.post("/api/public/ingestion", json={"batch": [event]}))
    return check(await api.get(f"/api/public/observations/{id}")).json()


async def test_the_built_in_models_are_listed(api: httpx.AsyncClient) -> None:
    page = check(await api.get(PATH, params={"limit": 100})).json()
    total = page["meta"]["totalItems"]
    assert total > 1000
    assert all(model["isLangfuseManaged"] for model in page["data"])
    last = check(await api.get(PATH, params={"limit": 100, "page": page["meta"]["totalPages"]})).json()
    assert len(last["data"]) == total % 100 or 100
    assert (await api.get(PATH, params={"limit": 101})).status_code == 400
    found = check(await api.get(f"{PATH}/{quote('openai:gpt-4o', safe='')}")).json()
    assert re.search(found["matchPattern"], "gpt-4o")
    assert found["inputPrice"] == found["prices"]["input"]["price"] == found["pricingTiers"][0]["prices"]["input"]


async def test_a_model_reads_back_and_is_listed_first(api: httpx.AsyncClient) -> None:
    made = await make(
        api, inputPrice=1e-6, outputPrice=2e-6, startDate="2026-01-01T00:00:00Z", tokenizerId="openai",
        tokenizerConfig={"a": [1, None]},
    )  # fmt: skip
    assert (made["inputPrice"], made["outputPrice"], made["totalPrice"]) == (1e-6, 2e-6, None)
    assert (made["isLangfuseManaged"], made["unit"], made["tokenizerConfig"]) == (False, "TOKENS", {"a": [1, None]})
    assert made["startDate"] == "2026-01-01T00:00:00.000Z"
    assert [tier["name"] for tier in made["pricingTiers"]] == ["Standard"]
    assert check(await api.get(f"{PATH}/{made['id']}")).json() == made
    first = check(await api.get(PATH, params={"limit": 2})).json()["data"]
    assert [model["isLangfuseManaged"] for model in first] == [False, True]
    second = check(await api.get(PATH, params={"limit": 1, "page": 2})).json()["data"]
    assert second == first[1:]


async def test_tiers_read_back_and_are_charged(api: httpx.AsyncClient) -> None:
    flex = {
        "name": "Flex",
        "isDefault": False,
        "priority": 2,
        "conditions": [FLEX],
        "prices": {"input": 0, "output": 0},
    }
    made = await make(api, pricingTiers=[LARGE, DEFAULT, flex])
    tiers = {tier["name"]: {key: tier[key] for key in DEFAULT} for tier in made["pricingTiers"]}
    assert tiers == {"Standard": DEFAULT, "Large": LARGE, "Flex": flex}
    assert (made["inputPrice"], made["outputPrice"]) == (1, 2)
    small = await generate(api, "small", "MINE", {"input": 100, "output": 1})
    assert small["costDetails"] == {"input": 100, "output": 2, "total": 102}
    large = await generate(api, "large", "mine", {"input": 50, "input_cached_tokens": 51, "output": 1})
    assert large["costDetails"] == {"input": 200, "output": 8, "total": 208}
    given = await generate(api, "flex", "mine", {"input": 5}, modelParameters={"service_tier": "flex"})
    assert given["calculatedTotalCost"] == 0


async def test_a_given_cost_wins(api: httpx.AsyncClient) -> None:
    await make(api, inputPrice=1)
    given = await generate(api, "g", "mine", {"input": 5}, costDetails={"input": 0.25})
    assert given["costDetails"] == {"input": 0.25, "total": 0.25}


async def test_prices_hold_for_what_comes_in_after(world: World, api: httpx.AsyncClient) -> None:
    before = await generate(api, "before", "mine", {"input": 5})
    made = await make(api, inputPrice=1)
    assert (await generate(api, "after", "mine", {"input": 5}))["calculatedTotalCost"] == 5
    assert before["calculatedTotalCost"] is None
    async with world.client("other") as other:
        assert (await generate(other, "theirs", "mine", {"input": 5}))["calculatedTotalCost"] is None
        assert (await other.get(f"{PATH}/{made['id']}")).status_code == 404
        assert (await other.delete(f"{PATH}/{made['id']}")).status_code == 404
        assert (await other.get(PATH, params={"limit": 1})).json()["data"][0]["isLangfuseManaged"]
    deleted = check(await api.delete(f"{PATH}/{made['id']}"))
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await generate(api, "gone", "mine", {"input": 5}))["calculatedTotalCost"] is None
    assert check(await api.get("/api/public/observations/after")).json()["calculatedTotalCost"] == 5


@pytest.mark.parametrize("id", ["nothing", "openai%3Agpt-4o", "a%2Fb", "%00", "x" * 900])
async def test_what_cannot_be_deleted(api: httpx.AsyncClient, id: str) -> None:
    answer = await api.delete(f"{PATH}/{id}")
    assert (answer.status_code, answer.json()["error"]) == (404, "LangfuseNotFoundError")


def tiers(*changed: dict[str, Any]) -> dict[str, Any]:
    return {"pricingTiers": list(changed)}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"inputPrice": 1, "totalPrice": 1},
        {"inputPrice": -1},
        {"inputPrice": "1"},
        {"inputPrice": 1e7},
        {"inputPrice": 1, **tiers(DEFAULT)},
        {"inputPrice": 1, "unit": "BANANAS"},
        {"inputPrice": 1, "modelName": ""},
        {"inputPrice": 1, "modelName": "x" * 256},
        {"inputPrice": 1, "modelName": None},
        {"inputPrice": 1, "matchPattern": ""},
        {"inputPrice": 1, "matchPattern": "("},
        {"inputPrice": 1, "matchPattern": "(?=x)"},
        {"inputPrice": 1, "matchPattern": "x" * 1001},
        {"inputPrice": 1, "matchPattern": "((a{100}){100}){100}"},
        {"inputPrice": 1, "startDate": "tomorrow"},
        {"inputPrice": 1, "startDate": "0001-01-01T00:00:00+23:59:59x"},
        {"inputPrice": 1, "tokenizerConfig": "x" * 10_001},
        tiers(),
        tiers(LARGE),
        tiers(DEFAULT, DEFAULT),
        tiers({**DEFAULT, "priority": 1}),
        tiers({**DEFAULT, "conditions": [ABOVE]}),
        tiers({**DEFAULT, "prices": {}}),
        tiers({**DEFAULT, "prices": {"input": -1}}),
        tiers({**DEFAULT, "name": ""}),
        tiers(DEFAULT, {**LARGE, "priority": 0}),
        tiers(DEFAULT, {**LARGE, "priority": 1000}),
        tiers(DEFAULT, {**LARGE, "name": "Standard"}),
        tiers(DEFAULT, {**LARGE, "conditions": []}),
        tiers(DEFAULT, {**LARGE, "prices": {"input": 1}}),
        tiers(DEFAULT, {**LARGE, "conditions": [{**ABOVE, "usageDetailPattern": "("}]}),
        tiers(DEFAULT, {**LARGE, "conditions": [{**ABOVE, "operator": "in"}]}),
        tiers(DEFAULT, {**LARGE, "conditions": [{**ABOVE, "value": -1}]}),
        tiers(DEFAULT, {**LARGE, "conditions": [{**FLEX, "values": []}]}),
        tiers(DEFAULT, {**LARGE, "conditions": [{**FLEX, "source": "input"}]}),
        tiers(DEFAULT, {**LARGE, "conditions": [{}]}),
        tiers(*[{**DEFAULT, "name": str(index), "priority": index} for index in range(60)]),
        {"pricingTiers": 7},
    ],
    ids=map(str, range(39)),
)
async def test_a_model_that_contradicts_itself_is_not_made(api: httpx.AsyncClient, fields: Any) -> None:
    answer = await api.post(PATH, json={"modelName": "mine", "matchPattern": "mine", **fields})
    assert answer.status_code == 400, answer.text
    check_error(answer)
    assert check(await api.get(PATH, params={"limit": 1})).json()["data"][0]["isLangfuseManaged"]


async def test_a_pattern_that_would_run_for_ever_elsewhere_is_quick(api: httpx.AsyncClient) -> None:
    await make(api, matchPattern="^(a+)+$", inputPrice=1)
    generated = await generate(api, "g", "a" * 190 + "!", {"input": 5})
    assert generated["calculatedTotalCost"] is None
