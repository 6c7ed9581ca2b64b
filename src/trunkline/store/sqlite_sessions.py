"""Sessions, read from the index of traces by session; only the first trace of those on a page is looked at."""

from __future__ import annotations

import apsw

from trunkline.store.sessions import Session, SessionQuery
from trunkline.store.sqlite_where import Where

_FIRST = (
    "(SELECT t.environment FROM traces AS t INDEXED BY trace_by_session WHERE t.project = g.project "
    "AND t.session_id = g.session_id ORDER BY t.timestamp, t.trace LIMIT 1)"
)
_GROUPS = (
    "(SELECT project, session_id, min(timestamp) AS began FROM traces INDEXED BY trace_by_session "
    "WHERE project = ? AND session_id IS NOT NULL GROUP BY project, session_id) AS g"
)
_ONE = (
    "SELECT timestamp, environment FROM traces INDEXED BY trace_by_session "
    "WHERE project = ? AND session_id = ? ORDER BY timestamp, trace LIMIT 1"
)


def list_sessions(connection: apsw.Connection, project: int, query: SessionQuery) -> tuple[list[Session], int]:
    where = Where("1", project)
    where.between("g.began", query.since, query.until)
    where.among(_FIRST, query.environments)
    counting = f"SELECT count(*) FROM {_GROUPS} WHERE {where}"  # noqa: S608 (constants, values are bound)
    total: int = connection.execute(counting, where.values).get
    page = f"SELECT g.project, g.session_id, g.began FROM {_GROUPS} WHERE {where}"  # noqa: S608
    page += " ORDER BY g.began DESC, g.session_id LIMIT ? OFFSET ?"
    sql = f"SELECT g.session_id, g.began, {_FIRST} FROM ({page}) AS g"  # noqa: S608
    rows = connection.execute(sql, (*where.values, query.limit, query.offset))
    return [Session(id=id, created_at=began, environment=environment) for id, began, environment in rows], total


def find_session(connection: apsw.Connection, project: int, session_id: str) -> Session | None:
    row = connection.execute(_ONE, (project, session_id)).fetchone()
    return None if row is None else Session(id=session_id, created_at=row[0], environment=row[1])
