"""The right to a tenant's folder: one process at a time, until it is dead."""

import asyncio
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.2
_FILE = "lease"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class LeaseMark:
    """Which lock a process holds: two processes of one boot never hold the same at one time.

    So whoever holds the lock that another held before, in the same boot of the machine, knows that
    the other is dead. Another lock, or another boot's, says nothing.

    Attributes:
        lock_inode: the lock file itself, not its name: a file that replaces it is another.
        boot_id: of the kernel that keeps the lock.
    """

    lock_inode: str
    boot_id: str

    def follows(self, predecessor: "LeaseMark") -> bool:
        """Whether the predecessor is dead for certain, now that this one's holder has the lock."""
        return bool(self.lock_inode and self.boot_id) and self == predecessor


class FolderLease:
    """An ``flock`` in the tenant's folder.

    The kernel frees it when the process ends, however it ends.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._fd: int | None = None

    def try_acquire(self) -> bool:
        """Take the lease if it is free."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._fd = fd
        if self.is_held():
            return True
        self.release()  # the folder was removed and made again meanwhile
        return False

    async def acquire(self) -> None:
        """Wait until the lease is free, and take it."""
        while not self.try_acquire():  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(POLL_S)

    def is_held(self) -> bool:
        """Whether this process holds the lease of the folder as it is now."""
        if self._fd is None:
            return False
        try:
            mine, there = os.fstat(self._fd), self._path.stat()
        except FileNotFoundError:
            return False
        return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)

    def mark(self) -> LeaseMark:
        """Which lock this process holds; an empty mark if it holds none, or cannot tell."""
        if self._fd is None:
            return LeaseMark("", "")
        lock = os.fstat(self._fd)
        try:
            boot_id = _BOOT_ID.read_text().strip()
        except OSError:
            return LeaseMark("", "")
        return LeaseMark(f"{lock.st_dev}:{lock.st_ino}", boot_id)

    def release(self) -> None:
        """Give the lease back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
