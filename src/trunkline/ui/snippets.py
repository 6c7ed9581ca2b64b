"""Code that fetches a prompt: with the Python SDK, the JS SDK, and curl."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from urllib.parse import quote

from trunkline.types import PromptType, Struct


class Snippet(Struct, frozen=True, kw_only=True):
    id: str
    title: str
    code: str


class Usage(Struct, frozen=True, kw_only=True):
    """What the code has to name. Exactly one of `label` and `version` is set."""

    name: str
    type: PromptType
    label: str | None
    version: int | None
    variables: Sequence[str]
    placeholders: Sequence[str]
    origin: str
    """Scheme, host and port at which the reader sees this page."""


def snippets(usage: Usage) -> tuple[Snippet, ...]:
    return (
        Snippet(id="use-python", title="Python", code=python(usage)),
        Snippet(id="use-js", title="JavaScript", code=javascript(usage)),
        Snippet(id="use-curl", title="curl", code=curl(usage)),
        Snippet(id="use-compile", title="curl, compiled by the server", code=compiled(usage)),
    )


def python(usage: Usage) -> str:
    given = [_quoted(usage.name), _selector(usage, "=")]
    if usage.type is PromptType.CHAT:
        given.append('type="chat"')
    simple = all(name.isidentifier() for name in (*usage.variables, *usage.placeholders))
    values = [(name, '"…"') for name in usage.variables] + [(name, "[]") for name in usage.placeholders]
    if simple:
        filled = ", ".join(f"{name}={value}" for name, value in values)
    else:
        filled = "**{" + ", ".join(f"{_quoted(name)}: {value}" for name, value in values) + "}"
    result = "messages" if usage.type is PromptType.CHAT else "text"
    return "\n".join(
        [
            "from langfuse import get_client",
            "",
            f"# LANGFUSE_HOST={usage.origin}, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY in the environment",
            "langfuse = get_client()",
            f"prompt = langfuse.get_prompt({', '.join(given)})",
            f"{result} = prompt.compile({filled})",
        ]
    )


def javascript(usage: Usage) -> str:
    options = [_selector(usage, ": ")]
    if usage.type is PromptType.CHAT:
        options.append('type: "chat"')
    given = "{ " + ", ".join(f'{_key(name)}: "…"' for name in usage.variables) + " }" if usage.variables else "{}"
    if usage.placeholders:
        given += ", { " + ", ".join(f"{_key(name)}: []" for name in usage.placeholders) + " }"
    result = "messages" if usage.type is PromptType.CHAT else "text"
    return "\n".join(
        [
            'import { LangfuseClient } from "@langfuse/client";',
            "",
            f"// LANGFUSE_BASE_URL={usage.origin}, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY in the environment",
            "const langfuse = new LangfuseClient();",
            f"const prompt = await langfuse.prompt.get({_quoted(usage.name)}, {{ {', '.join(options)} }});",
            f"const {result} = prompt.compile({given});",
        ]
    )


def curl(usage: Usage) -> str:
    selector = f"label={quote(usage.label)}" if usage.label else f"version={usage.version}"
    url = f"{usage.origin}/api/public/v2/prompts/{quote(usage.name, safe='')}?{selector}"
    return f'curl --user "$LANGFUSE_PUBLIC_KEY:$LANGFUSE_SECRET_KEY" \\\n  {shlex.quote(url)}'


def compiled(usage: Usage) -> str:
    selector = {"label": usage.label} if usage.label else {"version": usage.version}
    variables: dict[str, object] = dict.fromkeys(usage.variables, "…")
    variables |= {name: [] for name in usage.placeholders}
    body = json.dumps({"name": usage.name, **selector, "variables": variables}, ensure_ascii=False)
    return (
        'curl --user "$LANGFUSE_PUBLIC_KEY:$LANGFUSE_SECRET_KEY" \\\n'
        f"  --json {shlex.quote(body)} \\\n  {shlex.quote(usage.origin + '/api/v1/compile')}"
    )


def _quoted(text: str) -> str:
    """A string literal that Python and JavaScript read alike."""
    return json.dumps(text, ensure_ascii=False)


def _selector(usage: Usage, sign: str) -> str:
    return f"label{sign}{_quoted(usage.label)}" if usage.label else f"version{sign}{usage.version}"


def _key(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else _quoted(name)
