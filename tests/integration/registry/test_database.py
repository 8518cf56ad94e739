"""Opening the registry: migrations, whose it is, many at once, what is refused."""

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, UniqueConstraint, create_engine, inspect, text

from migrations import HEAD, configuration
from registry.database import Database, RegistryError, RegistryUnreachableError
from registry.models import Base, TenantRow
from registry.pacing import Pacing

ROOT = Path(__file__).parents[3]

Together = Callable[..., list[bytes]]


def test_migrations_make_what_the_models_say(database_url: str) -> None:
    database = Database.open(database_url, "m")
    with database.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []
        # What the comparison leaves out on some databases.
        there = inspect(connection)
        for table in Base.metadata.sorted_tables:
            kinds = {
                UniqueConstraint: there.get_unique_constraints(table.name),
                CheckConstraint: there.get_check_constraints(table.name),
            }
            for kind, found in kinds.items():
                said = {str(c.name) for c in table.constraints if isinstance(c, kind)}
                assert {c["name"] for c in found} == said
    database.close()


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(configuration()).get_heads() == [HEAD]


def test_the_first_registry_is_brought_up_to_date(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0001")
        columns = {column["name"] for column in inspect(connection).get_columns("tenants")}
        assert "bot_port" in columns
        connection.execute(text("INSERT INTO registry VALUES (1, 'm', 1)"))
        values = "'a', 'A', 3001, 'RUNNING', 1, 0, 'RUNNING', 1, NULL, NULL, NULL, NULL, 1, NULL,"
        values += "0, NULL, NULL, 1, '2026-01-02', '2026-01-02'"
        connection.execute(text(f"INSERT INTO tenants VALUES ({values})"))
    engine.dispose()
    database = Database.open(sqlite_url, "m")
    with database.reading() as session:
        row = session.get(TenantRow, "a")
        assert row is not None
        assert (row.bot_port, row.pacing(), row.to_tenant().proxy_url) == (3001, Pacing(), "")
    database.close()


def test_sqlite_is_private_and_durable(tmp_path: Path, sqlite_url: str) -> None:
    database = Database.open(sqlite_url, "m")
    with database.writing() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA synchronous")) == 2  # FULL
        assert session.scalar(text("PRAGMA busy_timeout")) == 10_000
        session.execute(text("UPDATE registry SET updated_seq = 1"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(
        ["registry.db", "registry.db-wal", "registry.db-shm", "registry.db.lock"], 0o600
    )
    database.close()


def test_another_mesh_is_refused(database_url: str) -> None:
    Database.open(database_url, "one").close()
    with pytest.raises(RegistryError, match="belongs to mesh 'one', not 'two'"):
        Database.open(database_url, "two")


OPEN = """
import sys
from registry.database import Database
sys.stdin.read()  # all of them start together
Database.open(sys.argv[1], "m").close()
"""


def test_many_processes_may_migrate_at_once(database_url: str, together: Together) -> None:
    output = together(OPEN, *[[database_url]] * 4)
    # One of them did it; the others found it done.
    assert sum(out.count(b"registry_migrated") for out in output) == 1


def test_a_current_registry_opens_without_loading_alembic(sqlite_url: str) -> None:
    Database.open(sqlite_url, "m").close()
    code = (
        "import sys; from registry.database import Database; "
        f"Database.open({sqlite_url!r}, 'm').close(); assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_registry_of_a_newer_botmesh_is_used_as_it_is(database_url: str) -> None:
    database = Database.open(database_url, "m")
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        session.execute(text("ALTER TABLE tenants ADD COLUMN colour VARCHAR(8)"))
    database.close()
    Database.open(database_url, "m").close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "no database URL"),
        ("mysql://localhost/x", "sqlite or postgresql"),
        ("sqlite://", "name a file"),
        ("sqlite:////nowhere/at/all/registry.db", "no folder /nowhere/at/all"),
    ],
)
def test_a_wrong_url_is_a_configuration_error(url: str, says: str) -> None:
    with pytest.raises(RegistryError, match=says) as error:
        Database.open(url, "m")
    assert "BOTMESH_DATABASE_URL" in str(error.value)


def test_a_damaged_file_is_a_failed_start(tmp_path: Path, sqlite_url: str) -> None:
    (tmp_path / "registry.db").write_bytes(b"not a database, and long enough to be none" * 100)
    with pytest.raises(RegistryUnreachableError, match="file is not a database"):
        Database.open(sqlite_url, "m")


def test_a_server_that_does_not_answer_is_a_failed_start() -> None:
    pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")
    with pytest.raises(RegistryUnreachableError) as error:
        Database.open("postgresql://user:hidden@127.0.0.1:1/x", "m")
    assert "hidden" not in str(error.value)


def test_a_writer_locks_before_it_reads(tmp_path: Path, sqlite_url: str) -> None:
    database = Database.open(sqlite_url, "m")
    other = sqlite3.connect(tmp_path / "registry.db", isolation_level=None, timeout=0)
    with database.writing() as session:
        session.execute(text("SELECT 1"))  # a writer holds the lock before it writes
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.execute("ROLLBACK")
    other.close()
    database.close()


def test_the_reads_of_one_session_see_one_moment(database_url: str) -> None:
    database = Database.open(database_url, "m")
    with database.reading() as session:
        before = session.scalar(text("SELECT updated_seq FROM registry"))
        with database.writing() as other:
            other.execute(text("UPDATE registry SET updated_seq = 7"))
        assert session.scalar(text("SELECT updated_seq FROM registry")) == before
    with database.reading() as session:
        assert session.scalar(text("SELECT updated_seq FROM registry")) == 7
    database.close()
