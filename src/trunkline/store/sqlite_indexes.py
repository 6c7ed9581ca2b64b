"""Indexes that let a list of traces begin with the newest that match, and count the rest, without reading the others.

Each holds the project, one value and the time: a page is its end, a count is a walk over its narrow entries. They cost
ingestion a few microseconds a trace, not a span: of observations only warnings and errors are indexed here. Tags are a
table, because a trace has several; triggers keep it, so that what writes traces need not know. A file of an earlier
release gets all of it when it is opened.
"""

from __future__ import annotations

import apsw

INDEXES = (
    "CREATE INDEX IF NOT EXISTS trace_by_name ON traces (project, name, timestamp) WHERE name IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS trace_by_environment ON traces (project, environment, timestamp)",
    "CREATE INDEX IF NOT EXISTS trace_by_release ON traces (project, release, timestamp) WHERE release IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS trace_by_version ON traces (project, version, timestamp) WHERE version IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS observation_by_fault ON observations (project, level, start_time) WHERE level >= 2",
    "CREATE INDEX IF NOT EXISTS score_by_name ON scores (project, name, timestamp)",
)
_TAGS = (
    "INSERT OR IGNORE INTO trace_tags "
    "SELECT {0}.project, e.value, {0}.timestamp, {0}.trace FROM {1}json_each({0}.tags) AS e"
)
_REMOVE = (
    "DELETE FROM trace_tags WHERE (project, tag, timestamp, trace) IN "
    "(SELECT old.project, e.value, old.timestamp, old.trace FROM json_each(old.tags) AS e)"
)
TAGS = (
    "CREATE TABLE trace_tags (project INTEGER NOT NULL, tag TEXT NOT NULL, timestamp INTEGER NOT NULL, "
    "trace INTEGER NOT NULL, PRIMARY KEY (project, tag, timestamp, trace)) STRICT, WITHOUT ROWID",
    f"CREATE TRIGGER tags_of_new AFTER INSERT ON traces WHEN new.tags IS NOT NULL BEGIN {_TAGS.format('new', '')}; END",
    "CREATE TRIGGER tags_of_changed AFTER UPDATE OF tags, timestamp ON traces "
    "WHEN old.tags IS NOT new.tags OR (new.tags IS NOT NULL AND old.timestamp != new.timestamp) "
    f"BEGIN {_REMOVE}; {_TAGS.format('new', '')}; END",
    f"CREATE TRIGGER tags_of_deleted AFTER DELETE ON traces WHEN old.tags IS NOT NULL BEGIN {_REMOVE}; END",
    _TAGS.format("t", "traces AS t CROSS JOIN "),
)
_HAS_TAGS = "SELECT count(*) FROM sqlite_schema WHERE name = 'trace_tags'"


def is_indexed(connection: apsw.Connection) -> bool:
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    return "trace_tags" in names and all(statement.split()[5] in names for statement in INDEXES)


def add_indexes(connection: apsw.Connection) -> None:
    """To be called within a transaction. Takes a second or two for each million observations that are there."""
    for statement in INDEXES:
        connection.execute(statement)
    if not connection.execute(_HAS_TAGS).get:
        for statement in TAGS:
            connection.execute(statement)
