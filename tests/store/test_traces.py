"""The conformance suite of trace stores: what every engine must do. A new engine is one more line in `ENGINES`."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trace_events import HOUR, PROJECT, SECOND, T, at, events, generation, price, score, span, trace
from trunkline.errors import InvalidRequest
from trunkline.store.sqlite_store import SQLiteTraceStore
from trunkline.store.traces import ObservationCursor, ObservationQuery, ScoreQuery, TraceOrder, TraceQuery, TraceStore
from trunkline.types import (
    Change,
    Level,
    ObservationType,
    ScoreSource,
    ScoreSummary,
    ScoreType,
    TraceDetail,
    VersionMetrics,
)

Factory = Callable[[Path], Awaitable[TraceStore]]


async def sqlite(folder: Path) -> TraceStore:
    return SQLiteTraceStore(folder / "traces.db", pricer=price)


ENGINES: dict[str, Factory] = {"sqlite": sqlite}


@pytest.fixture(params=sorted(ENGINES))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TraceStore]:
    engine = await ENGINES[request.param](tmp_path)
    yield engine
    await engine.close()


async def read(store: TraceStore, id: str = "trace-1") -> TraceDetail:
    detail = await store.trace(PROJECT, id)
    assert detail is not None
    return detail


class TestWriting:
    async def test_everything_comes_back(self, store: TraceStore) -> None:
        await store.write(
            PROJECT,
            [
                trace(
                    timestamp=T, name="simple-query", user_id="user-1", session_id="session-1", release="r1",
                    version="v1", environment="production", public=True, tags=("b", "a"), input=b'"in"',
                    output=b'{"out": 1}', metadata=b'{"k":"v"}',
                ),
                generation(
                    parent_id="span-1", completion_start_time=T + SECOND // 2, level=Level.WARNING,
                    status_message="slow", version="v2", environment="production", is_root=True,
                    model_parameters=b'{"temperature": 0.2}', input=b'[{"role": "user"}]', output=b'"answer"',
                    metadata=b'{"a": [1, 2.50]}',
                ),
                score(trace_id="trace-1", observation_id="generation-1", comment="good", metadata=b'{"x":1}'),
            ],
        )  # fmt: skip
        detail = await read(store)
        found = detail.trace
        assert (found.name, found.user_id, found.session_id, found.release) == (
            "simple-query", "user-1", "session-1", "r1",
        )  # fmt: skip
        assert (found.version, found.environment, found.public, found.tags) == ("v1", "production", True, ("a", "b"))
        assert (found.input, found.output, found.metadata) == (b'"in"', b'{"out": 1}', b'{"k":"v"}')
        assert (found.timestamp, found.latency, found.observation_ids) == (T, SECOND, ("generation-1",))
        assert found.score_ids == ("score-1",)
        (observed,) = detail.observations
        assert observed.type is ObservationType.GENERATION
        assert (observed.start_time, observed.end_time, observed.completion_start_time) == (
            T, T + SECOND, T + SECOND // 2,
        )  # fmt: skip
        assert (observed.level, observed.status_message, observed.version) == (Level.WARNING, "slow", "v2")
        assert (observed.parent_id, observed.is_root, observed.environment) == ("span-1", True, "production")
        assert (observed.model, observed.model_parameters) == ("gpt-4o", b'{"temperature": 0.2}')
        assert observed.usage == {"input": 100, "output": 10, "total": 110}
        assert (observed.prompt_name, observed.prompt_version) == ("support/triage", 3)
        assert (observed.input, observed.output) == (b'[{"role": "user"}]', b'"answer"')
        assert observed.metadata == b'{"a": [1, 2.50]}'
        assert detail.scores[0].comment == "good"
        assert detail.scores[0].metadata == b'{"x":1}'
        assert observed == await store.observation(PROJECT, "generation-1")

    async def test_an_observation_makes_its_trace(self, store: TraceStore) -> None:
        await store.write(PROJECT, [span("b", stamp=at(2), environment="staging"), span("a", stamp=at(1))])
        assert (await read(store)).trace.timestamp == T + SECOND
        await store.write(PROJECT, [span("c", stamp=at(-1), environment="staging")])
        found = (await read(store)).trace
        assert (found.timestamp, found.environment) == (T - SECOND, "staging")
        await store.write(PROJECT, [trace(timestamp=T + 7, environment="production", name="known")])
        found = (await read(store)).trace
        assert (found.timestamp, found.environment, found.name) == (T + 7, "production", "known")

    async def test_update_before_create_and_in_another_write(self, store: TraceStore) -> None:
        update = span(stamp=at(5, rank=1), output=b'"out"', end_time=T + 6 * SECOND, metadata=b'{"a": {"b": 1}}')
        await store.write(PROJECT, [update])
        before = (await read(store)).observations[0]
        assert before.start_time == T + 5 * SECOND
        await store.write(PROJECT, [span(stamp=at(9), start_time=T, name="n", metadata=b'{"a": {"c": 2}}')])
        after = (await read(store)).observations[0]
        assert (after.start_time, after.end_time, after.output, after.name) == (T, T + 6 * SECOND, b'"out"', "n")
        assert json.loads(after.metadata or b"") == {"a": {"b": 1, "c": 2}}
        assert after.created_at == before.created_at <= after.updated_at
        assert (await read(store)).trace.timestamp == T

    async def test_an_observation_moves_to_the_trace_that_was_first(self, store: TraceStore) -> None:
        await store.write(PROJECT, [span("o", "o", stamp=at(3, rank=1))])
        await store.write(PROJECT, [span("o", "trace-1", stamp=at(1))])
        assert await store.trace(PROJECT, "o") is None
        assert [o.id for o in (await read(store)).observations] == ["o"]

    async def test_end_before_start_is_the_start(self, store: TraceStore) -> None:
        await store.write(PROJECT, [generation(seconds=-5)])
        assert (await read(store)).observations[0].end_time == T
        await store.write(PROJECT, [span("generation-1", stamp=at(-9))])  # the first start wins
        assert (await read(store)).observations[0].end_time == T - 5 * SECOND

    async def test_a_repeat_changes_nothing(self, store: TraceStore) -> None:
        changes: list[Change] = [trace(timestamp=T, name="n"), generation(), score(trace_id="trace-1")]
        await store.write(PROJECT, changes)
        before, metrics = await read(store), await store.version_metrics(PROJECT, "support/triage")
        for _ in range(2):
            await store.write(PROJECT, [*changes, *changes])
        assert await read(store) == before
        assert await store.version_metrics(PROJECT, "support/triage") == metrics

    async def test_projects_do_not_see_each_other(self, store: TraceStore) -> None:
        await store.write(PROJECT, [generation(name="ours"), score(trace_id="trace-1")])
        await store.write("project-2", [generation(name="theirs")])
        assert (await read(store)).observations[0].name == "ours"
        for query in (store.trace, store.observation, store.score):
            assert await query("project-3", "trace-1") is None
        assert await store.score("project-2", "score-1") is None
        assert (await store.traces("project-3", TraceQuery()))[1] == 0
        assert await store.delete_traces("project-2", ["trace-1"]) == 1
        assert (await read(store)).observations[0].name == "ours"
        assert (await store.version_metrics(PROJECT, "support/triage"))[0].generations == 1
        assert await store.version_metrics("project-2", "support/triage") == []

    @pytest.mark.parametrize(
        "id",
        ["a" * 800, "é🙂", "0af7651916cd43dd8448eb211c80319c", "0AF7651916CD43DD", "0af7651916cd43dd",
         "00 11 22 33 44 5",
         "3f2b8d1e-5a77-4c8e-9d43-1c2b3a4d5e6f", "3F2B8D1E-5A77-4C8E-9D43-1C2B3A4D5E6F", "seven77", "fifteen-15-abcd",
         "sixteen-16-abcde", "\x00", "x\ny", "' OR 1=1 --"],
    )  # fmt: skip
    async def test_any_id_comes_back_as_it_was(self, store: TraceStore, id: str) -> None:
        await store.write(PROJECT, [span(id, id, parent_id=id), score(id, trace_id=id, observation_id=id)])
        detail = await read(store, id)
        assert (detail.trace.id, detail.observations[0].id, detail.observations[0].parent_id) == (id, id, id)
        assert (detail.scores[0].id, detail.scores[0].trace_id, detail.scores[0].observation_id) == (id, id, id)

    @pytest.mark.parametrize(
        "bad",
        [
            span(""), span("x" * 801), span(trace_id=""), span(start_time=10**18), span(name="\ud800"),
            generation(usage={"input": 1 << 70}), generation(cost={"total": float("nan")}),
            generation(prompt_version=1 << 64),
            score(value=float("inf")), trace(timestamp=-(10**18)),
        ],
    )  # fmt: skip
    async def test_what_cannot_be_kept_is_refused_and_harms_nobody(self, store: TraceStore, bad: Change) -> None:
        writes = [store.write(PROJECT, [span(f"good-{n}")]) for n in range(5)]
        results = await asyncio.gather(*writes, store.write(PROJECT, [span("with"), bad]), return_exceptions=True)
        assert results[:5] == [None] * 5
        assert isinstance(results[5], InvalidRequest)
        assert {o.id for o in (await read(store)).observations} == {f"good-{n}" for n in range(5)}

    async def test_usage_and_cost_of_any_kinds_come_back(self, store: TraceStore) -> None:
        usage = {"input": 5, "input_cached": 2, "seconds": 9}
        cost = {"input": 0.25, "audio": 0.5}
        await store.write(PROJECT, [generation(usage=usage, cost=cost), generation("plain", usage={"output": 3})])
        found = {o.id: o for o in (await read(store)).observations}
        assert (found["generation-1"].usage, found["generation-1"].cost) == (usage, cost)
        assert found["plain"].usage == {"output": 3}
        assert (await read(store)).trace.total_cost == pytest.approx(0.75 + 3 / 500)

    async def test_cost_is_computed_unless_given_and_follows_the_usage(self, store: TraceStore) -> None:
        await store.write(PROJECT, [generation()])
        found = await store.observation(PROJECT, "generation-1")
        assert found is not None
        assert (found.cost, found.cost_given) == ({"input": 0.1, "output": 0.02, "total": 0.12000000000000001}, False)
        await store.write(PROJECT, [span("generation-1", stamp=at(1, 1), usage={"input": 1000})])
        found = await store.observation(PROJECT, "generation-1")
        assert found is not None
        assert found.cost["total"] == 1.0
        await store.write(PROJECT, [span("generation-1", stamp=at(2, 1), cost={"total": 7.5})])
        found = await store.observation(PROJECT, "generation-1")
        assert found is not None
        assert (found.cost, found.cost_given) == ({"total": 7.5}, True)
        assert (await store.version_metrics(PROJECT, "support/triage"))[0].cost_sum == 7.5

    async def test_an_empty_write_is_none(self, store: TraceStore) -> None:
        await store.write(PROJECT, [])


class TestReading:
    async def test_traces_by_page_order_and_filter(self, store: TraceStore) -> None:
        for n in range(7):
            await store.write(PROJECT, [trace(
                f"t{n}", at(n), timestamp=T + n, name=f"name-{n % 2}", user_id=f"user-{n % 3}", session_id=f"s{n % 2}",
                tags=("all", f"tag-{n}"), environment=f"env-{n % 2}", version="v1" if n else None, release=f"r{n % 2}",
            )])  # fmt: skip

        async def ids(**query: Any) -> list[str]:
            found, total = await store.traces(PROJECT, TraceQuery(**query))
            assert total >= len(found)
            return [each.id for each in found]

        assert await ids() == ["t6", "t5", "t4", "t3", "t2", "t1", "t0"]
        assert await ids(limit=2, offset=2) == ["t4", "t3"]
        assert (await store.traces(PROJECT, TraceQuery(limit=2)))[1] == 7
        assert (await store.traces(PROJECT, TraceQuery(limit=2, count=False)))[1] == -1
        assert await ids(descending=False, limit=2) == ["t0", "t1"]
        assert await ids(order_by=TraceOrder.NAME, limit=3) == ["t5", "t3", "t1"]
        assert await ids(name="name-0") == ["t6", "t4", "t2", "t0"]
        assert await ids(user_id="user-2") == ["t5", "t2"]
        assert await ids(session_id="s1", user_id="user-0") == ["t3"]
        assert await ids(tags=("all", "tag-4")) == ["t4"]
        assert await ids(environments=("env-1", "other")) == ["t5", "t3", "t1"]
        assert await ids(version="v1", release="r0") == ["t6", "t4", "t2"]
        assert await ids(since=T + 2, until=T + 4) == ["t3", "t2"]
        assert await ids(ids=("t1", "t5", "none")) == ["t5", "t1"]
        assert await ids(tags=("' OR 1=1",)) == []

    async def test_lists_without_texts_and_sums(self, store: TraceStore) -> None:
        await store.write(PROJECT, [trace(input=b"1"), generation(input=b"2")])
        ((found,), _) = await store.traces(PROJECT, TraceQuery(texts=False, sums=False))
        assert (found.input, found.observation_ids, found.latency) == (None, (), None)
        ((observed,), _) = await store.observations(PROJECT, ObservationQuery(texts=False))
        assert observed.input is None

    async def test_observations_by_page_order_and_filter(self, store: TraceStore) -> None:
        await store.write(PROJECT, [
            trace(user_id="user-1", session_id="session-1"),
            span("root", stamp=at(0), environment="production", version="v1"),
            span("child", stamp=at(1), parent_id="root", level=Level.ERROR),
            generation("gen", start=2, parent_id="root"),
            span("other", "trace-2", stamp=at(3), parent_id="x", is_root=True, type=ObservationType.TOOL, name="tool"),
        ])  # fmt: skip

        async def ids(**query: Any) -> list[str]:
            found, total = await store.observations(PROJECT, ObservationQuery(**query))
            assert total == len(found) or query.get("limit")
            return [each.id for each in found]

        assert await ids() == ["other", "gen", "child", "root"]
        assert await ids(limit=2, offset=1, descending=False) == ["child", "gen"]
        assert await ids(types=(ObservationType.TOOL, ObservationType.GENERATION)) == ["other", "gen"]
        assert await ids(trace_id="trace-1", parent_id="root") == ["gen", "child"]
        assert await ids(is_root=True) == ["other", "root"]
        assert await ids(is_root=False) == ["gen", "child"]
        assert await ids(user_id="user-1") == ["gen", "child", "root"]
        assert await ids(session_id="session-1", name="answer") == ["gen"]
        assert await ids(level=Level.ERROR) == ["child"]
        assert await ids(level=Level.DEFAULT, types=(ObservationType.TOOL,)) == ["other"]
        assert await ids(environments=("production",)) == ["root"]
        assert await ids(version="v1") == ["root"]
        assert await ids(model="gpt-4o") == ["gen"]
        assert await ids(prompt_name="support/triage", prompt_version=3) == ["gen"]
        assert await ids(prompt_name="support/triage", prompt_version=2) == []
        assert await ids(since=T + SECOND, until=T + 2 * SECOND) == ["child"]
        assert await ids(trace_id="none") == []

    async def test_pages_by_cursor_give_each_once(self, store: TraceStore) -> None:
        await store.write(PROJECT, [span(f"s{n}", f"t{n % 3}", stamp=at(n // 4)) for n in range(20)])
        for descending in (True, False):
            seen: list[str] = []
            cursor = None
            while len(seen) < 20:
                query = ObservationQuery(limit=3, after=cursor, descending=descending, count=False)
                found, _ = await store.observations(PROJECT, query)
                seen += [each.id for each in found]
                cursor = ObservationCursor(start_time=found[-1].start_time, id=found[-1].id)
            assert sorted(seen) == sorted(f"s{n}" for n in range(20))

    async def test_scores_by_page_and_filter(self, store: TraceStore) -> None:
        await store.write(PROJECT, [
            trace(user_id="user-1", tags=("vip",)),
            score("a", at(0), trace_id="trace-1", value=0.2),
            score("b", at(1), trace_id="trace-1", observation_id="o", value=0.8, environment="staging"),
            score("c", at(2), session_id="session-1", name="tone", data_type=ScoreType.CATEGORICAL, value=None,
                  string_value="kind", source=ScoreSource.EVAL, config_id="config", queue_id="queue"),
            score("d", at(3), run_id="run-1"),
        ])  # fmt: skip

        async def ids(**query: Any) -> list[str]:
            return [each.id for each in (await store.scores(PROJECT, ScoreQuery(**query)))[0]]

        assert await ids() == ["d", "c", "b", "a"]
        assert await ids(limit=1, offset=1) == ["c"]
        assert await ids(name="tone", data_type=ScoreType.CATEGORICAL, source=ScoreSource.EVAL) == ["c"]
        assert await ids(trace_id="trace-1") == ["b", "a"]
        assert await ids(observation_id="o") == ["b"]
        assert await ids(session_id="session-1", config_id="config", queue_id="queue") == ["c"]
        assert await ids(run_id="run-1") == ["d"]
        assert await ids(operator=">=", value=0.5, trace_id="trace-1") == ["b"]
        assert await ids(operator="<", value=0.5) == ["a"]
        assert await ids(environments=("staging",)) == ["b"]
        assert await ids(user_id="user-1", trace_tags=("vip",)) == ["b", "a"]
        assert await ids(ids=("a", "d")) == ["d", "a"]
        assert await ids(since=T + SECOND, until=T + 3 * SECOND) == ["c", "b"]
        assert (await store.scores(PROJECT, ScoreQuery(limit=1)))[1] == 4

    async def test_a_score_of_the_same_id_is_an_update(self, store: TraceStore) -> None:
        await store.write(PROJECT, [score(stamp=at(5), value=0.9, trace_id="trace-1")])
        await store.write(PROJECT, [score(stamp=at(3), value=0.1, trace_id="trace-1")])
        found = await store.score(PROJECT, "score-1")
        assert found is not None
        assert found.value == 0.9

    async def test_deletion_takes_everything_along(self, store: TraceStore) -> None:
        await store.write(PROJECT, [
            trace(input=b"1"), generation(), score("on-trace", trace_id="trace-1"),
            score("on-generation", observation_id="generation-1"), generation("kept", "trace-2"),
            score("kept-score", trace_id="trace-2"), score("gone", trace_id="trace-2"),
        ])  # fmt: skip
        assert await store.delete_scores(PROJECT, ["gone", "none"]) == 1
        assert await store.delete_traces(PROJECT, ["trace-1", "none"]) == 1
        assert await store.trace(PROJECT, "trace-1") is None
        assert await store.observation(PROJECT, "generation-1") is None
        assert [each.id for each in (await store.scores(PROJECT, ScoreQuery()))[0]] == ["kept-score"]
        (metrics,) = await store.version_metrics(PROJECT, "support/triage")
        assert (metrics.generations, metrics.scores) == (1, {})
        assert metrics.trace_scores == {"helpful": ScoreSummary(count=1, mean=0.5)}


class TestMetrics:
    async def test_numbers_of_a_version(self, store: TraceStore) -> None:
        await store.write(PROJECT, [
            generation(
                f"g{n}", f"t{n}", start=n, seconds=(n + 1) / 10, usage={"input": n, "output": 2 * n, "total": 3 * n}
            )
            for n in range(100)
        ])  # fmt: skip
        await store.write(PROJECT, [generation("v4", prompt_version=4, environment="staging", usage=None)])
        await store.write(PROJECT, [span("no-generation", prompt_name="support/triage", prompt_version=3)])
        newest, oldest = await store.version_metrics(PROJECT, "support/triage")
        assert (newest.version, newest.generations, newest.cost_mean, newest.cost_sum) == (4, 1, None, 0)
        assert newest.input_tokens_mean is None
        assert (oldest.version, oldest.generations) == (3, 100)
        assert oldest.latency_ms.p50 == pytest.approx(5000, rel=0.011)
        assert oldest.latency_ms.p95 == pytest.approx(9500, rel=0.011)
        assert (oldest.input_tokens_mean, oldest.output_tokens_mean) == (49.5, 99)
        assert oldest.cost_sum == pytest.approx(sum(n / 1000 + 2 * n / 500 for n in range(100)))
        assert (oldest.first_seen, oldest.last_seen) == (T, T + 99 * SECOND)
        assert await store.generations_by_prompt(PROJECT, T - HOUR) == {"support/triage": 101}
        assert await store.generations_by_prompt(PROJECT, T + HOUR) == {}
        staging = await store.version_metrics(PROJECT, "support/triage", environment="staging")
        assert [metrics.version for metrics in staging] == [4]
        assert await store.version_metrics(PROJECT, "other") == []

    async def test_the_window_is_taken_to_the_hour(self, store: TraceStore) -> None:
        changes = [generation(f"g{n}", f"t{n}", start=n * 3600) for n in range(5)]
        scores = [score(f"s{n}", trace_id=f"t{n}", value=n) for n in range(5)]
        await store.write(PROJECT, [*changes, *scores])
        (found,) = await store.version_metrics(PROJECT, "support/triage", since=T + HOUR, until=T + 2 * HOUR + 1)
        assert found.generations == 2
        assert found.trace_scores["helpful"] == ScoreSummary(count=2, mean=1.5)
        assert (found.first_seen, found.last_seen) == (T + HOUR, T + 2 * HOUR)

    async def test_scores_count_for_the_version_whatever_came_first(self, store: TraceStore) -> None:
        changes: list[Change] = [
            generation("g1"), generation("g2", start=1), generation("g3", start=2, prompt_version=4),
            score("of-g1", observation_id="g1", trace_id="trace-1", value=1),
            score("of-trace", trace_id="trace-1", value=0),
            score("kind", trace_id="trace-1", name="tone", data_type=ScoreType.CATEGORICAL, value=None,
                  string_value="kind"),
            score("of-none", observation_id="unknown"), score("of-session", session_id="s"),
        ]  # fmt: skip
        rng = random.Random(5)
        for project in map(str, range(6)):
            rng.shuffle(changes)
            for change in changes:
                await store.write(project, [change])
            newest, oldest = await store.version_metrics(project, "support/triage")
            assert oldest.scores == {"helpful": ScoreSummary(count=1, mean=1)}
            assert newest.scores == {}
            tone = ScoreSummary(count=1, values={"kind": 1})
            for metrics in (newest, oldest):
                assert metrics.trace_scores == {"helpful": ScoreSummary(count=1, mean=0), "tone": tone}

    async def test_a_score_moves_with_its_generation(self, store: TraceStore) -> None:
        await store.write(PROJECT, [generation(), score(observation_id="generation-1"), score("t", trace_id="trace-1")])
        await store.write(PROJECT, [span("generation-1", stamp=at(9, 1), prompt_version=8)])
        (metrics,) = await store.version_metrics(PROJECT, "support/triage")
        assert (metrics.version, metrics.scores["helpful"].count, metrics.trace_scores["helpful"].count) == (8, 1, 1)


async def everything(store: TraceStore, project: str) -> tuple[object, list[VersionMetrics]]:
    """All that can be read but the times of arrival."""
    traces, _ = await store.traces(project, TraceQuery(order_by=TraceOrder.ID))
    details = [await store.trace(project, each.id) for each in traces]
    scores, _ = await store.scores(project, ScoreQuery())
    plain = msgspec.to_builtins([details, scores])
    return _without_arrival(plain), await store.version_metrics(project, "p")


def _without_arrival(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_arrival(v) for k, v in value.items() if k not in ("created_at", "updated_at")}
    return [_without_arrival(each) for each in value] if isinstance(value, list | tuple) else value


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events(), st.randoms(use_true_random=False))
async def test_order_repeats_and_grouping_do_not_matter(store: TraceStore, changes: Sequence[Change], rng: Any) -> None:
    projects = [str(uuid4()), str(uuid4())]
    await store.write(projects[0], changes)
    shuffled = [*changes, *rng.sample(changes, len(changes) // 2)]
    rng.shuffle(shuffled)
    while shuffled:
        size = rng.randint(1, 4)
        await store.write(projects[1], shuffled[:size])
        shuffled = shuffled[size:]
    first, second = [await everything(store, project) for project in projects]
    assert first == second
