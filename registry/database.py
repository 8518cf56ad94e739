"""The registry's database: SQLite in a file by default, PostgreSQL by URL."""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import structlog
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from botmesh.rpc.lifecycle import ConfigError, StartError
from migrations import HEAD
from registry.file_watch import FileWatch
from registry.models import RegistryRow

log = structlog.get_logger(__name__)

BUSY_TIMEOUT_S = 10
# How often it is asked whether anything changed: where the kernel does not say so, and where it
# does, in case that it missed something, as it does where another machine writes.
UNWATCHED_POLL_S = 0.1
WATCHED_POLL_S = 5.0
COUNTER_POLL_S = 0.15
# Of the looks after a write; the disk may take about a second to keep it.
FIRST_PAUSE_S = 0.002
LONGEST_PAUSE_S = 0.5
# Any number that no other program on the same PostgreSQL uses: "botmesh" in hexadecimal ASCII.
UPGRADE_LOCK = 0x626F746D657368
_BEGIN = "botmesh_begin"


class RegistryError(ConfigError):
    """The database is not one that this mesh can use."""


class RegistryUnreachableError(StartError):
    """The database does not answer."""


class ChangeGate(Protocol):
    """Tells cheaply when anything may have changed since it was last asked."""

    async def until_moved(self) -> None:
        """Returns at once at the first call, and then once after each commit of anybody."""
        ...

    def close(self) -> None:
        """Let go of what it holds open."""
        ...


class Database:
    """The registry of one mesh, migrated and checked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._reader: Engine = engine
        self._writer: Engine = engine
        if self._is_sqlite:
            self._writer = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        else:
            self._reader = engine.execution_options(isolation_level="REPEATABLE READ")

    @classmethod
    def open(cls, url: str, mesh: str) -> "Database":
        """Connect, bring the tables up to date, check whose they are.

        Any number of processes may do this at the same time. Blocks; call it before the event
        loop runs, or on a thread.

        Args:
            url: "sqlite:///<file>" or "postgresql://...".
            mesh: this mesh's name; an empty registry becomes this mesh's.

        Raises:
            RegistryError: the URL is wrong, or the registry is another mesh's.
            RegistryUnreachableError: the database does not answer.
        """
        engine = _create_engine(url)
        try:
            _upgrade(engine, mesh)
            return cls(engine)
        except DBAPIError as error:
            engine.dispose()
            where = engine.url.render_as_string(hide_password=True)
            raise RegistryUnreachableError(f"the registry {where} fails: {error.orig}") from error
        except BaseException:
            engine.dispose()
            raise

    @property
    def engine(self) -> Engine:
        """The engine, for what is not done through a session."""
        return self._engine

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """A session whose reads all see the same moment."""
        with Session(self._reader) as session:
            yield session

    @contextlib.contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that is committed at the end, or rolled back when the block raises."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def change_gate(self) -> ChangeGate:
        """A new gate for one follower of the changes."""
        if self._is_sqlite:
            return _DataVersionGate(str(self._engine.url.database))
        return _CounterGate(self._engine)

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._engine.dispose()


class _DataVersionGate:
    """SQLite's own counter of other connections' commits: no query, no transaction, no thread.

    It is read when the kernel says that the database's files were written.
    """

    def __init__(self, path: str) -> None:
        try:
            self._files: FileWatch | None = FileWatch(Path(path))
        except OSError as error:
            log.warning("registry_polled", why=str(error))
            self._files = None
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, timeout=0.25)
        except sqlite3.Error as error:
            self._close_files()
            raise DBAPIError.instance("connect", None, error, sqlite3.Error) from error
        self._version: int | None = None

    async def until_moved(self) -> None:
        while not self._moved():
            if self._files is None:
                await asyncio.sleep(UNWATCHED_POLL_S)
            elif await self._files.written(WATCHED_POLL_S) and await self._moves_soon():
                return

    async def _moves_soon(self) -> bool:
        """A commit counts a little after its last byte was written: once the disk has it."""
        pause_s = FIRST_PAUSE_S
        while not self._moved():
            if pause_s > LONGEST_PAUSE_S:
                return False
            await asyncio.sleep(pause_s)
            pause_s *= 2
        return True

    def _moved(self) -> bool:
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            raise DBAPIError.instance("PRAGMA data_version", None, error, sqlite3.Error) from error
        moved: bool = version != self._version
        self._version = version
        return moved

    def close(self) -> None:
        self._close_files()
        self._connection.close()

    def _close_files(self) -> None:
        if self._files is not None:
            self._files.close()
            self._files = None


class _CounterGate:
    """The registry's own counter, asked for over a connection that stays open."""

    def __init__(self, engine: Engine) -> None:
        self._connection: Connection = engine.connect().execution_options(
            isolation_level="AUTOCOMMIT"
        )
        self._seq: int | None = None

    async def until_moved(self) -> None:
        while (seq := await asyncio.to_thread(self._read)) == self._seq:  # noqa: ASYNC110 - far off
            await asyncio.sleep(COUNTER_POLL_S)
        self._seq = seq

    def _read(self) -> int:
        return self._connection.scalars(select(RegistryRow.updated_seq)).one()

    def close(self) -> None:
        with contextlib.suppress(SQLAlchemyError):
            self._connection.close()


