from __future__ import annotations

import asyncio
import base64
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.registries import ACTOR, PlainEncoder, create, new_registry, split
from trunkline.api.access_log import AccessLog
from trunkline.api.auth import Authenticator
from trunkline.api.fastpath import LARGEST_BODY, Message, Outer, Receive, Scope, Send
from trunkline.api.limits import Limits
from trunkline.api.metrics import Metrics
from trunkline.registry.registry import Registry
from trunkline.serving.answers import PromptServer
from trunkline.store.control import ControlStore
from trunkline.types import KeyKind

SECRET = b"s" * 32
FETCH = "/api/public/v2/prompts/support%2Ftriage"


class Routes:
    """What stands behind the outer layer: answers everything by saying what it was asked, and notes it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while scope["type"] == "http":
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.asked.append((scope["method"], scope["raw_path"].decode("latin-1"), body))
        scope["path_template"] = "/behind"
        if scope["path"] == "/breaks":
            raise RuntimeError("a route broke")
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"6"), (b"etag", b'"e"')]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"behind"})


class World:
    """The outer layer with everything real behind it but for the routes."""

    def __init__(self, folder: Path) -> None:
        self.registry: Registry = new_registry(folder)
        self.control = ControlStore(folder / "control.db", SECRET)
        self.control.create_project("Default", project_id="default")
        self.public, self.header = self.key(KeyKind.FULL)
        self.auth = Authenticator(self.control)
        self.prompts = PromptServer({"default": self.registry}, PlainEncoder(), secret=SECRET)
        self.routes = Routes()
        self.metrics = Metrics()
        self.log_path = folder / "access.log"
        self._file = self.log_path.open("wb")
        self.log = AccessLog(self._file.fileno())
        self.app = Outer(
            self.routes,
            prompts=self.prompts,
            authenticate=self.auth.authenticate,
            limits=Limits(self.auth.settings),
            metrics=self.metrics,
            access_log=self.log,
            worker="77",
        )
        transport = httpx.ASGITransport(self.app)
        self.client = httpx.AsyncClient(
            transport=transport, base_url="http://test", headers={"authorization": self.header}
        )

    def key(self, kind: KeyKind, project: str = "default") -> tuple[str, str]:
        key, secret = self.control.create_key(project, "tests", kind)
        public = key.public_key
        return public, "Basic " + base64.b64encode(f"{public}:{secret}".encode()).decode()

    async def close(self) -> None:
        await self.client.aclose()
        self._file.close()
        self.control.close()

    def lines(self) -> list[dict[str, Any]]:
        self.log.flush()
        return [json.loads(line) for line in self.log_path.read_text().splitlines()]

    def count(self, method: str, route: str, status: int) -> float:
        labels = {"method": method, "route": route, "status": str(status)}
        families = text_string_to_metric_families(self.metrics.exposition().decode())
        name = "trunkline_http_request_duration_seconds_count"
        return sum(s.value for f in families for s in f.samples if s.name == name and s.labels == labels)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    create(made.registry, "support/triage", "You triage {{product}}.", "production")
    create(made.registry, "support/triage", "You triage {{product}} well.", "staging")
    yield made
    await made.close()


async def test_hits_are_answered_here(world: World) -> None:
    for path in (FETCH, "/api/public/v2/prompts/support/triage", FETCH + "?label=production", FETCH + "?version=1"):
        for _ in range(2):
            answer = await world.client.get(path)
            assert (answer.status_code, answer.json()["version"]) == (200, 1)
    assert (await world.client.get(FETCH + "?label=staging")).json()["version"] == 2
    assert world.routes.asked == []
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["x-trunkline-worker"] == "77"
    assert "no-cache" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/public/v2/prompts/unknown", {}),
        (FETCH + "?label=qa", {}),
        (FETCH + "?version=9", {}),
        (FETCH + "?version=1&label=production", {}),
        (FETCH + "?version=0", {}),
        (FETCH + "?version=one", {}),
        (FETCH + "?label=", {}),
        (FETCH + "?label=production&label=staging", {}),
        (FETCH + "?label=NOT%20A%20LABEL", {}),
        (FETCH + "?resolve=maybe", {}),
        (FETCH + "?unknown=1", {}),
        ("/api/public/v2/prompts/%FF", {}),
        ("/api/public/v2/prompts/a//b", {}),
        ("/api/public/v2/prompts/", {}),
        ("/api/public/v2/prompts?limit=1", {}),
        ("/health", {}),
        (FETCH, {"authorization": "Basic d3Jvbmc6d3Jvbmc="}),
        (FETCH, {"authorization": ""}),
    ],
)
async def test_everything_else_goes_to_its_route(world: World, path: str, headers: dict[str, str]) -> None:
    await world.client.get(FETCH)
    for _ in range(2):
        answer = await world.client.get(path, headers=headers)
        assert answer.text == "behind"
    assert len(world.routes.asked) == 2


async def test_a_known_client_gets_a_304(world: World) -> None:
    first = await world.client.get(FETCH)
    etag = first.headers["etag"]
    for asked in (etag, "W/" + etag, f'"x", {etag}', "*"):
        answer = await world.client.get(FETCH, headers={"if-none-match": asked})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
        assert "content-type" not in answer.headers
    answer = await world.client.get(FETCH, headers={"if-none-match": '"other"'})
    assert (answer.status_code, answer.content) == (200, first.content)
    world.registry.promote("support/triage", "production", version=2, actor=ACTOR)
    answer = await world.client.get(FETCH, headers={"if-none-match": etag})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)


async def test_head_has_the_headers_of_get_and_no_body(world: World) -> None:
    whole = await world.client.get(FETCH)
    head = await world.client.head(FETCH)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "etag", "content-type"):
        assert head.headers[name] == whole.headers[name]
    assert (await world.client.head(FETCH, headers={"if-none-match": whole.headers["etag"]})).status_code == 304
    behind = await world.client.head("/health")
    assert (behind.status_code, behind.content, behind.headers["content-length"]) == (200, b"", "6")
    assert world.routes.asked == [("GET", "/health", b"")]


async def test_a_304_of_an_ordinary_route(world: World) -> None:
    answer = await world.client.get("/anything", headers={"if-none-match": 'W/"e"'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert "content-length" not in answer.headers
    answer = await world.client.post("/anything", headers={"if-none-match": '"e"'})
    assert answer.status_code == 200


async def test_a_new_head_is_served_at_once(world: World) -> None:
    assert (await world.client.get(FETCH)).json()["version"] == 1
    for version in (2, 1, 2):
        world.registry.promote("support/triage", "production", version=version, actor=ACTOR)
        assert (await world.client.get(FETCH)).json()["version"] == version
    world.registry.remove_label("support/triage", "production", actor=ACTOR)
    assert (await world.client.get(FETCH)).text == "behind"


async def test_a_random_split_is_drawn_for_each_request(world: World) -> None:
    split(world.registry, "support/triage", "production", {1: 50, 2: 50})
    counts = Counter([(await world.client.get(FETCH)).json()["version"] for _ in range(200)])
    assert min(counts[1], counts[2]) > 50
    for user in range(10):
        path = f"{FETCH}?sticky=user-{user}&label=production"
        assert len({(await world.client.get(path)).json()["version"] for _ in range(5)}) == 1
    body = {"name": "support/triage", "variables": {"product": "x"}}
    compiled = [(await world.client.post("/api/v1/compile", json=body)).json()["version"] for _ in range(100)]
    assert set(compiled) == {1, 2}
    assert world.routes.asked == []


async def test_a_revoked_key_is_dead_within_a_second(world: World) -> None:
    watching = asyncio.create_task(world.auth.watch())
    await asyncio.sleep(0)
    assert (await world.client.get(FETCH)).status_code == 200
    world.control.revoke_key("default", world.public)
    await asyncio.sleep(1)
    assert (await world.client.get(FETCH)).text == "behind"
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_read_only_keys_fetch_and_a_public_key_alone_does_not(world: World) -> None:
    public, header = world.key(KeyKind.READ_ONLY)
    world.auth.refresh()
    assert (await world.client.get(FETCH, headers={"authorization": header})).json()["version"] == 1
    body = {"name": "support/triage"}
    answer = await world.client.post("/api/v1/compile", json=body, headers={"authorization": header})
    assert answer.json()["version"] == 1
    answer = await world.client.get(FETCH, headers={"authorization": f"Bearer {public}"})
    assert answer.text == "behind"


async def test_another_projects_key_does_not_see_what_is_remembered(world: World, tmp_path: Path) -> None:
    world.control.create_project("Other", project_id="other")
    _, header = world.key(KeyKind.FULL, "other")
    world.auth.refresh()
    await world.client.get(FETCH)
    assert (await world.client.get(FETCH, headers={"authorization": header})).text == "behind"


# --- compile


async def test_compile_is_answered_here_and_remembered(world: World) -> None:
    body = {"name": "support/triage", "variables": {"product": "Trunkline"}}
    first = await world.client.post("/api/v1/compile", json=body)
    assert first.json()["prompt"] == "You triage Trunkline."
    assert (await world.client.post("/api/v1/compile", json=body)).content == first.content
    world.registry.promote("support/triage", "production", version=2, actor=ACTOR)
    assert (await world.client.post("/api/v1/compile", json=body)).json()["prompt"] == "You triage Trunkline well."
    assert world.routes.asked == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b'{"name": "unknown"}',
        b'{"name": "support/triage", "strict": true}',
        b'{"name": "support/triage", "variables": {"product": "' + b"x" * LARGEST_BODY + b'"}}',
    ],
)
async def test_a_compile_that_fails_reaches_its_route_with_its_body(world: World, body: bytes) -> None:
    for _ in range(2):
        answer = await world.client.post("/api/v1/compile", content=body)
        assert answer.text == "behind"
    assert world.routes.asked == [("POST", "/api/v1/compile", body)] * 2


async def test_a_body_without_a_length_is_left_to_the_route(world: World) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"name": '
        yield b'"support/triage"}'

    answer = await world.client.post("/api/v1/compile", content=chunks())
    assert answer.text == "behind"
    assert world.routes.asked[0][2] == b'{"name": "support/triage"}'


async def test_a_body_in_pieces_and_one_that_breaks_off(world: World) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def ask(messages: list[Message]) -> None:
        body = b"".join(message.get("body", b"") for message in messages)
        headers = [(b"authorization", world.header.encode()), (b"content-length", str(len(body)).encode())]
        scope = {"type": "http", "method": "POST", "path": "/api/v1/compile", "raw_path": b"/api/v1/compile"}
        scope |= {"query_string": b"", "headers": headers, "client": ("127.0.0.1", 1)}
        coming = iter(messages)

        async def receive() -> Message:
            return next(coming)

        await world.app(scope, receive, send)

    pieces = [b'{"name": ', b'"support', b'/triage"}']
    await ask([{"type": "http.request", "body": piece, "more_body": index < 2} for index, piece in enumerate(pieces)])
    assert (sent[0]["status"], world.routes.asked) == (200, [])
    await ask([{"type": "http.request", "body": b'{"name"', "more_body": True}, {"type": "http.disconnect"}])
    assert world.routes.asked == [("POST", "/api/v1/compile", b'{"name"')]


# --- ids, metrics, log


async def test_every_answer_carries_an_id(world: World) -> None:
    given = await world.client.get(FETCH, headers={"x-request-id": "abc-123"})
    assert given.headers["x-request-id"] == "abc-123"
    ids = set()
    for path in (FETCH, FETCH, "/health"):
        ids.add((await world.client.get(path)).headers["x-request-id"])
        insane = await world.client.get(path, headers={"x-request-id": 'a" b' * 3})
        ids.add(insane.headers["x-request-id"])
        ids.add((await world.client.get(path, headers={"x-request-id": "x" * 500})).headers["x-request-id"])
    assert len(ids) == 9
    assert all(len(each) < 40 for each in ids)


async def test_requests_are_counted_and_logged(world: World) -> None:
    etag = (await world.client.get(FETCH)).headers["etag"]
    await world.client.get(FETCH, headers={"if-none-match": etag})
    await world.client.get(FETCH + "?sticky=somebody%40example.org")
    body = {"name": "support/triage", "variables": {"product": "hunter2"}}
    await world.client.post("/api/v1/compile", json=body)
    await world.client.get("/somewhere", headers={"x-request-id": "id-9"})
    assert world.count("GET", "/api/public/v2/prompts/{name}", 200) == 2
    assert world.count("GET", "/api/public/v2/prompts/{name}", 304) == 1
    assert world.count("POST", "/api/v1/compile", 200) == 1
    assert world.count("GET", "/behind", 200) == 1
    lines = world.lines()
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", FETCH, 200),
        ("GET", FETCH, 304),
        ("GET", FETCH, 200),
        ("POST", "/api/v1/compile", 200),
        ("GET", "/somewhere", 200),
    ]
    assert (lines[0]["project"], lines[0]["key"]) == ("default", world.public)
    assert lines[-1]["request_id"] == "id-9"
    text = world.log_path.read_text()
    secret = base64.b64decode(world.header.split()[1]).decode().partition(":")[2]
    for hidden in ("hunter2", "somebody", secret, world.header.split()[1]):
        assert hidden not in text


async def test_a_route_that_breaks_gets_an_answer(world: World) -> None:
    answer = await world.client.get("/breaks")
    assert answer.status_code == 500
    assert answer.json()["error"] == "InternalServerError"
    assert answer.headers["x-request-id"]
    assert world.lines()[-1]["status"] == 500


async def test_fetches_are_counted_by_version_and_key(world: World) -> None:
    etag = (await world.client.get(FETCH)).headers["etag"]
    await world.client.get(FETCH)
    await world.client.get(FETCH, headers={"if-none-match": etag})
    await world.client.get(FETCH + "?version=2")
    await world.client.get(FETCH + "?version=99")
    assert world.prompts.fetches.take() == {
        ("default", "support/triage", 1, "production", world.public): 3,
        ("default", "support/triage", 2, "", world.public): 1,
    }


async def test_the_memo_of_requests_is_bounded(world: World) -> None:
    for number in range(50):
        await world.client.get(f"{FETCH}?sticky={number}{os.urandom(4).hex()}")
    assert len(world.prompts.memo("default").requests) == 0
