"""Experiments and their items as Langfuse's API shows them, with the groups of fields that were asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import UNSET, Raw, UnsetType

from trunkline.api.langfuse.formats import Shape, embedded, iso, iso_or_none
from trunkline.api.langfuse.shapes_scores import ScoreV3Shape
from trunkline.dataset_types import Experiment, ExperimentItem
from trunkline.store.experiment_reads import ExperimentSummary
from trunkline.types import JSONBytes, Level, Observation, Trace

EXPERIMENT_GROUPS = frozenset({"core", "metadata", "scores"})
ITEM_GROUPS = frozenset({"core", "dataset", "io", "metadata", "itemMetadata", "experimentMetadata", "scores"})
ITEM_DEFAULT_GROUPS = frozenset({"core", "dataset"})
Scores = Sequence[ScoreV3Shape]


class ExperimentShape(Shape, kw_only=True):
    id: str
    name: str
    description: str | None
    start_time: str
    end_time: str
    item_count: int
    dataset_id: str | None
    metadata: Raw | UnsetType | None = UNSET
    scores: Scores | UnsetType = UNSET


class ExperimentItemShape(Shape, kw_only=True):
    id: str
    trace_id: str
    start_time: str
    end_time: str | None
    level: str
    environment: str
    experiment_id: str
    experiment_name: str
    experiment_item_id: str
    experiment_dataset_id: str | UnsetType | None = UNSET
    experiment_item_version: str | UnsetType | None = UNSET
    input: Raw | UnsetType | None = UNSET
    output: Raw | UnsetType | None = UNSET
    expected_output: Raw | UnsetType | None = UNSET
    metadata: Raw | UnsetType | None = UNSET
    experiment_item_metadata: Raw | UnsetType | None = UNSET
    experiment_metadata: Raw | UnsetType | None = UNSET
    experiment_description: str | UnsetType | None = UNSET
    scores: Scores | UnsetType = UNSET


def experiment_shape(
    summary: ExperimentSummary, groups: Collection[str], scores: Scores | UnsetType = UNSET
) -> ExperimentShape:
    """`groups` is a subset of EXPERIMENT_GROUPS; the core fields are always there."""
    experiment = summary.experiment
    return ExperimentShape(
        id=experiment.id,
        name=experiment.name,
        description=experiment.description,
        start_time=iso(summary.start_time),
        end_time=iso(summary.end_time),
        item_count=summary.item_count,
        dataset_id=experiment.dataset_id,
        metadata=_object(experiment.metadata) if "metadata" in groups else UNSET,
        scores=scores,
    )


def experiment_item_shape(
    item: ExperimentItem,
    experiment: Experiment,
    source: Observation | Trace | None,
    groups: Collection[str],
    scores: Scores | UnsetType = UNSET,
) -> ExperimentItemShape:
    """`source` is what the item links to, None where it is gone; `groups` is a subset of ITEM_GROUPS."""
    shape = ExperimentItemShape(
        id=item.observation_id or item.trace_id,
        trace_id=item.trace_id,
        start_time=iso(item.start_time),
        end_time=iso_or_none(_end(item, source)),
        level=source.level.value if isinstance(source, Observation) else Level.DEFAULT.value,
        environment=source.environment if source else "default",
        experiment_id=experiment.id,
        experiment_name=experiment.name,
        experiment_item_id=item.dataset_item_id,
        scores=scores,
    )
    if "dataset" in groups:
        shape.experiment_dataset_id = experiment.dataset_id
        shape.experiment_item_version = iso_or_none(item.item_version)
    if "io" in groups:
        shape.input = embedded(source.input) if source else None
        shape.output = embedded(source.output) if source else None
        shape.expected_output = embedded(item.expected_output)
    if "metadata" in groups:
        shape.metadata = _object(source.metadata) if source else None
    if "itemMetadata" in groups:
        shape.experiment_item_metadata = _object(item.item_metadata)
    if "experimentMetadata" in groups:
        shape.experiment_metadata = _object(experiment.metadata)
        shape.experiment_description = experiment.description
    return shape


def _end(item: ExperimentItem, source: Observation | Trace | None) -> int | None:
    match source:
        case Observation():
            return source.end_time if source.end_time is not None else item.end_time
        case Trace(latency=int(latency)):
            return source.timestamp + latency
        case _:
            return item.end_time


def _object(document: JSONBytes | None) -> Raw | None:
    """What is no object is put in one, as the metadata of traces are."""
    if document is None or document[:1] == b"{":
        return embedded(document)
    return Raw(b'{"metadata":' + document + b"}")
