"""The file of the SQLite trace store: its tables, how a connection is opened, and what its errors mean.

Observations lie clustered by trace, so that a trace is read from a few neighbouring pages; texts lie apart, appended in
the order of arrival. Ids that are hexadecimal or UUIDs take half their size (`trunkline.store.sqlite_rows`). What
observations share with many others (type, environment, name, model, prompt version) is one row of `series`, which is
what an hour's sums belong to as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from trunkline.errors import InsufficientStorage, InvalidRequest, TrunklineError, Unavailable
from trunkline.store.histogram import compact
from trunkline.store.sqlite_changes import CHANGES_SCHEMA
from trunkline.store.sqlite_days import DAYS_SCHEMA
from trunkline.store.sqlite_indexes import add_indexes, is_indexed
from trunkline.store.texts import SHIPPED, shipped_dictionary

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE projects (project INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE dictionaries (dictionary INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE texts (text INTEGER PRIMARY KEY, project INTEGER NOT NULL, content BLOB NOT NULL) STRICT;

CREATE TABLE traces (
    trace INTEGER PRIMARY KEY, project INTEGER NOT NULL, id BLOB NOT NULL, timestamp INTEGER NOT NULL,
    environment TEXT NOT NULL, name TEXT, user_id TEXT, session_id TEXT, release TEXT, version TEXT, public INTEGER,
    tags TEXT, text INTEGER, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, state BLOB
) STRICT;
CREATE UNIQUE INDEX trace_by_id ON traces (project, id);
CREATE INDEX trace_by_time ON traces (project, timestamp);
CREATE INDEX trace_by_session ON traces (project, session_id, timestamp) WHERE session_id IS NOT NULL;
CREATE INDEX trace_by_user ON traces (project, user_id, timestamp) WHERE user_id IS NOT NULL;

CREATE TABLE series (
    series INTEGER PRIMARY KEY, project INTEGER NOT NULL, type TEXT NOT NULL, environment TEXT NOT NULL,
    name TEXT NOT NULL, model TEXT NOT NULL, prompt_name TEXT NOT NULL, prompt_version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX series_by_key ON series (project, prompt_name, prompt_version, environment, type, name, model);

CREATE TABLE observations (
    project INTEGER NOT NULL, trace INTEGER NOT NULL, id BLOB NOT NULL, series INTEGER NOT NULL,
    start_time INTEGER NOT NULL, duration INTEGER, completion INTEGER, parent_id BLOB, level INTEGER,
    flags INTEGER NOT NULL, input_tokens INTEGER, output_tokens INTEGER, total_tokens INTEGER, cost_input REAL,
    cost_output REAL, cost_total REAL, text INTEGER, stamp_order INTEGER NOT NULL, stamp_time INTEGER,
    created_at INTEGER NOT NULL, updated_at INTEGER, usage BLOB, cost BLOB, version TEXT, status_message TEXT,
    state BLOB, PRIMARY KEY (project, trace, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX observation_by_id ON observations (project, id);
CREATE INDEX observation_by_time ON observations (project, start_time);
CREATE INDEX generation_by_series ON observations (series, start_time) WHERE flags & 64;

CREATE TABLE rollups (
    project INTEGER NOT NULL, series INTEGER NOT NULL, hour INTEGER NOT NULL, count INTEGER NOT NULL,
    errors INTEGER NOT NULL, latency_count INTEGER NOT NULL, latency_sum INTEGER NOT NULL,
    usage_count INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    total_tokens INTEGER NOT NULL, cost_count INTEGER NOT NULL, cost INTEGER NOT NULL, histogram BLOB NOT NULL,
    PRIMARY KEY (project, series, hour)
) STRICT, WITHOUT ROWID;

CREATE TABLE scores (
    project INTEGER NOT NULL, id BLOB NOT NULL, name TEXT NOT NULL, data_type TEXT NOT NULL,
    timestamp INTEGER NOT NULL, value REAL, string_value TEXT, trace_id BLOB, observation_id BLOB, session_id TEXT,
    run_id TEXT, source TEXT NOT NULL, environment TEXT NOT NULL, comment TEXT, author_id TEXT, config_id TEXT,
    queue_id TEXT, metadata BLOB, stamp_order INTEGER NOT NULL, stamp_time INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, PRIMARY KEY (project, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX score_by_time ON scores (project, timestamp);
CREATE INDEX score_by_trace ON scores (project, trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX score_by_observation ON scores (project, observation_id) WHERE observation_id IS NOT NULL;
CREATE INDEX score_by_session ON scores (project, session_id) WHERE session_id IS NOT NULL;

CREATE TABLE score_links (
    project INTEGER NOT NULL, prompt_name TEXT NOT NULL, prompt_version INTEGER NOT NULL, of_trace INTEGER NOT NULL,
    score BLOB NOT NULL, hour INTEGER NOT NULL, environment TEXT NOT NULL, name TEXT NOT NULL, value REAL,
    category TEXT, PRIMARY KEY (project, prompt_name, prompt_version, of_trace, score)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_by_score ON score_links (project, score);
"""

