"""How fast the disk keeps things: its fdatasync."""

import itertools
import os
import time
from pathlib import Path

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
