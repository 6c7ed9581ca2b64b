from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from serving.registries import ACTOR, PlainEncoder, chat, create, new_registry, split, text
from trunkline.errors import InvalidRequest, MissingVariables, NotFound
from trunkline.registry.registry import Registry
from trunkline.serving import memo as memo_module
from trunkline.serving.answers import PromptServer
from trunkline.serving.compiling import CompileRequest, decode_compile
from trunkline.serving.fetches import Counted, FetchCounts
from trunkline.serving.memo import Answer, matches
from trunkline.types import Variable

SECRET = b"s" * 32


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = new_registry(tmp_path)
    create(made, "support/triage", "You triage {{product}}.", "production")
    create(made, "support/triage", "You triage {{product}} well.", "staging")
    return made


@pytest.fixture
def encoder() -> PlainEncoder:
    return PlainEncoder()


@pytest.fixture
def server(registry: Registry, encoder: PlainEncoder) -> PromptServer:
    return PromptServer({"default": registry}, encoder, secret=SECRET)


def said(answer: Answer) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(answer.body)
    return decoded


async def test_by_label_version_and_default(server: PromptServer) -> None:
    first = await server.fetch("default", "support/triage")
    assert (said(first)["version"], said(first)["labels"]) == (1, ["production"])
    assert said(await server.fetch("default", "support/triage", label="staging"))["labels"] == ["staging", "latest"]
    assert said(await server.fetch("default", "support/triage", label="latest"))["version"] == 2
    assert said(await server.fetch("default", "support/triage", version=1)) == said(first)


@pytest.mark.parametrize(
    ("name", "selector", "message"),
    [
        ("support/triage", {"label": "qa"}, "Prompt not found: 'support/triage' with label 'qa'"),
        ("support/triage", {"version": 3}, "Prompt not found: 'support/triage' with version 3"),
        ("unknown", {}, "Prompt not found: 'unknown' with label 'production'"),
        ("unknown", {"version": 1}, "Prompt not found: 'unknown' with version 1"),
        ("unknown", {"label": "latest"}, "Prompt not found: 'unknown' with label 'latest'"),
    ],
)
async def test_what_is_not_there(server: PromptServer, name: str, selector: dict[str, Any], message: str) -> None:
    with pytest.raises(NotFound) as caught:
        await server.fetch("default", name, **selector)
    assert caught.value.message == message


async def test_requests_that_cannot_be_meant(server: PromptServer) -> None:
    for name in ("a//b", "", "/a", "a|b"):
        with pytest.raises(InvalidRequest):
            await server.fetch("default", name)
    with pytest.raises(InvalidRequest):
        await server.fetch("default", "support/triage", label="production", version=1)
    with pytest.raises(NotFound):
        await server.fetch("another project", "support/triage")


async def test_an_answer_is_made_once_for_a_snapshot(
    server: PromptServer, encoder: PlainEncoder, registry: Registry
) -> None:
    first = await server.fetch("default", "support/triage")
    assert await server.fetch("default", "support/triage") is first
    assert encoder.calls == 1
    create(registry, "other", "Another prompt.", "production")
    again = await server.fetch("default", "support/triage")
    assert again is not first
    assert (again.body, again.etag) == (first.body, first.etag)
    assert encoder.calls == 1, "what a new head did not change is not encoded again"


async def test_a_new_head_is_served_by_the_next_fetch(server: PromptServer, registry: Registry) -> None:
    before = await server.fetch("default", "support/triage")
    registry.promote("support/triage", "production", version=2, actor=ACTOR)
    after = await server.fetch("default", "support/triage")
    assert said(after)["version"] == 2
    assert said(after)["labels"] == ["production", "staging", "latest"]
    assert after.etag != before.etag


async def test_the_etag_follows_what_is_said(server: PromptServer, registry: Registry) -> None:
    seen = {(await server.fetch("default", "support/triage", version=1)).etag}
    registry.set_labels("support/triage", 1, ["qa"], actor=ACTOR)
    seen.add((await server.fetch("default", "support/triage", version=1)).etag)
    seen.add((await server.fetch("default", "support/triage", version=2)).etag)
    assert len(seen) == 3


def test_if_none_match_is_read_as_http_has_it() -> None:
    etag = b'"abc"'
    for header in (b'"abc"', b'W/"abc"', b'"x", "abc"', b'"x" , W/"abc"', b"*", b" * "):
        assert matches(etag, header), header
    for header in (b'"abcd"', b"abc", b'"ab","c"', b"", b'W/"x"'):
        assert not matches(etag, header), header


