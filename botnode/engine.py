"""The database engines of a botnode: SQLAlchemy's, over one connection to an SQLite file each."""

import functools
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import StaticPool
from sqlalchemy.util import LRUCache

# Of each connection, where SQLite's own choice is 2000: a tenant's busy pages are few, and what
# falls out of here is read from the system's cache.
CACHE_KIB = 256
# What was compiled for one engine serves all: they have one dialect.
_COMPILED: LRUCache[Any, Any] = LRUCache(500)
_URL = URL.create("sqlite")


class _Database(sqlite3.Connection):
    """A connection to an SQLite file, and how its transactions begin."""

    begin: str


class _Dialect(SQLiteDialect_pysqlite):
    """SQLAlchemy says BEGIN, not sqlite3."""

    supports_statement_cache = True

    def do_begin(self, dbapi_connection: Any) -> None:
        dbapi_connection.execute(dbapi_connection.begin)

    # Without a compiler, which SQLAlchemy would ask each time.

    def do_savepoint(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"SAVEPOINT {name}")

    def do_rollback_to_savepoint(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"ROLLBACK TO SAVEPOINT {name}")

    def do_release_savepoint(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"RELEASE SAVEPOINT {name}")


@functools.cache
def _dialect() -> _Dialect:
    """One for all engines: it is made, and asks SQLite what it can, once."""
    dialect = _Dialect(dbapi=sqlite3)
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            dialect.initialize(connection)
    finally:
        engine.dispose()
    return dialect


def make_engine(path: Path, begin: str = "BEGIN IMMEDIATE") -> Engine:
    """An engine with one connection to an SQLite file; a writer's transactions lock at once."""
    dialect = _dialect()
    pool = StaticPool(lambda: _connect(path, begin), dialect=dialect)
    return Engine(
        pool,
        dialect,
        _URL,
        hide_parameters=True,  # an error's text is logged, and they hold people's numbers
        execution_options={"compiled_cache": _COMPILED},
    )


def _connect(path: Path, begin: str) -> Any:
    connection = sqlite3.connect(
        path, check_same_thread=False, timeout=20, isolation_level=None, factory=_Database
    )
    connection.begin = begin
    try:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"cache_size=-{CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
