"""The registry's tables in SQLite (apsw, WAL): version index, saved snapshots, parsed files, served heads, fetches.

Several processes share the file. The index and the parsed files can be made anew from Git, and are written without a
sync (``synchronous=NORMAL``: a power failure takes the last of them and nothing else). What was served when and how
often something was fetched cannot, and is synced (``FULL``). Reads have a connection of their own and never wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import msgspec

from trunkline.errors import InvalidRequest
from trunkline.rows import CommitRow, FetchCount, IndexBatch, SavedIndex, Served, TouchRow, VersionRow
from trunkline.store.sqlite_schema import run, transaction, understood
from trunkline.types import Micros

FORMAT = 1
BUSY_MS = 10_000
_CHUNK = 500

SCHEMA = """
CREATE TABLE heads (project TEXT PRIMARY KEY, head TEXT NOT NULL, seq INTEGER NOT NULL, strays BLOB NOT NULL);
CREATE TABLE commits (
  project TEXT NOT NULL, seq INTEGER NOT NULL, sha BLOB NOT NULL, time INTEGER NOT NULL, author TEXT NOT NULL,
  message TEXT NOT NULL, PRIMARY KEY (project, seq)) WITHOUT ROWID;
CREATE TABLE versions (
  project TEXT NOT NULL, prompt TEXT NOT NULL, version INTEGER NOT NULL, seq INTEGER NOT NULL, blob BLOB NOT NULL,
  PRIMARY KEY (project, prompt, version)) WITHOUT ROWID;
CREATE TABLE touches (
  project TEXT NOT NULL, prompt TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, label TEXT NOT NULL, blob BLOB,
  PRIMARY KEY (project, prompt, seq, kind, label)) WITHOUT ROWID;