async def test_references_are_resolved_unless_the_raw_text_is_asked_for(
    server: PromptServer, registry: Registry
) -> None:
    create(registry, "tone", "Be kind.", "production")
    raw = "@@@langfusePrompt:name=tone|label=production@@@ Answer {{question}}."
    create(registry, "composed", raw, "production")
    resolved = await server.fetch("default", "composed")
    assert said(resolved)["prompt"] == "Be kind. Answer {{question}}."
    assert said(resolved)["uses"] == [["tone", 1]]
    assert said(await server.fetch("default", "composed", version=1)) == said(resolved)
    for selector in ({}, {"version": 1}):
        unresolved = await server.fetch("default", "composed", resolve=False, **selector)  # type: ignore[arg-type]
        assert (said(unresolved)["prompt"], said(unresolved)["uses"]) == (raw, [])
    create(registry, "tone", "Be short.", "production")
    assert said(await server.fetch("default", "composed"))["prompt"] == "Be short. Answer {{question}}."
    assert said(await server.fetch("default", "composed", version=1))["prompt"] == "Be short. Answer {{question}}."


async def test_a_split_serves_its_arms_by_weight_and_by_key(server: PromptServer, registry: Registry) -> None:
    split(registry, "support/triage", "production", {1: 80, 2: 20})
    answers = [await server.fetch("default", "support/triage") for _ in range(2000)]
    counts = Counter(answer.version for answer in answers)
    assert abs(counts[2] / 2000 - 0.2) < 0.05
    assert all(answer.split for answer in answers)
    for key in range(20):
        versions = {(await server.fetch("default", "support/triage", sticky=f"u{key}")).version for _ in range(5)}
        assert len(versions) == 1
    assert "production" in said(await server.fetch("default", "support/triage", version=1))["labels"]
    assert "production" in said(await server.fetch("default", "support/triage", version=2))["labels"]


async def test_the_memo_is_bounded(server: PromptServer, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo_module, "MOST_ANSWERS", 10)
    monkeypatch.setattr(memo_module, "MOST_BYTES", 2000)
    for number in range(30):
        create(registry, f"p{number}", "x" * 100, "production")
    for number in range(30):
        await server.fetch("default", f"p{number}")
    kept = server.memo("default").answers
    assert 0 < len(kept) <= 10
    assert sum(len(answer.body) for answer in kept.values()) <= 2000


async def test_who_fetched_what_is_counted(registry: Registry, encoder: PlainEncoder) -> None:
    written: list[dict[Counted, int]] = []
    fetches = FetchCounts(lambda counts: written.append(dict(counts)))
    server = PromptServer({"default": registry}, encoder, fetches=fetches, secret=SECRET)
    for _ in range(3):
        await server.fetch("default", "support/triage", client="pk-1")
    await server.fetch("default", "support/triage", version=2, client="pk-1")
    registry.promote("support/triage", "production", version=2, actor=ACTOR)
    await server.fetch("default", "support/triage", client="pk-2")
    await server.compile("default", CompileRequest(name="support/triage"), client="pk-2")
    with pytest.raises(NotFound):
        await server.fetch("default", "unknown", client="pk-1")
    await fetches.flush()
    await fetches.flush()
    assert written == [
        {
            ("default", "support/triage", 1, "production", "pk-1"): 3,
            ("default", "support/triage", 2, "", "pk-1"): 1,
            ("default", "support/triage", 2, "production", "pk-2"): 2,
        }
    ]


async def test_counts_that_could_not_be_written_are_written_later(registry: Registry, encoder: PlainEncoder) -> None:
    written: list[dict[Counted, int]] = []
    full = True

    def write(counts: Any) -> None:
        if full:
            raise OSError("the disk is full")
        written.append(dict(counts))

    fetches = FetchCounts(write)
    server = PromptServer({"default": registry}, encoder, fetches=fetches, secret=SECRET)
    await server.fetch("default", "support/triage")
    await fetches.flush()
    await server.fetch("default", "support/triage")
    full = False
    task = asyncio.create_task(fetches.run(every=3600))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert written == [{("default", "support/triage", 1, "production", ""): 2}]


# --- compile


async def compiled(server: PromptServer, **request: Any) -> dict[str, Any]:
    return said(await server.compile("default", CompileRequest(**request)))


async def test_compile_fills_variables_in(server: PromptServer, registry: Registry) -> None:
    result = await compiled(server, name="support/triage", variables={"product": "Trunkline"})
    version = registry.version("support/triage", 1)
    assert result == {
        "name": "support/triage",
        "version": 1,
        "label": "production",
        "commit": version.commit,
        "blob": version.blob,
        "type": "text",
        "prompt": "You triage Trunkline.",
        "config": {},
    }
    by_number = await compiled(server, name="support/triage", version=2)
    assert (by_number["label"], by_number["prompt"]) == (None, "You triage {{product}} well.")


