"""A process that ``botmesh up`` starts, watches, starts again and stops."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

from botmesh.rpc.lifecycle import EX_CONFIG, StartError

T = TypeVar("T")

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
# A child that ran this long starts again without a pause.
STEADY_S = 30.0
# How much of a child's log is searched for its last words.
TAIL_BYTES = 8192

# Becomes the program that follows, after prctl(PR_SET_PDEATHSIG), see prctl(2). Not done between
# fork and exec: this process has threads of gRPC's, and Python may crash there.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.execvp(sys.argv[1], sys.argv[1:])
"""
_LAUNCHER = (sys.executable, "-IS", "-c", _DIE_WITH_PARENT)


@dataclass(frozen=True, slots=True)
class Program:
    """What to run.

    Attributes:
        name: how logs and people call it.
        argv: the command line; never holds a secret, every user can read it.
        env: its whole environment.
        log_path: where its output goes, readable by this user only.
        stop_limit_s: how long it may take to stop before it is killed.
        liveness_variable: where it is told the pipe whose end means that we are gone.
        dies_with_us: have the kernel end it when we die: for programs that are not ours.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log_path: Path
    stop_limit_s: float = 10.0
    liveness_variable: str = "BOTMESH_LIVENESS_FD"
    dies_with_us: bool = False


@dataclass(slots=True)
class Child:
    """A running program.

    It gets one end of a pipe: when this process dies, however it does, a child of ours reads the
    end of it and stops by itself.
    """

    program: Program
    notify: Callable[[str], None]
    _process: asyncio.subprocess.Process | None = None
    _pipe: int = -1
    _ready: socket.socket | None = None
    _notify_socket: str = ""
    _stopping: bool = False
    _task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """Its process id; None while it does not run."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it."""
        address = f"botmesh-{secrets.token_hex(16)}"
        self._ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._ready.bind(f"\0{address}")
        self._notify_socket = f"@{address}"
        await self._spawn()

    def keep_running(self) -> None:
        """Start it again, from now on, whenever it ends unasked."""
        self._task = asyncio.create_task(self._restart(), name=f"child-{self.program.name}")

    async def stop(self) -> None:
        """Stop it: SIGTERM, then SIGKILL when it takes too long. Idempotent."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), self.program.stop_limit_s)
            except TimeoutError:
                self.notify(f"{self.program.name} did not stop in time and is killed")
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._close_pipe()
        if self._ready is not None:
            self._ready.close()

    async def until_ready(self, limit_s: float) -> None:
        """Wait until the process itself says that it answers (sd_notify's READY=1).

        Raises:
            StartError: it ended before, or said nothing in time.
        """
        assert self._ready is not None  # noqa: S101 - set by start()
        await self.until(asyncio.get_running_loop().sock_recv(self._ready, 256), limit_s)

    async def until(self, ready: Awaitable[T], limit_s: float) -> T:
        """Wait for a sign that it is ready.

        Raises:
            StartError: it ended before, or gave no sign in time.
        """
        sign = asyncio.ensure_future(ready)
        end = asyncio.ensure_future(self._process_end())
        try:
            await asyncio.wait({sign, end}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if sign.done():
                return sign.result()
            if end.done():
                raise StartError(self._obituary(end.result()))
            raise StartError(f"{self.program.name} was not ready after {limit_s:.0f} s")
        finally:
            sign.cancel()
            end.cancel()

    async def _process_end(self) -> int:
        assert self._process is not None  # noqa: S101 - set by start()
        return await self._process.wait()

    def _obituary(self, code: int) -> str:
        """How and why it ended, from the last words in its log."""
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        return f"{self.program.name} ended with {how}: {_last_words(self.program.log_path)}"

    async def _spawn(self) -> None:
        self._close_pipe()
        self._forget_signs()
        read_end, self._pipe = os.pipe()
        try:
            with _open_log(self.program.log_path) as output:
                self._process = await asyncio.create_subprocess_exec(
                    *(_LAUNCHER if self.program.dies_with_us else ()),
                    *self.program.argv,
                    env={
                        **self.program.env,
                        "NOTIFY_SOCKET": self._notify_socket,
                        self.program.liveness_variable: str(read_end),
                    },
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=[read_end],
                    start_new_session=True,  # the terminal's Ctrl+C is ours to pass on, in order
                )
        finally:
            os.close(read_end)

    def _forget_signs(self) -> None:
        """Nobody waits for an earlier process any more; a full socket would hold up the next."""
        assert self._ready is not None  # noqa: S101 - set by start()
        with contextlib.suppress(BlockingIOError):
            while self._ready.recv(256):
                pass

    async def _restart(self) -> None:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE_S
        while True:
            started = loop.time()
            code = await self._process_end()
            if self._stopping:
                return
            self.notify(self._obituary(code))
            if code == EX_CONFIG:
                return  # starting it again changes nothing
            pause = FIRST_PAUSE_S if loop.time() - started > STEADY_S else pause * 2
            await asyncio.sleep(min(pause, LONGEST_PAUSE_S))
            await self._spawn()

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1


def _open_log(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _last_words(path: Path) -> str:
    """The last error in a log, or its last line."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return "it wrote no log"
    for line in reversed(lines):
        with contextlib.suppress(ValueError, TypeError, KeyError):
            return str(json.loads(line)["error"])
    return lines[-1] if lines else "it wrote nothing"
