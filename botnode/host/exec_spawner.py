"""Starts each botnode as a program of its own."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence

from botnode.host.child import WatchedChild
from botnode.host.childlog import open_log
from botnode.host.spawner import Child, Listener, Order


class ExecSpawner:
    """The adapter of `Spawner` that runs a command line.

    All processes share one liveness pipe. Nothing is ever written to it; this process holds the
    only write end, so the kernel closes it when this process dies.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        born: Callable[[int], None] = lambda _: None,
        reaped: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Prepare for any number of processes.

        Args:
            command: the program and its arguments.
            environment: what every process gets, whole: nothing is inherited beside it.
            born: hears of each process that is started, before anything else can happen.
            reaped: and when it was reaped.
        """
        self._command = list(command)
        self._environment = dict(environment)
        self._born, self._reaped = born, reaped
        self.liveness_fd, self._liveness_write = os.pipe()

    def start(self) -> None:
        """There is nothing to prepare."""

    async def spawn(self, order: Order, listener: Listener) -> Child:
        status_read, status_write = os.pipe()
        try:
            log = open_log(order.log_path)
            try:
                process = self._popen(order, status_write, log)
            finally:
                os.close(log)
            self._born(process.pid)
            try:
                return WatchedChild(process.pid, lambda: self._wait(process), status_read, listener)
            except BaseException:
                process.kill()
                self._wait(process)
                raise
        except BaseException:
            os.close(status_read)
            raise
        finally:
            os.close(status_write)

    def _wait(self, process: "subprocess.Popen[bytes]") -> int:
        returncode = process.wait()
        self._reaped(process.pid)
        return returncode

    def _popen(self, order: Order, status_write: int, log: int) -> "subprocess.Popen[bytes]":
        environment = {
            **self._environment,
            **order.environment,
            "BOTMESH_LIVENESS_FD": str(self.liveness_fd),
            "BOTMESH_STATUS_FD": str(status_write),
        }
        return subprocess.Popen(
            self._command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            close_fds=True,
            pass_fds=(self.liveness_fd, status_write),
            start_new_session=True,
        )

    def close(self) -> None:
        for fd in (self.liveness_fd, self._liveness_write):
            with contextlib.suppress(OSError):
                os.close(fd)
        self.liveness_fd = self._liveness_write = -1
