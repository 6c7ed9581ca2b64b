"""Prompts on the compatible API, against real repositories and Langfuse's published description."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api.conftest import MAX_BODY, World
from api.contract import check, check_error, check_schema

PROMPTS = "/api/public/v2/prompts"
CHAT = [{"role": "system", "content": "Be {{tone}}."}, {"type": "placeholder", "name": "history"}]


def encoded(name: str) -> str:
    """Every byte percent-encoded, so that no client on the way takes dots or slashes for its own."""
    return "".join(f"%{byte:02X}" for byte in name.encode())


async def create(api: httpx.AsyncClient, name: str = "greeting", prompt: Any = "Hello {{name}}", **more: Any) -> Any:
    answer = await api.post(PROMPTS, json={"name": name, "prompt": prompt, **more})
    assert answer.status_code == 201, answer.text
    check_schema(answer.json(), "Prompt")
    return answer.json()


async def fetch(api: httpx.AsyncClient, name: str = "greeting", **params: Any) -> Any:
    answer = await api.get(f"{PROMPTS}/{encoded(name)}", params=params)
    assert answer.status_code == 200, answer.text
    return check(answer).json()


async def refused(api: httpx.AsyncClient, status: int, **body: Any) -> Any:
    answer = await api.post(PROMPTS, json=body)
    assert answer.status_code == status, answer.text
    check_error(answer)
    return answer.json()


async def test_a_text_prompt_is_created_and_fetched(api: httpx.AsyncClient, world: World) -> None:
    made = await create(api, labels=["production"], tags=["a"], config={"model": "m"}, commitMessage="first")
    assert (made["version"], made["labels"], made["tags"]) == (1, ["production", "latest"], ["a"])
    assert (made["type"], made["prompt"], made["config"]) == ("text", "Hello {{name}}", {"model": "m"})
    assert (made["commitMessage"], made["isActive"], made["resolutionGraph"]) == ("first", True, None)
    assert made["commit"] == world.registry.snapshot.head
    assert len(made["blob"]) == 40
    assert made["projectId"] == "one"
    assert await fetch(api) == made
    assert await fetch(api, version=1) == made
    assert await fetch(api, label="latest") == made


async def test_the_commit_names_the_key_as_its_author(api: httpx.AsyncClient, world: World) -> None:
    made = await create(api)
    assert "key" in made["createdBy"]
    author = world.registry.repository.commit_of(made["commit"]).author
    assert (author.name, author.email) == ("key", "key@keys.trunkline.invalid")


async def test_a_chat_prompt_keeps_its_entries_as_sent(api: httpx.AsyncClient) -> None:
    messages = [*CHAT, {"type": "chatmessage", "role": "user", "content": "{{question}}", "extra": {"kept": [1]}}]
    await create(api, "chat", messages, type="chat")
    found = await fetch(api, "chat", label="latest")
    assert found["type"] == "chat"
    assert found["prompt"] == messages


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n", "a\n", "  a\n b\n\n", "\ttab", "é☃💥\u2028", "no", "1.10", "12:30", "a: b # c", "{{", "|", "'\""],
)
async def test_a_text_comes_back_equal(api: httpx.AsyncClient, text: str) -> None:
    await create(api, prompt=text)
    assert (await fetch(api, label="latest"))["prompt"] == text


@pytest.mark.parametrize("config", [None, {}, [], "text", 0, False, {"a": {"b": [None, 1.5, "x"]}}, {"": ""}])
async def test_a_config_comes_back_equal(api: httpx.AsyncClient, config: Any) -> None:
    await create(api, config=config)
    assert (await fetch(api, label="latest"))["config"] == ({} if config is None else config)


async def test_versions_count_and_labels_move(api: httpx.AsyncClient) -> None:
    await create(api, labels=["production", "staging"])
    second = await create(api, prompt="Hi", labels=["staging"])
    assert (second["version"], second["labels"]) == (2, ["staging", "latest"])
    first = await fetch(api)
    assert (first["version"], first["labels"]) == (1, ["production"])
    assert (await fetch(api, label="staging"))["version"] == 2


async def test_the_same_text_again_is_a_version_too(api: httpx.AsyncClient) -> None:
    first, second = await create(api), await create(api)
    assert (first["version"], second["version"]) == (1, 2)
    assert first["blob"] == second["blob"]
    assert first["commit"] != second["commit"]


async def test_tags_are_shared_and_inherited(api: httpx.AsyncClient) -> None:
    await create(api, tags=["a", "b"], labels=["production"])
    assert (await create(api, prompt="2"))["tags"] == ["a", "b"]
    assert (await create(api, prompt="3", tags=["c"]))["tags"] == ["c"]
    assert (await fetch(api))["tags"] == ["c"]
    assert (await create(api, prompt="4", tags=[]))["tags"] == []


async def test_the_engine_stays_what_it_was(api: httpx.AsyncClient, world: World) -> None:
    await create(api, prompt="{% if a %}{{ a }}{% endif %}", template="jinja2")
    await create(api, prompt="{{ a | upper }}")
    content = world.registry.content(world.registry.version("greeting", 2))
    assert content.template == "jinja2"


async def test_a_type_cannot_change(api: httpx.AsyncClient) -> None:
    await create(api)
    body = await refused(api, 400, name="greeting", prompt=CHAT, type="chat")
    assert "type" in body["message"]


@pytest.mark.parametrize(
    "name",
    [
        "dir/sub/prompt",
        "with space",
        "ünï/cødé",
        "a.b",
        "Ünicode",
        "trailing.",
        "con",
        "..",
        "a/../b",
        ".",
        ".git/config",
        "-rf",
        "a.yaml",
        "a" * 120 + "/" + "b" * 120,
    ],
)
async def test_a_name_is_fetched_raw_and_encoded(api: httpx.AsyncClient, name: str) -> None:
    made = await create(api, name, labels=["production"])
    assert made["name"] == name
    assert (await fetch(api, name))["name"] == name
    if ".." not in name and name != ".":
        raw = await api.get(f"{PROMPTS}/{quote(name, safe='/')}")
        assert raw.json()["name"] == name
    listed = (await api.get(PROMPTS, params={"name": name})).json()
    assert [row["name"] for row in listed["data"]] == [name]
    patched = await api.patch(f"{PROMPTS}/{encoded(name)}/versions/1", json={"newLabels": ["x"]})
    assert check(patched).json()["labels"] == ["production", "x", "latest"]
    assert (await api.delete(f"{PROMPTS}/{encoded(name)}")).status_code == 204


@pytest.mark.parametrize("name", ["a//b", "/a", "a/", "a|b", "", " ", "x" * 256, "\0"])
async def test_a_name_that_cannot_be_is_a_400(api: httpx.AsyncClient, name: str) -> None:
    await refused(api, 400, name=name, prompt="x")
    if name:
        for selector in ({}, {"version": 1}, {"label": "latest"}):
            answer = await api.get(f"{PROMPTS}/{encoded(name)}", params=selector)
            assert answer.status_code == 400, (name, answer.text)
            check_error(answer)


async def test_a_double_slash_in_the_path_is_a_400(api: httpx.AsyncClient) -> None:
    await create(api, "a/b", labels=["production"])
    for path in ("a//b", "/a/b", "a/b/", "a%2F/b", "%2Fa/b"):
        assert (await api.get(f"{PROMPTS}/{path}")).status_code == 400, path


async def test_a_name_that_is_not_utf8_is_a_400(api: httpx.AsyncClient) -> None:
    assert (await api.get(f"{PROMPTS}/%ff%fe")).status_code == 400


async def test_a_twin_is_a_conflict(api: httpx.AsyncClient) -> None:
    await create(api, "Greeting")
    answer = await api.post(PROMPTS, json={"name": "greeting", "prompt": "x"})
    assert (answer.status_code, answer.json()["error"]) == (409, "LangfuseConflictError")


async def test_what_is_not_there_is_a_404_in_upstreams_words(api: httpx.AsyncClient) -> None:
    await create(api)
    for name, params, said in (
        ("absent", {}, "Prompt not found: 'absent' with label 'production'"),
        ("greeting", {"label": "staging"}, "Prompt not found: 'greeting' with label 'staging'"),
        ("greeting", {"version": 3}, "Prompt not found: 'greeting' with version 3"),
    ):
        answer = await api.get(f"{PROMPTS}/{name}", params=params)
        assert answer.status_code == 404
        assert answer.json() == {"message": said, "error": "LangfuseNotFoundError"}


@pytest.mark.parametrize(
    "params",
    [
        {"version": "1", "label": "production"},
        *({"version": bad} for bad in ("0", "-1", "x", "1.5", "9" * 30, "１")),
        {"resolve": "maybe"},
    ],
)
async def test_bad_selectors_are_a_400(api: httpx.AsyncClient, params: dict[str, str]) -> None:
    await create(api, labels=["production"])
    answer = await api.get(f"{PROMPTS}/greeting", params=params)
    assert answer.status_code == 400, answer.text
    check_error(answer)


async def test_a_client_that_has_it_gets_304(api: httpx.AsyncClient) -> None:
    await create(api, labels=["production"])
    for params in ({}, {"resolve": "false"}):
        first = await api.get(f"{PROMPTS}/greeting", params=params)
        again = await api.get(f"{PROMPTS}/greeting", params=params, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    await create(api, prompt="new", labels=["production"])
    changed = await api.get(f"{PROMPTS}/greeting", headers={"if-none-match": first.headers["etag"]})
    assert changed.status_code == 200


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, []),
        ({"name": "x"}, []),
        ({"name": 5, "prompt": "x"}, ["name"]),
        ({"name": "x", "prompt": 5}, ["prompt"]),
        ({"name": "x", "prompt": "t", "type": "chat"}, ["prompt"]),
        ({"name": "x", "prompt": CHAT}, ["prompt"]),
        ({"name": "x", "prompt": CHAT, "type": "text"}, ["prompt"]),
        ({"name": "x", "prompt": "t", "type": "other"}, ["type"]),
        ({"name": "x", "prompt": "t", "labels": "production"}, ["labels"]),
        ({"name": "x", "prompt": "t", "tags": [1]}, ["tags", 0]),
        ({"name": "x", "prompt": "t", "commitMessage": "m" * 501}, ["commitMessage"]),
        ({"name": "x", "prompt": [{"role": "user"}], "type": "chat"}, ["prompt", 0, "content"]),
        ({"name": "x", "prompt": [{"role": "user", "content": 5}], "type": "chat"}, ["prompt", 0, "content"]),
        ({"name": "x", "prompt": [{"type": "placeholder"}], "type": "chat"}, ["prompt", 0, "name"]),
    ],
)
async def test_a_body_with_the_wrong_shape_says_where(
    api: httpx.AsyncClient, body: dict[str, Any], path: list[str | int]
) -> None:
    said = await refused(api, 400, **body)
    assert said["message"] == "Invalid request data"
    assert said["error"][0]["path"] == path


@pytest.mark.parametrize(
    "body",
    [
        {"labels": ["Production"]},
        {"labels": ["x" * 37]},
        {"labels": ["a b"]},
        {"labels": [""]},
        {"labels": ["pr-7"]},
        {"prompt": "@@@langfusePrompt:name=absent|label=production@@@"},
        {"prompt": [{"role": "user", "content": "{{x}}"}, {"type": "placeholder", "name": "x"}], "type": "chat"},
        {"prompt": "x" * 400_000},
        {"prompt": "{{ 'x' * 10**9 }}", "template": "jinja2"},
    ],
)
async def test_a_prompt_that_cannot_be_is_a_400_and_changes_nothing(
    api: httpx.AsyncClient, world: World, body: dict[str, Any]
) -> None:
    before = world.registry.snapshot.head
    answer = await api.post(PROMPTS, json={"name": "bad", "prompt": "x", **body})
    assert answer.status_code in {400, 413}, answer.text
    check_error(answer)
    assert world.registry.snapshot.head == before


async def test_a_missing_reference_is_named(api: httpx.AsyncClient) -> None:
    answer = await api.post(
        PROMPTS, json={"name": "bad", "prompt": "@@@langfusePrompt:name=absent|label=production@@@"}
    )
    assert answer.status_code == 400
    assert answer.json()["message"] == "Prompt dependency not found: absent - label production"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"5",
        b"\xff\xfe{",
        b'{"name": "\\ud800", "prompt": "x"}',
        b"[" * 100_000,
        b'{"a":' * 30_000,
    ],
)
async def test_bodies_that_are_no_prompt(api: httpx.AsyncClient, content: bytes) -> None:
    for method, path in (("POST", PROMPTS), ("PATCH", f"{PROMPTS}/x/versions/1")):
        answer = await api.request(method, path, content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 400, answer.text[:200]
        check_error(answer)


async def test_a_body_that_is_too_large_is_a_413(api: httpx.AsyncClient) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 50_000

    packed = gzip.compress(b" " * (MAX_BODY + 1))
    async with asyncio.timeout(10):
        announced = await api.post(PROMPTS, content=b" " * (MAX_BODY + 1))
        streamed = await api.post(PROMPTS, content=endless())
        inflated = await api.post(PROMPTS, content=packed, headers={"content-encoding": "gzip"})
    for answer in (announced, streamed, inflated):
        assert (answer.status_code, answer.json()["error"]) == (413, "PayloadTooLargeError")


async def test_a_gzipped_body_is_taken(api: httpx.AsyncClient) -> None:
    packed = gzip.compress(json.dumps({"name": "packed", "prompt": "x"}).encode())
    answer = await api.post(PROMPTS, content=packed, headers={"content-encoding": "gzip"})
    assert answer.status_code == 201
    assert (await api.post(PROMPTS, content=b"{}", headers={"content-encoding": "br"})).status_code == 400
    assert (await api.post(PROMPTS, content=b"{}", headers={"content-encoding": "gzip"})).status_code == 400


async def test_labels_are_added_to_a_version(api: httpx.AsyncClient) -> None:
    await create(api, labels=["production"])
    await create(api, prompt="2")
    answer = await api.patch(f"{PROMPTS}/greeting/versions/2", json={"newLabels": ["production", "staging"]})
    assert check(answer).status_code == 200
    assert answer.json()["labels"] == ["production", "staging", "latest"]
    assert (await fetch(api))["version"] == 2
    assert (await fetch(api, version=1))["labels"] == []
    nothing = await api.patch(f"{PROMPTS}/greeting/versions/2", json={"newLabels": []})
    assert nothing.json()["labels"] == ["production", "staging", "latest"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("greeting/versions/1", {"newLabels": ["latest"]}, 400),
        ("greeting/versions/1", {"newLabels": ["Bad Label"]}, 400),
        ("greeting/versions/1", {"newLabels": "x"}, 400),
        ("greeting/versions/1", {}, 400),
        ("greeting/versions/9", {"newLabels": ["x"]}, 404),
        ("greeting/versions/9", {"newLabels": []}, 404),
        ("absent/versions/1", {"newLabels": ["x"]}, 404),
        ("greeting/versions/one", {"newLabels": ["x"]}, 400),
        ("greeting/versions/0", {"newLabels": ["x"]}, 400),
        ("greeting", {"newLabels": ["x"]}, 404),
        ("greeting/versions/", {"newLabels": ["x"]}, 404),
    ],
)
async def test_a_bad_patch(api: httpx.AsyncClient, path: str, body: Any, status: int) -> None:
    await create(api)
    answer = await api.patch(f"{PROMPTS}/{path}", json=body)
    assert answer.status_code == status, answer.text
    check_error(answer)


async def test_a_version_or_a_prompt_is_deleted(api: httpx.AsyncClient) -> None:
    for number in range(1, 4):
        await create(api, prompt=f"text {number}", labels=["production"] if number == 2 else [])
    assert (await api.delete(f"{PROMPTS}/greeting", params={"version": 3})).status_code == 204
    assert (await fetch(api, label="latest"))["version"] == 2
    assert (await api.get(f"{PROMPTS}/greeting", params={"version": 3})).status_code == 404
    assert (await api.delete(f"{PROMPTS}/greeting", params={"label": "production"})).status_code == 204
    assert (await fetch(api, label="latest"))["version"] == 1
    assert check(await api.delete(f"{PROMPTS}/greeting")).status_code == 204
    assert (await api.get(f"{PROMPTS}/greeting", params={"label": "latest"})).status_code == 404
    for params in ({}, {"version": 1}, {"label": "production"}):
        gone = await api.delete(f"{PROMPTS}/greeting", params=params)
        assert (gone.status_code, gone.json()["error"]) == (404, "LangfuseNotFoundError")
    assert (await create(api))["version"] == 4


async def test_what_others_refer_to_is_not_deleted(api: httpx.AsyncClient) -> None:
    await create(api, "part", "Part", labels=["production"])
    await create(api, "whole", "@@@langfusePrompt:name=part|label=production@@@!")
    answer = await api.delete(f"{PROMPTS}/part")
    assert answer.status_code in {400, 409}, answer.text
    assert "whole" in answer.json()["message"]
    assert (await fetch(api, "part"))["version"] == 1


async def test_references_are_resolved_and_the_graph_is_told(api: httpx.AsyncClient) -> None:
    await create(api, "leaf", "leaf {{x}}", labels=["production"])
    await create(api, "branch", "branch @@@langfusePrompt:name=leaf|label=production@@@", labels=["production"])
    raw = "@@@langfusePrompt:name=branch|version=1@@@ and @@@langfusePrompt:name=leaf|version=1@@@"
    await create(api, "tree", raw, labels=["production"])
    found = await fetch(api, "tree")
    assert found["prompt"] == "branch leaf {{x}} and leaf {{x}}"
    leaf = {"id": "leaf@1", "name": "leaf", "version": 1}
    branch = {"id": "branch@1", "name": "branch", "version": 1}
    assert found["resolutionGraph"] == {
        "root": {"id": "tree@1", "name": "tree", "version": 1},
        "dependencies": {"tree@1": [branch, leaf], "branch@1": [leaf]},
    }
    unresolved = await fetch(api, "tree", resolve="false")
    assert (unresolved["prompt"], unresolved["resolutionGraph"]) == (raw, None)


async def test_prompts_are_listed(api: httpx.AsyncClient) -> None:
    await create(api, "b/two", tags=["x"], labels=["production"], config={"n": 1})
    await create(api, "b/two", "again", config={"n": 2})
    await create(api, "a/one", CHAT, type="chat")
    answer = check(await api.get(PROMPTS))
    assert answer.json()["meta"] == {"page": 1, "limit": 10, "totalItems": 2, "totalPages": 1}
    assert answer.json()["pagination"] == answer.json()["meta"]
    one, two = answer.json()["data"]
    assert (one["name"], one["type"], one["versions"], one["labels"]) == ("a/one", "chat", [1], ["latest"])
    assert (two["versions"], two["labels"], two["tags"]) == ([1, 2], ["latest", "production"], ["x"])
    assert two["lastConfig"] == {"n": 2}


async def test_the_list_is_filtered_by_version(api: httpx.AsyncClient) -> None:
    await create(api, "two", tags=["x"], labels=["production"], config={"n": 1})
    before = (await create(api, "two", "again", config={"n": 2}))["createdAt"]
    await create(api, "one")

    async def names(**params: Any) -> list[str]:
        return [row["name"] for row in check(await api.get(PROMPTS, params=params)).json()["data"]]

    assert await names(label="production") == ["two"]
    assert await names(tag="x") == ["two"]
    assert await names(tag="absent") == []
    assert await names(version=2) == ["two"]
    assert await names(name="one") == ["one"]
    assert await names(name="on") == []
    assert await names(label="latest") == ["one", "two"]
    assert await names(fromUpdatedAt="2020-01-01T00:00:00Z") == ["one", "two"]
    assert await names(fromUpdatedAt="2120-01-01T00:00:00Z") == []
    assert await names(toUpdatedAt="2020-01-01T00:00:00Z") == []
    assert "two" in await names(fromUpdatedAt=before)
    assert await names(limit=1) == ["one"]
    assert await names(limit=1, page=2) == ["two"]
    assert await names(limit=1, page=3) == []
    row = (await api.get(PROMPTS, params={"label": "production"})).json()["data"][0]
    assert (row["versions"], row["labels"], row["lastConfig"]) == ([1], ["production"], {"n": 1})


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": 101}, {"page": 0}, {"page": "x"}, {"version": "x"}, {"fromUpdatedAt": "soon"}]
)
async def test_bad_parameters_of_the_list(api: httpx.AsyncClient, params: dict[str, Any]) -> None:
    answer = await api.get(PROMPTS, params=params)
    assert answer.status_code == 400
    assert answer.json()["error"][0]["path"] == list(params)


async def test_projects_do_not_see_each_other(api: httpx.AsyncClient, world: World) -> None:
    await create(api, labels=["production"])
    async with world.client("other") as other:
        assert (await other.get(f"{PROMPTS}/greeting")).status_code == 404
        assert (await other.get(PROMPTS)).json()["data"] == []
        await create(other, prompt="theirs", labels=["production"])
        assert (await other.delete(f"{PROMPTS}/greeting")).status_code == 204
    assert (await fetch(api))["prompt"] == "Hello {{name}}"


async def test_a_write_is_not_counted_as_a_fetch(api: httpx.AsyncClient, world: World) -> None:
    await create(api, labels=["production"])
    assert world.services.prompts.fetches.take() == {}
    await fetch(api)
    assert [key[:4] for key in world.services.prompts.fetches.take()] == [("one", "greeting", 1, "production")]


async def test_racing_creations_all_get_a_version(api: httpx.AsyncClient) -> None:
    made = await asyncio.gather(*(create(api, prompt=f"text {number}") for number in range(12)))
    assert sorted(each["version"] for each in made) == list(range(1, 13))


async def test_health_and_projects_as_sdks_ask(api: httpx.AsyncClient, world: World) -> None:
    health = check(await api.get("/api/public/health")).json()
    assert health == {"status": "OK", "version": world.services.version}
    project = check(await api.get("/api/public/projects")).json()["data"][0]
    assert (project["id"], project["name"], project["metadata"]) == ("one", "One", {})
    assert set(project["organization"]) == {"id", "name"}
