"""Filters of the trace store against a plain model."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from store.filter_model import Row, holds, observation_row, score_row, some_condition, some_rows, trace_row
from trace_events import PROJECT, price
from trunkline.store.filters import Column, Condition
from trunkline.store.sqlite_columns import OBSERVATIONS, SCORES, TRACES, Columns
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.store.traces import ObservationQuery, ScoreQuery, TraceOrder, TraceQuery
from trunkline.types import TraceDetail


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteTraceStore]:
    engine = SQLiteTraceStore(tmp_path / "traces.db", pricer=price)
    yield engine
    await engine.close()


async def details_of(store: SQLiteTraceStore) -> list[TraceDetail]:
    traces, _ = await store.traces(PROJECT, TraceQuery(limit=10_000, order_by=TraceOrder.ID))
    found = [await store.trace(PROJECT, each.id) for each in traces]
    return [detail for detail in found if detail is not None]


ROUNDS = 120


@pytest.mark.parametrize("seed", range(4))
async def test_conditions_mean_what_the_model_says(store: SQLiteTraceStore, seed: int) -> None:
    rng = random.Random(seed)
    await store.write(PROJECT, some_rows(rng))
    await store.write("another", some_rows(rng, 3))
    details = await details_of(store)
    scores, _ = await store.scores(PROJECT, ScoreQuery(limit=10_000))
    traces = {detail.trace.id: trace_row(detail) for detail in details}
    parts = {part.id: observation_row(part, detail) for detail in details for part in detail.observations}
    judged = {found.id: score_row(found, traces.get(found.trace_id or "")) for found in scores}
    for _ in range(ROUNDS):
        await compare(rng, TRACES, traces, lambda c: store.traces(PROJECT, TraceQuery(conditions=c, limit=10_000)))
        await compare(
            rng,
            OBSERVATIONS,
            parts,
            lambda c: store.observations(PROJECT, ObservationQuery(conditions=c, limit=10_000)),
        )
        await compare(rng, SCORES, judged, lambda c: store.scores(PROJECT, ScoreQuery(conditions=c, limit=10_000)))


async def compare(rng: random.Random, columns: Columns, rows: Mapping[str, Row], read: Any) -> None:
    conditions = tuple(some_condition(rng, columns, [*rows]) for _ in range(rng.choice([1, 1, 2])))
    found, total = await read(conditions)
    expected = {id for id, row in rows.items() if all(meets(columns, row, each) for each in conditions)}
    assert {each.id for each in found} == expected, conditions
    assert total == len(expected)


def meets(columns: Columns, row: Row, condition: Condition) -> bool:
    """A score without a trace meets no condition on its trace."""
    if columns is SCORES and condition.column in SCORES.of_trace and row.values[Column.TRACE_ID] is None:
        return False
    return holds(row, condition)
