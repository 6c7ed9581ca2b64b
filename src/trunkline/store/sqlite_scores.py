"""Merging scores, and keeping each linked to the prompt versions that it judges.

A link is a row for one score and one prompt version: the version that generated the scored observation, or each version
that generated in the scored trace. It is written anew whenever the score, the observation or the trace's generations
change, so that it does not matter which comes first. Reading a prompt's scores is then one range of `score_links`,
whose cost grows with its scores only (100,000 of them: 90 ms of CPU); a join at reading probes for every generation,
scored or not (100,000 of them: 210 ms on the same machine), and for a trace's scores visits all of its observations.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import apsw

from trunkline.store.join import newer_score
from trunkline.store.rollups import hour_of
from trunkline.store.sqlite_rows import SCORE_COLUMNS, Row, change_of_score, encode_id, encode_score
from trunkline.store.sqlite_tables import RowWriter
from trunkline.types import Micros, ScoreChange, ScoreType

_COLUMNS = ", ".join(f"s.{name}" for name in SCORE_COLUMNS)
_FIND = (
    f"SELECT {_COLUMNS} FROM carray(?) AS c CROSS JOIN scores AS s "  # noqa: S608 (names of columns, no input)
    "ON s.project = ? AND s.id = c.value"
)
_OF_OBSERVATIONS = (
    "SELECT s.id FROM carray(?) AS c CROSS JOIN scores AS s INDEXED BY score_by_observation "
    "ON s.project = ? AND s.observation_id = c.value"
)
_OF_TRACES = (
    "SELECT s.id FROM carray(?) AS c CROSS JOIN scores AS s INDEXED BY score_by_trace "
    "ON s.project = ? AND s.trace_id = c.value WHERE s.observation_id IS NULL"
)
_UNLINK = "DELETE FROM score_links INDEXED BY link_by_score WHERE project = ? AND score = ?"
_LINK = (
    "INSERT INTO score_links (project, prompt_name, prompt_version, of_trace, score, hour, environment, name, value, "
    "category) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_GENERATION = (
    "SELECT p.prompt_name, p.prompt_version, o.start_time, p.environment FROM observations AS o "
    "JOIN series AS p USING (series) WHERE o.project = ? AND o.id = ? AND o.flags & 64"
)
_GENERATIONS_OF_TRACE = (
    "SELECT p.prompt_name, p.prompt_version, o.start_time, p.environment FROM traces AS t "
    "CROSS JOIN observations AS o ON o.project = t.project AND o.trace = t.trace CROSS JOIN series AS p USING (series) "
    "WHERE t.project = ? AND t.id = ? AND o.flags & 64 ORDER BY +o.start_time DESC, p.environment DESC"
)


class ScoreTable:
    """The scores of one transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._rows = RowWriter(connection, "INSERT OR REPLACE INTO scores", SCORE_COLUMNS)

    def merge(self, project: int, changes: Iterable[ScoreChange], now: Micros) -> set[bytes]:
        """Returns the ids of the scores that changed."""
        newest: dict[str, ScoreChange] = {}
        for change in changes:
            held = newest.get(change.id)
            newest[change.id] = change if held is None else newer_score(held, change)
        rows = []
        before = self._find(project, [encode_id(id) for id in newest])
        for change in newest.values():
            row = before.get(encode_id(change.id))
            winner, created = change, now
            if row is not None:
                old = change_of_score(row)
                winner, created = newer_score(old, change), row[20]
                if winner == old:
                    continue
            rows.append(encode_score(winner, project, (created, now)))
        self._rows.write(rows)
        return {row[1] for row in rows}

    def _find(self, project: int, ids: Collection[bytes]) -> dict[bytes, Row]:
        if not ids:
            return {}
        return {row[1]: row for row in self._connection.execute(_FIND, (apsw.carray(tuple(ids)), project))}

    def touching(self, project: int, observations: Collection[bytes], traces: Collection[bytes]) -> set[bytes]:
        """The scores on any of these observations, or on these traces as a whole."""
        found: set[bytes] = set()
        for sql, ids in ((_OF_OBSERVATIONS, observations), (_OF_TRACES, traces)):
            if ids:
                found.update(row[0] for row in self._connection.execute(sql, (apsw.carray(tuple(ids)), project)))
        return found

    def link(self, project: int, ids: Collection[bytes]) -> None:
        """Writes the links of these scores anew, as observations and traces stand now."""
        rows = self._find(project, ids).values()
        self._connection.executemany(_UNLINK, [(project, id) for id in ids])
        self._connection.executemany(_LINK, [link for row in rows for link in self._links(project, row)])

    def _links(self, project: int, row: Row) -> list[Row]:
        score, name, data_type, value, text, trace_id, observation_id = (row[i] for i in (1, 2, 3, 5, 6, 7, 8))
        category = text if data_type in (ScoreType.CATEGORICAL, ScoreType.BOOLEAN) else None
        of_trace = observation_id is None
        sql, judged = (_GENERATIONS_OF_TRACE, trace_id) if of_trace else (_GENERATION, observation_id)
        if judged is None:
            return []
        first = {(p, v): (start, environment) for p, v, start, environment in self._run(sql, project, judged)}
        return [
            (project, prompt, version, of_trace, score, hour_of(start), environment, name, value, category)
            for (prompt, version), (start, environment) in first.items()
        ]

    def _run(self, sql: str, *values: int | bytes) -> Iterable[tuple[str, int, int, str]]:
        return self._connection.execute(sql, values)

    def delete(self, project: int, ids: Sequence[bytes]) -> int:
        keys = [(project, id) for id in ids]
        before = self._connection.total_changes()
        self._connection.executemany("DELETE FROM scores WHERE project = ? AND id = ?", keys)
        deleted = self._connection.total_changes() - before
        self._connection.executemany(_UNLINK, keys)
        return deleted
