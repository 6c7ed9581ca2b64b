"""The API's own description, made from its routes, and a page that shows it without loading anything from elsewhere."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator
from http import HTTPStatus

import msgspec
from litestar import Litestar, MediaType, Request, Response, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from trunkline import __version__
from trunkline.api.access import PUBLIC, access_level
from trunkline.api.docs_page import PAGE_HEADERS, render
from trunkline.api.errors import answer
from trunkline.api.operations import OPERATIONS, Listed, Operation
from trunkline.types import JSON

REF = "#/components/schemas/{name}"
ERROR = {
    "type": "object",
    "required": ["message", "error"],
    "properties": {"message": {"type": "string"}, "error": {"description": "A stable code, or a list of issues."}},
}
INTRODUCTION = (
    "Trunkline speaks Langfuse's API under `/api/public` and its own under `/api/v1`. Authenticate with HTTP Basic: "
    "public key and secret key of a project."
)


@get("/api/openapi.json", opt=PUBLIC)
async def get_description(request: Request[object, object, State]) -> Response[bytes]:
    """This description, in OpenAPI 3.1."""
    return answer(HTTPStatus.OK, description(request.app))


@get("/api/docs", opt=PUBLIC)
async def get_page(request: Request[object, object, State]) -> Response[str]:
    """This description as a page for people."""
    return Response(render(description(request.app)), media_type=MediaType.HTML, headers=PAGE_HEADERS)


@functools.lru_cache(maxsize=4)
def description(app: Litestar) -> dict[str, JSON]:
    """Every API route of the application as an OpenAPI 3.1 document."""
    paths: dict[str, dict[str, JSON]] = {}
    for method, path, handler in api_routes(app):
        operation = OPERATIONS.get((method, path), Operation("Other"))
        paths.setdefault(operation.path or path, {})[method.lower()] = _describe(method, handler, path, operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Trunkline", "version": __version__, "description": INTRODUCTION},
        "paths": paths,
        "components": {"schemas": {"Error": ERROR, **_schemas()[1]}, "securitySchemes": _SECURITY},
    }


def api_routes(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """Method, path and handler of each route of the API; those of the pages look after themselves."""
    for route in app.routes:
        if not isinstance(route, HTTPRoute) or not route.path.startswith(("/api/", "/health", "/metrics")):
            continue
        for method, (handler, _) in sorted(route.route_handler_map.items()):
            if method not in {"OPTIONS", "HEAD"}:
                yield method, route.path_format, handler


_SECURITY = {"basic": {"type": "http", "scheme": "basic"}, "public": {"type": "http", "scheme": "bearer"}}
_LEVELS: dict[str, list[dict[str, list[str]]]] = {
    "public": [],
    "caller": [{"basic": []}],
    "writer": [{"basic": []}],
    "scorer": [{"basic": []}, {"public": []}],
}


def _describe(method: str, handler: HTTPRouteHandler, path: str, operation: Operation) -> dict[str, JSON]:
    summary, _, rest = inspect.cleandoc(inspect.unwrap(handler.fn).__doc__ or "").partition("\n\n")
    level = access_level(handler)
    described: dict[str, JSON] = {
        "operationId": re.sub(r"\W+", "_", f"{method.lower()}{path}").strip("_"),
        "tags": [operation.tag],
        "summary": " ".join(summary.split()),
        "description": (f"{rest}\n\n" if rest else "") + _ACCESS[level],
        "security": _LEVELS[level],
        "parameters": [*_in_path(operation.path or path), *_in_query(operation)],
        "responses": _responses(operation, level),
    }
    if operation.body is not None:
        content = {"application/json": {"schema": _schema(operation.body)}}
        if operation.binary_type:
            content[operation.binary_type] = {"schema": {"type": "string", "format": "binary"}}
        described["requestBody"] = {"required": True, "content": content}
    return described


_ACCESS = {
    "public": "Needs no key.",
    "caller": "Needs a key pair.",
    "writer": "Needs a key pair that may write.",
    "scorer": "Needs a key pair that may write, or the public key alone as a bearer.",
}


def _in_path(path: str) -> Iterator[dict[str, JSON]]:
    for name in re.findall(r"\{(\w+)\}", path):
        kind = {"type": "integer", "minimum": 1} if name == "version" else {"type": "string", "minLength": 1}
        yield {"name": name, "in": "path", "required": True, "schema": kind}


def _in_query(operation: Operation) -> Iterator[dict[str, JSON]]:
    for query in operation.query:
        kind = {"type": "string", "format": "date-time"} if query.type == "date-time" else {"type": query.type}
        yield {
            "name": query.name,
            "in": "query",
            "required": query.required,
            "description": query.description,
            "schema": kind,
        }


def _responses(operation: Operation, level: str) -> dict[str, JSON]:
    good: dict[str, JSON] = {"description": HTTPStatus(operation.status).phrase}
    if operation.answer is not None:
        good["content"] = {"application/json": {"schema": _schema(operation.answer)}}
    faults = ["400", "404", "405", "413", "503", "507"] + ([] if level == "public" else ["401", "403"])
    if operation.body is not None:
        faults += ["409", "422"]
    fault = {"content": {"application/json": {"schema": {"$ref": REF.format(name="Error")}}}}
    return {
        str(operation.status): good,
        **{str(status): {"description": HTTPStatus(status).phrase} for status in operation.also},
        **{code: {"description": HTTPStatus(int(code)).phrase, **fault} for code in sorted(faults)},
    }


def _schema(shape: object) -> JSON:
    match shape:
        case Listed():
            properties = {shape.key: {"type": "array", "items": _schema(shape.item)}}
            properties |= {key: _schema(beside) for key, beside in shape.beside.items()}
            return {"type": "object", "required": list(properties), "properties": properties}
        case tuple():
            return {"anyOf": [_schema(each) for each in shape]}
        case dict():
            return shape
        case _:
            return _schemas()[0][shape]


@functools.cache
def _schemas() -> tuple[dict[object, JSON], dict[str, JSON]]:
    """The schema of each type, and the components that they refer to: made in one go, so that names agree."""
    shapes = list(dict.fromkeys(_types()))
    schemas, components = msgspec.json.schema_components(shapes, ref_template=REF)
    return dict(zip(shapes, schemas, strict=True)), dict(components)


def _types() -> Iterator[type]:
    for operation in OPERATIONS.values():
        for shape in (operation.body, operation.answer):
            yield from _types_in(shape)


def _types_in(shape: object) -> Iterator[type]:
    match shape:
        case Listed():
            yield from _types_in(shape.item)
            for beside in shape.beside.values():
                yield from _types_in(beside)
        case tuple():
            for each in shape:
                yield from _types_in(each)
        case type():
            yield shape


handlers = [get_description, get_page]