CREATE TABLE records (project TEXT NOT NULL, prompt TEXT NOT NULL, data BLOB NOT NULL, UNIQUE (project, prompt));
CREATE TABLE entries (blob BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE served (
  project TEXT NOT NULL, head TEXT NOT NULL, since INTEGER NOT NULL, held BLOB NOT NULL, UNIQUE (project, head));
CREATE INDEX served_since ON served (project, since);
CREATE TABLE fetches (
  project TEXT NOT NULL, prompt TEXT NOT NULL, hour INTEGER NOT NULL, version INTEGER NOT NULL, label TEXT NOT NULL,
  client TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (project, prompt, hour, version, label, client)
) WITHOUT ROWID;
"""

_JOINED_VERSION = """SELECT v.prompt, v.version, v.seq, v.blob, c.seq, c.sha, c.time, c.author, c.message
  FROM versions v JOIN commits c ON c.project = v.project AND c.seq = v.seq WHERE v.project = ? AND v.prompt = ?"""
_JOINED_TOUCH = """SELECT t.prompt, t.seq, t.kind, t.label, t.blob, c.seq, c.sha, c.time, c.author, c.message
  FROM touches t JOIN commits c ON c.project = t.project AND c.seq = t.seq WHERE t.project = ? AND t.prompt = ?"""

Row = tuple[Any, ...]


class Connections:
    """A connection to read, one to write what Git knows, one to write what it does not; each for a thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._synced = _open(path, "FULL")
        self._derived = _open(path, "NORMAL")
        self._reader = _open(path, "NORMAL")
        self._write_lock = threading.Lock()
        self._read_lock = threading.Lock()

    @contextmanager
    def writing(self, *, synced: bool) -> Iterator[apsw.Connection]:
        """One transaction; if `synced`, on disk when the block ends. Raises Unavailable or InsufficientStorage."""
        connection = self._synced if synced else self._derived
        with understood(self._path), self._write_lock, transaction(connection):
            yield connection

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        with understood(self._path), self._read_lock:
            yield self._reader

    def close(self) -> None:
        for connection in (self._reader, self._derived, self._synced):
            connection.close()


def _open(path: Path, synchronous: str) -> apsw.Connection:
    with understood(path):
        connection = apsw.Connection(str(path), statementcachesize=100)
        connection.set_busy_handler(_wait)
        run(connection, f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}; PRAGMA cache_size=-4096;")
        if connection.pragma("user_version") == 0:
            with transaction(connection):
                if connection.pragma("user_version") == 0:
                    run(connection, SCHEMA)
                    run(connection, f"PRAGMA user_version={FORMAT};")
        found = connection.pragma("user_version")
        if found != FORMAT:
            raise InvalidRequest(
                f"{path} has format {found} and this release of Trunkline reads {FORMAT}: start the release that wrote"
                " it, or a later one."
            )
    return connection


class SQLiteVersionTable:
    """Implements `trunkline.registry.tables.VersionTable`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def load(self, project: str) -> SavedIndex | None:
        with self._connections.reading() as connection:
            run(connection, "BEGIN")
            try:
                found = _one(connection, "SELECT head, seq, strays FROM heads WHERE project = ?", (project,))
                rows = connection.execute("SELECT data FROM records WHERE project = ?", (project,))
                records = [_bytes(data) for (data,) in rows]
            finally:
                run(connection, "COMMIT")
        return SavedIndex(found[0], found[1], found[2], records) if found else None

    def head(self, project: str) -> tuple[str, int] | None:
        with self._connections.reading() as connection:
            found = _one(connection, "SELECT head, seq FROM heads WHERE project = ?", (project,))
        return (found[0], found[1]) if found else None

    def advance(self, project: str, batch: IndexBatch) -> bool:
        with self._connections.writing(synced=False) as connection:
            found = _one(connection, "SELECT head FROM heads WHERE project = ?", (project,))
            if (found[0] if found else "") != batch.old_head:
                return False
            _add(connection, project, batch)
            return True

    def version(self, project: str, prompt: str, version: int) -> tuple[VersionRow, CommitRow] | None:
        with self._connections.reading() as connection:
            found = _one(connection, f"{_JOINED_VERSION} AND v.version = ?", (project, prompt, version))
        return _version(found) if found else None

    def versions(self, project: str, prompt: str) -> list[tuple[VersionRow, CommitRow]]:
        with self._connections.reading() as connection:
            rows = connection.execute(f"{_JOINED_VERSION} ORDER BY v.version DESC", (project, prompt))
            return [_version(row) for row in rows]

    def commit(self, project: str, seq: int) -> CommitRow | None:
        with self._connections.reading() as connection:
            statement = "SELECT seq, sha, time, author, message FROM commits WHERE project = ? AND seq = ?"
            found = _one(connection, statement, (project, seq))
        return _commit(found) if found else None

    def touches(
        self, project: str, prompt: str, *, label: str | None, limit: int, before: int | None
    ) -> list[tuple[TouchRow, CommitRow]]:
        chosen, values = "", [project, prompt]
        if label is not None:
            chosen, values = " AND t.kind = 'label' AND t.label = ?", [*values, label]
        statement = f"{_JOINED_TOUCH}{chosen} AND t.seq < ? ORDER BY t.seq DESC, t.kind, t.label LIMIT ?"
        with self._connections.reading() as connection:
            rows = connection.execute(statement, (*values, before if before is not None else 1 << 62, limit))
            return [_touch(row) for row in rows]


class SQLiteEntryTable:
    """Implements `trunkline.registry.tables.EntryTable`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def get(self, blobs: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        with self._connections.reading() as connection:
            for chunk in _chunks(blobs):
                marks = ",".join("?" * len(chunk))
                rows = connection.execute(
                    f"SELECT blob, data FROM entries WHERE blob IN ({marks})",  # noqa: S608 - question marks only
                    [bytes.fromhex(blob) for blob in chunk],
                )
                found.update((_bytes(blob).hex(), _bytes(data)) for blob, data in rows)
        return found

    def put(self, entries: Mapping[str, bytes]) -> None:
        if not entries:
            return
        with self._connections.writing(synced=False) as connection:
            connection.executemany(
                "INSERT INTO entries (blob, data) VALUES (?, ?) ON CONFLICT DO UPDATE SET data = excluded.data",
                ((bytes.fromhex(blob), data) for blob, data in entries.items()),
            )


class SQLiteServedTable:
    """Implements `trunkline.registry.tables.ServedTable`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def append(self, project: str, served: Served) -> None:
        with self._connections.writing(synced=True) as connection:
            connection.execute(
                "INSERT INTO served (project, head, since, held) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (project, served.head, served.since, msgspec.msgpack.encode(served.held)),
            )

    def served(self, project: str, *, limit: int, at: Micros | None = None) -> list[Served]:
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT head, since, held FROM served WHERE project = ? AND since <= ?"
                " ORDER BY since DESC, rowid DESC LIMIT ?",
                (project, at if at is not None else 1 << 62, limit),
            )
            return [msgspec.convert({"head": h, "since": s, "held": _held(held)}, Served) for h, s, held in rows]


class SQLiteFetchTable:
    """Implements `trunkline.registry.tables.FetchTable`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def add(self, many: Iterable[FetchCount]) -> None:
        rows = [(one.project, one.prompt, one.hour, one.version, one.label, one.client, one.count) for one in many]
        if not rows:
            return
        with self._connections.writing(synced=True) as connection:
            connection.executemany(
                "INSERT INTO fetches (project, prompt, hour, version, label, client, count)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET count = count + excluded.count",
                rows,
            )

    def fetches(self, project: str, prompt: str, *, since_hour: int = 0) -> list[FetchCount]:
        with self._connections.reading() as connection:
            rows: Iterable[Row] = connection.execute(
                "SELECT project, prompt, version, label, client, hour, count FROM fetches"
                " WHERE project = ? AND prompt = ? AND hour >= ? ORDER BY hour, version, label, client",
                (project, prompt, since_hour),
            )
            return [FetchCount(*row) for row in rows]


class SQLiteTables:
    """All of the registry's tables in one file. Implements `trunkline.registry.tables.Tables`."""

    def __init__(self, path: Path) -> None:
        self._connections = Connections(path)
        self.versions = SQLiteVersionTable(self._connections)
        self.entries = SQLiteEntryTable(self._connections)
        self.served = SQLiteServedTable(self._connections)
        self.fetches = SQLiteFetchTable(self._connections)

    def close(self) -> None:
        self._connections.close()


def _add(connection: apsw.Connection, project: str, batch: IndexBatch) -> None:
    connection.execute(
        "INSERT INTO heads (project, head, seq, strays) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET head = excluded.head, seq = excluded.seq, strays = excluded.strays",
        (project, batch.head, batch.seq, batch.strays),
    )
    connection.executemany(
        "INSERT INTO commits (project, seq, sha, time, author, message) VALUES (?, ?, ?, ?, ?, ?)",
        ((project, c.seq, bytes.fromhex(c.sha), c.time, c.author, c.message) for c in batch.commits),
    )
    connection.executemany(
        "INSERT INTO versions (project, prompt, version, seq, blob) VALUES (?, ?, ?, ?, ?)",
        ((project, v.prompt, v.version, v.seq, bytes.fromhex(v.blob)) for v in sorted(batch.versions)),
    )
    connection.executemany(
        "INSERT INTO touches (project, prompt, seq, kind, label, blob) VALUES (?, ?, ?, ?, ?, ?)",
        (
            (project, t.prompt, t.seq, t.kind, t.label, bytes.fromhex(t.blob) if t.blob else None)
            for t in sorted(batch.touches, key=lambda touch: touch[:4])
        ),
    )
    connection.executemany(
        "INSERT INTO records (project, prompt, data) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET data = excluded.data",
        ((project, prompt, data) for prompt, data in batch.records),
    )


def _wait(attempt: int) -> bool:
    """Waits in small steps, 10 seconds in all: SQLite's own steps grow to 100 ms, which starves the loser of a race."""
    time.sleep(0.002)
    return attempt < BUSY_MS // 2


def _one(connection: apsw.Connection, statement: str, values: Sequence[apsw.SQLiteValue]) -> Row | None:
    return next(iter(connection.execute(statement, values)), None)


def _chunks(blobs: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(blobs)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk


def _bytes(value: apsw.SQLiteValue) -> bytes:
    assert isinstance(value, bytes)
    return value


def _held(value: apsw.SQLiteValue) -> tuple[str, ...]:
    return msgspec.msgpack.decode(_bytes(value), type=tuple[str, ...])


def _commit(row: Row) -> CommitRow:
    seq, sha, time, author, message = row
    return CommitRow(seq, sha.hex(), time, author, message)


def _version(row: Row) -> tuple[VersionRow, CommitRow]:
    return VersionRow(row[0], row[1], row[2], row[3].hex()), _commit(row[4:])


def _touch(row: Row) -> tuple[TouchRow, CommitRow]:
    prompt, seq, kind, label, blob = row[:5]
    return TouchRow(prompt, seq, kind, label, blob.hex() if blob else None), _commit(row[5:])
