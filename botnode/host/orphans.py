"""Reaps what botnodes leave behind.

A host that forks botnodes is a subreaper: a process that a botnode started becomes the host's child
when the botnode dies before it. The host's own children are left to whoever started them.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator

from botnode import prctl

# How soon to look again behind a dead process that somebody else has to reap.
AGAIN_S = 0.5


class Orphans:
    """Reaps dead children that are nobody's.

    One's own are those that `adopt` tells of, and all in this process's session: `subprocess` puts
    them there unless it is told otherwise.
    """

    def __init__(self) -> None:
        self._own: set[int] = set()
        self._births = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Become the parent of orphans, on the running event loop.

        Raises:
            OSError: the kernel refuses.
        """
        prctl.become_subreaper()
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGCHLD, self.reap)

    def close(self) -> None:
        """Reap no more."""
        if self._loop is not None:
            self._loop.remove_signal_handler(signal.SIGCHLD)
            self._loop = None

    @contextlib.contextmanager
    def birth(self) -> Iterator[None]:
        """While a child is being born whose id is not known yet, nothing is reaped."""
        self._births += 1
        try:
            yield
        finally:
            self._births -= 1
            self.reap()

    def adopt(self, pid: int) -> None:
        """This child is somebody's."""
        self._own.add(pid)

    def forget(self, pid: int) -> None:
        """It was reaped."""
        self._own.discard(pid)
        self.reap()

    def reap(self) -> None:
        """Reap every orphan that is dead."""
        while self._loop is not None and not self._births:
            try:
                dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if dead is None:
                return
            if dead.si_pid in self._own:
                return  # we are called again when it was reaped
            if os.getsid(dead.si_pid) == os.getsid(0):
                self._loop.call_later(AGAIN_S, self.reap)
                return
            os.waitpid(dead.si_pid, 0)
