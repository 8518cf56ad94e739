"""Starts each botnode as a program of its own."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from botnode.host.childlog import open_log
from botnode.host.spawner import Child, Listener, Order
from botnode.host.status import LineBuffer

_READ_BYTES = 64 * 1024


class ExecSpawner:
    """The adapter of `Spawner` that runs a command line.

    All processes share one liveness pipe. Nothing is ever written to it; this process holds the
    only write end, so the kernel closes it when this process dies.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Prepare for any number of processes.

        Args:
            command: the program and its arguments.
            environment: what every process gets, whole: nothing is inherited beside it.
        """
        self._command = list(command)
        self._environment = dict(environment)
        self._liveness_read, self._liveness_write = os.pipe()

    def spawn(self, order: Order, listener: Listener) -> Child:
        """Start a process on the running event loop."""
        status_read, status_write = os.pipe()
        try:
            log = open_log(order.log_path)
            try:
                process = self._popen(order, status_write, log)
            finally:
                os.close(log)
            try:
                return _ExecChild(process, status_read, listener)
            except BaseException:
                process.kill()
                process.wait()
                raise
        except BaseException:
            os.close(status_read)
            raise
        finally:
            os.close(status_write)

    def _popen(self, order: Order, status_write: int, log: int) -> "subprocess.Popen[bytes]":
        environment = {
            **self._environment,
            **order.environment,
            "BOTMESH_LIVENESS_FD": str(self._liveness_read),
            "BOTMESH_STATUS_FD": str(status_write),
        }
        return subprocess.Popen(
            self._command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            close_fds=True,
            pass_fds=(self._liveness_read, status_write),
            start_new_session=True,
        )

    def close(self) -> None:
        """Close the liveness pipe."""
        for fd in (self._liveness_read, self._liveness_write):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._liveness_read = self._liveness_write = -1


class _ExecChild:
    """A process and its status pipe.

    Its death shows on a pidfd at once, without a thread per process and without a signal handler.
    """

    def __init__(
        self, process: "subprocess.Popen[bytes]", status_read: int, listener: Listener
    ) -> None:
        self._process = process
        self._listener = listener
        self._status = status_read
        self._lines = LineBuffer()
        self._loop = asyncio.get_running_loop()
        self._pidfd: int | None = os.pidfd_open(process.pid)
        os.set_blocking(status_read, False)
        self._loop.add_reader(status_read, self._read)
        self._loop.add_reader(self._pidfd, self._reap)

    @property
    def pid(self) -> int:
        return self._process.pid

    def terminate(self) -> None:
        if self._pidfd is not None:
            signal.pidfd_send_signal(self._pidfd, signal.SIGTERM)

    def kill(self) -> None:
        if self._pidfd is not None:
            self._kill_group()

    def _kill_group(self) -> None:
        # Only before the process is reaped: until then its id, which is also its group's, is not
        # given to another.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _read(self) -> bool:
        """Take what is in the pipe; False when there is no more."""
        try:
            data = os.read(self._status, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._status)
            return False
        for line in self._lines.feed(data):
            self._listener.said(line)
        return True

    def _reap(self) -> None:
        pidfd, self._pidfd = self._pidfd, None
        if pidfd is None:
            return
        self._loop.remove_reader(pidfd)
        os.close(pidfd)
        self._kill_group()  # helpers that it left behind
        returncode = self._process.wait()
        while self._read():
            pass
        self._loop.remove_reader(self._status)
        os.close(self._status)
        self._listener.ended(returncode)
