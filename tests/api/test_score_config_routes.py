"""Score configs: made, changed, archived, and what they let scores say on every way in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.conftest import World
from api.contract import check, check_error
from trunkline.store.control import ControlStore
from trunkline.store.score_configs import ScoreConfigStore

PATH = "/api/public/score-configs"
TIME = "2026-03-01T12:00:00Z"
CATEGORIES = [{"label": "good", "value": 2}, {"label": "bad", "value": -1.5}]


async def make(api: httpx.AsyncClient, name: str = "quality", data_type: str = "NUMERIC", **fields: Any) -> Any:
    answer = check(await api.post(PATH, json={"name": name, "dataType": data_type, **fields}))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def score(api: httpx.AsyncClient, config: str, value: Any, **fields: Any) -> httpx.Response:
    body = {"traceId": "t", "name": "anything", "value": value, "configId": config, **fields}
    return await api.post("/api/public/scores", json=body)


async def stored(api: httpx.AsyncClient) -> list[Any]:
    scores: list[Any] = check(await api.get("/api/public/v2/scores")).json()["data"]
    return scores


async def test_a_config_reads_back(api: httpx.AsyncClient) -> None:
    made = await make(api, "Zufriedenheit (1-5)", minValue=1, maxValue=5, description="how was it?")
    assert (made["minValue"], made["maxValue"], made["isArchived"], made["categories"]) == (1, 5, False, None)
    assert (made["projectId"], made["description"]) == ("one", "how was it?")
    assert check(await api.get(f"{PATH}/{made['id']}")).json() == made


async def test_the_categories_of_a_boolean_are_made(api: httpx.AsyncClient) -> None:
    made = await make(api, data_type="BOOLEAN")
    assert made["categories"] == [{"label": "True", "value": 1}, {"label": "False", "value": 0}]


async def test_pages_have_the_newest_first(api: httpx.AsyncClient) -> None:
    ids = [(await make(api, f"c{index}"))["id"] for index in range(5)]
    first = check(await api.get(PATH, params={"limit": 2})).json()
    last = check(await api.get(PATH, params={"limit": 2, "page": 3})).json()
    assert [each["id"] for each in first["data"] + last["data"]] == [ids[4], ids[3], ids[0]]
    assert first["meta"] == {"page": 1, "limit": 2, "totalItems": 5, "totalPages": 3}
    assert (await api.get(PATH, params={"limit": 0})).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        7,
        {"name": "x"},
        {"name": "", "dataType": "NUMERIC"},
        {"name": "   ", "dataType": "NUMERIC"},
        {"name": "x" * 36, "dataType": "NUMERIC"},
        {"name": "semi;colon", "dataType": "NUMERIC"},
        {"name": "a\nb", "dataType": "NUMERIC"},
        {"name": 3, "dataType": "NUMERIC"},
        {"name": "x", "dataType": "CORRECTION"},
        {"name": "x", "dataType": "NUMERIC", "minValue": 2, "maxValue": 2},
        {"name": "x", "dataType": "NUMERIC", "minValue": "1"},
        {"name": "x", "dataType": "NUMERIC", "categories": CATEGORIES},
        {"name": "x", "dataType": "CATEGORICAL"},
        {"name": "x", "dataType": "CATEGORICAL", "categories": []},
        {"name": "x", "dataType": "CATEGORICAL", "categories": CATEGORIES, "minValue": 1},
        {"name": "x", "dataType": "CATEGORICAL", "categories": [CATEGORIES[0], {"label": "good", "value": 3}]},
        {"name": "x", "dataType": "CATEGORICAL", "categories": [CATEGORIES[0], {"label": "other", "value": 2}]},
        {"name": "x", "dataType": "CATEGORICAL", "categories": [{"label": "", "value": 2}]},
        {"name": "x", "dataType": "CATEGORICAL", "categories": [{"label": "x"}]},
        {"name": "x", "dataType": "BOOLEAN", "categories": CATEGORIES},
        {"name": "x", "dataType": "TEXT", "categories": CATEGORIES},
        {"name": "x", "dataType": "TEXT", "maxValue": 1},
        {"name": "x", "dataType": "NUMERIC", "description": "d" * 10_001},
    ],
)
async def test_a_config_that_contradicts_itself_is_not_made(api: httpx.AsyncClient, body: Any) -> None:
    answer = await api.post(PATH, json=body)
    assert answer.status_code == 400, answer.text
    check_error(answer)
    assert check(await api.get(PATH)).json()["meta"]["totalItems"] == 0


async def test_bodies_that_are_no_json_get_400(api: httpx.AsyncClient) -> None:
    for content in (b"", b"{", b'{"name": "\xff"}', b'{"name":"x","dataType":"NUMERIC","maxValue":1e999}'):
        check_error(answer := await api.post(PATH, content=content))
        assert answer.status_code == 400


async def test_changes(api: httpx.AsyncClient) -> None:
    made = await make(api, minValue=0)
    changed = check(await api.patch(f"{PATH}/{made['id']}", json={"maxValue": 3, "name": "new", "minValue": None}))
    assert changed.json() == {**made, "name": "new", "maxValue": 3, "updatedAt": changed.json()["updatedAt"]}
    wrong: list[Any] = [
        {},
        [],
        {"maxValue": -1},
        {"categories": CATEGORIES},
        {"name": ";"},
        {"isArchived": 1},
        {"x": 1},
    ]
    for body in wrong:
        answer = await api.patch(f"{PATH}/{made['id']}", json=body)
        assert answer.status_code == 400, body
        check_error(answer)
    assert check(await api.get(f"{PATH}/{made['id']}")).json() == changed.json()


@pytest.mark.parametrize("config_id", ["nothing", "a%2Fb", "%00", "x" * 900, "%F0%9F%A6%8A", "'%20OR%201=1"])
async def test_unknown_configs_are_404(api: httpx.AsyncClient, config_id: str) -> None:
    for answer in (
        await api.get(f"{PATH}/{config_id}"),
        await api.patch(f"{PATH}/{config_id}", json={"isArchived": True}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (404, "LangfuseNotFoundError")


async def test_projects_do_not_see_each_other(world: World, api: httpx.AsyncClient) -> None:
    made = await make(api)
    async with world.client("other") as other:
        assert (await other.get(f"{PATH}/{made['id']}")).status_code == 404
        assert (await other.patch(f"{PATH}/{made['id']}", json={"name": "mine"})).status_code == 404
        assert (await other.get(PATH)).json()["data"] == []
        assert (await score(other, made["id"], 1)).status_code == 404
    assert check(await api.get(f"{PATH}/{made['id']}")).json() == made


async def test_the_config_gives_name_type_and_number(api: httpx.AsyncClient) -> None:
    configs = [
        (await make(api, "tone", "CATEGORICAL", categories=CATEGORIES), "bad", (-1.5, "bad")),
        (await make(api, "passed", "BOOLEAN"), 1, (1, "True")),
        (await make(api, "stars", minValue=1, maxValue=5), 5, (5, None)),
        (await make(api, "notes", "TEXT"), "as it was", (None, "as it was")),
    ]
    for config, value, (number, text) in configs:
        answer = check(await score(api, config["id"], value, id=config["id"]))
        assert answer.status_code == 200, answer.text
        kept = check(await api.get(f"/api/public/v2/scores/{config['id']}")).json()
        assert (kept["name"], kept["dataType"]) == (config["name"], config["dataType"])
        assert (kept.get("value"), kept["stringValue"], kept["configId"]) == (number, text, config["id"])


async def test_what_a_config_refuses(api: httpx.AsyncClient) -> None:
    stars = (await make(api, "stars", minValue=1, maxValue=5))["id"]
    tone = (await make(api, "tone", "CATEGORICAL", categories=CATEGORIES))["id"]
    passed = (await make(api, "passed", "BOOLEAN"))["id"]
    old = (await make(api, "old"))["id"]
    check(await api.patch(f"{PATH}/{old}", json={"isArchived": True}))
    wrong: list[tuple[str, Any, dict[str, Any]]] = [
        (stars, 0.99, {}),
        (stars, 5.01, {}),
        (stars, "3", {}),
        (stars, "good", {"dataType": "CATEGORICAL"}),
        (tone, "great", {}),
        (tone, 2, {}),
        (passed, 2, {}),
        (passed, 1, {"dataType": "NUMERIC"}),
        (old, 1, {}),
    ]
    for config, value, fields in wrong:
        answer = await score(api, config, value, **fields)
        assert answer.status_code == 400, (value, answer.text)
        check_error(answer)
    unknown = await score(api, "nothing", 1)
    assert (unknown.status_code, unknown.json()["error"]) == (404, "LangfuseNotFoundError")
    assert await stored(api) == []


async def test_an_annotation_needs_a_config(api: httpx.AsyncClient) -> None:
    body = {"traceId": "t", "name": "x", "value": 1, "source": "ANNOTATION"}
    assert (await api.post("/api/public/scores", json=body)).status_code == 400
    config = await make(api, "x")
    assert (await api.post("/api/public/scores", json={**body, "configId": config["id"]})).status_code == 200


async def test_lists_and_batches_say_which_score_was_refused(api: httpx.AsyncClient) -> None:
    config = (await make(api, "stars", minValue=1, maxValue=5))["id"]
    bodies = [
        {"id": f"{way}-{index}", "traceId": "t", "name": "stars", "value": value, "configId": given}
        for way in ("list", "batch")
        for index, (value, given) in enumerate([(1, config), (9, config), (1, "nothing")])
    ]
    listed = await api.post("/api/public/scores", json=bodies[:3])
    assert (listed.status_code, listed.json()["accepted"], listed.json()["rejected"]) == (207, 1, 2)
    events = [
        {"id": f"e{index}", "type": "score-create", "timestamp": TIME, "body": body}
        for index, body in enumerate(bodies[3:])
    ]
    batch = check(await api.post("/api/public/ingestion", json={"batch": events})).json()
    assert batch["successes"] == [{"id": "e0", "status": 201}]
    assert [(error["id"], error["status"]) for error in batch["errors"]] == [("e1", 400), ("e2", 404)]
    assert {each["id"] for each in await stored(api)} == {"list-0", "batch-0"}


async def test_what_another_process_changes_holds_at_once(world: World, api: httpx.AsyncClient) -> None:
    control = ControlStore(world.services.settings.data / "control.db", b"s" * 32)
    elsewhere = ScoreConfigStore(control)
    made = await make(api, "stars")
    assert (await score(api, made["id"], 1)).status_code == 200
    for archived, status in ((True, 400), (False, 200)) * 3:
        config = elsewhere.get("one", made["id"])
        fields = {name: getattr(config, name) for name in config.__struct_fields__}
        assert elsewhere.replace(config, type(config)(**{**fields, "is_archived": archived}))
        assert (await score(api, made["id"], 1)).status_code == status
    control.close()
