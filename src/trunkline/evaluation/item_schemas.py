"""JSON Schemas that a dataset's items must fit, checked in bounded time.

A schema may refer within itself by JSON pointers, and neither to another place nor, round about, to what it is part of:
such schemas can take time without bound on small documents. What is left costs at most its size, references counted as
often as they are made, times the size of the document.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

import jsonschema_rs
import msgspec

from trunkline.dataset_types import Dataset, DatasetItem
from trunkline.errors import InvalidRequest
from trunkline.types import JSON, JSONBytes

MAX_SCHEMA_BYTES = 65_536
MAX_EXPANDED = 20_000
"""Places of a schema in which every reference stands for what it refers to."""
MAX_STEPS = 20_000_000
BACKTRACKING = 10_000
MOST_FAULTS = 10
_MAX_MESSAGE = 300
_REFUSED = ("$dynamicRef", "$recursiveRef")


def check_schema(schema: JSONBytes, what: str) -> None:
    """Raises InvalidRequest for what is no JSON Schema or cannot be checked against in bounded time."""
    _compiled(schema, what)


def check_item(dataset: Dataset, item: DatasetItem, *, absent_is_null: bool) -> None:
    """Raises InvalidRequest that says what of the item breaks the dataset's schemas."""
    faults = list(_faults(dataset, item, absent_is_null=absent_is_null))
    if faults:
        raise InvalidRequest(f"Dataset item validation failed: {'; '.join(faults)}")


def check_items(dataset: Dataset, items: Iterator[DatasetItem]) -> None:
    """Holds items that are there to a dataset's new schemas. Raises InvalidRequest that names the first that break."""
    broken: list[str] = []
    for item in items:
        fault = next(_faults(dataset, item, absent_is_null=False), None)
        if fault is not None:
            broken.append(f"item {item.id}: {fault}")
        if len(broken) == MOST_FAULTS:
            break
    if broken:
        some = f"{MOST_FAULTS} or more" if len(broken) == MOST_FAULTS else str(len(broken))
        raise InvalidRequest(f"Schema validation failed for {some} item(s). {'; '.join(broken)}")


def _faults(dataset: Dataset, item: DatasetItem, *, absent_is_null: bool) -> Iterator[str]:
    for what, schema, document in (
        ("input", dataset.input_schema, item.input),
        ("expectedOutput", dataset.expected_output_schema, item.expected_output),
    ):
        if schema is None or (document is None and not absent_is_null):
            continue
        validator, size = _compiled(schema, f"{what}Schema")
        fault = _fault_of(validator, size, document or b"null", what)
        if fault is not None:
            yield fault


def _fault_of(validator: jsonschema_rs.Validator, size: int, document: JSONBytes, what: str) -> str | None:
    """The first fault: a list of all takes the document's size for each, as every one carries what is at fault."""
    places = 1 + sum(document.count(sign) for sign in (b",", b"[", b"{"))
    if size * places > MAX_STEPS:
        return f"{what}: too large to be held to this schema; make the item or the schema smaller"
    try:
        validator.validate(msgspec.json.decode(document))
    except msgspec.DecodeError as error:
        return f"{what}: {error}"
    except jsonschema_rs.ValidationError as fault:
        place = "".join(f"/{part}" for part in fault.instance_path)
        return f"{what}{place}: {fault.message[:_MAX_MESSAGE]}"
    return None


@lru_cache(maxsize=64)
def _compiled(schema: JSONBytes, what: str) -> tuple[jsonschema_rs.Validator, int]:
    if len(schema) > MAX_SCHEMA_BYTES:
        raise InvalidRequest(f"{what} has {len(schema)} bytes; a schema may have {MAX_SCHEMA_BYTES}.")
    value = msgspec.json.decode(schema)
    if not isinstance(value, dict):
        raise InvalidRequest(f"{what} must be a JSON Schema: an object.")
    size = _Expansion(value, what).size()
    options = jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACKING)
    try:
        return jsonschema_rs.validator_for(value, offline=True, pattern_options=options), size
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        said = error.message if isinstance(error, jsonschema_rs.ValidationError) else str(error)
        raise InvalidRequest(f"{what} is no valid JSON Schema: {said[:_MAX_MESSAGE]}") from None


class _Expansion:
    """How large a schema is with its references followed. Raises InvalidRequest where that has no bound."""

    def __init__(self, schema: dict[str, JSON], what: str) -> None:
        self._root, self._what = schema, what
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()

    def size(self) -> int:
        return self._size(self._root)

    def _size(self, node: JSON) -> int:
        if not isinstance(node, dict | list):
            return 1
        key = id(node)
        if key in self._open:
            raise InvalidRequest(f"{self._what} refers to itself, which is not offered: checking it has no bound.")
        if key not in self._sizes:
            self._open.add(key)
            size = 1 + sum(map(self._size, node.values() if isinstance(node, dict) else node))
            if isinstance(node, dict):
                size += self._referred(node)
            if size > MAX_EXPANDED:
                raise InvalidRequest(f"{self._what} is too large, or refers to the same parts too often.")
            self._open.discard(key)
            self._sizes[key] = size
        return self._sizes[key]

    def _referred(self, node: dict[str, JSON]) -> int:
        if any(isinstance(node.get(name), str) for name in _REFUSED) or (
            node is not self._root and isinstance(node.get("$id"), str)
        ):
            raise InvalidRequest(f"{self._what}: refer by `$ref` and JSON pointers; `$id` is for the whole schema.")
        pointer = node.get("$ref")
        return self._size(self._target(pointer)) if isinstance(pointer, str) else 0

    def _target(self, pointer: str) -> JSON:
        base, _, path = pointer.partition("#")
        target: JSON = self._root
        if base not in {"", self._root.get("$id")} or (path and not path.startswith("/")):
            raise InvalidRequest(f"{self._what}: `$ref` may point within the schema (#/…), not to {pointer[:100]!r}.")
        for part in path.split("/")[1:]:
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            try:
                target = target[int(name)] if isinstance(target, list) else target[name]
            except (KeyError, IndexError, ValueError, TypeError):
                raise InvalidRequest(f"{self._what}: `$ref` points to {pointer[:100]!r}, which is not there.") from None
        return target
