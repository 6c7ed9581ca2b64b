"""Deleting what is too old, on a real store."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from trace_events import PROJECT, SECOND, T, generation, score, span, trace
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.store.traces import ScoreQuery, TraceQuery
from trunkline.tracing import retention
from trunkline.tracing.retention import DAY, Retention
from trunkline.types import Change, Stamp

NOW = time.time_ns() // 1000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteTraceStore]:
    opened = SQLiteTraceStore(tmp_path / "traces.db")
    yield opened
    await opened.close()


def aged(id: str, days: float) -> list[Change]:
    """A trace with a generation and a score, and a score of a session, all so old."""
    time = NOW - int(days * DAY)
    stamp = Stamp(0, time, 0)
    return [
        trace(id, stamp, timestamp=time),
        generation(f"{id}-g", id, (time - T) / SECOND),
        score(f"{id}-s", stamp, trace_id=id),
        score(f"{id}-session", stamp, session_id="session"),
    ]  # fmt: skip


async def ids(store: SQLiteTraceStore, project: str = PROJECT) -> list[str]:
    traces, _ = await store.traces(project, TraceQuery(limit=1000, texts=False))
    return sorted(trace.id for trace in traces)


async def test_what_is_older_is_deleted_and_no_more(store: SQLiteTraceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "REST", 0.0)
    for number in range(60):
        await store.write(PROJECT, aged(f"old-{number}", 30.01 + number))
    await store.write(PROJECT, [*aged("young", 29.99), *aged("new", 0)])
    await store.write("another", aged("old", 100))
    told: list[str] = []

    async def after(project_id: str, trace_ids: Sequence[str]) -> None:
        assert project_id == PROJECT
        told.extend(trace_ids)

    keeping = Retention(store, lambda: [PROJECT, "another"], {PROJECT: 30}.get, after)
    assert 59 * DAY < (await keeping.overdue())[PROJECT] < 60 * DAY
    await keeping.apply(PROJECT)
    await keeping.apply("another")
    assert await ids(store) == ["new", "young"]
    assert await ids(store, "another") == ["old"]
    scores, _ = await store.scores(PROJECT, ScoreQuery(limit=1000))
    assert sorted(score.id for score in scores) == ["new-s", "new-session", "young-s", "young-session"]
    assert sorted(told) == sorted(f"old-{number}" for number in range(60))
    assert (keeping.traces, keeping.scores) == (60, 60)
    assert await keeping.overdue() == {PROJECT: 0}
    (metrics,) = await store.version_metrics(PROJECT, "support/triage")
    assert metrics.generations == 2, "the sums by hour go with the traces"


async def test_it_ends_where_the_project_keeps_all_again(store: SQLiteTraceStore) -> None:
    for number in range(50):
        await store.write(PROJECT, [span(f"s{number}", f"t{number}", Stamp(0, NOW - 90 * DAY, 0))])
    asked = iter([30, 30, None, None])
    keeping = Retention(store, lambda: [PROJECT], lambda _: next(asked))
    await keeping.apply(PROJECT)
    assert len(await ids(store)) == 50 - 2 * retention.BATCH
