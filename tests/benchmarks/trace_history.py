"""Two months of a project's traces, as a busy service leaves them: fills a trace store for benchmarks of reads.

    python tests/benchmarks/trace_history.py --observations 100000 --file traces.db --project PROJECT

The same number, seed and end give the same history, ids and texts included. Traces of 5 to 10 observations lie over
60 days, busier by day than by night; prompts move on to new versions, one after another; a few users are very active,
most are not; sessions hold some traces each; every fifth trace is scored by its user, some generations by a judge; one
observation in thirty fails. Texts are made of sentences over a vocabulary whose words are as unevenly used as those of
a language, about 1 KB for an observation, each different from all others.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.tracing.cost import price_observation
from trunkline.types import (
    Change,
    Level,
    Micros,
    ObservationChange,
    ObservationType,
    ScoreChange,
    ScoreSource,
    ScoreType,
    Stamp,
    TraceChange,
)

DAY: Micros = 86_400_000_000
DAYS = 60
PROJECT = "bench"
VERSIONS = 6
PROMPTS = 20
ENVIRONMENTS = {"production": 85, "staging": 10, "development": 5}
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-3-5-sonnet-20241022", "gemini-1.5-pro")
TAGS = ("beta", "billing", "enterprise", "eu", "free", "mobile", "refund", "urgent", "us", "web")
WRITE_CHANGES = 2000
WORDS, _SENTENCES = 20_000, 8000
_SYLLABLES = ("ba", "co", "der", "el", "fin", "gor", "hu", "in", "ja", "ker", "lo", "mat", "ne", "or", "pi", "qua",
              "ro", "sen", "ti", "um", "ver", "wa", "xi", "yo", "zu")  # fmt: skip
_METADATA = json.dumps(
    {"resourceAttributes": {"service.name": "shop-assistant"}, "scope": {"name": "langfuse-sdk"}}
).encode()


_QUESTION = (
    b'[{"role":"system","content":"You are the assistant of a shop. Answer from the context only."},'
    b'{"role":"user","content":"%s"}]'
)
_ANSWER = b'{"role":"assistant","content":"%s"}'


class Flow(NamedTuple):
    """What traces of one name consist of; `steps` follow the root, and those with a prompt generate."""

    name: str
    steps: tuple[tuple[str, ObservationType, int | None], ...]
    """Name, type, and the number of the prompt."""


_SPAN, _GENERATION, _TOOL = ObservationType.SPAN, ObservationType.GENERATION, ObservationType.TOOL
_RETRIEVER, _GUARDRAIL, _EMBEDDING = ObservationType.RETRIEVER, ObservationType.GUARDRAIL, ObservationType.EMBEDDING


def _flows() -> tuple[Flow, ...]:
    flows = []
    for number, name in enumerate(("answer-question", "triage-ticket", "draft-reply", "summarize-call", "plan-trip")):
        first = number * (PROMPTS // 5)
        steps: list[tuple[str, ObservationType, int | None]] = [
            ("check-input", _GUARDRAIL, None),
            ("embed-query", _EMBEDDING, None),
            ("search-docs", _RETRIEVER, None),
            ("rewrite-query", _GENERATION, first),
            (f"{name}-draft", _GENERATION, first + 1),
            ("lookup-order", _TOOL, None),
            (f"{name}-final", _GENERATION, first + 2),
            ("review", _GENERATION, first + 3),
            ("store-result", _SPAN, None),
        ]
        flows.append(Flow(name, tuple(steps)))
    return tuple(flows)


def prompt_name(number: int) -> str:
    return f"shop/prompt-{number:02}"


def vocabulary(draw: random.Random) -> list[str]:
    """Words by how often they come, the most frequent first."""
    words = ["".join(draw.choices(_SYLLABLES, k=draw.randrange(1, 5))) for _ in range(WORDS * 2)]
    return list(dict.fromkeys(words))[:WORDS]


class Texts:
    """Texts about as long as asked, of two passages out of a book; all of it stands in JSON as it is."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        words = vocabulary(draw)
        weights = list(itertools.accumulate(1 / (rank + 5) for rank in range(len(words))))
        self._sentences = [
            " ".join(draw.choices(words, cum_weights=weights, k=draw.randrange(6, 18))).capitalize().encode() + b"."
            for _ in range(_SENTENCES)
        ]

    def __call__(self, size: int) -> bytes:
        count = max(1, size // 130)
        begin, other = (int(self._draw.random() * (_SENTENCES - count)) for _ in range(2))
        return b" ".join((*self._sentences[begin : begin + count], *self._sentences[other : other + count]))


class TraceHistory:
    """The history of one project, oldest first. `until` is when it ends, now by default."""

    def __init__(
        self, observations: int, *, until: Micros | None = None, seed: int = 7, text_bytes: int = 1000
    ) -> None:
        self.observations, self.text_bytes = observations, text_bytes
        self.until = time.time_ns() // 1000 if until is None else until
        self.since = self.until - DAYS * DAY
        self.users = max(20, observations // 100)
        self._draw = random.Random(seed)
        self._text = Texts(self._draw)
        self._flows = _flows()
        self._sessions: dict[str, tuple[str, int]] = {}

    def traces(self) -> Iterator[list[Change]]:
        """What is said of one trace, its observations and its scores, trace by trace."""
        made = 0
        while made < self.observations:
            start = self._start(made / self.observations)
            steps = min(self._draw.randrange(5, 11), self.observations - made)
            yield self._trace(start, steps)
            made += steps

    def _start(self, share: float) -> Micros:
        """Moves on evenly, but by night (UTC) the traces come later, with the morning."""
        at = self.since + int(share * (DAYS * DAY - 120_000_000))
        into_day = at % DAY
        return at if into_day > DAY // 4 else at - into_day + DAY // 4 + into_day // 2

    def _trace(self, start: Micros, steps: int) -> list[Change]:
        draw = self._draw
        flow = draw.choice(self._flows)
        environment = draw.choices(tuple(ENVIRONMENTS), weights=tuple(ENVIRONMENTS.values()))[0]
        user = f"user-{int(self.users * draw.random() ** 3)}"
        trace = TraceChange(
            id=draw.randbytes(16).hex(),
            stamp=Stamp(0, start),
            timestamp=start,
            name=flow.name,
            user_id=user,
            session_id=self._session(user),
            release=f"2026.{1 + self._phase(start, 8)}",
            version=str(1 + self._phase(start, 3)),
            environment=environment,
            tags=sorted(draw.sample(TAGS, draw.choice((0, 1, 1, 2, 3)))),
            metadata=_METADATA,
        )
        observations = list(self._observations(trace, start, flow, steps, environment))
        return [trace, *observations, *self._scores(trace, observations, start, environment)]

    def _session(self, user: str) -> str:
        session, left = self._sessions.get(user, ("", 0))
        if not left:
            session, left = f"session-{self._draw.randbytes(8).hex()}", self._draw.randrange(1, 9)
        self._sessions[user] = session, left - 1
        return session

    def _phase(self, at: Micros, phases: int) -> int:
        return min(phases - 1, (at - self.since) * phases // (DAYS * DAY))

    def _observations(
        self, trace: TraceChange, start: Micros, flow: Flow, steps: int, environment: str
    ) -> Iterator[ObservationChange]:
        draw = self._draw
        root, at = draw.randbytes(8).hex(), start + 1000
        chosen = sorted(draw.sample(range(len(flow.steps)), min(steps - 1, len(flow.steps))))
        parts = []
        for number in chosen:
            took = int(draw.lognormvariate(13.6, 0.7))
            parts.append(self._step(trace, root, (at, took), flow.steps[number], environment))
            at += took
        question, answer = self._texts(0.5)
        yield ObservationChange(
            id=root,
            trace_id=trace.id,
            stamp=Stamp(0, start),
            type=ObservationType.CHAIN,
            name=flow.name,
            start_time=start,
            end_time=at + 1000,
            environment=environment,
            input=question,
            output=answer,
            metadata=_METADATA,
        )
        yield from parts

    def _step(
        self,
        trace: TraceChange,
        parent: str,
        times: tuple[Micros, Micros],
        step: tuple[str, ObservationType, int | None],
        environment: str,
    ) -> ObservationChange:
        draw, (start, took), (name, type, prompt) = self._draw, times, step
        failed = draw.random() < 1 / 30
        question, answer = self._texts()
        change = ObservationChange(
            id=draw.randbytes(8).hex(),
            trace_id=trace.id,
            stamp=Stamp(0, start),
            type=type,
            name=name,
            start_time=start,
            end_time=start + took,
            parent_id=parent,
            level=Level.ERROR if failed else None,
            status_message="The upstream service timed out." if failed else None,
            environment=environment,
            input=question,
            output=None if failed else answer,
            metadata=_METADATA,
        )
        return change if prompt is None else self._generation(change, prompt, start, took)

    def _generation(self, change: ObservationChange, prompt: int, start: Micros, took: Micros) -> ObservationChange:
        draw = self._draw
        given, made = draw.randrange(200, 3000), draw.randrange(20, 800)
        usage = {"input": given, "output": made, "total": given + made}
        if draw.random() < 0.2:
            usage = {"input": given // 2, "input_cached_tokens": given - given // 2, "output": made}
        version = self._phase(start, VERSIONS)
        older = version > 0 and draw.random() < 0.05
        return structs.replace(
            change,
            model=MODELS[(prompt + (draw.random() < 0.2)) % len(MODELS)],
            model_parameters=b'{"temperature":0.2}',
            usage=usage,
            completion_start_time=start + took // 4,
            prompt_name=prompt_name(prompt),
            prompt_version=1 + version - older,
        )

    def _texts(self, share: float = 1) -> tuple[bytes, bytes]:
        size = int(self.text_bytes * share)
        return _QUESTION % self._text(size * 2 // 3), _ANSWER % self._text(size // 3)

    def _scores(
        self, trace: TraceChange, observations: list[ObservationChange], start: Micros, environment: str
    ) -> Iterator[ScoreChange]:
        draw = self._draw
        after = start + 60_000_000
        if draw.random() < 0.2:
            yield self._score("helpful", ScoreType.BOOLEAN, after, trace.id, None, environment, draw.random() < 0.8)
        if draw.random() < 0.1:
            topic = draw.choice(("billing", "delivery", "other"))
            yield self._score("topic", ScoreType.CATEGORICAL, after, trace.id, None, environment, topic)
        for change in observations:
            if change.prompt_name and draw.random() < 0.1:
                value = round(draw.betavariate(5, 2), 3)
                yield self._score("quality", ScoreType.NUMERIC, after, trace.id, change.id, environment, value)

    def _score(
        self,
        name: str,
        type: ScoreType,
        at: Micros,
        trace_id: str,
        observation_id: str | None,
        environment: str,
        value: str | float,
    ) -> ScoreChange:
        text = value if isinstance(value, str) else str(bool(value)) if type is ScoreType.BOOLEAN else None
        return ScoreChange(
            id=self._draw.randbytes(16).hex(),
            stamp=Stamp(0, at),
            name=name,
            data_type=type,
            timestamp=at,
            value=None if isinstance(value, str) else float(value),
            string_value=text,
            trace_id=trace_id,
            observation_id=observation_id,
            source=ScoreSource.API if name == "helpful" else ScoreSource.EVAL,
            environment=environment,
        )

    def writes(self) -> Iterator[list[Change]]:
        """The history in writes of about `WRITE_CHANGES` changes."""
        changes: list[Change] = []
        for trace in self.traces():
            changes += trace
            if len(changes) >= WRITE_CHANGES:
                yield changes
                changes = []
        if changes:
            yield changes


async def fill(store: SQLiteTraceStore, history: TraceHistory, project: str = PROJECT) -> float:
    """Writes the history; returns the seconds that it took. The next write is made while one is on its way."""
    began = time.perf_counter()
    writing: asyncio.Task[None] | None = None
    for changes in history.writes():
        if writing is not None:
            await writing
        writing = asyncio.create_task(store.write(project, changes))
        await asyncio.sleep(0)
    if writing is not None:
        await writing
    return time.perf_counter() - began


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--observations", type=int, default=100_000)
    parser.add_argument("--file", type=Path, required=True, help="the trace store to fill, such as DATA/traces.db")
    parser.add_argument("--project", default=PROJECT, help="the project's id")
    parser.add_argument("--text-bytes", type=int, default=1000, help="input and output of one observation, about")
    parser.add_argument("--seed", type=int, default=7, help="another seed adds another history to the same file")
    options = parser.parse_args()
    store = SQLiteTraceStore(options.file, pricer=price_observation)
    history = TraceHistory(options.observations, seed=options.seed, text_bytes=options.text_bytes)
    took = await fill(store, history, options.project)
    await store.close()
    size = options.file.stat().st_size
    print(
        f"{options.observations:,} observations in {took:.0f} s, {size / options.observations:,.0f} bytes each on disk"
    )


if __name__ == "__main__":
    asyncio.run(_main())
