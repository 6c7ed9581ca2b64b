"""What a writer looks up and writes again and again: projects, series, cells, many rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import apsw

from trunkline.store.histogram import LONG
from trunkline.store.rollups import SUMS, Cell, Series
from trunkline.store.sqlite_days import OPEN
from trunkline.store.sqlite_rows import Row
from trunkline.types import ObservationType

SeriesKey = tuple[str, str, str, str, str, int]
"""The fields of `Series`."""

_MOST_SERIES = 100_000
_CHUNKS = (64, 16, 4, 1)


class RowWriter:
    """Writes many rows by few statements: one with 64 rows costs a fifth less than 64 with one."""

    def __init__(self, connection: apsw.Connection, into: str, columns: Sequence[str]) -> None:
        self._execute = connection.execute
        row = "(" + ",".join("?" * len(columns)) + ")"
        head = f"{into} ({', '.join(columns)}) VALUES "
        self._statements = {count: head + ",".join([row] * count) for count in _CHUNKS}

    def write(self, rows: Sequence[Row]) -> None:
        done, left = 0, len(rows)
        for count in _CHUNKS:
            while left >= count:
                self._execute(self._statements[count], tuple(chain.from_iterable(rows[done : done + count])))
                done += count
                left -= count


class Names:
    """Projects and series by number. Numbers are given once and stay, so what was committed may be remembered."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._projects: dict[str, int] = {}
        self._numbers: dict[int, dict[SeriesKey, int]] = {}
        self._series: dict[int, Series] = {}

    def forget(self) -> None:
        """To be called when a transaction was rolled back: its numbers were not given."""
        self._projects.clear()
        self._numbers.clear()
        self._series.clear()

    def project(self, id: str) -> int:
        number = self._projects.get(id)
        if number is None:
            self._connection.execute("INSERT OR IGNORE INTO projects (id) VALUES (?)", (id,))
            number = find_project(self._connection, id)
            assert number is not None
            self._projects[id] = number
        return number

    def numbers(self, project: int) -> dict[SeriesKey, int]:
        """The known series of a project by key; `series` gives those that are missing."""
        known = self._numbers.setdefault(project, {})
        if len(known) > _MOST_SERIES:
            known.clear()
        return known

    def series(self, project: int, key: SeriesKey) -> int:
        found = self._series_number(project, key)
        if found is None:
            self._connection.execute(
                "INSERT INTO series (project, type, environment, name, model, prompt_name, prompt_version) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (project, *key),
            )
            found = self._connection.last_insert_rowid()
        self.numbers(project)[key] = found
        return found

    def _series_number(self, project: int, key: SeriesKey) -> int | None:
        number: int | None = self._connection.execute(
            "SELECT series FROM series WHERE project = ? AND type = ? AND environment = ? AND name = ? AND model = ? "
            "AND prompt_name = ? AND prompt_version = ?",
            (project, *key),
        ).get
        return number

    def by_number(self, number: int) -> Series:
        series = self._series.get(number)
        if series is None:
            if len(self._series) > _MOST_SERIES:
                self._series.clear()
            series = self._series[number] = find_series(self._connection, number)
        return series


def find_project(connection: apsw.Connection, id: str) -> int | None:
    number: int | None = connection.execute("SELECT project FROM projects WHERE id = ?", (id,)).get
    return number


def find_series(connection: apsw.Connection, number: int) -> Series:
    row = connection.execute(
        "SELECT type, environment, name, model, prompt_name, prompt_version FROM series WHERE series = ?", (number,)
    ).get
    return series_from(row)


def series_from(row: Row) -> Series:
    """A series from its columns in the order of `Series`."""
    return Series(
        type=ObservationType(row[0]),
        environment=row[1],
        name=row[2],
        model=row[3],
        prompt_name=row[4],
        prompt_version=row[5],
    )


_ADDED = "CAST(histogram || excluded.histogram AS BLOB)"
_ADD_HISTOGRAMS = f"iif(length(histogram) < {LONG}, {_ADDED}, compact_histogram({_ADDED}))"


class RollupTable:
    """Collects what a transaction adds to the hours' cells, and writes it once."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
        names = ", ".join(("project", "series", "hour", *SUMS, "histogram"))
        values = ", ".join("?" * (len(SUMS) + 4))
        self._upsert = f"INSERT INTO rollups ({names}) VALUES ({values}) "  # noqa: S608 (names of columns, no input)
        self._upsert += f"ON CONFLICT DO UPDATE SET {sums}, histogram = {_ADD_HISTOGRAMS}"
        self.cells: dict[tuple[int, int, int], Cell] = {}

    def cell(self, project: int, series: int, hour: int) -> Cell:
        key = (project, series, hour)
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = Cell()
        return cell

    def flush(self) -> None:
        changed = {key: cell for key, cell in self.cells.items() if not cell.is_zero()}
        self._connection.executemany(OPEN, {(project, hour // 24) for project, _, hour in self.cells})
        self.cells.clear()
        self._connection.executemany(
            self._upsert, ((*key, *cell.sums(), cell.encoded_histogram()) for key, cell in sorted(changed.items()))
        )
        emptied = [key for key, cell in changed.items() if cell.count < 0]
        self._connection.executemany(
            "DELETE FROM rollups WHERE project = ? AND series = ? AND hour = ? AND count = 0", emptied
        )
