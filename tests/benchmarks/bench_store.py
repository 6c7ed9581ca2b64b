"""Speed of the SQLite trace store: ``python tests/benchmarks/bench_store.py [--spans 50000] [--batches 1,50,500]``.

Four writers send spans of about 2.7 KB (five to a trace, two of them generations of prompt versions, a change of the
trace with each, as OTLP brings them) straight into the store; each waits until its batch is on disk. Then reads are
timed on what was written. Prints spans a second, latencies in ms, bytes a span in the files.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.store.traces import ObservationQuery, TraceQuery
from trunkline.types import (
    Change,
    ObservationChange,
    ObservationType,
    ScoreChange,
    ScoreType,
    Stamp,
    TraceChange,
)

WRITERS = 4
PROJECT = "bench"
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-3-5-sonnet-20241022", "gemini-1.5-pro")
NAMES = ("answer-question", "search-docs", "lookup-order", "draft-answer", "review-answer")
WORDS = """the customer asked whether their refund for order would arrive before Friday and which carrier handles
returns please answer politely cite the policy section mention limits keep it short context document paragraph summary
invoice delivery account premium support ticket résumé""".split()  # noqa: SIM905
METADATA = json.dumps(
    {
        "resourceAttributes": {"service.name": "bench-app", "telemetry.sdk.language": "python"},
        "scope": {"name": "bench"},
    }
).encode()
HOURS = 6 * 3600 * 10**6


def text(rng: random.Random, size: int) -> str:
    words: list[str] = []
    while sum(map(len, words)) + len(words) < size:
        words.extend(rng.choices(WORDS, k=20))
    return " ".join(words)[:size]


class Traffic:
    """Spans with fresh ids; starts move forward to now."""

    def __init__(self, seed: int = 7) -> None:
        rng = self.rng = random.Random(seed)
        system = {"role": "system", "content": "You are a support agent. Answer from the context only."}
        self.inputs = [json.dumps([system, {"role": "user", "content": text(rng, 1400)}]).encode() for _ in range(256)]
        self.outputs = [json.dumps({"role": "assistant", "content": text(rng, 650)}).encode() for _ in range(256)]
        self.clock = time.time_ns() // 1000 - HOURS
        self.index = 0

    def trace(self) -> list[Change]:
        rng = self.rng
        self.clock += 20_000
        trace_id, root_id = os.urandom(16).hex(), os.urandom(8).hex()
        session, user = f"session-{rng.randrange(2000)}", f"user-{rng.randrange(500)}"
        changes: list[Change] = []
        for place, name in enumerate(NAMES):
            start = self.clock + place * 200_000
            self.index += 1
            stamp = Stamp(0, start, self.index % 50)
            root = place == 0
            changes.append(
                TraceChange(
                    id=trace_id,
                    stamp=stamp,
                    timestamp=start,
                    environment="production",
                    name=name if root else None,
                    user_id=user,
                    session_id=session,
                )
            )
            changes.append(self.span(trace_id, root_id, stamp, name, place))
        return changes

    def span(self, trace_id: str, root_id: str, stamp: Stamp, name: str, place: int) -> ObservationChange:
        rng = self.rng
        generates = place > 2
        tokens = rng.randrange(300, 500), rng.randrange(100, 250)
        return ObservationChange(
            id=os.urandom(8).hex() if place else root_id,
            trace_id=trace_id,
            stamp=stamp,
            type=ObservationType.GENERATION if generates else ObservationType.SPAN,
            name=name,
            start_time=stamp.time,
            end_time=stamp.time + rng.randrange(50_000, 190_000),
            parent_id=root_id if place else None,
            environment="production",
            model=rng.choice(MODELS) if generates else None,
            usage={"input": tokens[0], "output": tokens[1], "total": sum(tokens)} if generates else None,
            prompt_name=f"prompt-{rng.randrange(20)}" if generates else None,
            prompt_version=rng.randrange(1, 4) if generates else None,
            input=rng.choice(self.inputs),
            output=rng.choice(self.outputs),
            metadata=METADATA,
        )

    def batches(self, spans: int, size: int) -> list[list[Change]]:
        """`size` counts spans; each brings a change of its trace as well."""
        flat: list[Change] = []
        while len(flat) < spans * 2:
            flat.extend(self.trace())
        return [flat[at : at + size * 2] for at in range(0, spans * 2, size * 2)]


def price(project_id: str, change: ObservationChange) -> Mapping[str, float]:
    usage = change.usage or {}
    given, made = usage.get("input", 0) * 2.5e-6, usage.get("output", 0) * 1e-5
    return {"input": given, "output": made, "total": given + made}


def percentile(times: Sequence[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000


async def write_all(store: SQLiteTraceStore, batches: list[list[Change]]) -> list[float]:
    times: list[float] = []

    async def send() -> None:
        while batches:
            batch = batches.pop()
            began = time.perf_counter()
            await store.write(PROJECT, batch)
            times.append(time.perf_counter() - began)

    batches.reverse()
    await asyncio.gather(*(send() for _ in range(WRITERS)))
    return times


async def bench_writes(folder: Path, spans: int, size: int) -> None:
    path = folder / f"traces-{size}.db"
    store = SQLiteTraceStore(path, pricer=price)
    traffic = Traffic()
    await write_all(store, traffic.batches(500, 50))
    batches = traffic.batches(spans if size > 1 else spans // 10, size)
    count = sum(len(batch) for batch in batches) // 2
    gc.collect()
    gc.freeze()
    began, cpu = time.perf_counter(), time.process_time()
    times = await write_all(store, batches)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    await store.close()
    size_on_disk = path.stat().st_size / (count + 500)
    print(
        f"batches of {size:>3}: {count / took:>7,.0f} spans/s, p50 {percentile(times, 0.5):6.2f} "
        f"p99 {percentile(times, 0.99):6.2f} ms, {cpu / count * 1e6:5.1f} µs CPU and {size_on_disk:,.0f} bytes a span"
    )


async def timed(name: str, read: Callable[[], Awaitable[object]]) -> None:
    await read()
    times = []
    for _ in range(15):
        began = time.perf_counter()
        await read()
        times.append(time.perf_counter() - began)
    print(f"{name:<48} p50 {percentile(times, 0.5):7.2f} ms, slowest {percentile(times, 1):7.2f} ms")


async def bench_reads(folder: Path, spans: int) -> None:
    """On `spans` observations over 30 days, with a score for each fifth of them."""
    store = SQLiteTraceStore(folder / "traces-reads.db", pricer=price)
    traffic = Traffic()
    traffic.clock = time.time_ns() // 1000 - 30 * 24 * 3600 * 10**6
    step = 30 * 24 * 3600 * 10**6 // (spans // 5)
    last = ""
    for _ in range(spans // 250):
        changes: list[Change] = []
        for _ in range(50):
            traffic.clock += step - 20_000
            trace = traffic.trace()
            last = trace[-1].id
            stamp = trace[-1].stamp
            score = ScoreChange(
                id=os.urandom(16).hex(),
                stamp=stamp,
                name="helpful",
                data_type=ScoreType.NUMERIC,
                timestamp=stamp.time,
                value=0.5,
                trace_id=trace[0].id,
            )
            changes += [*trace, score]
        await store.write(PROJECT, changes)
    since = time.time_ns() // 1000 - 31 * 24 * 3600 * 10**6
    print(f"reads on {spans:,} observations over 30 days, {spans // 5:,} scores of traces")
    await timed("version_metrics, 30 days", lambda: store.version_metrics(PROJECT, "prompt-7", since=since))
    await timed("generations_by_prompt, 30 days", lambda: store.generations_by_prompt(PROJECT, since))
    await timed("newest 50 traces with texts, sums and total", lambda: store.traces(PROJECT, TraceQuery()))
    await timed("newest 50 traces of a user", lambda: store.traces(PROJECT, TraceQuery(user_id="user-7")))
    await timed("newest 50 observations", lambda: store.observations(PROJECT, ObservationQuery()))
    query = ObservationQuery(prompt_name="prompt-7", prompt_version=2)
    await timed("newest 50 generations of a version", lambda: store.observations(PROJECT, query))
    await timed("one observation", lambda: store.observation(PROJECT, last))
    await store.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=50_000)
    parser.add_argument("--batches", default="50,500,1")
    parser.add_argument("--reads", type=int, default=100_000, help="observations to read from; 0: none")
    options = parser.parse_args()
    gc.set_threshold(50_000)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for size in map(int, filter(None, options.batches.split(","))):
            await bench_writes(Path(folder), options.spans, size)
        if options.reads:
            await bench_reads(Path(folder), options.reads)


if __name__ == "__main__":
    asyncio.run(main())
