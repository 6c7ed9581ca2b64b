"""The API's description and its page."""

from __future__ import annotations

import re

import httpx

from api.conftest import World
from trunkline.api.app import create_litestar
from trunkline.api.openapi import api_routes
from trunkline.api.operations import OPERATIONS


async def test_every_route_is_described_and_nothing_else(world: World) -> None:
    routes = {(method, path) for method, path, _ in api_routes(create_litestar(world.services))}
    assert routes == set(OPERATIONS)


async def test_the_description_is_sound(api: httpx.AsyncClient) -> None:
    found = (await api.get("/api/openapi.json")).json()
    assert found["openapi"] == "3.1.0"
    schemas = found["components"]["schemas"]
    for reference in re.findall(r'"\$ref": ?"#/components/schemas/([^"]+)"', (await api.get("/api/openapi.json")).text):
        assert reference in schemas
    identifiers = []
    for path, operations in found["paths"].items():
        for operation in operations.values():
            identifiers.append(operation["operationId"])
            assert operation["summary"], path
            in_path = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert in_path == set(re.findall(r"\{(\w+)\}", path)), path
    assert len(identifiers) == len(set(identifiers))
    assert "patch" in found["paths"]["/api/public/v2/prompts/{prompt_name}/versions/{version}"]


async def test_the_page_loads_nothing_and_runs_nothing(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<(script|link|img|iframe)|\bsrc=|https?://|\bon\w+=|style=", answer.text)
    for path in ("/api/v1/compile", "/api/public/v2/prompts/{prompt_name}/versions/{version}"):
        assert path in answer.text
