"""From the queries of the protocol to conditions in SQL. Values are always bound, never spelt into the text."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import apsw

from trunkline.store.filters import Condition
from trunkline.store.rollups import HOUR
from trunkline.store.sqlite_columns import OBSERVATIONS, SCORES, TRACES, Columns
from trunkline.store.sqlite_filters import Bound, compile_condition
from trunkline.store.sqlite_rows import LEVELS, ROOT, encode_id
from trunkline.store.traces import ObservationQuery, ScoreQuery, TraceQuery
from trunkline.types import Micros


class Where:
    """Conditions that all hold, and the values that they bind, in order."""

    def __init__(self, condition: str, *values: Bound) -> None:
        self._conditions = [condition]
        self.values: list[Bound] = list(values)

    def add(self, condition: str, *values: Bound) -> None:
        self._conditions.append(condition)
        self.values.extend(values)

    def equal(self, column: str, value: Bound | None) -> None:
        """Nothing is asked where the value is None."""
        if value is not None:
            self.add(f"{column} = ?", value)

    def among(self, column: str, values: Sequence[str]) -> None:
        if values:
            self.add(f"{column} IN ({', '.join('?' * len(values))})", *values)

    def between(self, column: str, since: Micros | None, until: Micros | None) -> None:
        if since is not None:
            self.add(f"{column} >= ?", since)
        if until is not None:
            self.add(f"{column} < ?", until)

    def hold(self, columns: Columns, project: int, conditions: Sequence[Condition]) -> None:
        for condition in conditions:
            sql, values = compile_condition(columns, project, condition)
            self.add(sql, *values)

    def __str__(self) -> str:
        return " AND ".join(self._conditions)


def numbers(values: Sequence[int]) -> Bound:
    """At least one number, for ``carray(?)``."""
    return apsw.carray(array("q", values))


def where_traces(project: int, query: TraceQuery) -> Where:
    """Conditions on ``traces AS t``."""
    where = Where("t.project = ?", project)
    where.between("t.timestamp", query.since, query.until)
    where.equal("t.name", query.name)
    where.equal("t.user_id", query.user_id)
    where.equal("t.session_id", query.session_id)
    where.equal("t.version", query.version)
    where.equal("t.release", query.release)
    where.among("t.environment", query.environments)
    if query.ids:
        where.add("t.id IN carray(?)", apsw.carray(tuple(encode_id(id) for id in query.ids)))
    _with_tags(where, query.tags)
    where.hold(TRACES, project, query.conditions)
    return where


def _with_tags(where: Where, tags: Sequence[str]) -> None:
    for tag in tags:
        where.add("EXISTS (SELECT 1 FROM json_each(t.tags) AS tag WHERE tag.value = ?)", tag)


def where_observations(project: int, query: ObservationQuery) -> Where:
    """Conditions on ``observations AS o`` with ``series AS s``."""
    where = Where("o.project = ?", project)
    where.between("o.start_time", query.since, query.until)
    where.equal("s.name", query.name)
    where.among("s.type", query.types)
    where.among("s.environment", query.environments)
    where.equal("s.model", query.model)
    where.equal("o.version", query.version)
    if query.prompt_name is not None:
        where.add("o.flags & 64 AND s.prompt_name = ?", query.prompt_name)
    where.equal("s.prompt_version", query.prompt_version)
    where.equal("o.parent_id", None if query.parent_id is None else encode_id(query.parent_id))
    if query.level is not None:
        where.add("coalesce(o.level, 0) = ?", LEVELS.index(query.level))
    if query.is_root is not None:
        where.add(f"(o.parent_id IS NULL OR o.flags & {ROOT}) = ?", int(query.is_root))
    if query.trace_id is not None:
        key = encode_id(query.trace_id)
        where.add("o.trace = (SELECT trace FROM traces WHERE project = ? AND id = ?)", project, key)
    if query.user_id is not None:
        where.add("o.trace IN (SELECT trace FROM traces WHERE project = ? AND user_id = ?)", project, query.user_id)
    if query.session_id is not None:
        session = query.session_id
        where.add("o.trace IN (SELECT trace FROM traces WHERE project = ? AND session_id = ?)", project, session)
    where.hold(OBSERVATIONS, project, query.conditions)
    return where


_BEFORE = (
    "(o.start_time, o.trace, o.id) < (?, coalesce((SELECT trace FROM observations WHERE project = ? AND id = ?), ?), ?)"
)
_BEHIND = _BEFORE.replace("<", ">")


def after_cursor(where: Where, project: int, query: ObservationQuery) -> None:
    """Goes on behind the cursor's observation. Where that was deleted: behind all that started with it."""
    if query.after is None:
        return
    key = encode_id(query.after.id)
    where.add(
        _BEFORE if query.descending else _BEHIND,
        query.after.start_time,
        project,
        key,
        -1 if query.descending else 1 << 62,
        key,
    )


def where_scores(project: int, query: ScoreQuery) -> Where:
    """Conditions on ``scores AS s``."""
    where = Where("s.project = ?", project)
    where.between("s.timestamp", query.since, query.until)
    for column in ("name", "session_id", "run_id", "source", "data_type", "config_id", "queue_id"):
        where.equal(f"s.{column}", getattr(query, column))
    for column in ("trace_id", "observation_id"):
        id = getattr(query, column)
        where.equal(f"s.{column}", None if id is None else encode_id(id))
    where.among("s.environment", query.environments)
    if query.operator is not None and query.value is not None:
        where.add(f"s.value {query.operator} ?", query.value)
    if query.ids:
        where.add("s.id IN carray(?)", apsw.carray(tuple(encode_id(id) for id in query.ids)))
    if query.user_id is not None or query.trace_tags:
        traces = Where("t.project = ?", project)
        traces.equal("t.user_id", query.user_id)
        _with_tags(traces, query.trace_tags)
        where.add(f"s.trace_id IN (SELECT t.id FROM traces AS t WHERE {traces})", *traces.values)  # noqa: S608
    where.hold(SCORES, project, query.conditions)
    if query.after is not None:
        where.add("(s.timestamp, s.id) < (?, ?)", query.after.timestamp, encode_id(query.after.id))
    return where


def where_generations(
    project: int, prompt_name: str, since: Micros | None, until: Micros | None, environment: str | None
) -> Where:
    """Conditions on a table with project, prompt_name, environment and hour."""
    where = Where("project = ? AND prompt_name = ?", project, prompt_name)
    if since is not None:
        where.add("hour >= ?", since // HOUR)
    if until is not None:
        where.add("hour <= ?", (until - 1) // HOUR)
    where.equal("environment", environment)
    return where
