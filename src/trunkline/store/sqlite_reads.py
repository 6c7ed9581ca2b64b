"""Reading traces, observations and scores from SQLite. One connection, one thread; each read sees one moment."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import apsw

from trunkline.store.filters import Column
from trunkline.store.rollups import Series
from trunkline.store.sqlite_counts import can_sum, count_observations
from trunkline.store.sqlite_filters import Bound
from trunkline.store.sqlite_functions import register
from trunkline.store.sqlite_metrics_rows import register_histogram
from trunkline.store.sqlite_plans import (
    Few,
    Plan,
    after_cursor,
    asked_of_observations,
    plan_observations,
    plan_scores,
    plan_traces,
)
from trunkline.store.sqlite_rows import (
    OBSERVATION_COLUMNS,
    SCORE_COLUMNS,
    TRACE_COLUMNS,
    Row,
    TraceSums,
    decode_id,
    encode_id,
    observation_of,
    score_of,
    trace_of,
)
from trunkline.store.sqlite_tables import find_project, series_from
from trunkline.store.sqlite_texts import TextBlocks
from trunkline.store.sqlite_where import numbers
from trunkline.store.texts import NO_TEXTS
from trunkline.store.traces import ObservationQuery, ScoreQuery, TraceOrder, TraceQuery
from trunkline.types import Observation, Score, Trace, TraceDetail

# Names of columns and conditions with bound values are put together here, never input: hence the S608 below.
_TRACES = f"SELECT {', '.join(f't.{name}' for name in TRACE_COLUMNS)} FROM "  # noqa: S608
_OBSERVATIONS = (
    f"SELECT {', '.join(f'o.{name}' for name in OBSERVATION_COLUMNS)}, t.id, s.type, s.environment, s.name, s.model, "  # noqa: S608
    "s.prompt_name, s.prompt_version FROM "
)
_BY_ID = (
    "observations AS o CROSS JOIN series AS s ON s.series = o.series CROSS JOIN traces AS t ON t.trace = o.trace "
    "WHERE o.project = ? AND o.id = ?"
)
_SCORES = f"SELECT {', '.join(f's.{name}' for name in SCORE_COLUMNS)} FROM "  # noqa: S608
_WIDTH = len(OBSERVATION_COLUMNS)

_PARTS = (
    "SELECT o.trace, o.id, o.start_time, o.duration, o.cost_total FROM carray(?) AS c "
    "CROSS JOIN observations AS o ON o.project = ? AND o.trace = c.value ORDER BY o.trace, o.start_time"
)
_SCORES_OF = (
    "SELECT s.trace_id, s.id FROM carray(?) AS c CROSS JOIN scores AS s INDEXED BY score_by_trace "
    "ON s.project = ? AND s.trace_id = c.value ORDER BY s.trace_id, s.timestamp"
)
_OF_TRACE = "scores AS s INDEXED BY score_by_trace WHERE s.project = ? AND s.trace_id = ? ORDER BY s.timestamp, s.id"
LONGEST_S = 30.0
"""How long one read may take: a filter on texts reads every row that it is not kept from, and readers are few."""
_STEPS = 20_000
MOST_FEW = 1000
"""Traces of a user or session up to which they are read first, instead of the project's newest rows."""


