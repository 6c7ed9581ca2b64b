"""Every route against every kind of caller. A route that is missing from the table fails."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from litestar import get
from sqlalchemy import insert

from api.conftest import SIGNING_KEY, World
from api.contract import check_error
from trunkline.api.access import PUBLIC, access_level
from trunkline.api.app import create_litestar
from trunkline.api.openapi import api_routes
from trunkline.dataset_types import ExperimentSpan
from trunkline.errors import TrunklineError
from trunkline.store.comments import Comment, Commented
from trunkline.store.control_tables import USERS
from trunkline.store.media_files import MediaFiles
from trunkline.store.media_records import Media
from trunkline.store.models import ModelDefinition
from trunkline.store.queues import Queue, QueuedType, QueueItem, QueueStatus
from trunkline.store.score_configs import ScoreConfig, ScoreConfigType

MARK = "xyzzy-only-for-project-one"
PROMPT = {"name": "hidden", "prompt": MARK, "labels": ["production"]}
TIME = "2026-03-01T12:00:00.000Z"


SPAN = ExperimentSpan(
    experiment_id="e",
    name="run",
    description=MARK,
    metadata=None,
    dataset_id="any",
    item_id="i",
    item_version=None,
    item_metadata=None,
    expected_output=None,
    trace_id="t",
    span_id="o",
    start=1,
    end=None,
)


class Row(NamedTuple):
    """Who may (`public`, `caller`, `writer`, `scorer`), and a request that has an effect where it is let in."""

    level: str
    path: str
    json: Any = None


NEW_TRACE = {"id": "e", "type": "trace-create", "timestamp": TIME, "body": {"id": "t", "name": MARK, "sessionId": "s"}}
NEW_SCORE = {"id": "s", "traceId": "t", "name": "quality", "value": 1, "comment": MARK}
NEW_CONFIG = {"name": "quality", "dataType": "NUMERIC"}
RUN_ITEM = {"runName": "run", "datasetItemId": "item", "traceId": "t"}
PICTURE = b"not a picture"
DIGEST = hashlib.sha256(PICTURE).digest()
MEDIA = Media(
    project_id="one",
    id=base64.urlsafe_b64encode(DIGEST).decode()[:22],
    sha256=DIGEST,
    content_type="image/png",
    content_length=len(PICTURE),
)
NEW_MEDIA = {
    "traceId": "t",
    "contentType": "image/png",
    "contentLength": len(PICTURE),
    "sha256Hash": base64.b64encode(DIGEST).decode(),
    "field": "input",
}
MEDIA_REPORT = {"uploadedAt": TIME, "uploadHttpStatus": 200}
FILES = MediaFiles(Path(), SIGNING_KEY)
QUEUES = "/api/public/annotation-queues"
NEW_COMMENT = {"projectId": "one", "objectType": "TRACE", "objectId": "t", "content": "well done"}
NEW_MODEL = {"modelName": "own", "matchPattern": "own", "inputPrice": 1}
METRICS_QUERY = json.dumps(
    {
        "view": "observations",
        "dimensions": [{"field": "name"}],
        "metrics": [{"measure": "count", "aggregation": "count"}],
        "fromTimestamp": "2020-01-01T00:00:00Z",
        "toTimestamp": "2030-01-01T00:00:00Z",
    }
)
ROUTES: dict[tuple[str, str], Row] = {
    ("GET", "/api/public/health"): Row("public", "/api/public/health"),
    ("GET", "/api/public/projects"): Row("caller", "/api/public/projects"),
    ("GET", "/api/public/v2/prompts"): Row("caller", "/api/public/v2/prompts"),
    ("POST", "/api/public/v2/prompts"): Row("writer", "/api/public/v2/prompts", {"name": "new", "prompt": "x"}),
    ("GET", "/api/public/v2/prompts/{prompt_name}"): Row("caller", "/api/public/v2/prompts/hidden"),
    ("PATCH", "/api/public/v2/prompts/{prompt_name}"): Row(
        "writer", "/api/public/v2/prompts/hidden/versions/1", {"newLabels": ["x"]}
    ),
    ("DELETE", "/api/public/v2/prompts/{prompt_name}"): Row("writer", "/api/public/v2/prompts/hidden"),
    ("POST", "/api/public/ingestion"): Row("scorer", "/api/public/ingestion", {"batch": [NEW_TRACE]}),
    ("POST", "/api/public/otel/v1/traces"): Row("writer", "/api/public/otel/v1/traces", {"resourceSpans": []}),
    ("GET", "/api/public/traces"): Row("caller", "/api/public/traces"),
    ("DELETE", "/api/public/traces"): Row("writer", "/api/public/traces", {"traceIds": ["t"]}),
    ("GET", "/api/public/traces/{trace_id}"): Row("caller", "/api/public/traces/t"),
    ("DELETE", "/api/public/traces/{trace_id}"): Row("writer", "/api/public/traces/t"),
    ("GET", "/api/public/observations"): Row("caller", "/api/public/observations"),
    ("GET", "/api/public/observations/{observation_id}"): Row("caller", "/api/public/observations/o"),
    ("GET", "/api/public/v2/observations"): Row("caller", "/api/public/v2/observations"),
    ("GET", "/api/public/sessions"): Row("caller", "/api/public/sessions"),
    ("GET", "/api/public/sessions/{session_id}"): Row("caller", "/api/public/sessions/s"),
    ("POST", "/api/public/scores"): Row("scorer", "/api/public/scores", NEW_SCORE),
    ("DELETE", "/api/public/scores/{score_id}"): Row("writer", "/api/public/scores/s"),
    ("GET", "/api/public/v2/scores"): Row("caller", "/api/public/v2/scores"),
    ("GET", "/api/public/v2/scores/{score_id}"): Row("caller", "/api/public/v2/scores/s"),
    ("GET", "/api/public/v3/scores"): Row("caller", "/api/public/v3/scores"),
    ("GET", "/api/public/score-configs"): Row("caller", "/api/public/score-configs"),
    ("POST", "/api/public/score-configs"): Row("writer", "/api/public/score-configs", NEW_CONFIG),
    ("GET", "/api/public/score-configs/{config_id}"): Row("caller", "/api/public/score-configs/c"),
    ("PATCH", "/api/public/score-configs/{config_id}"): Row(
        "writer", "/api/public/score-configs/c", {"isArchived": True}
    ),
    ("POST", "/api/public/v2/datasets"): Row("writer", "/api/public/v2/datasets", {"name": "new"}),
    ("GET", "/api/public/v2/datasets"): Row("caller", "/api/public/v2/datasets"),
    ("GET", "/api/public/v2/datasets/{dataset_name}"): Row("caller", "/api/public/v2/datasets/data"),
    ("POST", "/api/public/datasets"): Row("writer", "/api/public/datasets", {"name": "new"}),
    ("GET", "/api/public/datasets"): Row("caller", "/api/public/datasets"),
    ("GET", "/api/public/datasets/{dataset_name}"): Row("caller", "/api/public/datasets/data/runs/run"),
    ("DELETE", "/api/public/datasets/{dataset_name}"): Row("writer", "/api/public/datasets/data/runs/run"),
    ("POST", "/api/public/dataset-items"): Row("writer", "/api/public/dataset-items", {"datasetName": "data"}),
    ("GET", "/api/public/dataset-items"): Row("caller", "/api/public/dataset-items"),
    ("GET", "/api/public/dataset-items/{item_id}"): Row("caller", "/api/public/dataset-items/item"),
    ("DELETE", "/api/public/dataset-items/{item_id}"): Row("writer", "/api/public/dataset-items/item"),
    ("POST", "/api/public/dataset-run-items"): Row("writer", "/api/public/dataset-run-items", RUN_ITEM),
    ("GET", "/api/public/dataset-run-items"): Row("caller", "/api/public/dataset-run-items?datasetId=any&runName=run"),
    ("POST", "/api/public/media"): Row("writer", "/api/public/media", NEW_MEDIA),
    ("GET", "/api/public/media/{media_id}"): Row("caller", f"/api/public/media/{MEDIA.id}"),
    ("PATCH", "/api/public/media/{media_id}"): Row("writer", f"/api/public/media/{MEDIA.id}", MEDIA_REPORT),
    # These two are open to whoever has a signed address, and to nobody else.
    ("PUT", "/api/v1/media/{project_id}/{media_id}"): Row("public", FILES.upload_url(MEDIA, "", 10**6), PICTURE),
    ("GET", "/api/v1/media/{project_id}/{media_id}"): Row("public", FILES.download_url(MEDIA, "", 10**6)),
    ("GET", "/api/public/experiments"): Row("caller", "/api/public/experiments?fromStartTime=1970-01-01"),
    ("GET", "/api/public/experiment-items"): Row("caller", "/api/public/experiment-items?fromStartTime=1970-01-01"),
    ("GET", "/api/public/annotation-queues"): Row("caller", QUEUES),
    ("POST", "/api/public/annotation-queues"): Row("writer", QUEUES, {"name": "new", "scoreConfigIds": ["c"]}),
    ("GET", "/api/public/annotation-queues/{queue_id}"): Row("caller", f"{QUEUES}/q"),
    ("GET", "/api/public/annotation-queues/{queue_id}/items"): Row("caller", f"{QUEUES}/q/items"),
    ("POST", "/api/public/annotation-queues/{queue_id}/items"): Row(
        "writer", f"{QUEUES}/q/items", {"objectId": "t", "objectType": "TRACE"}
    ),
    ("GET", "/api/public/annotation-queues/{queue_id}/items/{item_id}"): Row("caller", f"{QUEUES}/q/items/i"),
    ("PATCH", "/api/public/annotation-queues/{queue_id}/items/{item_id}"): Row(
        "writer", f"{QUEUES}/q/items/i", {"status": "COMPLETED"}
    ),
    ("DELETE", "/api/public/annotation-queues/{queue_id}/items/{item_id}"): Row("writer", f"{QUEUES}/q/items/i"),
    ("POST", "/api/public/annotation-queues/{queue_id}/assignments"): Row(
        "writer", f"{QUEUES}/q/assignments", {"userId": "anna"}
    ),
    ("DELETE", "/api/public/annotation-queues/{queue_id}/assignments"): Row(
        "writer", f"{QUEUES}/q/assignments", {"userId": "anna"}
    ),
    ("GET", "/api/public/comments"): Row("caller", "/api/public/comments"),
    ("POST", "/api/public/comments"): Row("writer", "/api/public/comments", NEW_COMMENT),
    ("GET", "/api/public/comments/{comment_id}"): Row("caller", "/api/public/comments/n"),
    ("GET", "/api/public/models"): Row("caller", "/api/public/models"),
    ("POST", "/api/public/models"): Row("writer", "/api/public/models", NEW_MODEL),
    ("GET", "/api/public/models/{model_id}"): Row("caller", "/api/public/models/m"),
    ("DELETE", "/api/public/models/{model_id}"): Row("writer", "/api/public/models/m"),
    ("GET", "/api/public/metrics"): Row("caller", f"/api/public/metrics?query={METRICS_QUERY}"),
    ("GET", "/api/public/metrics/daily"): Row("caller", "/api/public/metrics/daily"),
    ("GET", "/api/public/v2/metrics"): Row("caller", f"/api/public/v2/metrics?query={METRICS_QUERY}"),
    ("POST", "/api/v1/compile"): Row("caller", "/api/v1/compile", {"name": "hidden"}),
    ("GET", "/api/v1/labels/{label}/bundle"): Row("caller", "/api/v1/labels/production/bundle"),
    ("DELETE", "/api/v1/labels/{label}"): Row("writer", "/api/v1/labels/production?name=hidden"),
    ("GET", "/api/v1/prompts"): Row("caller", "/api/v1/prompts"),
    ("GET", "/api/v1/prompts/show"): Row("caller", "/api/v1/prompts/show?name=hidden"),
    ("GET", "/api/v1/prompts/history"): Row("caller", "/api/v1/prompts/history?name=hidden"),
    ("GET", "/api/v1/prompts/diff"): Row("caller", "/api/v1/prompts/diff?name=hidden&from=1&to=1"),
    ("GET", "/api/v1/prompts/metrics"): Row("caller", "/api/v1/prompts/metrics?name=hidden"),
    ("GET", "/api/v1/search"): Row("caller", "/api/v1/search?q=xyzzy*"),
    ("POST", "/api/v1/promotions"): Row(
        "writer", "/api/v1/promotions", {"name": "hidden", "version": 1, "label": "staging"}
    ),
    ("POST", "/api/v1/rollbacks"): Row("writer", "/api/v1/rollbacks", {"name": "hidden", "to": 1}),
    ("GET", "/api/v1/users"): Row("caller", "/api/v1/users"),
    ("GET", "/api/v1/keys"): Row("writer", "/api/v1/keys"),
    ("POST", "/api/v1/keys"): Row("writer", "/api/v1/keys", {"name": "new"}),
    ("DELETE", "/api/v1/keys/{public_key}"): Row("writer", "/api/v1/keys/pk-spare"),
    ("GET", "/api/v1/projects"): Row("caller", "/api/v1/projects"),
    ("GET", "/api/v1/project/settings"): Row("caller", "/api/v1/project/settings"),
    ("PATCH", "/api/v1/project/settings"): Row("writer", "/api/v1/project/settings", {"retention_days": 30}),
    ("GET", "/health"): Row("public", "/health"),
    ("GET", "/metrics"): Row("public", "/metrics"),
    ("GET", "/api/openapi.json"): Row("public", "/api/openapi.json"),
    ("GET", "/api/docs"): Row("public", "/api/docs"),
}
CONFIG = ScoreConfig(id="c", project_id="one", name=MARK, data_type=ScoreConfigType.NUMERIC, created_at=1, updated_at=1)
ANNA = {"id": "anna", "name": "anna", "email": "a@b", "password_hash": "", "role": "owner", "created_at": 1}
QUEUE = Queue(
    id="q", project_id="one", name=MARK, description=None, score_config_ids=("c",), created_at=1, updated_at=1
)
QUEUE_ITEM = QueueItem(
    id="i",
    project_id="one",
    queue_id="q",
    object_type=QueuedType.TRACE,
    object_id="t",
    status=QueueStatus.PENDING,
    completed_at=None,
    created_at=1,
    updated_at=1,
)
COMMENT = Comment(id="n", project_id="one", object_type=Commented.TRACE, object_id="t", content=MARK, created_at=1)
MODEL = ModelDefinition(id="m", project_id="one", model_name=MARK, match_pattern=MARK, created_at=1)
IDS = [f"{method} {path}" for method, path in ROUTES]
LET_IN = {
    "public": {"none", "bad", "revoked", "public", "reader", "other", "key"},
    "caller": {"reader", "other", "key"},
    "writer": {"other", "key"},
    "scorer": {"public", "other", "key"},
}


@pytest.fixture
async def filled(world: World, api: httpx.AsyncClient) -> World:
    """Project one has a prompt, a trace with an observation, a score and a spare key."""
    world.services.control.create_key("one", "spare", public_key="pk-spare")
    world.services.score_configs.create(CONFIG)
    world.services.models.create(MODEL)
    world.services.comments.create(COMMENT)
    with world.services.control.writing() as connection:
        connection.execute(insert(USERS).values(**ANNA))
    world.services.queues.create(QUEUE)
    world.services.queues.add(QUEUE_ITEM)
    observation = {"id": "o", "traceId": "t", "name": MARK, "startTime": TIME}
    batch = [NEW_TRACE, {"id": "f", "type": "span-create", "timestamp": TIME, "body": observation}]
    for path, body in (
        ("/api/public/v2/prompts", PROMPT),
        ("/api/public/ingestion", {"batch": batch}),
        ("/api/public/scores", NEW_SCORE),
        ("/api/public/v2/datasets", {"name": "data", "description": MARK}),
        ("/api/public/dataset-items", {"id": "item", "datasetName": "data", "input": MARK}),
        ("/api/public/dataset-run-items", RUN_ITEM),
    ):
        answer = await api.post(path, json=body)
        assert answer.is_success, answer.text
    world.services.experiments.record("one", [SPAN])
    announced = await api.post("/api/public/media", json=NEW_MEDIA)
    assert (await api.put(announced.json()["uploadUrl"], content=PICTURE)).is_success
    return world


async def send(world: World, who: str, method: str, row: Row) -> httpx.Response:
    async with world.client(who) as client:
        if isinstance(row.json, bytes):
            return await client.request(method, row.path, content=row.json)
        return await client.request(method, row.path, json=row.json)


async def state(world: World) -> tuple[Any, ...]:
    """All that a request could have changed in project one."""
    parts = []
    async with world.client("key") as client:
        for path in (
            *(
                "traces",
                "observations",
                "v2/scores",
                "score-configs",
                "models",
                "comments",
                "annotation-queues",
                "annotation-queues/q/items",
            ),
            *("datasets", "dataset-items", "datasets/data/runs"),
        ):
            parts.append((await client.get(f"/api/public/{path}")).json()["data"])
    keys = [(key.public_key, key.revoked_at) for key in world.services.control.keys("one")]
    settings = world.services.control.project_settings("one")
    return (world.registry.snapshot.head, keys, settings, *parts)


async def test_no_route_is_missing_from_the_table(world: World) -> None:
    app = create_litestar(world.services)
    found = {(method, path): access_level(handler) for method, path, handler in api_routes(app)}
    assert found == {route: row.level for route, row in ROUTES.items()}


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
async def test_who_may_what(filled: World, route: tuple[str, str]) -> None:
    row = ROUTES[route]
    before = await state(filled)
    for who in ("none", "bad", "revoked", "public", "reader"):
        if who in LET_IN[row.level]:
            continue
        answer = await send(filled, who, route[0], row)
        check_error(answer)
        unknown = who in {"none", "bad", "revoked"}
        assert answer.status_code == (401 if unknown else 403), (who, answer.text)
        assert answer.json()["error"] == ("UnauthorizedError" if unknown else "ForbiddenError")
        assert MARK not in answer.text
    assert await state(filled) == before
    other = await send(filled, "other", route[0], row)
    assert other.status_code not in {401, 403}
    assert other.status_code < 500
    assert MARK not in other.text
    if row.level != "public":
        assert await state(filled) == before
    for who in LET_IN[row.level] - {"other", "key"}:
        answer = await send(filled, who, route[0], row)
        assert answer.is_success, (who, answer.text)
    answer = await send(filled, "key", route[0], row)
    assert answer.is_success, answer.text


async def test_a_body_is_not_read_before_the_key_is_known(world: World) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 65_536

    for path in ("/api/public/v2/prompts", "/api/public/ingestion", "/api/v1/compile", "/api/v1/promotions"):
        async with world.client("bad") as client:
            assert (await client.post(path, content=endless())).status_code == 401


async def test_the_hot_path_refuses_what_the_route_refuses(filled: World) -> None:
    path = "/api/public/v2/prompts/hidden"
    async with filled.client("key") as client:
        for _ in range(2):
            assert (await client.get(path)).status_code == 200
    for who, status in (("none", 401), ("bad", 401), ("revoked", 401), ("public", 403), ("other", 404)):
        async with filled.client(who) as client:
            assert (await client.get(path)).status_code == status


def test_a_handler_that_does_not_say_who_may_call_it_does_not_answer() -> None:
    @get("/open")
    async def forgotten() -> None:
        pass

    @get("/public", opt=PUBLIC)
    async def meant() -> None:
        pass

    with pytest.raises(TrunklineError):
        access_level(forgotten)
    assert access_level(meant) == "public"


@pytest.mark.parametrize(
    "path", ["/api/public/scores", "/api/public/ingestion", "/api/v1/compile", "/api/public/v2/prompts"]
)
async def test_pages_of_other_origins_reach_what_takes_the_public_key_alone(world: World, path: str) -> None:
    async with world.client("none") as client:
        asked = await client.options(
            path, headers={"origin": "https://shop.example", "access-control-request-method": "POST"}
        )
        refused = await client.post(path, json={}, headers={"origin": "https://shop.example"})
    assert asked.status_code == 204
    assert refused.status_code == 401
    opened = path in {"/api/public/scores", "/api/public/ingestion"}
    for answer in (asked, refused):
        assert answer.headers.get("access-control-allow-origin") == ("*" if opened else None)
        assert "access-control-allow-credentials" not in answer.headers
    assert ("authorization" in asked.headers.get("access-control-allow-headers", "")) is opened
