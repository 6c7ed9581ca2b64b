"""Speed of reads: ``python tests/benchmarks/bench_reads.py [--observations 100000,1000000] [--file traces.db]``.

Makes the history of a project (`trace_history.py`) in a trace store, then asks it what pages, dashboards and SDKs ask,
and prints p50 and p95 beside the target. A question is asked anew each time, of another user, trace or prompt where it
names one. Days are summed up (`trunkline.store.sqlite_days`) before metrics are asked, as a server does after the
first question; the first question is timed too.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent)]

from benchmarks.trace_history import DAY, MODELS, PROJECT, PROMPTS, TAGS, TraceHistory, fill, prompt_name  # noqa: E402
from trunkline.store.daily import DailyQuery, UserQuery  # noqa: E402
from trunkline.store.filters import AnyOf, Column, Condition, NumberIs, TextIs, TextOperator  # noqa: E402
from trunkline.store.metrics_query import (  # noqa: E402
    Aggregation,
    Dimension,
    Granularity,
    Measure,
    Metric,
    MetricsQuery,
    View,
)
from trunkline.store.sqlite_store import SQLiteTraceStore  # noqa: E402
from trunkline.store.traces import ObservationQuery, ScoreQuery, TraceQuery  # noqa: E402
from trunkline.tracing.cost import price_observation  # noqa: E402
from trunkline.types import Level, Micros, ObservationType  # noqa: E402

Read = Callable[[], Awaitable[object]]
ROUNDS = 40
LONGEST_S = 20.0
"""A question that takes long is asked no more after this."""
FILTER_MS, TRACE_MS, ROLLUP_MS, ROWS_MS = 20.0, 10.0, 60.0, 1000.0


def percentile(times: Sequence[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000


async def timed(name: str, read: Read, target_ms: float) -> None:
    await read()
    times: list[float] = []
    end = time.perf_counter() + LONGEST_S
    while len(times) < ROUNDS and (len(times) < 5 or time.perf_counter() < end):
        began = time.perf_counter()
        await read()
        times.append(time.perf_counter() - began)
    p95 = percentile(times, 0.95)
    mark = "" if p95 <= target_ms else "  <-- over"
    print(
        f"  {name:<52} p50 {percentile(times, 0.5):8.2f}  p95 {p95:8.2f} ms  (target {target_ms:,.0f}){mark}",
        flush=True,
    )


class Questions:
    """What is asked of one history."""

    def __init__(self, store: SQLiteTraceStore, history: TraceHistory) -> None:
        self.store, self.history = store, history
        self.draw = random.Random(1)
        self.since: Micros = history.until - 30 * DAY
        self.traces: list[str] = []
        self.sessions: list[str] = []

    async def prepare(self) -> None:
        for offset in range(0, 2000, 100):
            found, _ = await self.store.traces(
                PROJECT, TraceQuery(offset=offset * 7, limit=100, texts=False, sums=False, count=False)
            )
            self.traces += [trace.id for trace in found]
            self.sessions += [trace.session_id for trace in found if trace.session_id]

    def user(self) -> str:
        return f"user-{int(self.history.users * self.draw.random() ** 3)}"

    def trace_lists(self) -> dict[str, Callable[[], TraceQuery]]:
        draw, last_week = self.draw, self.history.until - 7 * DAY

        def where(*conditions: Condition) -> TraceQuery:
            return TraceQuery(conditions=conditions)

        return {
            "newest 50 traces": TraceQuery,
            "… of a user": lambda: TraceQuery(user_id=self.user()),
            "… of a session": lambda: TraceQuery(session_id=draw.choice(self.sessions)),
            "… of a name": lambda: TraceQuery(name="draft-reply"),
            "… with a tag": lambda: TraceQuery(tags=(draw.choice(TAGS),)),
            "… of an environment": lambda: TraceQuery(environments=("development",)),
            "… of a release": lambda: TraceQuery(release=f"2026.{draw.randrange(1, 9)}"),
            "… of a version": lambda: TraceQuery(version=str(draw.randrange(1, 4))),
            "… of the last week": lambda: TraceQuery(since=last_week),
            "… with an error": lambda: where(AnyOf(column=Column.LEVEL, values=(Level.ERROR,))),
            "… slower than 10 s": lambda: where(NumberIs(column=Column.LATENCY, operator=">", value=10)),
            "… with a score below 0.3": lambda: where(
                NumberIs(column=Column.SCORE_NUMBERS, operator="<", value=0.3, key="quality")
            ),
            "… whose metadata says shop-assistant": lambda: where(
                TextIs(column=Column.METADATA, key="scope", operator=TextOperator.CONTAINS, value="langfuse")
            ),
        }

    def observation_lists(self) -> dict[str, Callable[[], ObservationQuery]]:
        draw = self.draw
        return {
            "newest 50 observations": ObservationQuery,
            "… of a type": lambda: ObservationQuery(types=(ObservationType.GENERATION,)),
            "… of a prompt version": lambda: ObservationQuery(
                prompt_name=prompt_name(draw.randrange(PROMPTS)), prompt_version=draw.randrange(1, 7)
            ),
            "… of a model": lambda: ObservationQuery(model=draw.choice(MODELS)),
            "… with an error": lambda: ObservationQuery(level=Level.ERROR),
            "… of a user": lambda: ObservationQuery(user_id=self.user()),
        }

    def versions(self, *conditions: Condition) -> MetricsQuery:
        name = prompt_name(self.draw.randrange(PROMPTS))
        return MetricsQuery(
            view=View.OBSERVATIONS,
            metrics=(
                Metric(measure=Measure.COUNT, aggregation=Aggregation.COUNT),
                *(Metric(measure=Measure.LATENCY, aggregation=each) for each in (Aggregation.P50, Aggregation.P95)),
                Metric(measure=Measure.TOTAL_COST, aggregation=Aggregation.SUM),
                Metric(measure=Measure.INPUT_TOKENS, aggregation=Aggregation.AVG),
            ),
            dimensions=(Dimension.PROMPT_VERSION,),
            conditions=(TextIs(column=Column.PROMPT_NAME, operator=TextOperator.EQUAL, value=name), *conditions),
            since=self.since,
            until=self.history.until,
        )

    def days(self, *conditions: Condition, quantile: bool = False) -> MetricsQuery:
        measured = (Measure.LATENCY, Aggregation.P95) if quantile else (Measure.TOTAL_COST, Aggregation.SUM)
        return MetricsQuery(
            view=View.OBSERVATIONS,
            metrics=(
                Metric(measure=Measure.COUNT, aggregation=Aggregation.COUNT),
                Metric(measure=measured[0], aggregation=measured[1]),
            ),
            conditions=conditions,
            granularity=Granularity.DAY,
            since=self.since,
            until=self.history.until,
        )


NO_ROLLUP = TextIs(column=Column.VERSION, operator=TextOperator.EQUAL, value="")
"""A condition that rows alone can tell, which all rows meet."""


async def lists(ask: Questions) -> None:
    store = ask.store
    for name, traces in ask.trace_lists().items():
        await timed(name, lambda traces=traces: store.traces(PROJECT, traces()), FILTER_MS)  # type: ignore[misc]
    for name, found in ask.observation_lists().items():
        await timed(name, lambda found=found: store.observations(PROJECT, found()), FILTER_MS)  # type: ignore[misc]
    await timed("newest 50 scores of a name", lambda: store.scores(PROJECT, ScoreQuery(name="topic")), FILTER_MS)
    await timed(
        "one trace, observations and scores", lambda: store.trace(PROJECT, ask.draw.choice(ask.traces)), TRACE_MS
    )


async def numbers(ask: Questions) -> None:
    store = ask.store
    began = time.perf_counter()
    await store.metrics(PROJECT, ask.days())
    print(f"  {'first daily series, days not yet summed up':<52} {(time.perf_counter() - began) * 1000:12.2f} ms")
    began = time.perf_counter()
    await store.sum_up_days()
    print(f"  {'days summed up, in all':<52} {(time.perf_counter() - began) * 1000:12.2f} ms")
    asked: dict[str, tuple[Read, float]] = {
        "per version, 30 days, rollups": (lambda: store.metrics(PROJECT, ask.versions()), ROLLUP_MS),
        "per version, 30 days, rows": (lambda: store.metrics(PROJECT, ask.versions(NO_ROLLUP)), ROWS_MS),
        "a prompt's numbers with its scores": (
            lambda: store.version_metrics(PROJECT, prompt_name(ask.draw.randrange(PROMPTS)), since=ask.since),
            ROLLUP_MS,
        ),
        "generations by prompt, 30 days": (lambda: store.generations_by_prompt(PROJECT, ask.since), ROLLUP_MS),
        "daily series, 30 days, rollups": (lambda: store.metrics(PROJECT, ask.days()), ROLLUP_MS),
        "daily p95 latency, 30 days, rollups": (lambda: store.metrics(PROJECT, ask.days(quantile=True)), ROLLUP_MS),
        "daily series, 30 days, rows": (lambda: store.metrics(PROJECT, ask.days(NO_ROLLUP)), ROWS_MS),
        "daily p95 latency, 30 days, rows": (
            lambda: store.metrics(PROJECT, ask.days(NO_ROLLUP, quantile=True)),
            ROWS_MS,
        ),
        "days by model, 30 of them": (
            lambda: store.daily_usage(PROJECT, DailyQuery(limit=30, since=ask.since)),
            ROLLUP_MS,
        ),
        "users, page of 50, 30 days": (lambda: store.users(PROJECT, UserQuery(since=ask.since)), ROWS_MS),
    }
    for name, (read, target) in asked.items():
        await timed(name, read, target)


async def run(file: Path, observations: int) -> None:
    store = SQLiteTraceStore(file, pricer=price_observation)
    history = TraceHistory(observations)
    if not file.stat().st_size or not (await store.traces(PROJECT, TraceQuery(limit=1)))[1]:
        print(f"{observations:,} observations, made in {await fill(store, history):.0f} s", flush=True)
    ask = Questions(store, history)
    await ask.prepare()
    await lists(ask)
    await numbers(ask)
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--observations", default="100000")
    parser.add_argument("--file", type=Path, help="a store that is there, or to be kept")
    options = parser.parse_args()
    for observations in map(int, options.observations.split(",")):
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix="bench-reads-") as folder:
            asyncio.run(run(options.file or Path(folder) / "traces.db", observations))


if __name__ == "__main__":
    main()
