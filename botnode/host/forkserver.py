"""A forkserver as its host sees it: a process that is sent orders and answers them."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from botnode.forkserver import orders
from botnode.forkserver.orders import MOST_BYTES, Answer, Order, OrderError
from botnode.host.childlog import last_words, open_log, size
from botnode.host.exits import in_words

log = structlog.get_logger(__name__)


class Forkserver:
    """One forkserver's process, from its start to its death, on the running event loop.

    Attributes:
        was_ready: it took orders.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        liveness_fd: int,
        log_path: Path,
        ended: Callable[["Forkserver"], None],
    ) -> None:
        """Start it; `ended` is called once it is reaped.

        Raises:
            OSError: it could not be started.
        """
        self.was_ready = False
        self._loop = asyncio.get_running_loop()
        self._log_path, self._log_start = log_path, size(log_path)
        self._ended = ended
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._ready = self._answers[orders.READY] = self._loop.create_future()
        self._numbers = orders.READY
        self._why = ""
        self._socket, theirs = orders.pair()
        with theirs:
            try:
                self._process = _popen(command, environment, theirs.fileno(), liveness_fd, log_path)
            except BaseException:
                self._socket.close()
                raise
        self._pidfd = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._socket, self._read)
        self._loop.add_reader(self._pidfd, self._reap)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it is worth an order: it runs, and is not condemned."""
        return not self._why

    async def until_ready(self, limit_s: float) -> None:
        """Return when it takes orders; any number of callers may wait.

        Raises:
            OSError: it ended, or was not ready in time; then it is killed.
        """
        await self._answered(self._ready, limit_s, "did not get ready")

    async def fork(
        self, name: str, environment: Mapping[str, str], descriptors: Sequence[int], limit_s: float
    ) -> int:
        """Order a botnode; return its process id. It is a child of this process, and waits.

        Raises:
            OSError: there is none, or none that anybody knows of: it ends by itself.
        """
        if self._why:
            raise OSError(self._why)
        self._numbers += 1
        number = self._numbers
        future = self._answers[number] = self._loop.create_future()
        try:
            orders.send(self._socket, Order(number, name, environment), descriptors)
            answer = await self._answered(future, limit_s, "did not answer")
        finally:
            self._answers.pop(number, None)
        if not answer.pid:
            raise OSError(f"the forkserver: {answer.error}")
        return answer.pid

    async def _answered(
        self, future: "asyncio.Future[Answer]", limit_s: float, what: str
    ) -> Answer:
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.shield(future)
        except TimeoutError:
            self.kill(f"{what} in {limit_s:g} s")
            raise OSError(self._why) from None

    def kill(self, why: str = "was stopped") -> None:
        """End it now. Its botnodes are not its children: nothing happens to them."""
        if self._why:
            return
        self._condemn(why)
        self._process.kill()

    def close(self) -> None:
        """End it and wait for its death."""
        self.kill()
        if self._process.returncode is None:
            self._process.wait()
            self._let_go()

    def _condemn(self, why: str) -> None:
        self._why = f"the forkserver {why}"
        for future in self._answers.values():
            if not future.done():
                future.set_exception(OSError(self._why))
                future.exception()  # whoever waited may be gone
        self._answers.clear()

    def _read(self) -> None:
        try:
            data = self._socket.recv(MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # it is dead, or as good as
            self._loop.remove_reader(self._socket)
            return
        try:
            answer = orders.parse_answer(data)
        except OrderError as error:
            self.kill(f"said what it should not: {error}")
            return
        self.was_ready = True
        future = self._answers.pop(answer.number, None)
        if future is not None and not future.done():
            future.set_result(answer)

    def _reap(self) -> None:
        if self._process.returncode is not None:
            return
        returncode = self._process.wait()
        if not self._why:
            words = last_words(self._log_path, self._log_start)
            how = f"{in_words(returncode)}: {words}" if words else in_words(returncode)
            self._condemn(f"ended ({how})")
        log.warning("forkserver_ended", pid=self.pid, why=self._why)
        self._let_go()
        self._ended(self)

    def _let_go(self) -> None:
        for file in (self._socket, self._pidfd):
            self._loop.remove_reader(file)
        self._socket.close()
        os.close(self._pidfd)


def _popen(
    command: Sequence[str],
    environment: Mapping[str, str],
    socket_fd: int,
    liveness_fd: int,
    log_path: Path,
) -> "subprocess.Popen[bytes]":
    output = open_log(log_path)
    try:
        return subprocess.Popen(
            [*command, str(socket_fd), str(liveness_fd)],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            close_fds=True,
            pass_fds=(socket_fd, liveness_fd),
            start_new_session=True,
        )
    finally:
        os.close(output)
