"""A small disk of its own, to be filled."""

import contextlib
import os
import subprocess
from pathlib import Path

import pytest


class SmallDisk:
    """A tmpfs at a path; mounting one needs root."""

    def __init__(self, path: Path, size: int) -> None:
        path.mkdir()
        self.path = path
        self._ballast = path / "ballast"
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(path)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            why = f"a small disk needs the right to mount: {made.stderr.strip()}"
            assert "CI" not in os.environ, why
            pytest.skip(why)

    def fill(self, leave: int = 0) -> None:
        """Leave only so many bytes."""
        fd = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            while (room := self.free - leave) > 0:
                os.write(fd, bytes(min(room, 1 << 20)))
        except OSError:
            pass  # somebody else took the last of it
        finally:
            os.close(fd)

    def fill_up(self, file: Path) -> None:
        """Take the room that a file has in its last block."""
        with file.open("ab", buffering=0) as end, contextlib.suppress(OSError):
            while end.write(b" "):
                pass

    @property
    def free(self) -> int:
        """How many bytes are free."""
        disk = os.statvfs(self.path)
        return disk.f_bavail * disk.f_frsize

    def make_room(self) -> None:
        """Give back what was taken."""
        self._ballast.unlink()

    def unmount(self) -> None:
        """End it, whoever still uses it."""
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)
