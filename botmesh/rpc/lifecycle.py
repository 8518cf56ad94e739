"""How a process of the mesh starts, is told to stop, and ends.

Exit status: 0 after a clean stop, 1 for a failed start, 75 to be started again at once, 78 for a
configuration that somebody must mend (sysexits.h: EX_TEMPFAIL, EX_CONFIG).
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable

import structlog

EX_OK = 0
EX_FAILED = 1
EX_RENEW = 75
EX_CONFIG = 78

# How long an orderly stop may take after a signal before the process is ended regardless.
STOP_LIMIT_S = 15.0
# The same when the parent died: nobody waits for us any more, and a successor may be starting.
ORPHAN_LIMIT_S = 5.0
# How long telling that it is ready may hold a process up.
NOTIFY_LIMIT_S = 1.0

log = structlog.get_logger(__name__)


class StartError(Exception):
    """The process cannot start now; the text is for the operator. Exit status 1."""


class ConfigError(Exception):
    """The process cannot start until its configuration is mended. Exit status 78."""


class StopSignal:
    """Told once that the process shall stop; with which status it then ends."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.exit_code = EX_OK

    def set(self, exit_code: int = EX_OK) -> None:
        """Ask for an orderly stop. The first call decides the exit status."""
        if not self._event.is_set():
            self.exit_code = exit_code
            self._event.set()

    def is_set(self) -> bool:
        """Whether a stop was asked for."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return when a stop is asked for."""
        await self._event.wait()


Main = Callable[[StopSignal], Awaitable[None]]


def complain(error: Exception) -> None:
    """Say why the process cannot start: a sentence on a terminal, else a line of the log."""
    if sys.stderr.isatty():
        sys.stderr.write(f"botmesh: {error}\n")
    else:
        log.error("start_failed", error=str(error))


def run(
    main: Main,
    *,
    stop_limit_s: float = STOP_LIMIT_S,
    complain: Callable[[Exception], None] = complain,
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """Run ``main`` until it returns; give back the process's exit status.

    SIGTERM and SIGINT set the stop signal that ``main`` waits for. If it has not returned
    ``stop_limit_s`` seconds later, a watchdog ends the process. `StartError` and `ConfigError`
    are told to ``complain``. The event loop is asyncio's own unless ``new_loop`` makes another.
    """
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(_run(main, stop_limit_s))
    except ConfigError as error:
        complain(error)
        return EX_CONFIG
    except StartError as error:
        complain(error)
        return EX_FAILED


async def _run(main: Main, stop_limit_s: float) -> int:
    stop = StopSignal()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    sides = [
        loop.create_task(_arm_when_stopping(stop, stop_limit_s), name="stop-watchdog"),
        loop.create_task(_feed_systemd_watchdog(), name="systemd-watchdog"),
    ]
    try:
        await main(stop)
    finally:
        for side in sides:
            side.cancel()
        await asyncio.gather(*sides, return_exceptions=True)
    return stop.exit_code


async def _arm_when_stopping(stop: StopSignal, limit_s: float) -> None:
    await stop.wait()
    arm_watchdog(limit_s)


def notify_ready() -> None:
    """Tell whoever started this process that it answers now.

    The protocol is systemd's (sd_notify(3)): a datagram ``READY=1`` to the Unix socket that
    ``NOTIFY_SOCKET`` names, where a leading ``@`` is an abstract address. So a unit may be of
    ``Type=notify``. Without the variable nothing happens.
    """
    _notify(b"READY=1")


def _notify(message: bytes) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        # Whoever does not read what is sent must not hold this process up.
        sender.settimeout(NOTIFY_LIMIT_S)
        try:
            sender.sendto(message, address)
        except OSError as error:
            log.warning("notify_failed", error=str(error))


async def _feed_systemd_watchdog() -> None:
    """Tell systemd again and again that the event loop turns (``WatchdogSec=`` of a unit)."""
    every_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6 / 3
    while every_s:
        _notify(b"WATCHDOG=1")
        await asyncio.sleep(every_s)


def arm_watchdog(limit_s: float) -> None:
    """End the process in ``limit_s`` seconds, whatever its event loop does."""

    def bite() -> None:
        time.sleep(limit_s)
        log.error("stop_took_too_long", limit_s=limit_s)
        os._exit(EX_FAILED)

    threading.Thread(target=bite, name="watchdog", daemon=True).start()


def watch_liveness(fd: int, stop: StopSignal) -> None:
    """Stop when the other end of a pipe is closed, i.e. when the parent is gone.

    A thread waits for it, so that it is seen even while the event loop hangs.
    """
    loop = asyncio.get_running_loop()

    def wait() -> None:
        while os.read(fd, 64):
            pass
        log.warning("parent_gone")
        arm_watchdog(ORPHAN_LIMIT_S)
        with contextlib.suppress(RuntimeError):  # the loop is closed: we are ending already
            loop.call_soon_threadsafe(stop.set)

    os.set_blocking(fd, True)
    os.set_inheritable(fd, False)
    threading.Thread(target=wait, name="liveness", daemon=True).start()
