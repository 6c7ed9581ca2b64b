"""Datasets, their items, and the experiments that are run on them, as every layer knows them.

What Langfuse's older API calls a dataset run is an experiment with a dataset: there is one table of both. Times are
microseconds since the Unix epoch; free JSON is kept as the bytes of a document, None being null.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import UNSET, UnsetType

from trunkline.types import JSONBytes, Micros, Struct


class ItemStatus(StrEnum):
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"
    """Kept and readable by its id, but no part of what is listed and run."""


class Dataset(Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    name: str
    description: str | None
    metadata: JSONBytes | None
    input_schema: JSONBytes | None
    """A JSON Schema that the inputs of items must fit."""
    expected_output_schema: JSONBytes | None
    created_at: Micros
    updated_at: Micros


class DatasetChange(Struct, frozen=True, kw_only=True):
    """A dataset to make, or what changes of the one with this name. None leaves a field as it is.

    A schema is left as it is by UNSET; None takes it away.
    """

    name: str
    description: str | None = None
    metadata: JSONBytes | None = None
    input_schema: JSONBytes | UnsetType | None = UNSET
    expected_output_schema: JSONBytes | UnsetType | None = UNSET


class DatasetItem(Struct, frozen=True, kw_only=True):
    """An item as it stands, or stood at a time. `version` is the whole millisecond from which on it has read so."""

    id: str
    dataset_id: str
    dataset_name: str
    status: ItemStatus
    input: JSONBytes | None
    expected_output: JSONBytes | None
    metadata: JSONBytes | None
    source_trace_id: str | None
    source_observation_id: str | None
    created_at: Micros
    updated_at: Micros
    version: Micros


class ItemChange(Struct, frozen=True, kw_only=True):
    """An item to make, or what changes of the one with this id. None leaves a field as it is."""

    dataset_name: str
    id: str | None = None
    input: JSONBytes | None = None
    expected_output: JSONBytes | None = None
    metadata: JSONBytes | None = None
    source_trace_id: str | None = None
    source_observation_id: str | None = None
    status: ItemStatus | None = None


class Experiment(Struct, frozen=True, kw_only=True):
    """A run of something over items. `dataset_name` is None where the project has no such dataset."""

    id: str
    name: str
    description: str | None
    metadata: JSONBytes | None
    dataset_id: str | None
    dataset_name: str | None
    created_at: Micros
    updated_at: Micros


class ExperimentItem(Struct, frozen=True, kw_only=True):
    """What one item came to in an experiment: the trace, or the observation in it, that holds input and output."""

    id: str
    experiment_id: str
    dataset_item_id: str
    trace_id: str
    observation_id: str | None
    start_time: Micros
    end_time: Micros | None
    item_version: Micros | None
    expected_output: JSONBytes | None
    item_metadata: JSONBytes | None
    created_at: Micros
    updated_at: Micros


class RunLink(Struct, frozen=True, kw_only=True):
    """A client's word that a trace (or an observation of it) belongs to a dataset's item in the run of this name."""

    run_name: str
    dataset_item_id: str
    trace_id: str
    observation_id: str | None = None
    description: str | None = None
    metadata: JSONBytes | None = None
    dataset_version: Micros | None = None
    """The item is taken as it stood then."""
    created_at: Micros | None = None


class ExperimentSpan(Struct, frozen=True, kw_only=True):
    """What the root span of an experiment's item says of both. None says nothing."""

    experiment_id: str
    name: str | None
    description: str | None
    metadata: JSONBytes | None
    dataset_id: str | None
    item_id: str
    item_version: Micros | None
    item_metadata: JSONBytes | None
    expected_output: JSONBytes | None
    trace_id: str
    span_id: str
    start: Micros
    end: Micros | None
