"""One host per data directory."""

import fcntl
import os
from pathlib import Path

from botmesh.rpc.lifecycle import StartError


class HostLock:
    """An `flock` that the kernel frees when this process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            StartError: another host of this directory runs.
        """
        self._fd = os.open(folder / "host.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.pread(self._fd, 32, 0).decode(errors="replace").strip()
            os.close(self._fd)
            raise StartError(f"a host already runs in {folder} (pid {pid})") from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another host start."""
        os.close(self._fd)
