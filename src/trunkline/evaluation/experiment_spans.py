"""The ``langfuse.experiment.*`` attributes, by which Langfuse's SDKs say that a span is part of an experiment.

Every span of an item has them; only the item's root span, which all of them name, makes the item: what it says comes
in one piece, so it does not matter in which order spans come, or how often.
"""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.dataset_types import ExperimentSpan
from trunkline.errors import InvalidRequest
from trunkline.tracing.documents import encoded, from_attribute
from trunkline.tracing.langfuse import EXPERIMENT as PREFIX
from trunkline.tracing.reading import text_of
from trunkline.tracing.spans import ExportRequest, Span
from trunkline.tracing.texts import MAX_ID
from trunkline.tracing.times import parse_time
from trunkline.types import JSON, JSONBytes, Micros

ROOT = f"{PREFIX}item.root_observation_id"
MAX_NAME = 1000


def experiment_spans(request: ExportRequest, *, now: Micros) -> list[ExperimentSpan]:
    """The root spans of experiment items in an export that arrived at `now`."""
    return [
        read
        for group in request.groups
        for span in group.spans
        if ROOT in span.attributes and (read := _read(span, now)) is not None
    ]


def _read(span: Span, now: Micros) -> ExperimentSpan | None:
    """None for a span that is no root, or lacks an id that can be one."""
    attributes = span.attributes
    experiment_id, item_id = _id(attributes, "id"), _id(attributes, "item.id")
    if experiment_id is None or item_id is None or attributes[ROOT] != span.span_id:
        return None
    start = span.start or span.end or now
    name = text_of(attributes.get(f"{PREFIX}name"))
    return ExperimentSpan(
        experiment_id=experiment_id,
        name=name[:MAX_NAME] if name else None,
        description=text_of(attributes.get(f"{PREFIX}description")),
        metadata=_document(attributes.get(f"{PREFIX}metadata")),
        dataset_id=_id(attributes, "dataset.id"),
        item_id=item_id,
        item_version=_time(attributes.get(f"{PREFIX}item.version")),
        item_metadata=_document(attributes.get(f"{PREFIX}item.metadata")),
        expected_output=_document(attributes.get(f"{PREFIX}item.expected_output")),
        trace_id=span.trace_id,
        span_id=span.span_id,
        start=start,
        end=max(span.end, start) if span.end else None,
    )


def _id(attributes: Mapping[str, JSON], name: str) -> str | None:
    text = text_of(attributes.get(PREFIX + name))
    return text if text and len(text) <= MAX_ID else None


def _document(value: JSON) -> JSONBytes | None:
    if value is None:
        return None
    document = from_attribute(value) if isinstance(value, str) else encoded(value)
    return None if document == b"null" else document


def _time(value: JSON) -> Micros | None:
    try:
        return parse_time(value) if isinstance(value, str) else None
    except InvalidRequest:
        return None
