"""Opens the control database and brings its tables to this release's form.

SQLite comes from the standard library here and is often inside the range of a corruption bug of WAL mode, so the
journal is a rollback journal. Nothing else in the control store is particular to SQLite.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry

from trunkline.errors import Conflict, InsufficientStorage, Unavailable

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_S = 5.0
"""How long, in seconds, a statement waits for another process's transaction."""


def open_engine(path: Path, busy_s: float = BUSY_S) -> Engine:
    """An engine whose transactions are real ones: begun by us, never by the driver's guess."""
    engine = create_engine(f"sqlite+pysqlite:///{path}", connect_args={"timeout": busy_s, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        assert isinstance(connection, sqlite3.Connection)
        connection.isolation_level = None
        for pragma in ("journal_mode=DELETE", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").fetchall()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later can fail on a lock that no waiting resolves.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write; on disk when the block ends. Storage faults become errors of the tree."""
    with translated(), engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads: one consistent state of all tables."""
    with translated(), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def translated() -> Iterator[None]:
    """Turns a database's own errors into the error tree, without the statement or its values."""
    try:
        yield
    except DatabaseError as error:
        cause = str(error.orig)
        if "full" in cause:
            raise InsufficientStorage("The disk is full: nothing was stored. Free some space and try again.") from error
        if "UNIQUE" in cause.upper():
            raise Conflict("That name or key is taken already.") from error
        raise Unavailable(f"The control database cannot be used just now: {cause}.") from error


def migrate(engine: Engine) -> None:
    """Makes or upgrades the tables. Raises TrunklineError for a database that a later release has written."""
    if _revision(engine) != newest_revision():
        # Alembic is needed once a release, and takes as long to import as the rest of the store.
        import_module("trunkline.store.control_upgrade").upgrade(engine)


def newest_revision() -> str:
    """The last of the migrations, which are named by their numbers."""
    return max(script.stem for script in (MIGRATIONS / "versions").glob("control_*.py")).removeprefix("control_")


def _revision(engine: Engine) -> str | None:
    with reading(engine) as connection:
        tables = inspect(connection).get_table_names()
        if "alembic_version" not in tables:
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
