"""The machine and the programs that figures were measured on."""

import os
import platform
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.processes import KIB, ROOT

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Machine:
    """What a reader needs to know to compare figures.

    Attributes:
        memory_gb: in GiB.
        commit: of the code that was measured; "+" behind it where files differ from it.
    """

    processor: str
    cores: int
    memory_gb: float
    kernel: str
    python: str
    grpcio: str
    neonize: str
    date: str
    commit: str

    @classmethod
    def here(cls) -> "Machine":
        """This one, now."""
        return cls(
            processor=_field("/proc/cpuinfo", "model name"),
            cores=len(os.sched_getaffinity(0)),
            memory_gb=int(_field("/proc/meminfo", "MemTotal").split()[0]) / KIB**2,
            kernel=platform.release(),
            python=platform.python_version(),
            grpcio=version("grpcio"),
            neonize=version("neonize"),
            date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            commit=_commit(),
        )

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"{self.date}, commit {self.commit}",
            f"{self.processor}, {self.cores} cores, {self.memory_gb:.1f} GiB, Linux {self.kernel}",
            f"Python {self.python}, grpcio {self.grpcio}, neonize {self.neonize}",
        ]


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return _UNKNOWN


def _commit() -> str:
    commit = _git("rev-parse", "--short=10", "HEAD")
    if commit == _UNKNOWN:
        return commit
    changed = _git("status", "--porcelain", "--", ".", ":!benchmarks/RESULTS.md")
    return f"{commit}+" if changed else commit


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError:
        return _UNKNOWN
    return done.stdout.strip() if done.returncode == 0 else _UNKNOWN
