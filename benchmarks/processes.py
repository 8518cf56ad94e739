"""Processes as the kernel sees them: whose child, how much memory, how much processor time."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
KIB = 1024
QUIET_S = 0.06
STOP_LIMIT_S = 10.0
# proc(5), counted from the field after the name, which may hold anything.
_PARENT, _USER, _SYSTEM, _CHILDREN_SYSTEM = 1, 11, 12, 14
# With it a program ends when this process does, however that happens.
DIE_WITH_US = ("setpriv", "--pdeathsig", "TERM")


def pss_mb(pid: int) -> float:
    """A process's share of memory in MiB: pages that n processes have count as an nth (proc(5)).

    Raises:
        OSError: it is gone, or somebody else's.
    """
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / KIB
    raise ProcessLookupError(f"process {pid} has no memory any more")


def rss_mb(pid: int) -> float:
    """A process's memory in MiB, with all that it shares; raises OSError where it is gone."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / KIB**2


def memory_mb(pids: Iterable[int]) -> float:
    """The sum of the shares of those that live."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += pss_mb(pid)
    return total


def cpu_s(pid: int) -> float:
    """Seconds of processor time of a process so far; raises OSError where it is gone."""
    fields = _fields(pid)
    return sum(map(int, fields[_USER : _SYSTEM + 1])) / TICKS


def cpu_of_all_s(pids: Iterable[int]) -> float:
    """Processor time of those that live, with that of the children they have buried."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += sum(map(int, _fields(pid)[_USER : _CHILDREN_SYSTEM + 1]))
    return total / TICKS


def machine_cpu_s() -> float:
    """Seconds of processor time that everything on the machine took so far."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _wait, irq, soft = (int(value) for value in fields[:7])
    return (user + nice + system + irq + soft) / TICKS


def parent(pid: int) -> int:
    """Whose child a process is; raises OSError where it is gone."""
    return int(_fields(pid)[_PARENT])


def descendants(pid: int) -> list[int]:
    """All processes below one, itself not."""
    children: Mapping[int, list[int]] = _children()
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def command(pid: int) -> list[str]:
    """A process's command line; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        return _fields(pid)[0] != "Z"
    except OSError:
        return False


class Processors:
    """Processor time in seconds: of the parts of a run, and of the whole machine.

    Args:
        parts: the processes of each part.
    """

    def __init__(self, parts: dict[str, list[int]]) -> None:
        self._parts = parts

    def now(self) -> dict[str, float]:
        """By part, so far."""
        return {part: sum(map(cpu_s, pids)) for part, pids in self._parts.items()}

    def others(self) -> float:
        """Of everything else on the machine, so far."""
        return machine_cpu_s() - sum(self.now().values())

    async def rest(self) -> None:
        """Wait until the parts have nothing more to do."""
        before: dict[str, float] = {}
        while any(now - before.get(part, 0.0) > 1 / TICKS for part, now in self.now().items()):
            before = self.now()
            await asyncio.sleep(QUIET_S)


@contextmanager
def running(*module: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A program of ours, ``python -m ...``, for the length of the block; its stdout is a pipe."""
    with running_program(sys.executable, "-m", *module, **environment) as process:
        yield process


@contextmanager
def running_program(*argv: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A program for the length of the block; what it writes on stdout can be read."""
    process = subprocess.Popen(
        [*DIE_WITH_US, *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        start_new_session=True,  # the terminal's Ctrl+C is ours to pass on
    )
    try:
        yield process
    finally:
        end(process)


def end(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    """SIGTERM, then SIGKILL when it takes too long."""
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def free_port() -> int:
    """A port that was free a moment ago."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _fields(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _children() -> Mapping[int, list[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                found[parent(int(folder.name))].append(int(folder.name))
    return found
