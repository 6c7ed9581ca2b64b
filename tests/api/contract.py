"""Answers against Langfuse's published API description, which stands beside this file as it was published.

`check` takes an answer of httpx, finds the operation by method and path, and says what of the answer's body breaks the
schema of its status. What the description leaves open (``{}`` for every error) is held to the error shape that the SDKs
read: ``{"message": text, "error": …}``.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import yaml

DESCRIPTION = Path(__file__).with_name("langfuse-openapi.yml")
BASE = "https://langfuse.invalid/description"
METHODS = {"get", "put", "post", "delete", "patch"}


@functools.cache
def description() -> Any:
    """The published description, with OpenAPI 3.0's `nullable` said as JSON Schema says it."""
    with DESCRIPTION.open("rb") as file:
        return _json_schema(yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def check(answer: httpx.Response) -> httpx.Response:
    """Returns the answer, or raises AssertionError that lists what breaks the contract."""
    method, path, status = answer.request.method.lower(), answer.request.url.path, str(answer.status_code)
    template = find_template(method, answer.request.url.raw_path.decode())
    assert template is not None, f"{method.upper()} {path} is not in the description"
    if answer.status_code >= 400:
        check_error(answer)
        return answer
    responses = description()["paths"][template][method]["responses"]
    assert status in responses, f"{method.upper()} {template} answered {status}; described are {sorted(responses)}"
    if "content" not in responses[status]:
        assert not answer.content, f"{method.upper()} {template} answered a body where none is described"
        return answer
    pointer = f"/paths/{_escape(template)}/{method}/responses/{status}/content/application~1json/schema"
    check_value(answer.json(), pointer)
    return answer


def check_error(answer: httpx.Response) -> None:
    body = answer.json()
    assert set(body) >= {"message", "error"}, body
    assert isinstance(body["message"], str), body
    assert body["message"], body


def check_schema(value: Any, name: str) -> None:
    """Holds `value` to one of the description's named schemas."""
    check_value(value, f"/components/schemas/{name}")


def check_value(value: Any, pointer: str) -> None:
    faults = [
        f"at {'/'.join(map(str, fault.instance_path)) or 'the top'}: {fault.message}"
        for fault in _validator(pointer).iter_errors(value)
    ]
    assert not faults, "\n".join(faults)


def find_template(method: str, path: str) -> str | None:
    """The described path that a request's path, as it was sent, is an instance of; the one that says most wins.

    A name's slashes are escaped (or raw, as Python's SDK 2 sends them: then a parameter takes more than one part).
    """
    sent = path.partition("?")[0]
    for part in ("[^/]+", ".+"):
        for template, pattern in _templates(part):
            if method in description()["paths"][template] and pattern.fullmatch(sent):
                return template
    return None


@functools.cache
def _templates(part: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    paths = sorted(description()["paths"], key=lambda path: (-len(re.sub(r"\{\w+\}", "", path)), path))
    return tuple((path, re.compile(re.sub(r"\\\{\w+\\\}", part, re.escape(path)))) for path in paths)


@functools.cache
def _validator(pointer: str) -> Any:
    registry = jsonschema_rs.Registry([(BASE, {"$id": BASE, **_referable()})])
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": f"{BASE}#{pointer}"}
    return jsonschema_rs.validator_for(schema, registry=registry, validate_formats=True)


@functools.cache
def _referable() -> dict[str, Any]:
    return {"paths": description()["paths"], "components": description()["components"]}


def _json_schema(node: Any) -> Any:
    if isinstance(node, list):
        return [_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {str(key): _json_schema(value) for key, value in node.items()}
    if "$ref" in found:
        found["$ref"] = found["$ref"].replace("#/", f"{BASE}#/", 1)
    return _nullable(found) if found.pop("nullable", False) is True else found


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """Langfuse's `nullable` beside a `$ref`, a type, an enumeration, or nothing at all (then everything is allowed)."""
    if not schema.keys() & {"type", "$ref", "enum", "allOf", "oneOf", "anyOf"}:
        return schema
    return {"anyOf": [schema, {"type": "null"}]}


def _escape(path: str) -> str:
    return path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
