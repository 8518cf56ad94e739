"""What a benchmark reads of the machine: processor time from /proc, and the disk's fdatasync."""

import asyncio
import itertools
import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
QUIET_S = 0.06
SYNCS = 20
BLOCK = 4096
BLOCKS = 256


class Disk:
    """How long the disk takes to keep a page, in a file that has its size already.

    SQLite's write-ahead log is such a file once it has been around.
    """

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "fdatasync", os.O_RDWR | os.O_CREAT, 0o600)
        os.write(self._file, bytes(BLOCK * BLOCKS))
        os.fsync(self._file)
        self._places = itertools.cycle(range(0, BLOCK * BLOCKS, BLOCK))
        self.syncs_s: list[float] = []

    def measure(self) -> None:
        """A few syncs more."""
        for _ in range(SYNCS):
            os.pwrite(self._file, os.urandom(BLOCK), next(self._places))
            started = time.perf_counter()
            os.fdatasync(self._file)
            self.syncs_s.append(time.perf_counter() - started)


class Processors:
    """Processor time in seconds: of the parts of a run, and of the whole machine.

    Args:
        parts: the processes of each part.
    """

    def __init__(self, parts: dict[str, list[int]]) -> None:
        self._parts = parts

    def now(self) -> dict[str, float]:
        """By part, so far."""
        return {part: sum(map(_cpu_s, pids)) for part, pids in self._parts.items()}

    def others(self) -> float:
        """Of everything else on the machine, so far."""
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        user, nice, system, _idle, _wait, irq, soft = (int(value) for value in fields[:7])
        return (user + nice + system + irq + soft) / TICKS - sum(self.now().values())

    async def rest(self) -> None:
        """Wait until the parts have nothing more to do."""
        before: dict[str, float] = {}
        while any(now - before.get(part, 0.0) > 1 / TICKS for part, now in self.now().items()):
            before = self.now()
            await asyncio.sleep(QUIET_S)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
