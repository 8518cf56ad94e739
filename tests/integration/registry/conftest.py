"""The databases that every test of the registry runs on."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
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
    if (initdb := shutil.which("initdb", path=programs)) is None:
        pytest.skip("PostgreSQL: no server is installed and BOTMESH_TEST_POSTGRES_URL is not set")
    # Not under pytest's own folders: those are nobody else's to enter.
    folder = Path(tempfile.mkdtemp(prefix="botmesh-postgres-"))
    try:
        yield from _run_postgres(folder, Path(initdb))
    finally:
        shutil.rmtree(folder)


def _run_postgres(folder: Path, initdb: Path) -> Iterator[str]:
    data, port = folder / "data", _free_port()
    prefix = _prefix(folder)
    initialise = [initdb, "-D", data, "-U", "botmesh", "-A", "trust", "-N"]
    done = subprocess.run([*prefix, *initialise], check=False, capture_output=True, cwd=folder)
    if done.returncode:
        pytest.skip(f"PostgreSQL: it cannot be set up: {done.stderr.decode()[-300:]}")
    options = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-k", folder]
    serve = [*prefix, initdb.with_name("postgres"), "-D", data, *options]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(serve, cwd=folder, stdout=log, stderr=log)
    try:
        _wait_until_it_listens(server, port, folder / "log")
        yield f"postgresql://botmesh@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: nothing in it is worth keeping
        server.wait()


def _wait_until_it_listens(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            if "ready to accept connections" in log.read_text():
                return
        time.sleep(0.05)
    pytest.skip(f"PostgreSQL: it does not start: {log.read_text()[-300:]}")


def _prefix(folder: Path) -> list[str]:
    """What to put before PostgreSQL's commands.

    The server ends when the tests do, however they end; and it refuses to run as root.
    """
    if (setpriv := shutil.which("setpriv")) is None:
        pytest.skip("PostgreSQL: there is no setpriv, which its tests are run with")
    prefix = [setpriv, "--pdeathsig", "QUIT"]
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")
        prefix += ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
    return prefix


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
        process.stdin.close()
        process.stdin = None
    output = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), output
    return output


@pytest.fixture
def together() -> Callable[..., list[bytes]]:
    return run_together
