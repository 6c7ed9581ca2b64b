"""Days that are over, summed up from their hours: what a month is read from.

A transaction that changes a cell of an hour opens the day again, in the same transaction. So a day that is not open has
the sums of its hours as they stand, and whoever reads takes closed days from here and all else from the hours: the
answer is the same, at any moment. Days are closed after a read that would have liked to find them closed, by the
writer, one at a time; where nobody asks for numbers no work is done.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import apsw

from trunkline.store.histogram import compact
from trunkline.store.rollups import HOUR, SUMS
from trunkline.types import Struct

_COLUMNS = ", ".join(SUMS)
_TYPED = ", ".join(f"{name} INTEGER NOT NULL" for name in SUMS)
DAYS_SCHEMA = f"""
DROP TABLE IF EXISTS rollup_days; DROP TABLE IF EXISTS day_models; DROP TABLE IF EXISTS open_days;
CREATE TABLE rollup_days (
    project INTEGER NOT NULL, series INTEGER NOT NULL, day INTEGER NOT NULL, {_TYPED}, histogram BLOB NOT NULL,
    PRIMARY KEY (project, series, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE day_models (
    project INTEGER NOT NULL, day INTEGER NOT NULL, environment TEXT NOT NULL, model TEXT NOT NULL,
    traces INTEGER NOT NULL, PRIMARY KEY (project, day, environment, model)
) STRICT, WITHOUT ROWID;
CREATE TABLE day_totals (
    project INTEGER NOT NULL, fine INTEGER NOT NULL, day INTEGER NOT NULL, environment TEXT NOT NULL,
    type TEXT NOT NULL, model TEXT NOT NULL, {_TYPED}, histogram BLOB NOT NULL,
    PRIMARY KEY (project, fine, day, environment, type, model)
) STRICT, WITHOUT ROWID;
CREATE TABLE open_days (project INTEGER NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (project, day))
STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO open_days SELECT project, (hour - (hour % 24 + 24) % 24) / 24 FROM rollups;
"""  # noqa: S608 (names of columns)
"""Of a file that has rollups already, all days are open. `day_totals` sums up all series of an environment, or (`fine`)
of an environment, type and model: what most charts show, in a few rows a day. `day_models` counts the traces in which a
model was used; an empty environment stands for all of them.
"""
OPEN = "INSERT OR IGNORE INTO open_days (project, day) VALUES (?, ?)"

FIRST_HOUR, END_HOUR = -20_000_000, 100_000_000
"""Before the year 1 and after the year 9999."""
_OVER = "SELECT day FROM open_days WHERE project = ? AND day >= ? AND day < ? ORDER BY day"
_NEXT = "SELECT project, day FROM open_days WHERE day < ? ORDER BY day DESC LIMIT 1"
_FORGET = (
    "DELETE FROM rollup_days WHERE project = ? AND series IN (SELECT series FROM series WHERE project = ?) AND day = ?"
)
_SUMMED = ", ".join(f"sum({name})" for name in SUMS)
_HOURS = (
    f"SELECT r.series, {_SUMMED}, histograms_of(r.histogram) FROM series AS s "  # noqa: S608 (names of columns)
    "CROSS JOIN rollups AS r ON r.project = s.project AND r.series = s.series "
    "WHERE s.project = ? AND r.hour >= ? AND r.hour < ? GROUP BY r.series"
)
_SUM_UP = (
    f"INSERT INTO rollup_days (project, day, series, {_COLUMNS}, histogram) "  # noqa: S608
    f"VALUES (?, ?, ?, {', '.join('?' * (len(SUMS) + 1))})"
)


_TOTALS = (
    f"INSERT INTO day_totals (project, fine, day, environment, type, model, {_COLUMNS}, histogram) "  # noqa: S608
    f"SELECT ?1, {{fine}}, ?2, s.environment, {{by}}, {_SUMMED}, compact_histogram(histograms_of(d.histogram)) "
    "FROM series AS s CROSS JOIN rollup_days AS d ON d.project = s.project AND d.series = s.series AND d.day = ?2 "
    "WHERE s.project = ?1 GROUP BY s.environment, {by}"
)
_ALL_TOTALS = (_TOTALS.format(fine=0, by="'', ''"), _TOTALS.format(fine=1, by="s.type, s.model"))
_IN_DAY = (
    "FROM observations AS o INDEXED BY observation_by_time CROSS JOIN series AS s ON s.series = o.series "
    "WHERE o.project = ?1 AND o.start_time >= ?2 * 86400000000 AND o.start_time < (?2 + 1) * 86400000000"
)
_COUNT_TRACES = (
    "INSERT INTO day_models (project, day, environment, model, traces) "
    f"SELECT ?1, ?2, s.environment, s.model, count(DISTINCT o.trace) {_IN_DAY} GROUP BY s.environment, s.model "
    f"UNION ALL SELECT ?1, ?2, '', s.model, count(DISTINCT o.trace) {_IN_DAY} GROUP BY s.model"
)


class Part(Struct, frozen=True, kw_only=True):
    """A stretch of time and the table that has it; `first` and `end` count hours, or days, since the epoch."""

    days: bool
    first: int
    end: int

    @property
    def table(self) -> str:
        return "rollup_days" if self.days else "rollups"

    @property
    def unit(self) -> str:
        return "day" if self.days else "hour"

    @property
    def step(self) -> int:
        """Microseconds of a unit."""
        return 24 * HOUR if self.days else HOUR


def parts(connection: apsw.Connection, project: int, first: int, end: int) -> Iterator[Part]:
    """The hours from `first` to before `end`: closed days as days, the rest as hours."""
    first_day, end_day = -(-first // 24), end // 24
    if first_day >= end_day:
        yield Part(days=False, first=first, end=end)
        return
    at = first
    """What lies before is given."""
    day = first_day
    for opened in [*(row[0] for row in connection.execute(_OVER, (project, first_day, end_day))), end_day]:
        if day < opened:
            if at < day * 24:
                yield Part(days=False, first=at, end=day * 24)
            yield Part(days=True, first=day, end=opened)
            at = opened * 24
        day = opened + 1
    if at < end:
        yield Part(days=False, first=at, end=end)


def today() -> int:
    return time.time_ns() // 1000 // HOUR // 24


def some_to_close(connection: apsw.Connection) -> bool:
    """Whether a day that is over is open."""
    return connection.execute(_NEXT, (today(),)).fetchone() is not None


def close_day(connection: apsw.Connection) -> int:
    """Sums up the latest day that is over and open; returns whether there was one. Within a transaction."""
    found = connection.execute(_NEXT, (today(),)).fetchone()
    if found is None:
        return 0
    project, day = found
    connection.execute(_FORGET, (project, project, day))
    rows: list[tuple[Any, ...]] = connection.execute(_HOURS, (project, day * 24, day * 24 + 24)).fetchall()
    connection.executemany(_SUM_UP, ((project, day, *row[:-1], compact(row[-1])) for row in rows))
    connection.execute("DELETE FROM day_totals WHERE project = ? AND fine IN (0, 1) AND day = ?", (project, day))
    for sql in _ALL_TOTALS:
        connection.execute(sql, (project, day))
    connection.execute("DELETE FROM day_models WHERE project = ? AND day = ?", (project, day))
    connection.execute(_COUNT_TRACES, (project, day))
    connection.execute("DELETE FROM open_days WHERE project = ? AND day = ?", (project, day))
    return 1
