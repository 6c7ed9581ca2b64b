"""The file of the search index: FTS5 tables without content, and which document is which observation.

The index lies in a file of its own beside the traces: it can be deleted and made again, and who writes to it holds up
nobody. A document is an observation or a trace with its input, output and name. Its number begins with the hour of its
start, so that a table is read from the latest on and a range of time is a range of numbers.

Documents go into one FTS5 table until it holds `BLOCK_DOCUMENTS`, then into the next. A search goes from block to
block, the newest first, and stops when it has enough or has taken long; what FTS5 cannot do lazily (a prefix, a phrase
of words that are everywhere) is so bounded by the size of a block, and no merge ever moves more than one. A block that
is empty is dropped whole.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from pathlib import Path

import apsw

from trunkline.store.rollups import HOUR
from trunkline.store.sqlite_rows import Row
from trunkline.store.sqlite_schema import patience, run, transaction, understood
from trunkline.types import Micros, ObservationType

INDEX_FORMAT = 1
BLOCK_DOCUMENTS = 1 << 16
BLOCK_CHARACTERS = 160_000_000
_HOUR_BITS = 28
_FLUSH_BYTES = 16_000_000
"""Of new entries before FTS5 makes a segment of them: fewer and larger ones need less merging."""

_SCHEMA = """
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
INSERT INTO state (name, value) VALUES ('followed', -1), ('unread', 0), ('rebuild', 0);
CREATE TABLE blocks (
    block INTEGER PRIMARY KEY, documents INTEGER NOT NULL, characters INTEGER NOT NULL, given INTEGER NOT NULL,
    first_hour INTEGER NOT NULL, last_hour INTEGER NOT NULL
) STRICT;
CREATE TABLE documents (
    document INTEGER PRIMARY KEY, block INTEGER NOT NULL, trace INTEGER NOT NULL, id BLOB, text INTEGER,
    facets INTEGER NOT NULL
) STRICT;
CREATE INDEX document_by_trace ON documents (trace);
"""
"""`state.followed`: the place in the log of changes; -1: nothing was indexed yet. `unread`: traces with a number up to
it wait. `documents.id` is None for a trace; `text` and `facets` are what was indexed, a `text` below 0 that of the
root, which says all that the trace's own does."""

FIELDS = ("input", "output", "name")
_BLOCK = (
    "CREATE VIRTUAL TABLE block_{} USING fts5(input, output, name, facet, content='', contentless_delete=1, "
    "tokenize='unicode61 remove_diacritics 2')"
)
_HASH_SIZE = "INSERT INTO block_{0} (block_{0}, rank) VALUES ('hashsize', ?)"
TOKENIZER = ("unicode61", ["remove_diacritics", "2"])


def index_path(traces: Path) -> Path:
    return traces.with_name("search.db")


def open_index(path: Path, *, busy_ms: int, read_only: bool = False) -> apsw.Connection:
    """A connection whose commits survive the process, and a power cut up to some of the latest: with them goes the note
    of how far the log was followed, so that they are made again. A file of another format is emptied."""
    with understood(path):
        connection = apsw.Connection(str(path), statementcachesize=100)
        connection.set_busy_handler(patience(busy_ms))
        run(connection, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;")
        run(connection, "PRAGMA journal_size_limit=64000000; PRAGMA cache_size=-16384;")
        if read_only:
            run(connection, "PRAGMA query_only=1;")
        elif connection.pragma("user_version") != INDEX_FORMAT:
            with transaction(connection):
                if connection.pragma("user_version") != INDEX_FORMAT:
                    _empty(connection)
                    run(connection, _SCHEMA)
                    run(connection, f"PRAGMA user_version = {INDEX_FORMAT};")
    return connection


def _empty(connection: apsw.Connection) -> None:
    for kind in ("%VIRTUAL%", "%"):
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE ?"
        for (name,) in connection.execute(query, (f"CREATE {kind}TABLE%",)).fetchall():
            run(connection, f'DROP TABLE IF EXISTS "{name}"')


def start_again(connection: apsw.Connection, followed: int, unread: int) -> None:
    """Drops what is indexed, within a transaction; all that is there is unread."""
    for (block,) in connection.execute("SELECT block FROM blocks").fetchall():
        run(connection, f"DROP TABLE block_{block}")
    run(connection, "DELETE FROM blocks; DELETE FROM documents;")
    set_state(connection, followed=followed, unread=unread, rebuild=0)


def state_of_index(connection: apsw.Connection) -> dict[str, int]:
    rows: list[Row] = connection.execute("SELECT name, value FROM state").fetchall()
    return dict(rows)


def set_state(connection: apsw.Connection, **values: int) -> None:
    connection.executemany("UPDATE state SET value = ? WHERE name = ?", [(v, n) for n, v in values.items()])


def ask_for_rebuild(path: Path, *, busy_ms: int = 30_000) -> None:
    """Whoever follows the log next, now or at the next start, indexes everything anew."""
    connection = open_index(path, busy_ms=busy_ms)
    try:
        with understood(path), transaction(connection):
            set_state(connection, rebuild=1)
    finally:
        connection.close()


def make_block(connection: apsw.Connection) -> int:
    """Begins a new block, within a transaction."""
    number: int = connection.execute("SELECT coalesce(max(block), 0) + 1 FROM blocks").get
    connection.execute("INSERT INTO blocks VALUES (?, 0, 0, 0, ?, ?)", (number, 1 << 40, 0))
    run(connection, _BLOCK.format(number))
    connection.execute(_HASH_SIZE.format(number), (_FLUSH_BYTES,))
    return number


def first_number(time: Micros) -> int:
    """The least number of documents of the hour of `time`."""
    return hour_of(time) << _HOUR_BITS


def hour_of(time: Micros) -> int:
    return max(time // HOUR, 0)


def hour_of_document(number: int) -> int:
    return number >> _HOUR_BITS


def facets_of(project: int, kind: ObservationType | None, environment: str) -> tuple[str, str, str]:
    """The words of the column `facet`: project, type (none for a trace) and environment, each within the project."""
    return f"p{project}", f"p{project}t{kind or 'none'}", f"p{project}e{environment.encode().hex()}"


def trace_facets(environment: str, name: str | None, text: int | None) -> int:
    """A checksum of what a trace's document depends on."""
    return zlib.crc32(f"{environment}\0{name or ''}\0{text}".encode())


class IndexLock:
    """One process of those that share the folder indexes. One that dies lets go."""

    def __init__(self, index: Path) -> None:
        path = index.with_name(f"{index.name}-indexer")
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def fileno(self) -> int:
        """To be handed to a process that works under the lock: it holds until both have closed it."""
        return self._descriptor

    def take(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self._descriptor)
