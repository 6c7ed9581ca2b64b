"""The native API: compile, bundles, versions, promotions, rollbacks, removal, metrics, keys."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.conftest import World
from api.contract import check_error

PROMPTS = "/api/public/v2/prompts"
NOW = "2026-03-01T12:00:00.000Z"


async def create(api: httpx.AsyncClient, name: str = "support/triage", prompt: Any = "v1 {{x}}", **more: Any) -> Any:
    answer = await api.post(PROMPTS, json={"name": name, "prompt": prompt, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def ask(api: httpx.AsyncClient, method: str, path: str, *, status: int = 200, **options: Any) -> Any:
    answer = await api.request(method, path, **options)
    assert answer.status_code == status, answer.text
    if status >= 400:
        check_error(answer)
    return answer.json()


@pytest.fixture
async def filled(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """`support/triage` with three versions, `production` on the second by a promotion from the first."""
    await create(api, labels=["production"], tags=["support"], config={"model": "m"})
    await create(api, prompt="v2 {{x}}\nsame\n", commitMessage="Say it better")
    await create(api, prompt="v3 {{x}}\nsame\n")
    await ask(api, "POST", "/api/v1/promotions", json={"name": "support/triage", "version": 2, "label": "production"})
    return api


async def promote(api: httpx.AsyncClient, status: int = 200, **body: Any) -> Any:
    given = {"name": "support/triage", "label": "production", **body}
    return await ask(api, "POST", "/api/v1/promotions", status=status, json=given)


async def roll_back(api: httpx.AsyncClient, status: int = 200, **body: Any) -> Any:
    return await ask(api, "POST", "/api/v1/rollbacks", status=status, json={"name": "support/triage", **body})


async def served(api: httpx.AsyncClient, label: str = "production") -> int | None:
    answer = await api.get(f"{PROMPTS}/support/triage", params={"label": label})
    return int(answer.json()["version"]) if answer.status_code == 200 else None


async def test_a_prompt_is_compiled(filled: httpx.AsyncClient) -> None:
    body = {"name": "support/triage", "variables": {"x": "y"}}
    found = await ask(filled, "POST", "/api/v1/compile", json=body)
    assert (found["version"], found["label"], found["prompt"]) == (2, "production", "v2 y\nsame\n")
    assert found["type"] == "text"
    assert len(found["commit"]) == len(found["blob"]) == 40
    old = await ask(filled, "POST", "/api/v1/compile", json={**body, "version": 1})
    assert (old["version"], old["label"], old["config"]) == (1, None, {"model": "m"})


async def test_a_strict_compile_names_what_is_missing(filled: httpx.AsyncClient) -> None:
    body = {"name": "support/triage", "strict": True}
    missing = await ask(filled, "POST", "/api/v1/compile", status=422, json=body)
    assert "x" in missing["missing"]
    assert "x" in missing["message"]
    loose = await ask(filled, "POST", "/api/v1/compile", json={"name": "support/triage"})
    assert loose["prompt"] == "v2 {{x}}\nsame\n"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "absent"}, 404),
        ({"name": "a//b"}, 400),
        ({}, 400),
        ({"name": "support/triage", "label": "x", "version": 1}, 400),
        ({"name": "support/triage", "variables": []}, 400),
        ({"name": "support/triage", "unknown": 1}, 400),
    ],
)
async def test_a_bad_compile(filled: httpx.AsyncClient, body: Any, status: int) -> None:
    await ask(filled, "POST", "/api/v1/compile", status=status, json=body)


async def test_a_bundle_holds_every_prompt_of_a_label(filled: httpx.AsyncClient, world: World) -> None:
    await create(filled, "other", "Other", labels=["production", "staging"])
    first = await filled.get("/api/v1/labels/production/bundle")
    bundle = first.json()
    assert (bundle["label"], bundle["head"]) == ("production", world.registry.snapshot.head)
    assert [(each["name"], each["version"]) for each in bundle["prompts"]] == [("other", 1), ("support/triage", 2)]
    etag = {"if-none-match": first.headers["etag"]}
    assert (await filled.get("/api/v1/labels/production/bundle", headers=etag)).status_code == 304
    await promote(filled, version=3)
    assert (await filled.get("/api/v1/labels/production/bundle", headers=etag)).status_code == 200
    await ask(filled, "GET", "/api/v1/labels/Bad%20Label/bundle", status=400)


async def test_a_promotion_is_one_commit_of_one_label_file(filled: httpx.AsyncClient, world: World) -> None:
    moved = await promote(filled, version=3, expected=2, message="Ship it")
    assert moved == {"label": "production", "from": 2, "to": 3, "commit": world.registry.snapshot.head}
    assert await served(filled) == 3
    history = await ask(filled, "GET", "/api/v1/prompts/history", params={"name": "support/triage", "limit": 1})
    item = history["history"][0]
    assert (item["commit"], item["kind"], item["label"], item["version"]) == (moved["commit"], "label", "production", 3)
    assert item["message"].startswith("Ship it")


async def test_a_new_label_comes_from_nothing(filled: httpx.AsyncClient) -> None:
    moved = await promote(filled, version=1, label="staging")
    assert (moved["from"], moved["to"]) == (None, 1)
    assert await served(filled, "staging") == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"version": 3, "expected": 1}, 409),
        ({"version": 9}, 404),
        ({"name": "absent", "version": 1}, 404),
        ({"name": "a//b", "version": 1}, 400),
        ({"version": 3, "label": "latest"}, 400),
        ({"version": 3, "label": "pr-3"}, 400),
        ({"version": 3, "label": "Bad"}, 400),
        ({"version": "3"}, 400),
        ({}, 400),
        ({"version": 3, "split": [{"version": 1, "weight": 1}, {"version": 2, "weight": 1}]}, 400),
        ({"split": [{"version": 1, "weight": 1}]}, 400),
        ({"split": [{"version": 1, "weight": -1}, {"version": 2, "weight": 1}]}, 400),
        ({"split": [{"version": 1, "weight": 0}, {"version": 2, "weight": 1}]}, 400),
        ({"split": [{"version": 1, "weight": 1_000_001}, {"version": 2, "weight": 1}]}, 400),
        ({"split": [{"version": number, "weight": 1} for number in range(1, 102)]}, 400),
        ({"split": [{"version": 1, "weight": 1}, {"version": 1, "weight": 1}]}, 400),
        ({"split": [{"version": 1, "weight": 1}, {"version": 9, "weight": 1}]}, 404),
        ({"version": 3, "unknown": 1}, 400),
        ({"version": 0}, 404),
        ({"version": -1}, 404),
        ({"version": 10**30}, 404),
        ({"version": 3, "message": "a\0b"}, 400),
    ],
)
async def test_a_bad_promotion_changes_nothing(
    filled: httpx.AsyncClient, world: World, body: dict[str, Any], status: int
) -> None:
    before = world.registry.snapshot.head
    await promote(filled, status, **body)
    assert world.registry.snapshot.head == before


async def test_a_split_is_promoted_and_shown(filled: httpx.AsyncClient) -> None:
    split = [{"version": 2, "weight": 90}, {"version": 3, "weight": 10}]
    moved = await promote(filled, split=split)
    assert (moved["from"], moved["to"], moved["split"]) == (2, 2, split)
    history = await ask(filled, "GET", "/api/v1/prompts/history", params={"name": "support/triage", "limit": 1})
    assert (history["history"][0]["what"], history["history"][0]["version"]) == (
        "production serves 2 (90) and 3 (10)",
        2,
    )
    row = (await ask(filled, "GET", "/api/v1/prompts"))["prompts"][0]
    assert row["labels"]["production"]["split"] == [{"version": 2, "weight": 90}, {"version": 3, "weight": 10}]
    for version in (2, 3):
        answer = await filled.get(f"{PROMPTS}/support/triage", params={"version": version})
        assert "production" in answer.json()["labels"]


async def test_a_split_may_be_as_wide_and_as_heavy_as_a_label_file_allows(filled: httpx.AsyncClient) -> None:
    for number in range(4, 13):
        await create(filled, prompt=f"v{number} {{{{x}}}}")
    split = [{"version": number, "weight": 1_000_000} for number in range(1, 13)]
    assert (await promote(filled, split=split))["split"] == split


async def test_a_weight_out_of_range_is_named_by_its_place(filled: httpx.AsyncClient) -> None:
    told = await promote(filled, 400, split=[{"version": 1, "weight": 1}, {"version": 2, "weight": 0}])
    assert told["issues"][0]["path"] == ["split", 1, "weight"]


async def test_a_rollback_goes_back_and_never_forth(filled: httpx.AsyncClient) -> None:
    await promote(filled, version=3)
    assert (await roll_back(filled, label="production", leaving=3))["to"] == 2
    moved = await roll_back(filled, label="production", leaving=2)
    assert (moved["from"], moved["to"]) == (2, 1)
    assert await served(filled) == 1


async def test_a_rollback_to_a_split_tells_it(filled: httpx.AsyncClient) -> None:
    split = [{"version": 1, "weight": 1}, {"version": 2, "weight": 1}, {"version": 3, "weight": 5}]
    await promote(filled, split=split)
    await promote(filled, version=1)
    moved = await roll_back(filled, label="production")
    assert (moved["from"], moved["to"], moved["split"]) == (1, 3, split)
    history = await ask(filled, "GET", "/api/v1/prompts/history", params={"name": "support/triage", "limit": 2})
    assert [item["what"] for item in history["history"]] == [
        "production serves 1 (1), 2 (1) and 3 (5)",
        "production serves 1",
    ]
    assert "split" not in await roll_back(filled, label="production")


async def test_a_rollback_of_what_has_moved_is_a_conflict(filled: httpx.AsyncClient) -> None:
    await roll_back(filled, 409, label="production", leaving=1)
    assert await served(filled) == 2


async def test_a_rollback_of_a_text_is_a_new_version(filled: httpx.AsyncClient) -> None:
    made = await roll_back(filled, to=1)
    assert (made["version"], made["labels"]) == (4, ["latest"])
    first = (await filled.get(f"{PROMPTS}/support/triage", params={"version": 1})).json()
    assert made["blob"] == first["blob"]
    assert await served(filled) == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"label": "production", "to": 1}, 400),
        ({"to": 1, "leaving": 2}, 400),
        ({"to": 9}, 404),
        ({"label": "latest"}, 400),
        ({"name": "absent", "label": "production"}, 404),
    ],
)
async def test_a_bad_rollback(filled: httpx.AsyncClient, body: dict[str, Any], status: int) -> None:
    await roll_back(filled, status, **body)


async def test_a_label_is_removed(filled: httpx.AsyncClient) -> None:
    path, params = "/api/v1/labels/production", {"name": "support/triage"}
    await ask(filled, "DELETE", path, status=409, params={**params, "expected": 1})
    moved = await ask(filled, "DELETE", path, params={**params, "expected": 2})
    assert (moved["label"], moved["from"], moved["to"]) == ("production", 2, None)
    assert await served(filled) is None
    await ask(filled, "DELETE", path, status=404, params=params)
    await ask(filled, "DELETE", path, status=400)
    await ask(filled, "DELETE", "/api/v1/labels/latest", status=400, params=params)


async def test_prompts_are_listed_by_prefix_and_page(filled: httpx.AsyncClient) -> None:
    for name in ("a", "support/greeting", "z"):
        await create(filled, name, "x")

    async def names(**params: Any) -> list[str]:
        answer = await ask(filled, "GET", "/api/v1/prompts", params=params)
        return [row["name"] for row in answer["prompts"]]

    assert await names() == ["a", "support/greeting", "support/triage", "z"]
    assert await names(prefix="support/") == ["support/greeting", "support/triage"]
    assert await names(label="production") == ["support/triage"]
    assert await names(tag="support") == ["support/triage"]
    first = await ask(filled, "GET", "/api/v1/prompts", params={"limit": 2})
    assert first["next"] == "support/greeting"
    assert await names(limit=2, after=first["next"]) == ["support/triage", "z"]
    row = first["prompts"][0]
    assert (row["latest"], row["versions"], row["type"], row["labels"]) == (1, [1], "text", {})


async def test_a_version_is_shown_as_it_is_written(filled: httpx.AsyncClient) -> None:
    shown = await ask(filled, "GET", "/api/v1/prompts/show", params={"name": "support/triage"})
    assert (shown["version"], shown["prompt"], shown["template"]) == (2, "v2 {{x}}\nsame\n", "mustache")
    assert (shown["tags"], shown["labels"], shown["message"]) == (["support"], ["production"], "Say it better")
    one = await ask(filled, "GET", "/api/v1/prompts/show", params={"name": "support/triage", "version": 1})
    assert (one["version"], one["config"], one["variables"]) == (1, {"model": "m"}, {})
    both = {"name": "support/triage", "version": 1, "label": "x"}
    await ask(filled, "GET", "/api/v1/prompts/show", status=400, params=both)
    await ask(filled, "GET", "/api/v1/prompts/show", status=404, params={"name": "support/triage", "label": "x"})
    await ask(filled, "GET", "/api/v1/prompts/show", status=400)


async def test_history_is_told_newest_first(filled: httpx.AsyncClient) -> None:
    answer = await ask(filled, "GET", "/api/v1/prompts/history", params={"name": "support/triage"})
    kinds = [(item["kind"], item["label"], item["version"]) for item in answer["history"]]
    versions = [kind for kind in kinds if kind[0] == "version"]
    assert [version for _, _, version in versions] == [3, 2, 1]
    assert kinds[0] == ("label", "production", 2)
    assert all(item["time"].endswith("Z") and item["author"] for item in answer["history"])
    label = await ask(
        filled, "GET", "/api/v1/prompts/history", params={"name": "support/triage", "label": "production"}
    )
    assert [item["version"] for item in label["history"]] == [2, 1]
    assert [item["what"] for item in label["history"]] == ["production serves 2", "production serves 1"]
    await ask(filled, "GET", "/api/v1/prompts/history", status=404, params={"name": "absent"})


async def test_two_versions_are_compared(filled: httpx.AsyncClient) -> None:
    params = {"name": "support/triage", "from": 2, "to": 3}
    found = await ask(filled, "GET", "/api/v1/prompts/diff", params=params)
    assert (found["from"]["version"], found["to"]["version"]) == (2, 3)
    changed = [(line["op"], line["text"].strip()) for line in found["lines"] if line["op"] != "equal"]
    assert changed == [("delete", "v2 {{x}}"), ("insert", "v3 {{x}}")]
    await ask(filled, "GET", "/api/v1/prompts/diff", status=404, params={**params, "to": 9})
    await ask(filled, "GET", "/api/v1/prompts/diff", status=400, params={"name": "support/triage", "from": 2})
    await ask(filled, "GET", "/api/v1/prompts/diff", status=400, params={**params, "to": "x"})


def generation(number: int, version: int, seconds: int) -> list[dict[str, Any]]:
    body = {
        "id": f"g{number}",
        "traceId": f"t{number}",
        "startTime": NOW,
        "endTime": f"2026-03-01T12:00:{seconds:02}.000Z",
        "model": "gpt-4o-mini",
        "usage": {"input": 100 * number, "output": 10},
        "promptName": "support/triage",
        "promptVersion": version,
    }
    score = {"id": f"s{number}", "traceId": f"t{number}", "observationId": f"g{number}", "name": "helpful"}
    return [
        {"id": f"e{number}", "type": "generation-create", "timestamp": NOW, "body": body},
        {"id": f"f{number}", "type": "score-create", "timestamp": NOW, "body": {**score, "value": number / 2}},
    ]


async def test_metrics_join_what_was_measured_with_what_is_in_git(filled: httpx.AsyncClient) -> None:
    batch = [*generation(1, 2, 1), *generation(2, 2, 3), *generation(3, 7, 1)]
    await ask(filled, "POST", "/api/public/ingestion", status=207, json={"batch": batch})
    answer = await ask(filled, "GET", "/api/v1/prompts/metrics", params={"name": "support/triage"})
    assert answer["name"] == "support/triage"
    rows = {row["version"]: row for row in answer["versions"]}
    assert list(rows) == [7, 3, 2, 1]
    row = rows[2]
    second = (await filled.get(f"{PROMPTS}/support/triage")).json()
    assert (row["commit"], row["blob"], row["labels"]) == (second["commit"], second["blob"], ["production"])
    assert row["generations"] == 2
    assert row["latency_ms"]["p50"] == pytest.approx(1000, rel=0.1)
    assert row["latency_ms"]["p95"] >= row["latency_ms"]["p50"]
    assert row["input_tokens"]["mean"] == 150
    assert row["output_tokens"]["mean"] == 10
    assert row["cost_usd"]["sum"] > 0
    assert row["scores"]["helpful"]["count"] == 2
    assert row["scores"]["helpful"]["mean"] == pytest.approx(0.75)
    assert row["first_seen"] == row["last_seen"] == NOW
    assert (rows[7]["commit"], rows[7]["generations"]) == (None, 1)
    assert (rows[1]["generations"], rows[1]["latency_ms"]["p50"], rows[1]["first_seen"]) == (0, None, None)
    past = {"name": "support/triage", "until": "2026-01-01T00:00:00Z"}
    earlier = await ask(filled, "GET", "/api/v1/prompts/metrics", params=past)
    assert all(row["generations"] == 0 for row in earlier["versions"])


async def test_metrics_of_what_nobody_knows(filled: httpx.AsyncClient) -> None:
    await ask(filled, "GET", "/api/v1/prompts/metrics", status=404, params={"name": "absent"})
    await ask(filled, "GET", "/api/v1/prompts/metrics", status=400)
    params = {"name": "support/triage", "since": "yesterday"}
    await ask(filled, "GET", "/api/v1/prompts/metrics", status=400, params=params)


async def test_keys_are_made_listed_and_revoked(api: httpx.AsyncClient, world: World) -> None:
    made = await ask(api, "POST", "/api/v1/keys", status=201, json={"name": "CI", "kind": "read-only"})
    listed = (await ask(api, "GET", "/api/v1/keys"))["keys"]
    mine = next(key for key in listed if key["public_key"] == made["public_key"])
    assert (mine["name"], mine["kind"], mine["project_id"], mine["revoked_at"]) == ("CI", "read-only", "one", None)
    assert made["secret_key"] not in str(listed)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=world.app),
        base_url="http://test",
        auth=(made["public_key"], made["secret_key"]),
    ) as reader:
        world.services.auth.refresh()
        assert (await reader.get("/api/public/projects")).status_code == 200
        assert (await reader.get("/api/v1/keys")).status_code == 403
        revoked = await ask(api, "DELETE", f"/api/v1/keys/{made['public_key']}")
        assert revoked["revoked_at"]
        assert (await reader.get("/api/public/projects")).status_code == 401
    await ask(api, "DELETE", f"/api/v1/keys/{made['public_key']}", status=404)
    await ask(api, "POST", "/api/v1/keys", status=400, json={"name": "x", "kind": "root"})
    await ask(api, "POST", "/api/v1/keys", status=400, json={"name": "<x>"})


async def test_a_key_of_another_project_is_out_of_reach(api: httpx.AsyncClient, world: World) -> None:
    theirs = world.services.control.keys("two")[0]
    await ask(api, "DELETE", f"/api/v1/keys/{theirs.public_key}", status=404)
    assert all(key["project_id"] == "one" for key in (await ask(api, "GET", "/api/v1/keys"))["keys"])
    assert [p["id"] for p in (await ask(api, "GET", "/api/v1/projects"))["projects"]] == ["one"]


@pytest.mark.parametrize("path", ["/api/v1/compile", "/api/v1/promotions", "/api/v1/rollbacks", "/api/v1/keys"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"name": "\\ud800"}'])
async def test_bad_bodies(api: httpx.AsyncClient, path: str, content: bytes) -> None:
    await ask(api, "POST", path, status=400, content=content)


@pytest.mark.parametrize("path", ["/api/v1/compile", "/api/v1/promotions", "/api/v1/rollbacks", "/api/v1/keys"])
async def test_bodies_that_are_too_large(api: httpx.AsyncClient, path: str) -> None:
    await ask(api, "POST", path, status=413, content=b" " * 300_000)
