"""The files of media: ``media/`` in the tenant's folder, named by UUIDs that were made here.

Everything in here blocks.
"""

import hashlib
import os
import threading
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path

# Of a file, when it is read whole.
_PIECE_BYTES = 256 * 1024


class MediaFiles:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, file_id: str) -> Path:
        """Where a file is, or shall be."""
        return self._folder / str(uuid.UUID(file_id))

    def size(self, file_id: str) -> int:
        """How many bytes are there; 0 without a file."""
        try:
            return self.path(file_id).stat().st_size
        except FileNotFoundError:
            return 0

    def exists(self, file_id: str) -> bool:
        """Whether there is such a file."""
        return self.path(file_id).exists()

    def settle(self, file_id: str) -> None:
        """Return once a file is on disk, under its name."""
        fd = os.open(self.path(file_id), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        _sync_folder(self._folder)

    def remove(self, *file_ids: str) -> None:
        """Remove files; none of them has to be there."""
        for file_id in file_ids:
            self.path(file_id).unlink(missing_ok=True)

    def remove_others(self, known: Collection[str]) -> int:
        """Remove every file but these; return how many went."""
        strangers = [entry.path for entry in os.scandir(self._folder) if entry.name not in known]
        for path in strangers:
            os.unlink(path)  # noqa: PTH108 - scandir's own path
        return len(strangers)


class PartFile:
    """A file that is written from its end on, and then whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        self._in_use = threading.Lock()
        self.size = os.fstat(self._fd).st_size
        # Of what was written here; what was there before is read again at the end.
        self._digest = hashlib.sha256() if self.size == 0 else None

    def write(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            OSError: the disk takes nothing, or not all of it.
        """
        assert self._fd is not None  # noqa: S101 - not closed
        view = memoryview(data)
        while view:
            written = os.write(self._fd, view)
            if self._digest is not None:
                self._digest.update(view[:written])
            self.size += written
            view = view[written:]

    def finish(self) -> bytes:
        """Return the SHA-256 of the file once it is on disk."""
        with self._in_use:
            assert self._fd is not None  # noqa: S101 - not closed
            os.fsync(self._fd)
            _sync_folder(self._path.parent)
            if self._digest is None:
                self._digest = hashlib.sha256()
                for piece in _pieces(self._fd):
                    self._digest.update(piece)
            return self._digest.digest()

    def close(self) -> None:
        """Close the file, after what is being done with it. May be called again."""
        with self._in_use:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None


def _pieces(fd: int) -> Iterator[bytes]:
    offset = 0
    while piece := os.pread(fd, _PIECE_BYTES, offset):
        yield piece
        offset += len(piece)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
