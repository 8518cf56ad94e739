"""The databases that every test of the registry runs on."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

POSTGRES_FOLDERS = ["/usr/lib/postgresql/15/bin", *os.environ.get("PATH", "").split(":")]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL of its own, or of the one in BOTMESH_TEST_POSTGRES_URL."""
    pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")
    if url := os.environ.get("BOTMESH_TEST_POSTGRES_URL"):
        yield url
        return
    programs = os.pathsep.join(POSTGRES_FOLDERS)
    if (pg_ctl := shutil.which("pg_ctl", path=programs)) is None:
        pytest.skip("PostgreSQL: no server is installed and BOTMESH_TEST_POSTGRES_URL is not set")
    # Not under pytest's own folders: those are nobody else's to enter.
    folder = Path(tempfile.mkdtemp(prefix="botmesh-postgres-"))
    port = _free_port()
    as_user = _unprivileged(folder)
    log = folder / "log"
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
    initialise = [pg_ctl, "initdb", "-D", str(folder / "data"), "-o", "-U botmesh -A trust -N"]
    start = [pg_ctl, "start", "-w", "-D", str(folder / "data"), "-l", str(log), "-o", options]
    for command in (initialise, start):
        done = subprocess.run([*as_user, *command], check=False, capture_output=True, cwd=folder)
        if done.returncode:
            pytest.skip(f"PostgreSQL: it does not start: {done.stderr.decode()[-300:]}")
    try:
        yield f"postgresql://botmesh@127.0.0.1:{port}/postgres"
    finally:
        stop = [pg_ctl, "stop", "-m", "immediate", "-D", str(folder / "data")]
        subprocess.run([*as_user, *stop], check=True, capture_output=True, cwd=folder)
        shutil.rmtree(folder)


def _unprivileged(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: what to put before its commands then."""
    if os.geteuid() != 0:
        return []
    if shutil.which("runuser") is None:
        pytest.skip("PostgreSQL: it does not run as root, and there is no runuser")
    shutil.chown(folder, "nobody")
    return ["runuser", "-u", "nobody", "--"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'registry.db'}"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A database of its own on the server."""
    url = make_url(postgres_server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"registry_{os.urandom(4).hex()}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield url.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The same test on both databases."""
    return str(request.getfixturevalue(f"{request.param}_url"))


def run_together(code: str, *argv: list[str]) -> list[bytes]:
    """Run a script once per argument list, all at the same time; return what each printed.

    The script waits for the end of its stdin before it does what is tested.
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for arguments in argv
    ]
    for process in processes:
        process.stdin.close()  # type: ignore[union-attr]
        process.stdin = None
    output = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), output
    return output


@pytest.fixture
def together() -> Callable[..., list[bytes]]:
    return run_together
