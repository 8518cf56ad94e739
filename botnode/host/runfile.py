"""Marks of running botnodes, by which a new host finds what an old one left.

A process id alone says nothing: it may be another program's by now. With the time at which the
process started, and the boot in which it did, it is unique.
"""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

_SUFFIX = ".json"
# proc(5): the start time is the 22nd field of stat; the 2nd, in brackets, may hold anything.
_START_TIME_AFTER_NAME = 22 - 3


@dataclass(frozen=True, slots=True)
class RunMark:
    """A botnode's process.

    Attributes:
        pid: its process id, and its group's.
        start_ticks: when it started, in clock ticks since the boot.
        boot_id: which boot that was.
        instance: what it calls itself; None until it answers.
    """

    pid: int
    start_ticks: int
    boot_id: str
    instance: str | None = None

    def is_running(self) -> bool:
        """Whether that very process lives."""
        return self.boot_id == boot_id() and self.start_ticks == start_ticks(self.pid)


def mark_of(pid: int, instance: str | None = None) -> RunMark | None:
    """The mark of a process, or None if it is gone."""
    ticks = start_ticks(pid)
    return None if ticks is None else RunMark(pid, ticks, boot_id(), instance)


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since the boot; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(stat.rpartition(b")")[2].split()[_START_TIME_AFTER_NAME])


def boot_id() -> str:
    """The id of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class RunFiles:
    """The marks in one folder, a file per tenant."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, tenant_id: str, mark: RunMark) -> None:
        """Leave a mark; a reader sees the old one or the new one whole."""
        path = self._path(tenant_id)
        draft = path.with_name(f".{path.name}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(mark), file)
        draft.replace(path)

    def remove(self, tenant_id: str) -> None:
        """Take a mark away."""
        self._path(tenant_id).unlink(missing_ok=True)

    def read(self) -> dict[str, RunMark | None]:
        """All marks by tenant; None for one that cannot be read."""
        found: dict[str, RunMark | None] = {}
        for path in self._folder.glob(f"*{_SUFFIX}"):
            found[path.name.removesuffix(_SUFFIX)] = None
            with contextlib.suppress(OSError, ValueError, TypeError):
                found[path.name.removesuffix(_SUFFIX)] = RunMark(**json.loads(path.read_text()))
        return found

    def _path(self, tenant_id: str) -> Path:
        return self._folder / f"{tenant_id}{_SUFFIX}"
