"""The page of the API's description: plain HTML and one style, no script, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from html import escape

import msgspec

from trunkline.types import JSON

STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { margin: 0 auto; max-width: 62rem; padding: 1rem }
h2 { border-bottom: 1px solid; margin-top: 2rem }
details { border: 1px solid #8886; border-radius: 4px; margin: .4rem 0; padding: .3rem .6rem }
summary { cursor: pointer; overflow-wrap: anywhere }
code, pre { font: 13px/1.4 ui-monospace, monospace }
pre { background: #8882; overflow: auto; padding: .6rem }
b.get { color: #2a7f3f } b.post, b.patch { color: #9a5b00 } b.delete { color: #c0302b }
b { display: inline-block; min-width: 4.2rem } table { border-collapse: collapse }
td, th { border: 1px solid #8886; padding: .15rem .5rem; text-align: left; vertical-align: top }
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
PAGE_HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}


def render(description: Mapping[str, JSON]) -> str:
    """The whole page of an OpenAPI document."""
    info = description["info"]
    by_tag: dict[str, list[str]] = {}
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(shown)}" for tag, shown in by_tag.items())
    shapes = "".join(_shape(name, shape) for name, shape in sorted(description["components"]["schemas"].items()))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body><main>'
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1><p>{escape(info['description'])} "
        f'<a href="/api/openapi.json">openapi.json</a></p>{sections}<h2>Shapes</h2>{shapes}</main></body></html>'
    )


def _operation(method: str, path: str, operation: Mapping[str, JSON]) -> str:
    body = operation.get("requestBody", {}).get("content", {})
    answers = (
        (code, response.get("content", {}).get("application/json", {}).get("schema"))
        for code, response in operation["responses"].items()
        if code.startswith("2")
    )
    return (
        f'<details><summary><b class="{escape(method)}">{escape(method.upper())}</b> <code>{escape(path)}</code> '
        f"{escape(operation['summary'])}</summary><p>{escape(operation['description'])}</p>"
        f"{_parameters(operation['parameters'])}"
        f"{''.join(_body(kind, content) for kind, content in body.items())}"
        f"{''.join(f'<h3>Answer {escape(code)}</h3>{_json(schema)}' for code, schema in answers)}</details>"
    )


def _body(kind: str, content: Mapping[str, JSON]) -> str:
    return f"<h3>Body: {escape(kind)}</h3>{_json(content.get('schema'))}"


def _parameters(parameters: list[dict[str, JSON]]) -> str:
    if not parameters:
        return ""
    rows = "".join(_parameter(each) for each in parameters)
    return f"<table><tr><th>Parameter</th><th>In</th><th>Type</th><th>Meaning</th></tr>{rows}</table>"


def _parameter(parameter: Mapping[str, JSON]) -> str:
    kind = parameter["schema"].get("format") or parameter["schema"].get("type", "")
    needed = " (required)" if parameter["required"] else ""
    cells = (parameter["name"] + needed, parameter["in"], kind, parameter.get("description", ""))
    return f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>"


def _shape(name: str, shape: JSON) -> str:
    return f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>{_json(shape)}</details>'


def _json(schema: JSON) -> str:
    if schema is None:
        return "<p>JSON</p>"
    text = msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()
    return f"<pre>{escape(text)}</pre>{''.join(_links(schema))}"


def _links(schema: JSON) -> Iterator[str]:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            name = escape(reference.rpartition("/")[2])
            yield f'<p><a href="#{name}">{name}</a></p>'
        for value in schema.values():
            yield from _links(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _links(value)
