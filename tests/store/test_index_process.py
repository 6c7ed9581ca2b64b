"""The indexer as a process: it answers line by line, outlives a terminal's interrupt, and ends when it is told to."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trace_events import PROJECT, price, span
from trunkline.errors import Unavailable
from trunkline.store.index_process import IndexProcess
from trunkline.store.sqlite_index import IndexLock, index_path
from trunkline.store.sqlite_store import SQLiteTraceStore


@pytest.fixture
async def traces(tmp_path: Path) -> AsyncIterator[Path]:
    store = SQLiteTraceStore(tmp_path / "traces.db", pricer=price)
    await store.write(PROJECT, [span(input=b'"words to find"')])
    yield store.path
    await store.close()


def child() -> int:
    """The one child of this process that indexes."""
    (found,) = [
        int(line)
        for line in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        if b"index_process" in Path(f"/proc/{line}/cmdline").read_bytes()
    ]
    return found


async def test_a_process_steps_until_it_is_ended(traces: Path) -> None:
    lock = IndexLock(index_path(traces))
    assert lock.take()
    process = IndexProcess(traces, index_path(traces), lock, busy_ms=5000)
    assert (await process.step()).more
    os.kill(child(), signal.SIGINT)
    steps = [await process.step()]
    while steps[-1].more:
        steps.append(await process.step())
    assert sum(step.documents for step in steps) == 1
    lock.close()
    other = IndexLock(index_path(traces))
    assert not other.take()  # the child holds it too
    await process.end()
    assert other.take()
    other.close()


async def test_a_process_that_was_killed_is_told_and_begun_again(traces: Path) -> None:
    lock = IndexLock(index_path(traces))
    process = IndexProcess(traces, index_path(traces), lock, busy_ms=5000)
    await process.step()
    os.kill(child(), signal.SIGKILL)
    with pytest.raises(Unavailable, match="search index"):
        await process.step()
    await process.step()
    await process.end()
    lock.close()
