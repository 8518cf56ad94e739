"""Whether the tenant's folder takes what is written to it, and who has to know.

The library confirms a message to WhatsApp whether or not it could write its own database: what
comes while the disk is full would be lost. So the session hangs up before the last bytes are gone,
WhatsApp keeps what comes, and all goes on by itself when there is room again.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from botnode import disk_errors, rhythm
from botnode.threads import in_daemon_thread

log = structlog.get_logger(__name__)

# The name in the botnode's health service: NOT_SERVING while the disk takes nothing.
STORAGE_SERVICE = "botmesh.storage"
_PROBE = "probe"
NO_ROOM = "the disk has no more room for media"


@dataclass(frozen=True, slots=True)
class StorageLimits:
    """When a disk counts as full.

    Attributes:
        reserve_bytes: what has to be free, on a small disk a part of it.
        reserve_part: that part.
        media_reserve_bytes: what media leaves free, on a small disk a part of it: far more, or
            media would take every session on the disk to its end.
        media_reserve_part: that part.
        check_s: how often that is looked at.
        probe_s: how often a disk that takes nothing is tried again.
        probe_bytes: how much is written to try it.
    """

    reserve_bytes: int = 16 * 1024 * 1024
    reserve_part: float = 0.05
    media_reserve_bytes: int = 256 * 1024 * 1024
    media_reserve_part: float = 0.1
    check_s: float = 4.0
    probe_s: float = 1.0
    probe_bytes: int = 256 * 1024


class Storage:
    """The tenant's folder as a place to write.

    Args:
        folder: the tenant's.
        touch: writes to node.db; returns once that has been possible.
        limits: when the disk counts as full.

    Attributes:
        error: why nothing can be written, in words; empty while all is well.
        failing: writes fail already; else the last of the room is being kept.
    """

    def __init__(
        self,
        folder: Path,
        touch: Callable[[], Awaitable[object]],
        limits: StorageLimits | None = None,
    ) -> None:
        self._folder = folder
        self._touch = touch
        self._limits = limits or StorageLimits()
        self._observers: list[Callable[[str], None]] = []
        self._trouble = asyncio.Event()
        self._looking: asyncio.TimerHandle | None = None
        self.error = ""
        self.failing = False

    def observe(self, observer: Callable[[str], None]) -> None:
        """Have a function told, on the event loop, of each new trouble and (empty) of its end."""
        self._observers.append(observer)

    def failed(self, error: str) -> None:
        """A write failed."""
        self.failing = True
        self._set(disk_errors.look_closer(error, self._folder))

    def check(self) -> None:
        """Look how much room is left."""
        if not self.error and (short := self._shortage()):
            self._set(short)

    async def run(self) -> None:
        """Watch the disk; never returns."""
        self._look_again()
        try:
            while True:
                await self._trouble.wait()
                await self._heal()
        finally:
            if self._looking is not None:
                self._looking.cancel()

    def _look_again(self) -> None:
        # A timer, not a task: each botnode does this as long as it lives, at the beat of its pipe.
        loop = asyncio.get_running_loop()
        due = rhythm.next_beat(loop.time(), self._limits.check_s)
        self._looking = loop.call_at(due, self._look_again)
        self.check()

    async def _heal(self) -> None:
        while self.error:
            await asyncio.sleep(self._limits.probe_s)
            error = self._shortage() or await in_daemon_thread(self._probe, "storage-probe")
            if not error:
                await self._touch()
                self.failing = False
            self._set(error)

    def _set(self, error: str) -> None:
        if error == self.error:
            return
        if not self.error:
            self._trouble.set()
            log.error("storage_full", error=error, failing=self.failing)
        elif not error:
            self._trouble.clear()
            log.info("storage_has_room")
        self.error = error
        for observer in self._observers:
            observer(error)

    def lacks_room_for(self, size_bytes: int) -> str:
        """Why so much media cannot be written now, in words; empty if it can."""
        if self.error or size_bytes <= self.media_room_bytes():
            return self.error
        return NO_ROOM

    def media_room_bytes(self) -> int:
        """How much media can be written now; less than 0 if there is too much already."""
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return sys.maxsize  # nobody knows: writing tells
        limits = self._limits
        keep = _reserve(disk, limits.media_reserve_bytes, limits.media_reserve_part)
        return disk.f_bavail * disk.f_frsize - keep if disk.f_blocks else sys.maxsize

    def _shortage(self) -> str:
        """That there is too little room, in words; empty if there is enough, or nobody knows."""
        try:
            disk = os.statvfs(self._folder)
        except OSError as error:
            return disk_errors.of_system(error) or ""
        reserve = _reserve(disk, self._limits.reserve_bytes, self._limits.reserve_part)
        if self.error:
            reserve += reserve // 2  # not to and fro for every byte
        if disk.f_blocks == 0 or disk.f_bavail * disk.f_frsize >= reserve:
            return ""
        return disk_errors.FULL

    def _probe(self) -> str:
        """Write as much as a busy moment does; what is wrong, in words."""
        path = self._folder / _PROBE
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                left = self._limits.probe_bytes
                while left > 0:
                    left -= os.write(fd, bytes(left))
                os.fsync(fd)
            finally:
                os.close(fd)
                path.unlink()
        except OSError as error:
            return disk_errors.of_system(error) or f"the disk takes nothing: {error.strerror}"
        return ""


def _reserve(disk: os.statvfs_result, most_bytes: int, part: float) -> int:
    return min(most_bytes, int(disk.f_blocks * disk.f_frsize * part))
