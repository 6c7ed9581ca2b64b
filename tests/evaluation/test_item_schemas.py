"""Schemas of items: what is taken, what is refused, and that no schema takes long."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import msgspec
import pytest

from trunkline.dataset_types import Dataset, DatasetItem, ItemStatus
from trunkline.errors import InvalidRequest
from trunkline.evaluation.item_schemas import MAX_SCHEMA_BYTES, check_item, check_items, check_schema
from trunkline.types import JSON

encode = msgspec.json.encode


def dataset(input_schema: JSON = None, output_schema: JSON = None) -> Dataset:
    return Dataset(
        id="d",
        project_id="p",
        name="data",
        description=None,
        metadata=None,
        input_schema=None if input_schema is None else encode(input_schema),
        expected_output_schema=None if output_schema is None else encode(output_schema),
        created_at=0,
        updated_at=0,
    )


def item(input: bytes | None, expected_output: bytes | None = None, id: str = "i") -> DatasetItem:
    return DatasetItem(
        id=id,
        dataset_id="d",
        dataset_name="data",
        status=ItemStatus.ACTIVE,
        input=input,
        expected_output=expected_output,
        metadata=None,
        source_trace_id=None,
        source_observation_id=None,
        created_at=0,
        updated_at=0,
        version=0,
    )


def test_what_fits_passes_and_what_does_not_is_named() -> None:
    held = dataset({"type": "object", "properties": {"q": {"type": "array", "items": {"type": "integer"}}}})
    check_item(held, item(b'{"q": [1, 2]}'), absent_is_null=True)
    with pytest.raises(InvalidRequest, match=r"input/q/1: \"x\" is not of type \"integer\""):
        check_item(held, item(b'{"q": [1, "x"]}'), absent_is_null=True)


def test_what_is_absent_counts_as_null_for_items_that_are_new() -> None:
    held = dataset(None, {"type": "string"})
    check_item(held, item(b"1"), absent_is_null=False)
    with pytest.raises(InvalidRequest, match="expectedOutput"):
        check_item(held, item(b"1"), absent_is_null=True)


def test_items_that_break_a_new_schema_are_named() -> None:
    held = dataset({"type": "integer"})
    check_items(held, iter([item(b"1"), item(None)]))
    with pytest.raises(InvalidRequest, match=r"2 item\(s\).*item a: .*item b: "):
        check_items(held, iter([item(b'"x"', id="a"), item(b"1"), item(b"{}", id="b")]))
    with pytest.raises(InvalidRequest, match="10 or more"):
        check_items(held, (item(b"{}", id=str(index)) for index in range(100_000)))


def test_references_within_a_schema_are_followed() -> None:
    schema = {
        "$id": "https://example.com/schema.json",
        "$defs": {"a/b": {"type": "integer"}, "list": {"type": "array", "items": {"$ref": "#/$defs/a~1b"}}},
        "properties": {"x": {"$ref": "#/$defs/list"}, "y": {"$ref": "https://example.com/schema.json#/$defs/list"}},
    }
    held = dataset(schema)
    check_item(held, item(b'{"x": [1], "y": [2]}'), absent_is_null=True)
    for document in (b'{"x": ["1"]}', b'{"y": ["1"]}'):
        with pytest.raises(InvalidRequest):
            check_item(held, item(document), absent_is_null=True)


def test_a_number_beyond_a_float_is_told() -> None:
    with pytest.raises(InvalidRequest, match="input"):
        check_item(dataset({"type": "number"}), item(b"1e999"), absent_is_null=True)


def bomb(levels: int) -> Any:
    """Each definition refers to the next one twice."""
    definitions = {f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{levels}": {"type": "string"}}}


REFUSED: list[Any] = [
    "text",
    [],
    7,
    True,
    {"type": "strin"},
    {"properties": []},
    {"$ref": "http://127.0.0.1:1/schema"},
    {"$ref": "file:///etc/passwd"},
    {"$ref": "other.json#/a"},
    {"$ref": "#"},
    {"$ref": "#/$defs/missing"},
    {"$ref": "#anchor", "$anchor": "anchor"},
    {"$dynamicRef": "#node"},
    {"$recursiveRef": "#"},
    {"properties": {"a": {"$id": "https://example.com/inner", "type": "string"}}},
    {"$defs": {"node": {"properties": {"child": {"$ref": "#/$defs/node"}}}}},
    {"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]},
    {"pattern": "("},
    {"enum": ["x" * MAX_SCHEMA_BYTES]},
    bomb(40),
]


@pytest.mark.parametrize("schema", REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_schema_or_has_no_bound_is_refused(schema: Any) -> None:
    with pytest.raises(InvalidRequest, match="inputSchema"):
        check_schema(encode(schema), "inputSchema")


def test_properties_may_have_the_names_of_keywords() -> None:
    properties = {"$ref": {"type": "string"}, "$id": {"type": "string"}, "$dynamicRef": {"type": "integer"}}
    check_schema(encode({"properties": properties}), "inputSchema")


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        (bomb(10), encode("x" * 100)),
        ({"pattern": r"^(a+)+\1$"}, encode("a" * 50_000 + "b")),
        ({"items": {"pattern": r"^(?=(a+)+$)"}}, encode(["a" * 40 + "b"] * 1000)),
        ({"uniqueItems": True}, encode(list(range(50_000)))),
        ({"items": {"anyOf": [{"const": index} for index in range(2000)]}}, encode([-1] * 100_000)),
        ({"propertyNames": {"pattern": "^(x|y|z)*$"}}, encode({f"{index}": 1 for index in range(20_000)})),
    ],
    ids=range(6),
)
def test_no_schema_takes_long(schema: Any, document: bytes) -> None:
    """Whether they fit or not: a check that holds the interpreter for seconds would stop the server."""
    started = time.process_time()
    with contextlib.suppress(InvalidRequest):
        check_item(dataset(schema), item(document), absent_is_null=True)
    assert time.process_time() - started < 5


def test_what_is_told_of_a_large_document_is_short() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_item(dataset({"type": "string"}), item(encode(["x" * 1000] * 100)), absent_is_null=True)
    assert len(caught.value.message) < 1000
