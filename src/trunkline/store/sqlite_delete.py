"""Deleting, within a transaction of the writer: sums and links go with the rows."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.store.sqlite_merge import Merger
from trunkline.store.sqlite_rows import cost_of, encode_id

_TRACE = "SELECT trace, text FROM traces WHERE project = ? AND id = ?"
_OBSERVATIONS = "SELECT id FROM observations WHERE project = ? AND trace = ?"
_SCORES = "SELECT id FROM scores WHERE project = ? AND trace_id = ?"


def delete_scores(merger: Merger, project_id: str, ids: Sequence[str]) -> int:
    return merger.scores.delete(merger.names.project(project_id), [encode_id(id) for id in ids])


def delete_traces(merger: Merger, project_id: str, ids: Sequence[str]) -> int:
    project = merger.names.project(project_id)
    merger.texts.flush()  # what came in with the same transaction goes too
    return sum(_delete_trace(merger, project, encode_id(id)) for id in ids)


def _delete_trace(merger: Merger, project: int, key: bytes) -> int:
    """1 where the trace was there. Scores that came before their trace are deleted with it or without it."""
    execute = merger.connection.execute
    scores = {row[0] for row in execute(_SCORES, (project, key))}
    found = execute(_TRACE, (project, key)).get
    if found is not None:
        trace, text = found
        observations = [row[0] for row in execute(_OBSERVATIONS, (project, trace))]
        for id in observations:
            _take_away(merger, project, trace, id)
        scores |= merger.scores.touching(project, observations, ())
        execute("DELETE FROM observations WHERE project = ? AND trace = ?", (project, trace))
        execute("DELETE FROM traces WHERE trace = ?", (trace,))
        merger.texts.drop(project, trace, text)
        merger.log.remove(trace)
    merger.scores.delete(project, list(scores))
    return 0 if found is None else 1


def _take_away(merger: Merger, project: int, trace: int, id: bytes) -> None:
    held = merger.load(project, trace, id, texts=False)
    merger.count(project, held.series, held.change, cost_of(held.row), -1)
    merger.texts.drop(project, trace, held.row[16])
