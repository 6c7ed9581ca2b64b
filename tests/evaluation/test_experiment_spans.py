"""The recorded export of an experiment of Langfuse's SDK 5 for Python."""

from __future__ import annotations

from pathlib import Path

from trunkline.evaluation.experiment_spans import experiment_spans
from trunkline.tracing.otlp import decode_protobuf, inflate

RECORDED = Path(__file__).parents[1] / "tracing" / "recorded"


def test_the_root_of_an_item_says_all_of_it() -> None:
    export = decode_protobuf(inflate((RECORDED / "py5-experiment.pb.gz").read_bytes(), 1_000_000))
    (item,) = experiment_spans(export, now=0)
    spans = {span.span_id: span for group in export.groups for span in group.spans}
    root = spans[item.span_id]
    assert item.expected_output == b'"Paris"'
    assert item.trace_id == root.trace_id
    assert (item.start, item.end) == (root.start, root.end)
    assert item.experiment_id == root.attributes["langfuse.experiment.id"]
    assert item.item_id == root.attributes["langfuse.experiment.item.id"]
