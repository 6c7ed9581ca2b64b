"""From the queries of the protocol to conditions in SQL. Values are always bound, never spelt into the text."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import apsw

from trunkline.store.filters import Condition
from trunkline.store.rollups import HOUR
from trunkline.store.sqlite_columns import Columns
from trunkline.store.sqlite_filters import Bound, compile_condition, compile_count
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

    def hold(self, columns: Columns, project: int, conditions: Sequence[Condition], *, counting: bool = False) -> None:
        """`counting`: every row will be looked at, not only those of a page."""
        compiled = compile_count if counting else compile_condition
        for condition in conditions:
            sql, values = compiled(columns, project, condition)
            self.add(sql, *values)

    def copy(self) -> Where:
        same = Where("1")
        same._conditions, same.values = list(self._conditions), list(self.values)
        return same

    def __str__(self) -> str:
        return " AND ".join(self._conditions)


def numbers(values: Sequence[int]) -> Bound:
    """At least one number, for ``carray(?)``."""
    return apsw.carray(array("q", values))


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
