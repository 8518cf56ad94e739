"""A process that was started here, and its status pipe."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

from botnode.host.spawner import Listener
from botnode.host.status import LineBuffer

_READ_BYTES = 64 * 1024


class WatchedChild:
    """The `Child` of both adapters.

    Its death shows on a pidfd at once, without a thread per process and without a signal handler.
    """

    def __init__(
        self, pid: int, wait: Callable[[], int], status_read: int, listener: Listener
    ) -> None:
        """Watch a child of this process, on the running event loop.

        Args:
            pid: its process id, and its group's.
            wait: reaps it and returns its exit status (negative: a signal).
            status_read: the end of its status pipe; belongs to this object from now on.
            listener: hears of it.
        """
        self._pid = pid
        self._wait = wait
        self._listener = listener
        self._status = status_read
        self._lines = LineBuffer()
        self._loop = asyncio.get_running_loop()
        self._pidfd: int | None = os.pidfd_open(pid)
        os.set_blocking(status_read, False)
        self._loop.add_reader(status_read, self._read)
        self._loop.add_reader(self._pidfd, self._reap)

    @property
    def pid(self) -> int:
        return self._pid

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
            os.killpg(self._pid, signal.SIGKILL)

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
        returncode = self._wait()
        while self._read():
            pass
        self._loop.remove_reader(self._status)
        os.close(self._status)
        self._listener.ended(returncode)
