"""Learning that a file was written without looking again and again: inotify(7)."""

import asyncio
import ctypes
import os
import struct
from pathlib import Path

# From <sys/inotify.h>; a database's journal comes and goes beside it.
_IN_MODIFY, _IN_MOVED_TO, _IN_CREATE, _IN_DELETE = 0x2, 0x80, 0x100, 0x200
_EVENTS = _IN_MODIFY | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE
_IN_Q_OVERFLOW = 0x4000
_EVENT = struct.Struct("iIII")
_READ_BYTES = 65536


class FileWatch:
    """Writes to one file, and to those beside it whose names begin with its name."""

    def __init__(self, path: Path) -> None:
        """Begin to watch; what is written from now on is told.

        Raises:
            OSError: the folder is not there, or the kernel watches no more for this user.
        """
        path = path.resolve()
        self._name = path.name.encode()
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1 fails")
        if libc.inotify_add_watch(self._fd, os.fsencode(path.parent), _EVENTS) < 0:
            error = ctypes.get_errno()
            self.close()
            raise OSError(error, "inotify_add_watch fails", str(path.parent))

    async def written(self, timeout_s: float) -> bool:
        """Wait for a write since the last one that was told; False if none comes in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while not self._take():
            arrived = loop.create_future()
            loop.add_reader(self._fd, _settle, arrived)
            try:
                async with asyncio.timeout_at(deadline):
                    await arrived
            except TimeoutError:
                return False
            finally:
                loop.remove_reader(self._fd)
        return True

    def close(self) -> None:
        """Watch no more."""
        os.close(self._fd)

    def _take(self) -> bool:
        """Take what the kernel told; whether the file was written."""
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return False
        found = False
        at = 0
        while at < len(data):
            _, mask, _, size = _EVENT.unpack_from(data, at)
            at += _EVENT.size
            name = data[at : at + size]
            at += size
            found = found or name.startswith(self._name) or bool(mask & _IN_Q_OVERFLOW)
        return found


def _settle(arrived: "asyncio.Future[None]") -> None:
    if not arrived.done():
        arrived.set_result(None)
