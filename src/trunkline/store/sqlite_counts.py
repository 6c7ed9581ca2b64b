"""Counting observations from the hours' sums, where what was asked is what hours are summed by.

A list in pages says how many there are. Over a million rows that costs a third of a second; over the sums of their
hours it costs what a dashboard does. Hours that a window cuts are counted from the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from trunkline.store.filters import Column, Condition
from trunkline.store.rollups import HOUR
from trunkline.store.sqlite_columns import OBSERVATIONS
from trunkline.store.sqlite_where import Where
from trunkline.types import Micros

OF_SERIES = frozenset(
    {Column.TYPE, Column.NAME, Column.ENVIRONMENT, Column.MODEL, Column.PROMPT_NAME, Column.PROMPT_VERSION}
)
"""What all observations of a cell have in common."""

_HOURS = "SELECT coalesce(sum(r.count), 0) FROM {}rollups AS r {} WHERE {}"
_ROWS = "SELECT count(*) FROM observations AS o INDEXED BY observation_by_time {} WHERE {}"


def can_sum(conditions: Sequence[Condition]) -> bool:
    return all(condition.column in OF_SERIES for condition in conditions)


def count_observations(
    connection: apsw.Connection,
    project: int,
    conditions: Sequence[Condition],
    window: tuple[Micros | None, Micros | None],
) -> int:
    """Exact: hours are sums of whole numbers. `conditions` are such that `can_sum`; `window` is since and until."""
    since, until = window
    first = None if since is None else -(-since // HOUR)
    last = None if until is None else until // HOUR
    if first is not None and last is not None and first >= last:
        return _count_rows(connection, project, conditions, since, until)
    found = _count_hours(connection, project, conditions, first, last)
    if since is not None and first is not None and since < first * HOUR:
        found += _count_rows(connection, project, conditions, since, first * HOUR)
    if until is not None and last is not None and last * HOUR < until:
        found += _count_rows(connection, project, conditions, last * HOUR, until)
    return found


def _count_hours(
    connection: apsw.Connection, project: int, conditions: Sequence[Condition], first: int | None, last: int | None
) -> int:
    where = Where("r.project = ?", project)
    if first is not None:
        where.add("r.hour >= ?", first)
    if last is not None:
        where.add("r.hour < ?", last)
    source, join = "", ""
    if conditions:
        source, join = "series AS s CROSS JOIN ", "ON r.project = s.project AND r.series = s.series"
        where.add("s.project = ?", project)
        where.hold(OBSERVATIONS, project, conditions)
    found: int = connection.execute(_HOURS.format(source, join, where), where.values).get
    return found


def _count_rows(
    connection: apsw.Connection,
    project: int,
    conditions: Sequence[Condition],
    since: Micros | None,
    until: Micros | None,
) -> int:
    where = Where("o.project = ?", project)
    where.between("o.start_time", since, until)
    where.hold(OBSERVATIONS, project, conditions)
    join = "CROSS JOIN series AS s ON s.series = o.series" if conditions else ""
    found: int = connection.execute(_ROWS.format(join, where), where.values).get
    return found