async def test_compile_of_a_chat_fills_placeholders(server: PromptServer, registry: Registry) -> None:
    content = chat(
        {"role": "system", "content": "For {{product}}."},
        {"type": "placeholder", "name": "history"},
        {"role": "user", "content": "{{ticket}}"},
    )
    create(registry, "chat", content, "production")
    history = [{"role": "assistant", "content": "Hello."}]
    result = await compiled(server, name="chat", variables={"product": "P", "history": history, "ticket": "T"})
    assert result["prompt"] == [
        {"role": "system", "content": "For P."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "T"},
    ]


async def test_a_strict_compile_names_all_that_is_missing(server: PromptServer, registry: Registry) -> None:
    content = text("{{a}} and {{b}}", variables={"c": Variable(required=True), "d": Variable()})
    create(registry, "contract", content, "production")
    with pytest.raises(MissingVariables) as caught:
        await compiled(server, name="contract", variables={"a": "1"}, strict=True)
    assert set(caught.value.names) == {"b", "c"}
    # Also when the lenient result is known already.
    await compiled(server, name="contract", variables={"a": "1"})
    with pytest.raises(MissingVariables):
        await compiled(server, name="contract", variables={"a": "1"}, strict=True)


async def test_results_do_not_get_mixed_up(server: PromptServer, registry: Registry) -> None:
    for value in ("x", "y", "1", 1, True, None, "None", 1.5, {"k": 1}, {"k": "1"}):
        result = await compiled(server, name="support/triage", variables={"product": value})
        shown = "" if value is None else str(value)
        assert result["prompt"] == f"You triage {shown}."
    registry.promote("support/triage", "production", version=2, actor=ACTOR)
    result = await compiled(server, name="support/triage", variables={"product": "x"})
    assert result["prompt"] == "You triage x well."


async def test_jinja2_is_compiled_and_its_faults_are_the_callers(server: PromptServer, registry: Registry) -> None:
    create(registry, "j", text("{% for n in names %}{{ n }};{% endfor %}", jinja2=True), "production")
    for _ in range(3):
        assert (await compiled(server, name="j", variables={"names": ["a", "b"]}))["prompt"] == "a;b;"
    for _ in range(2):
        with pytest.raises(InvalidRequest):
            await compiled(server, name="j", variables={"names": 5})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"name": 5}',
        b'{"name": "x", "variables": []}',
        b'{"name": "x", "variables": "text"}',
        b'{"name": "x", "unknown": 1}',
        b'{"name": "x", "version": "one"}',
        b"\xff\xfe",
        b'{"name": "x", "variables": {"a": ' + b"[" * 100_000,
    ],
)
def test_bodies_that_are_no_compile_request(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode_compile(body)


async def test_variables_are_bounded(server: PromptServer) -> None:
    with pytest.raises(InvalidRequest, match="variables"):
        await compiled(server, name="support/triage", variables={"product": "x" * 1_000_001})


# --- bundle


async def test_a_bundle_has_all_prompts_of_a_label(server: PromptServer, registry: Registry) -> None:
    create(registry, "tone", "Be kind.", "production")
    create(registry, "composed", "@@@langfusePrompt:name=tone|label=production@@@ Yes.", "production")
    create(registry, "elsewhere", "Not here.", "staging")
    answer = await server.bundle("default", "production")
    bundle = said(answer)
    assert (bundle["label"], bundle["head"]) == ("production", registry.snapshot.head)
    assert [prompt["name"] for prompt in bundle["prompts"]] == ["composed", "support/triage", "tone"]
    assert bundle["prompts"][0]["prompt"] == "Be kind. Yes."
    assert bundle["prompts"][2]["labels"] == ["production", "latest"]
    assert await server.bundle("default", "production") is answer
    latest = said(await server.bundle("default", "latest"))
    assert [prompt["name"] for prompt in latest["prompts"]] == ["composed", "elsewhere", "support/triage", "tone"]


async def test_a_bundle_says_how_a_label_is_split(server: PromptServer, registry: Registry) -> None:
    split(registry, "support/triage", "production", {1: 20, 2: 80})
    (prompt,) = said(await server.bundle("default", "production"))["prompts"]
    assert prompt["version"] == 2
    assert prompt["split"] == [{"version": 1, "weight": 20}, {"version": 2, "weight": 80}]


async def test_a_bundle_is_made_once_for_all_who_ask_and_anew_for_a_new_head(
    server: PromptServer, registry: Registry
) -> None:
    answers = await asyncio.gather(*(server.bundle("default", "production") for _ in range(20)))
    assert all(answer is answers[0] for answer in answers)
    create(registry, "tone", "Be kind.", "production")
    after = await server.bundle("default", "production")
    assert after.etag != answers[0].etag
    assert len(said(after)["prompts"]) == 2


async def test_a_label_that_nobody_has(server: PromptServer) -> None:
    for _ in range(2):
        with pytest.raises(NotFound):
            await server.bundle("default", "nobody-has-it")
    with pytest.raises(InvalidRequest):
        await server.bundle("default", "NOT A LABEL")