def _create_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            return _create_sqlite_engine(parsed)
        if parsed.get_backend_name() != "postgresql":
            raise RegistryError("BOTMESH_DATABASE_URL must be a sqlite or postgresql URL")
        return create_engine(
            parsed,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 5},
            hide_parameters=True,
        )
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise RegistryError(f"BOTMESH_DATABASE_URL is no database URL: {error}") from error
    except ModuleNotFoundError as error:
        raise RegistryError(
            f"BOTMESH_DATABASE_URL needs {error.name}: install botmesh[postgres]"
        ) from error


def _create_sqlite_engine(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise RegistryError("BOTMESH_DATABASE_URL must name a file: several processes share it")
    folder = Path(url.database).absolute().parent
    if not folder.is_dir():
        raise RegistryError(f"BOTMESH_DATABASE_URL: there is no folder {folder}")
    # An error must not tell what was written: a proxy's password may be in it.
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        # Transactions begin where we say, not where the driver guesses: see `begin`.
        connection.isolation_level = None
        # A tenant whose creation was answered must survive a power cut; writes are rare.
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the write lock first: one that reads before it writes can then not be
        # refused in the middle, which no busy timeout would wait for.
        options: dict[str, Any] = dict(connection.get_execution_options())
        connection.exec_driver_sql(options.get(_BEGIN, "BEGIN"))

    return engine


def _upgrade(engine: Engine, mesh: str) -> None:
    if (owner := _owner_when_current(engine)) is None:
        with _upgrade_lock(engine) as connection:
            _migrate(connection)
            owner = connection.scalar(select(RegistryRow.mesh))
            if owner is None:
                connection.execute(insert(RegistryRow).values(id=1, mesh=mesh, updated_seq=0))
                owner = mesh
    if owner != mesh:
        where = engine.url.render_as_string(hide_password=True)
        raise RegistryError(f"the registry {where} belongs to mesh '{owner}', not '{mesh}'")


def _owner_when_current(engine: Engine) -> str | None:
    """Whose registry it is, or None unless its tables are what this code was written for."""
    if engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).exists():
        return None
    try:
        with engine.connect() as connection:
            if _revision(connection) != HEAD:
                return None
            return connection.scalar(select(RegistryRow.mesh))
    except DBAPIError:
        return None  # no tables yet, or just being made: the way under the lock will tell


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


@contextlib.contextmanager
def _upgrade_lock(engine: Engine) -> Iterator[Connection]:
    """One transaction that changes the tables, while no other process does."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})"))
            yield connection
        return
    path = str(engine.url.database)
    try:
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise RegistryError(f"the registry {path} cannot be written: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # SQLite gives its -wal and -shm files the mode of the file itself.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        with engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            raw.execute("PRAGMA journal_mode = WAL")  # type: ignore[union-attr]  # it is open
        with engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}).begin() as connection:
            yield connection
    finally:
        os.close(lock)


def _migrate(connection: Connection) -> None:
    # Most starts find current tables.
    from alembic import command  # noqa: PLC0415 - slow, and seldom needed
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - slow, and seldom needed

    from migrations import configuration  # noqa: PLC0415 - imports alembic

    config = configuration(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    revision = _revision(connection)
    if revision is not None and revision not in known:
        # A newer botmesh was here. Its migrations only add what this one does not know of, until
        # a release after the next removes what this one needs: see the migrations' rules.
        log.warning("registry_is_newer", revision=revision)
        return
    command.upgrade(config, "head")
    if revision != HEAD:
        log.info("registry_migrated", before=revision, after=HEAD)
