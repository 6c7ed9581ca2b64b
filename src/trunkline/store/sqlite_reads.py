"""Reading traces, observations and scores from SQLite. One connection, one thread; each read sees one moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import apsw

from trunkline.store.rollups import Series
from trunkline.store.sqlite_filters import Bound
from trunkline.store.sqlite_functions import register
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
from trunkline.store.sqlite_where import (
    Where,
    after_cursor,
    numbers,
    where_observations,
    where_scores,
    where_traces,
)
from trunkline.store.texts import NO_TEXTS
from trunkline.store.traces import ObservationQuery, ScoreQuery, TraceQuery
from trunkline.types import Observation, Score, Trace, TraceDetail

# Names of columns and conditions with bound values are put together here, never input: hence the S608 below.
_TRACES = f"SELECT {', '.join(f't.{name}' for name in TRACE_COLUMNS)} FROM traces AS t"  # noqa: S608
_OBSERVATIONS = (
    f"SELECT {', '.join(f'o.{name}' for name in OBSERVATION_COLUMNS)}, t.id, s.type, s.environment, s.name, s.model, "  # noqa: S608
    "s.prompt_name, s.prompt_version FROM {} CROSS JOIN traces AS t ON t.trace = o.trace"
)
_BY_OBSERVATION = "observations AS o CROSS JOIN series AS s ON s.series = o.series"
_BY_GENERATION = (
    "series AS s CROSS JOIN observations AS o INDEXED BY generation_by_series ON s.project = o.project "
    "AND s.series = o.series"
)
_SCORES = f"SELECT {', '.join(f's.{name}' for name in SCORE_COLUMNS)} FROM scores AS s"  # noqa: S608
_WIDTH = len(OBSERVATION_COLUMNS)

_PARTS = (
    "SELECT o.trace, o.id, o.start_time, o.duration, o.cost_total FROM carray(?) AS c "
    "CROSS JOIN observations AS o ON o.project = ? AND o.trace = c.value ORDER BY o.trace, o.start_time"
)
_SCORES_OF = (
    "SELECT s.trace_id, s.id FROM carray(?) AS c CROSS JOIN scores AS s INDEXED BY score_by_trace "
    "ON s.project = ? AND s.trace_id = c.value ORDER BY s.trace_id, s.timestamp"
)


class Reader:
    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        texts = TextBlocks(connection)
        self._texts = texts.read
        register(connection, texts)

    @contextmanager
    def moment(self) -> Iterator[None]:
        """All reads within see the store as it is at the first of them."""
        if self.connection.in_transaction:  # the last one could not be ended: the disk failed
            self.connection.execute("ROLLBACK")
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

    def _count(self, sql: str, where: Where) -> int:
        counting = f"SELECT count(*) FROM {sql} WHERE {where}"  # noqa: S608
        found: int = self.connection.execute(counting, where.values).get
        return found

    # --- traces ---

    def trace(self, project_id: str, trace_id: str) -> TraceDetail | None:
        project = self.project(project_id)
        rows = self._all(f"{_TRACES} WHERE t.project = ? AND t.id = ?", (project, encode_id(trace_id)))
        if not rows:
            return None
        of_trace = ObservationQuery(trace_id=trace_id, limit=-1, descending=False, count=False)
        observations, _ = self.observations(project_id, of_trace)
        where = Where("s.project = ? AND s.trace_id = ?", project, encode_id(trace_id))
        scores = self._all(f"{_SCORES} WHERE {where} ORDER BY s.timestamp, s.id", where.values)
        return TraceDetail(
            trace=self._traces(project, rows, texts=True, sums=True)[0],
            observations=tuple(observations),
            scores=tuple(score_of(row) for row in scores),
        )

    def traces(self, project_id: str, query: TraceQuery) -> tuple[list[Trace], int]:
        project = self.project(project_id)
        where = where_traces(project, query)
        total = self._count("traces AS t", where) if query.count else -1
        direction = "DESC" if query.descending else "ASC"
        order = f"ORDER BY t.{query.order_by} {direction}, t.trace {direction} LIMIT ? OFFSET ?"
        rows = self._all(f"{_TRACES} WHERE {where} {order}", (*where.values, query.limit, query.offset))
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
        where = Where("o.project = ? AND o.id = ?", self.project(project_id), encode_id(observation_id))
        found = self._observations(f"{_OBSERVATIONS.format(_BY_OBSERVATION)} WHERE {where}", where.values, texts=True)
        return found[0] if found else None

    def observations(self, project_id: str, query: ObservationQuery) -> tuple[list[Observation], int]:
        project = self.project(project_id)
        where = where_observations(project, query)
        source = _BY_OBSERVATION if query.prompt_name is None else _BY_GENERATION
        if query.prompt_name is not None:
            where.add("s.project = ?", project)
        total = self._count(_narrow(source, query), where) if query.count else -1
        after_cursor(where, project, query)
        direction = "DESC" if query.descending else "ASC"
        order = f"ORDER BY o.start_time {direction}, o.trace {direction}, o.id {direction} LIMIT ? OFFSET ?"
        sql = f"{_OBSERVATIONS.format(source)} WHERE {where} {order}"
        offset = 0 if query.after else query.offset
        return self._observations(sql, (*where.values, query.limit, offset), texts=query.texts), total

    def _observations(self, sql: str, values: Sequence[Bound], *, texts: bool) -> list[Observation]:
        rows = self._all(sql, values)
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
        rows = self._all(f"{_SCORES} WHERE s.project = ? AND s.id = ?", values)
        return score_of(rows[0]) if rows else None

    def scores(self, project_id: str, query: ScoreQuery) -> tuple[list[Score], int]:
        where = where_scores(self.project(project_id), query)
        total = self._count("scores AS s", where) if query.count else -1
        sql = f"{_SCORES} WHERE {where} ORDER BY s.timestamp DESC, s.id DESC LIMIT ? OFFSET ?"
        return [score_of(row) for row in self._all(sql, (*where.values, query.limit, query.offset))], total


def _narrow(source: str, query: ObservationQuery) -> str:
    """What has to be counted: without conditions on the series an index answers alone."""
    of_series = (query.name, query.types, query.environments, query.model, query.prompt_name, query.prompt_version)
    return source if any(of_series) or query.conditions else "observations AS o"


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
