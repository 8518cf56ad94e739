"""Has botnodes forked from a process that has loaded all they need."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from botmesh.rpc import environment
from botnode.forkserver.orders import LEAVE
from botnode.go_environment import GO_ENVIRONMENT
from botnode.host.child import WatchedChild
from botnode.host.childlog import open_log
from botnode.host.exec_spawner import ExecSpawner
from botnode.host.forkserver import Forkserver
from botnode.host.orphans import Orphans
from botnode.host.spawner import Child, Listener, Order

# What Go reads, once, when the program of a process starts: not what it was forked with.
GO_READS = frozenset({*environment.NETWORK, *environment.GO, *GO_ENVIRONMENT})

log = structlog.get_logger(__name__)


class ForkSpawner:
    """The adapter of `Spawner` that has a forkserver fork botnodes.

    They are this process's children. A forkserver that dies or does not answer is replaced; its
    botnodes go on. A botnode whose environment differs in what Go reads is started as a program.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        programs: ExecSpawner,
        orphans: Orphans,
        log_path: Path,
        *,
        ready_limit_s: float,
        fork_limit_s: float,
    ) -> None:
        """Prepare; `start` starts.

        Args:
            command: how a forkserver is started.
            environment: the forkserver's, whole, and so every botnode's.
            programs: starts those that cannot be forked. Its liveness pipe is for all.
            orphans: told of every botnode.
            log_path: where the forkserver's output goes, appended.
            ready_limit_s: how long a forkserver may take to get ready.
            fork_limit_s: how long it may take to fork.
        """
        self._command = list(command)
        self._environment = dict(environment)
        self._programs = programs
        self._orphans = orphans
        self._log_path = log_path
        self._ready_limit_s, self._fork_limit_s = ready_limit_s, fork_limit_s
        self._forkserver: Forkserver | None = None
        self._closed = False

    def start(self) -> None:
        self._orphans.start()
        self._start_forkserver()

    async def spawn(self, order: Order, listener: Listener) -> Child:
        if not can_be_forked(self._environment, order.environment):
            return await self._programs.spawn(order, listener)
        forkserver = self._forkserver
        if forkserver is None or not forkserver.is_alive:
            forkserver = self._start_forkserver()
        await forkserver.until_ready(self._ready_limit_s)
        with contextlib.ExitStack() as stack:
            reading, status_write = os.pipe()
            stack.callback(os.close, status_write)
            unused = stack.enter_context(contextlib.ExitStack())
            unused.callback(os.close, reading)
            leave_read, leave_write = os.pipe()
            # It ends when it is closed without having brought anything.
            stack.callback(os.close, leave_write)
            stack.callback(os.close, leave_read)
            output = open_log(order.log_path)
            stack.callback(os.close, output)
            stack.enter_context(self._orphans.birth())
            pid = await forkserver.fork(
                order.tenant_id,
                order.environment,
                (output, status_write, leave_read),
                self._fork_limit_s,
            )
            child = WatchedChild(pid, lambda: self._wait(pid), reading, listener)
            unused.pop_all()
            self._orphans.adopt(pid)
            with contextlib.suppress(BrokenPipeError):  # it is dead already, as will be seen
                os.write(leave_write, LEAVE)
        return child

    def close(self) -> None:
        self._closed = True
        self._programs.close()
        if self._forkserver is not None:
            self._forkserver.close()
            self._forkserver = None
        self._orphans.close()

    def _wait(self, pid: int) -> int:
        _, status = os.waitpid(pid, 0)
        self._orphans.forget(pid)
        return os.waitstatus_to_exitcode(status)

    def _start_forkserver(self) -> Forkserver:
        with self._orphans.birth():
            forkserver = Forkserver(
                self._command,
                self._environment,
                self._programs.liveness_fd,
                self._log_path,
                self._ended,
            )
            self._orphans.adopt(forkserver.pid)
        log.info("forkserver_started", pid=forkserver.pid)
        self._forkserver = forkserver
        return forkserver

    def _ended(self, forkserver: Forkserver) -> None:
        self._orphans.forget(forkserver.pid)
        if self._forkserver is not forkserver or self._closed:
            return
        self._forkserver = None
        if forkserver.was_ready:  # else the next order tries: it may never get ready
            try:
                self._start_forkserver()
            except OSError as error:
                log.error("forkserver_not_started", error=str(error))  # noqa: TRY400 - said whole


def can_be_forked(common: Mapping[str, str], own: Mapping[str, str]) -> bool:
    """Whether Go reads in the common environment what it would read in a botnode's own.

    To Go an empty variable is one that is not set.
    """
    return all(own.get(name, common.get(name, "")) == common.get(name, "") for name in GO_READS)
