"""Every SDK: prompts created, labelled, listed, deleted, fetched with a cache and with a fallback."""

import time

import httpx
from langfuse import Langfuse
from sdk import MAJOR, NAME, keys_of


class Counted(httpx.Client):
    """The SDK's own HTTP client, with a list of what it asked for."""

    def __init__(self):
        super().__init__(timeout=10)
        self.asked = []

    def request(self, method, url, **options):
        self.asked.append(f"{method} {str(url).partition('/api/public/')[2]}")
        return super().request(method, url, **options)


def run():
    http = Counted()
    langfuse = Langfuse(httpx_client=http, **keys_of("PROMPTS"))
    found = {"created": created(langfuse), "fetched": fetched(langfuse, http), "missing": missing(langfuse)}
    found["listed"] = listed(langfuse)
    found["composed"] = composed(langfuse)
    found["deleted"] = deleted(langfuse)
    found["refused"] = refused(langfuse)
    return found


def shown(prompt):
    keys = ("name", "version", "labels", "tags", "config", "prompt", "is_fallback")
    return {key: getattr(prompt, key) for key in keys} | {"commit_message": getattr(prompt, "commit_message", None)}


def created(langfuse):
    text = langfuse.create_prompt(
        name=f"{NAME}/shop/greet me",
        prompt="Grüße {{ name }} from {{shop}} 🚀\n  twice\n",
        labels=["production", "a.b-c"],
        tags=["x", "a"],
        config={"model": "gpt-4o", "temperature": 0.25, "deep": {"list": [1, None, True]}},
        commit_message="Greet",
    )
    again = langfuse.create_prompt(name=f"{NAME}/shop/greet me", prompt="Hello {{name}}", labels=["staging"])
    moved = langfuse.update_prompt(name=f"{NAME}/shop/greet me", version=again.version, new_labels=["a.b-c", "new"])
    messages = [{"role": "system", "content": "You are {{who}}."}, {"role": "user", "content": "{{ask}}"}]
    if MAJOR > 2:
        messages.insert(1, {"type": "placeholder", "name": "history"})
    chat = langfuse.create_prompt(name=f"{NAME}/chat bot", type="chat", prompt=messages, labels=["production"])
    return {"text": shown(text), "again": shown(again), "moved": moved, "chat": shown(chat)}


def fetched(langfuse, http):
    name = f"{NAME}/shop/greet me"
    found = {
        "default": shown(langfuse.get_prompt(name)),
        "staging": shown(langfuse.get_prompt(name, label="staging")),
        "latest": shown(langfuse.get_prompt(name, label="latest")),
        "one": shown(langfuse.get_prompt(name, version=1)),
    }
    found["compiled"] = langfuse.get_prompt(name).compile(name="Zoë", shop="us")
    found["partly"] = langfuse.get_prompt(name).compile(name="Zoë")
    found["variables"] = langfuse.get_prompt(name).variables
    found["langchain"] = langfuse.get_prompt(name).get_langchain_prompt()
    chat = langfuse.get_prompt(f"{NAME}/chat bot", type="chat")
    history = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    filled = {"history": history} if MAJOR > 2 else {}
    found["chat"] = chat.compile(who="a bot", ask="Why?", **filled)
    found["chat variables"] = sorted(chat.variables)
    # What is in the cache is not asked for again; what is too old is refreshed in the background.
    before = len(http.asked)
    for _ in range(5):
        langfuse.get_prompt(name)
    found["cached"] = len(http.asked) - before
    langfuse.get_prompt(name, label="staging", cache_ttl_seconds=0)
    found["uncached"] = len(http.asked) - before
    langfuse.get_prompt(name, version=2, cache_ttl_seconds=1)
    langfuse.create_prompt(name=name, prompt="Moved on", labels=["production"])
    found["after a create"] = langfuse.get_prompt(name, cache_ttl_seconds=0).prompt
    found["asked"] = [each for each in http.asked if "greet" in each]
    return found


