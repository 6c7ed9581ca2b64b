"""Datasets, items, runs and their items as Langfuse's API shows and takes them.

JSON that a client sent is embedded as it is stored. A body is read without decoding its free fields either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from trunkline.api.bodies import decode
from trunkline.api.langfuse.formats import NOTHING, Shape, embedded, iso
from trunkline.api.langfuse.params import micros
from trunkline.dataset_types import (
    Dataset,
    DatasetChange,
    DatasetItem,
    Experiment,
    ExperimentItem,
    ItemChange,
    ItemStatus,
)
from trunkline.errors import InvalidData
from trunkline.tracing.documents import optional, strict_body
from trunkline.types import JSON, JSONBytes, Micros

MAX_NAME = 1000
MAX_ITEM_ID = 255
MAX_ID = 800
EARLIEST, LATEST = 0, 253_402_300_799_999_999
Body = TypeVar("Body")


class DatasetShape(Shape, kw_only=True):
    id: str
    name: str
    description: str | None
    metadata: Raw | None
    input_schema: Raw | None
    expected_output_schema: Raw | None
    project_id: str
    created_at: str
    updated_at: str
    items: Sequence[JSON] | UnsetType = UNSET
    runs: Sequence[str] | UnsetType = UNSET
    """`items` and `runs` are what the deprecated routes add: ids or whole items, and names."""


class DatasetItemShape(Shape, kw_only=True):
    id: str
    status: str
    input: Raw | None
    expected_output: Raw | None
    metadata: Raw | None
    source_trace_id: str | None
    source_observation_id: str | None
    dataset_id: str
    dataset_name: str
    created_at: str
    updated_at: str
    media_references: Sequence[JSON] = ()


class DatasetRunItemShape(Shape, kw_only=True):
    id: str
    dataset_run_id: str
    dataset_run_name: str
    dataset_item_id: str
    trace_id: str
    observation_id: str | None
    created_at: str
    updated_at: str


class DatasetRunShape(Shape, kw_only=True):
    id: str
    name: str
    description: str | None
    metadata: Raw
    dataset_id: str
    dataset_name: str
    created_at: str
    updated_at: str
    dataset_run_items: Sequence[DatasetRunItemShape] | UnsetType = UNSET


def dataset_shape(
    dataset: Dataset, items: Sequence[JSON] | UnsetType = UNSET, runs: Sequence[str] | UnsetType = UNSET
) -> DatasetShape:
    return DatasetShape(
        id=dataset.id,
        name=dataset.name,
        description=dataset.description,
        metadata=embedded(dataset.metadata),
        input_schema=embedded(dataset.input_schema),
        expected_output_schema=embedded(dataset.expected_output_schema),
        project_id=dataset.project_id,
        created_at=iso(dataset.created_at),
        updated_at=iso(dataset.updated_at),
        items=items,
        runs=runs,
    )


def item_shape(item: DatasetItem) -> DatasetItemShape:
    return DatasetItemShape(
        id=item.id,
        status=item.status.value,
        input=embedded(item.input),
        expected_output=embedded(item.expected_output),
        metadata=embedded(item.metadata),
        source_trace_id=item.source_trace_id,
        source_observation_id=item.source_observation_id,
        dataset_id=item.dataset_id,
        dataset_name=item.dataset_name,
        created_at=iso(item.created_at),
        updated_at=iso(item.updated_at),
    )


def run_item_shape(item: ExperimentItem, run: Experiment) -> DatasetRunItemShape:
    return DatasetRunItemShape(
        id=item.id,
        dataset_run_id=run.id,
        dataset_run_name=run.name,
        dataset_item_id=item.dataset_item_id,
        trace_id=item.trace_id,
        observation_id=item.observation_id,
        created_at=iso(item.created_at),
        updated_at=iso(item.updated_at),
    )


def run_shape(
    run: Experiment, dataset: Dataset, items: Sequence[DatasetRunItemShape] | UnsetType = UNSET
) -> DatasetRunShape:
    return DatasetRunShape(
        id=run.id,
        name=run.name,
        description=run.description,
        metadata=NOTHING if run.metadata is None else Raw(run.metadata),
        dataset_id=dataset.id,
        dataset_name=dataset.name,
        created_at=iso(run.created_at),
        updated_at=iso(run.updated_at),
        dataset_run_items=items,
    )


# --- what is sent


class CreateDataset(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    name: str
    description: str | None = None
    metadata: Raw | UnsetType = UNSET
    input_schema: Raw | UnsetType = UNSET
    expected_output_schema: Raw | UnsetType = UNSET


class CreateDatasetItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    dataset_name: str
    input: Raw | UnsetType = UNSET
    expected_output: Raw | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET
    source_trace_id: str | None = None
    source_observation_id: str | None = None
    id: str | None = None
    status: ItemStatus | None = None


class CreateDatasetRunItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    run_name: str
    dataset_item_id: str
    run_description: str | None = None
    metadata: Raw | UnsetType = UNSET
    observation_id: str | None = None
    trace_id: str | None = None
    dataset_version: str | None = None
    created_at: str | None = None


def read_dataset(body: bytes) -> DatasetChange:
    """Raises InvalidData with what breaks the schema."""
    given = read_body(body, CreateDataset)
    return DatasetChange(
        name=checked_name(given.name, "name"),
        description=given.description,
        metadata=document(given.metadata),
        input_schema=UNSET if given.input_schema is UNSET else document(given.input_schema),
        expected_output_schema=UNSET
        if given.expected_output_schema is UNSET
        else document(given.expected_output_schema),
    )


def read_item(body: bytes) -> ItemChange:
    """Raises InvalidData with what breaks the schema."""
    given = read_body(body, CreateDatasetItem)
    return ItemChange(
        dataset_name=checked_name(given.dataset_name, "datasetName"),
        id=None if given.id is None else checked_id(given.id, "id", MAX_ITEM_ID),
        input=document(given.input),
        expected_output=document(given.expected_output),
        metadata=document(given.metadata),
        source_trace_id=optional_id(given.source_trace_id, "sourceTraceId"),
        source_observation_id=optional_id(given.source_observation_id, "sourceObservationId"),
        status=given.status,
    )


def read_run_item(body: bytes) -> CreateDatasetRunItem:
    """Raises InvalidData with what breaks the schema."""
    given = read_body(body, CreateDatasetRunItem)
    if not given.trace_id and not given.observation_id:
        raise _fault("traceId", "traceId or observationId must be given")
    checked_id(given.run_name, "runName", MAX_NAME)
    checked_id(given.dataset_item_id, "datasetItemId", MAX_ITEM_ID)
    optional_id(given.trace_id, "traceId")
    optional_id(given.observation_id, "observationId")
    return given


def read_body(body: bytes, shape: type[Body]) -> Body:
    return decode(strict_body(body), shape)


def document(raw: Raw | UnsetType) -> JSONBytes | None:
    """A free field: null says nothing, the empty text is a text. Raises InvalidRequest where it nests too deep."""
    if isinstance(raw, UnsetType):
        return None
    return b'""' if bytes(raw) == b'""' else optional(raw)


def checked_name(name: str, field: str) -> str:
    """A dataset's name, trimmed. Slashes make folders of it, so they stand between other characters."""
    trimmed = name.strip()
    if name.startswith("/") or name.endswith("/") or "//" in name:
        raise _fault(field, "slashes stand between the parts of a name, one at a time")
    return checked_id(trimmed, field, MAX_NAME)


def checked_id(text: str, field: str, longest: int) -> str:
    if not text or len(text) > longest or "\0" in text:
        raise _fault(field, f"expected 1 to {longest} characters, none of them NUL")
    return text


def optional_id(text: str | None, field: str) -> str | None:
    return checked_id(text, field, MAX_ID) if text else None


def time_of(text: str | None, field: str) -> Micros | None:
    """Raises InvalidData for what is no time between 1970 and 9999."""
    if text is None:
        return None
    try:
        time = micros(text)
    except (ValueError, OverflowError):
        time = -1
    if not EARLIEST <= time <= LATEST:
        raise _fault(field, "expected a date and time as in ISO 8601, such as 2026-01-31T12:00:00Z")
    return time


def _fault(field: str, message: str) -> InvalidData:
    return InvalidData([{"code": "custom", "path": [field], "message": message}])
