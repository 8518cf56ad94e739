"""How a process tells its parent that it lives, and that it ends."""

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import pytest

from botmesh.rpc import lifecycle
from botmesh.rpc.lifecycle import ConfigError, StartError, StopSignal, notify_ready


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    receiver.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return receiver


def test_readiness_is_told_as_systemd_wants_it(told: socket.socket) -> None:
    with told:
        notify_ready()
        assert told.recv(100) == b"READY=1"


def test_an_abstract_address_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0botmesh-test-{os.getpid()}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@botmesh-test-{os.getpid()}")
        notify_ready()
        assert receiver.recv(100) == b"READY=1"


def test_whoever_does_not_listen_holds_nobody_up(told: socket.socket) -> None:
    with told, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        sender.connect(told.getsockname())
        with contextlib.suppress(BlockingIOError):
            while True:  # until nothing more fits in
                sender.send(b"READY=1")
        notify_ready()


def test_nobody_to_tell_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_ready()
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent/socket")
    notify_ready()


def test_systemds_watchdog_is_fed_while_the_loop_turns(
    told: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000")

    async def main(stop: StopSignal) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(3):
            assert await loop.sock_recv(told, 100) == b"WATCHDOG=1"

    with told:
        assert lifecycle.run(main) == 0


@pytest.mark.parametrize(("error", "status"), [(StartError("x"), 1), (ConfigError("x"), 78)])
def test_why_a_start_failed_is_said_and_shown_by_the_status(error: Exception, status: int) -> None:
    said: list[Exception] = []

    async def main(stop: StopSignal) -> None:
        raise error

    assert lifecycle.run(main, complain=said.append) == status
    assert said == [error]


def test_the_first_reason_to_stop_decides_the_status() -> None:
    async def main(stop: StopSignal) -> None:
        stop.set(75)
        stop.set(1)
        await stop.wait()

    assert lifecycle.run(main) == 75