def missing(langfuse):
    name = f"{NAME}/no such prompt"
    text = langfuse.get_prompt(name, fallback="Else {{word}}", max_retries=1)
    chat = langfuse.get_prompt(name, type="chat", fallback=[{"role": "user", "content": "{{x}}"}], max_retries=1)
    found = {"text": shown(text), "chat": shown(chat), "compiled": text.compile(word="this")}
    began = time.monotonic()
    try:
        langfuse.get_prompt(name, max_retries=1)
    except Exception as error:
        found["raised"] = type(error).__name__
        found["status"] = getattr(error, "status_code", None)
    found["seconds"] = time.monotonic() - began
    return found


def listed(langfuse):
    client = langfuse.client if MAJOR == 2 else langfuse.api
    pages, page = [], 1
    while True:
        answer = client.prompts.list(page=page, limit=2)
        pages.append([each.name for each in answer.data])
        if page >= answer.meta.total_pages:
            break
        page += 1
    named = client.prompts.list(name=f"{NAME}/shop/greet me").data
    labelled = client.prompts.list(label="staging", limit=100).data
    tagged = client.prompts.list(tag="x", limit=100).data
    return {
        "names": [name for names in pages for name in names],
        "sizes": [len(names) for names in pages],
        "named": named,
        "labelled": [each.name for each in labelled],
        "tagged": [each.name for each in tagged],
    }


def composed(langfuse):
    langfuse.create_prompt(name=f"{NAME}/part", prompt="the part of {{who}}", labels=["production"])
    whole = f"Whole: @@@langfusePrompt:name={NAME}/part|label=production@@@."
    langfuse.create_prompt(name=f"{NAME}/whole", prompt=whole, labels=["production"])
    found = {"prompt": langfuse.get_prompt(f"{NAME}/whole").prompt}
    client = langfuse.client if MAJOR == 2 else langfuse.api
    one = client.prompts.get(f"{NAME}/whole".replace("/", "%2F") if MAJOR > 2 else f"{NAME}/whole")
    found["graph"] = getattr(one, "resolution_graph", None)
    return found


def deleted(langfuse):
    """One version, one label, then all. The SDK's own helpers have no delete; its generated client from 3 on has."""
    if MAJOR == 2:
        return None
    name, found = f"{NAME}/gone", {}
    for number in range(4):
        langfuse.create_prompt(
            name=name, prompt=f"text {number}", labels=[["one"], ["two"], ["two", "three"], []][number]
        )
    path = name.replace("/", "%2F")
    langfuse.api.prompts.delete(path, version=1)
    found["after one"] = langfuse.api.prompts.list(name=name).data[0].versions
    langfuse.api.prompts.delete(path, label="two")
    found["after two"] = langfuse.api.prompts.list(name=name).data[0].versions
    if hasattr(langfuse, "clear_prompt_cache"):
        langfuse.clear_prompt_cache()
    langfuse.api.prompts.delete(path)
    found["after all"] = langfuse.api.prompts.list(name=name).data
    try:
        langfuse.get_prompt(name, cache_ttl_seconds=0, max_retries=0)
    except Exception as error:
        found["raised"] = type(error).__name__
    return found


def refused(langfuse):
    """Bad input is told as such."""
    attempts = {
        "label": lambda: langfuse.create_prompt(name=f"{NAME}/bad", prompt="x", labels=["Not Good!"]),
        "name": lambda: langfuse.create_prompt(name="a|b", prompt="x"),
        "type": lambda: langfuse.create_prompt(name=f"{NAME}/part", type="chat", prompt=[]),
        "latest": lambda: langfuse.update_prompt(name=f"{NAME}/part", version=1, new_labels=["latest"]),
        "version": lambda: langfuse.update_prompt(name=f"{NAME}/part", version=99, new_labels=["x"]),
    }
    found = {}
    for key, attempt in attempts.items():
        try:
            attempt()
            found[key] = "accepted"
        except Exception as error:
            found[key] = [type(error).__name__, getattr(error, "status_code", None), str(getattr(error, "body", ""))]
    return found