CHECKPOINT_PAGES = 4000
"""Size of the write-ahead log, in pages of 4 KB, at which it is carried over into the file."""


LOG_BYTES = 64_000_000
"""What the write-ahead log is cut down to after it once grew beyond, behind a long read or a large write."""
WRITER_CACHE_KB, READER_CACHE_KB = 32_768, 8_192


def open_connection(path: Path, *, busy_ms: int, read_only: bool = False) -> apsw.Connection:
    """A connection in WAL mode whose commits are on disk when they return; makes the tables where there are none.

    Raises InvalidRequest where the file was written by a later release or is no trace store.
    """
    with understood(path):
        connection = apsw.Connection(str(path), statementcachesize=200)
        connection.set_busy_handler(patience(busy_ms))
        run(connection, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;")
        run(connection, f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}; PRAGMA journal_size_limit={LOG_BYTES};")
        run(connection, f"PRAGMA cache_size=-{READER_CACHE_KB if read_only else WRITER_CACHE_KB};")
        if read_only:
            run(connection, "PRAGMA query_only=1;")
        else:
            _prepare(connection, path)
            connection.create_scalar_function("compact_histogram", _compact, 1, deterministic=True)
        connection.create_aggregate_function("histograms_of", _joined, 1)
    return connection


def _compact(*values: apsw.SQLiteValue) -> bytes:
    (histogram,) = values
    if not isinstance(histogram, bytes):
        raise TypeError("compact_histogram takes a blob")
    return compact(histogram)


def _joined() -> Any:
    """Puts one blob behind the other without calling Python for a row; the stubs of apsw know no such functions."""
    return [], list.append, b"".join


def _add_days(connection: apsw.Connection) -> None:
    """A file of an earlier build has no days yet."""
    if not connection.table_exists("main", "day_totals"):
        with transaction(connection):
            if not connection.table_exists("main", "day_totals"):
                run(connection, DAYS_SCHEMA)


def run(connection: apsw.Connection, statements: str) -> None:
    """Executes all of `statements`: `execute` alone would stop at the first that gives a row."""
    for _ in connection.execute(statements):
        pass


def _prepare(connection: apsw.Connection, path: Path) -> None:
    """Makes the tables once, whichever process comes first."""
    if connection.pragma("user_version") == 0:
        with transaction(connection):
            if connection.pragma("user_version") == 0:
                run(connection, SCHEMA)
                connection.execute(
                    "INSERT INTO dictionaries (dictionary, content) VALUES (?, ?)", (SHIPPED, shipped_dictionary())
                )
                run(connection, f"PRAGMA user_version={SCHEMA_VERSION};")
    found = connection.pragma("user_version")
    if found != SCHEMA_VERSION:
        raise InvalidRequest(
            f"{path} has format {found} and this release of Trunkline reads up to {SCHEMA_VERSION}: "
            "start the release that wrote it, or a later one."
        )
    run(connection, CHANGES_SCHEMA)
    if not is_indexed(connection):
        with transaction(connection):
            add_indexes(connection)
    _add_days(connection)


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """A write transaction from its first statement on, so that it never fails half-way for another writer."""
    if connection.in_transaction:  # a rollback failed with the disk
        connection.execute("ROLLBACK")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk ends the transaction by itself
            connection.execute("ROLLBACK")
        raise


@contextmanager
def moment(connection: apsw.Connection) -> Iterator[None]:
    """All reads within see the file as it is at the first of them."""
    if connection.in_transaction:  # the last one could not be ended: the disk failed
        connection.execute("ROLLBACK")
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


def patience(busy_ms: int) -> Callable[[int], bool]:
    """Waits in steps of about a millisecond: SQLite's own steps grow to 100 ms, which starves the loser of a race."""
    began = 0.0

    def wait(attempt: int) -> bool:
        nonlocal began
        now = time.monotonic()
        if attempt == 0:
            began = now
        if (now - began) * 1000 >= busy_ms:
            return False
        time.sleep(0.0005 if attempt < 20 else 0.002)
        return True

    return wait


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """Turns what SQLite raises about the disk and the locks into our errors."""
    try:
        yield
    except apsw.Error as error:
        meant = translate(error, path)
        if meant is None:
            raise
        raise meant from error


TOO_LONG = "There is too much to read for one answer: give a time range, or a filter that fewer rows meet."

_DISK = (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.NoMemError, apsw.PermissionsError)


def translate(error: BaseException, path: Path) -> TrunklineError | None:
    """The error of ours that an error of SQLite means; None where it means a fault of the statement or its values."""
    if isinstance(error, apsw.FullError):
        return InsufficientStorage(f"The disk of {path} is full: nothing was stored.", retry_after=30)
    if isinstance(error, apsw.InterruptError):
        return InvalidRequest(TOO_LONG)
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return Unavailable(f"{path} is held by another writer: try again.", retry_after=1)
    if isinstance(error, _DISK):
        return Unavailable(f"{path} cannot be read or written ({error}): look at the disk.", retry_after=10)
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return Unavailable(f"{path} is damaged ({error}): restore it from a backup.", retry_after=60)
    return None