class Reader:
    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        texts = TextBlocks(connection)
        self._texts = texts.read
        register(connection, texts)
        register_histogram(connection)
        self._until = math.inf
        connection.set_progress_handler(self._is_late, _STEPS)

    def _is_late(self) -> bool:
        return time.monotonic() > self._until

    @contextmanager
    def moment(self) -> Iterator[None]:
        """All reads within see the store as it is at the first of them."""
        if self.connection.in_transaction:  # the last one could not be ended: the disk failed
            self.connection.execute("ROLLBACK")
        self._until = time.monotonic() + LONGEST_S
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self.connection.execute("COMMIT")

    def project(self, id: str) -> int:
        """The number of a project; 0, which has no rows, where nothing was ever written for it."""
        return find_project(self.connection, id) or 0

    def _all(self, sql: str, values: Sequence[Bound]) -> list[Row]:
        return self.connection.execute(sql, tuple(values)).fetchall()

    def _count(self, plan: Plan) -> int:
        counting = f"SELECT count(*) FROM {plan.counted} WHERE {plan.count_where}"  # noqa: S608
        found: int = self.connection.execute(counting, plan.count_where.values).get
        return found

    def _page(
        self, select: str, plan: Plan, query: TraceQuery | ObservationQuery | ScoreQuery, order: str
    ) -> list[Row]:
        direction = "ASC" if not isinstance(query, ScoreQuery) and not query.descending else "DESC"
        offset = 0 if not isinstance(query, TraceQuery) and query.after else query.offset
        sql = f"{select} {plan.source} WHERE {plan.where} ORDER BY {order.format(direction)} LIMIT ? OFFSET ?"
        return self._all(sql, (*plan.where.values, query.limit, offset))

    def _few(self, project: int) -> Few:
        def few(column: Column, value: str) -> bool:
            counting = (
                f"SELECT count(*) FROM (SELECT 1 FROM traces WHERE project = ? AND {column} = ? LIMIT {MOST_FEW + 1})"  # noqa: S608
            )
            found: int = self.connection.execute(counting, (project, value)).get
            return found <= MOST_FEW

        return few

    # --- traces ---

    def trace(self, project_id: str, trace_id: str) -> TraceDetail | None:
        project = self.project(project_id)
        rows = self._all(f"{_TRACES} traces AS t WHERE t.project = ? AND t.id = ?", (project, encode_id(trace_id)))
        if not rows:
            return None
        of_trace = ObservationQuery(trace_id=trace_id, limit=-1, descending=False, count=False)
        observations, _ = self.observations(project_id, of_trace)
        scores = self._all(f"{_SCORES} {_OF_TRACE}", (project, encode_id(trace_id)))
        return TraceDetail(
            trace=self._traces(project, rows, texts=True, sums=True)[0],
            observations=tuple(observations),
            scores=tuple(score_of(row) for row in scores),
        )

    def traces(self, project_id: str, query: TraceQuery) -> tuple[list[Trace], int]:
        project = self.project(project_id)
        plan = plan_traces(project, query)
        total = self._count(plan) if query.count else -1
        order = plan.time if query.order_by is TraceOrder.TIMESTAMP else f"t.{query.order_by} {{0}}, t.trace {{0}}"
        rows = self._page(_TRACES, plan, query, order)
        return self._traces(project, rows, texts=query.texts, sums=query.sums), total

    def _traces(self, project: int, rows: Sequence[Row], *, texts: bool, sums: bool) -> list[Trace]:
        found = self._texts([row[12] for row in rows]) if texts else {}
        added = self._sums(project, rows) if sums and rows else {}
        return [trace_of(row, found.get(row[12], NO_TEXTS), added.get(row[0], _NO_SUMS)) for row in rows]

    def _sums(self, project: int, rows: Sequence[Row]) -> dict[int, TraceSums]:
        parts: dict[int, list[Row]] = defaultdict(list)
        for part in self._all(_PARTS, (numbers([row[0] for row in rows]), project)):
            parts[part[0]].append(part)
        scores: dict[bytes, list[str]] = defaultdict(list)
        for trace, score in self._all(_SCORES_OF, (apsw.carray(tuple(row[2] for row in rows)), project)):
            scores[trace].append(decode_id(score))
        return {row[0]: _sums_of(parts[row[0]], scores[row[2]]) for row in rows}

    # --- observations ---

    def observation(self, project_id: str, observation_id: str) -> Observation | None:
        rows = self._all(f"{_OBSERVATIONS} {_BY_ID}", (self.project(project_id), encode_id(observation_id)))
        found = self._observations(rows, texts=True)
        return found[0] if found else None

    def observations(self, project_id: str, query: ObservationQuery) -> tuple[list[Observation], int]:
        project = self.project(project_id)
        plan = plan_observations(project, query, self._few(project))
        total = self._count_observations(project, query, plan) if query.count else -1
        after_cursor(plan.where, project, query)
        return self._observations(self._page(_OBSERVATIONS, plan, query, plan.time), texts=query.texts), total

    def _count_observations(self, project: int, query: ObservationQuery, plan: Plan) -> int:
        conditions = (*asked_of_observations(query), *query.conditions)
        if query.prompt_name is None and can_sum(conditions):
            return count_observations(self.connection, project, conditions, (query.since, query.until))
        return self._count(plan)

    def _observations(self, rows: Sequence[Row], *, texts: bool) -> list[Observation]:
        found = self._texts([row[16] for row in rows]) if texts else {}
        series: dict[int, Series] = {}
        for row in rows:
            if row[3] not in series:
                series[row[3]] = series_from(row[_WIDTH + 1 :])
        return [
            observation_of(row, series[row[3]], decode_id(row[_WIDTH]), found.get(row[16], NO_TEXTS)) for row in rows
        ]

    # --- scores ---

    def score(self, project_id: str, score_id: str) -> Score | None:
        values = (self.project(project_id), encode_id(score_id))
        rows = self._all(f"{_SCORES} scores AS s WHERE s.project = ? AND s.id = ?", values)
        return score_of(rows[0]) if rows else None

    def scores(self, project_id: str, query: ScoreQuery) -> tuple[list[Score], int]:
        project = self.project(project_id)
        plan = plan_scores(project, query, self._few(project))
        total = self._count(plan) if query.count else -1
        if query.after is not None:
            plan.where.add("(s.timestamp, s.id) < (?, ?)", query.after.timestamp, encode_id(query.after.id))
        return [score_of(row) for row in self._page(_SCORES, plan, query, plan.time)], total


_NO_SUMS = TraceSums()


def _sums_of(parts: Sequence[Row], score_ids: Sequence[str]) -> TraceSums:
    """`parts` are id, start, duration and cost of a trace's observations, by start."""
    if not parts:
        return TraceSums(score_ids=tuple(score_ids))
    end = max(start + max(duration or 0, 0) for _, _, start, duration, _ in parts)
    return TraceSums(
        latency=end - parts[0][2],
        cost=sum(part[4] or 0.0 for part in parts),
        observation_ids=tuple(decode_id(part[1]) for part in parts),
        score_ids=tuple(score_ids),
    )
