"""Every SDK: several projects in one process, masks, sampling; and prompts, by all of what the SDKs offer for them."""

from __future__ import annotations

from typing import Any

import pytest

from python_sdks.sdk_world import World, subset

pytestmark = pytest.mark.sdk

SDKS = ("py2", "py3", "py4", "py5")


@pytest.mark.parametrize("sdk", SDKS)
def test_clients_of_two_projects_do_not_mix(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "clients")
    assert told["auth"] == [True, True]
    assert told["wrong"] == "UnauthorizedError"
    assert told["leak"] == "NotFoundError"
    first, second = shared.trace(told["first"]), shared.get(f"/traces/{told['second']}", keys=shared.second)
    assert (first["name"], first["input"], first["environment"]) == (f"{sdk} of the first", {"project": 1}, "first")
    assert (second["name"], second["input"]) == (f"{sdk} of the second", {"project": 2})
    assert second["environment"] == "second"
    assert [score["value"] for score in first["scores"]] == [1]
    assert [score["value"] for score in second["scores"]] == [2]
    assert not shared.is_there(told["second"])
    assert not shared.is_there(told["first"], keys=shared.second)


@pytest.mark.parametrize("sdk", SDKS)
def test_masks_and_sampling(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "clients")
    masked = shared.get(f"/traces/{told['masked']}", keys=shared.second)
    (span,) = [each for each in masked["observations"] if each["name"].endswith(": span")]
    for each in (masked, span):
        assert (each["input"], each["output"]) == ({"text": "my ***"}, "***")
        assert each["metadata"]["m"] == ("a secret" if sdk == "py2" else "a ***")  # SDK 2 masks no metadata.
    sampled = shared.told(sdk, "sampling")
    assert not shared.is_there(sampled["none"])
    # Half of them, by a hash of the trace: 40 of 40 or none would be odds of one to 10^12.
    kept = [trace_id for trace_id in sampled["half"] if shared.is_there(trace_id)]
    assert 0 < len(kept) < len(sampled["half"]) == 40
    scored = {score["traceId"] for score in shared.get("/v2/scores", name=f"{sdk} sampled", limit=100)["data"]}
    # SDK 4 sends the scores of what was not sampled too.
    assert scored == ({sampled["none"], *sampled["half"]} if sdk == "py4" else set(kept))
    assert not shared.is_there(told["disabled"], keys=shared.second)


@pytest.mark.parametrize("sdk", SDKS)
def test_prompts_are_created_and_labelled(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "prompts")["created"]
    expected: dict[str, Any] = {
        "name": f"{sdk}/shop/greet me",
        "version": 1,
        "tags": ["x", "a"],
        "prompt": "Grüße {{ name }} from {{shop}} 🚀\n  twice\n",
        "config": {"model": "gpt-4o", "temperature": 0.25, "deep": {"list": [1, None, True]}},
        "is_fallback": False,
        "commit_message": "Greet",
    }
    assert subset(told["text"], expected) == expected
    assert sorted(told["text"]["labels"]) == ["a.b-c", "latest", "production"]
    expected = {"version": 2, "tags": ["x", "a"], "config": {}, "commit_message": None}
    assert subset(told["again"], expected) == expected
    assert sorted(told["moved"]["labels"]) == ["a.b-c", "latest", "new", "staging"]
    roles = [entry.get("role", entry.get("name")) for entry in told["chat"]["prompt"]]
    assert roles == (["system", "user"] if sdk == "py2" else ["system", "history", "user"])


@pytest.mark.parametrize("sdk", SDKS)
def test_prompts_are_fetched(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "prompts")["fetched"]
    versions = {key: told[key]["version"] for key in ("default", "staging", "latest", "one")}
    assert versions == {"default": 1, "staging": 2, "latest": 2, "one": 1}
    assert told["compiled"] == "Grüße Zoë from us 🚀\n  twice\n"
    assert told["partly"] == "Grüße Zoë from {{shop}} 🚀\n  twice\n"
    assert told["langchain"] == "Grüße {name} from {shop} 🚀\n  twice\n"
    history = [] if sdk == "py2" else [("user", "one"), ("assistant", "two")]
    messages = [(entry["role"], entry["content"]) for entry in told["chat"]]
    assert messages == [("system", "You are a bot."), *history, ("user", "Why?")]
    assert told["chat variables"] == ["ask", "who"]
    assert (told["cached"], told["uncached"]) == (0, 1)
    assert told["after a create"] == "Moved on"


@pytest.mark.parametrize("sdk", SDKS)
def test_a_missing_prompt_falls_back_or_raises_at_once(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "prompts")["missing"]
    expected = {"version": 0, "is_fallback": True, "prompt": "Else {{word}}", "labels": []}
    assert subset(told["text"], expected) == expected
    assert told["chat"]["prompt"][0]["content"] == "{{x}}"
    assert told["compiled"] == "Else this"
    assert (told["raised"], told["status"]) == ("NotFoundError", 404)


@pytest.mark.parametrize("sdk", SDKS)
def test_prompts_are_listed(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "prompts")["listed"]
    own = [name for name in told["names"] if name.startswith(f"{sdk}/")]
    assert {f"{sdk}/shop/greet me", f"{sdk}/chat bot"} <= set(own)
    assert len(told["names"]) == len(set(told["names"]))
    assert set(told["sizes"][:-1]) == {2}
    (named,) = told["named"]
    assert named["versions"] == [1, 2, 3]
    assert sorted(named["labels"]) == ["a.b-c", "latest", "new", "production", "staging"]
    assert f"{sdk}/shop/greet me" in told["labelled"]
    assert f"{sdk}/chat bot" not in told["tagged"]


@pytest.mark.parametrize("sdk", SDKS)
def test_prompts_are_composed_deleted_and_refused(shared: World, sdk: str) -> None:
    told = shared.told(sdk, "prompts")
    assert told["composed"]["prompt"] == "Whole: the part of {{who}}."
    assert told["composed"]["graph"]["root"]["name"] == f"{sdk}/whole"
    if sdk != "py2":
        assert told["deleted"] == {
            "after one": [2, 3, 4],
            "after two": [2, 4],
            "after all": [],
            "raised": "NotFoundError",
        }
    statuses = {key: refusal[1] for key, refusal in told["refused"].items()}
    assert statuses == {"label": 400, "name": 400, "type": 400, "latest": 400, "version": 404}
