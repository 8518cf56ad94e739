"""When it is the disk that fails, and what to call that.

A full disk, one that fails and one that became read-only have this in common: waiting may heal
them, and until then nothing may be lost. Any other error of a database is a fault of ours.
"""

import errno
import os
import re
import sqlite3
from pathlib import Path

from sqlalchemy.exc import OperationalError

FULL = "the disk is full"
_FAILS = "the disk fails (I/O error)"
_READ_ONLY = "the disk is read-only"
_NO_FILE = "files on the disk cannot be opened"

_OF_SQLITE = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: _FAILS,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _NO_FILE,
}
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_OF_SYSTEM = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: "the disk quota is used up",
    errno.EIO: _FAILS,
    errno.EROFS: _READ_ONLY,
}
# SQLite's own texts (main.c, sqlite3ErrStr), which the library passes on in what it logs.
_OF_TEXT = (
    (re.compile(r"database or disk is full|no space left on device", re.IGNORECASE), FULL),
    (re.compile(r"disk I/O error", re.IGNORECASE), _FAILS),
    (re.compile(r"attempt to write a readonly database", re.IGNORECASE), _READ_ONLY),
    (re.compile(r"unable to open database file", re.IGNORECASE), _NO_FILE),
)


def of_database(error: OperationalError | sqlite3.Error) -> str | None:
    """What the disk has, in words; None for an error that is not the disk's."""
    code = _code(error)
    return None if code is None else _OF_SQLITE.get(code)


def is_lock(error: OperationalError | sqlite3.Error) -> bool:
    """Whether another program holds the database's lock: it lets go, or is stopped."""
    return _code(error) in _LOCKED


def of_system(error: OSError) -> str | None:
    """What the disk has, in words; None for an error that is not the disk's."""
    return None if error.errno is None else _OF_SYSTEM.get(error.errno)


def of_text(text: str) -> str | None:
    """The same for a text with an error of SQLite's in it."""
    return next((words for pattern, words in _OF_TEXT if pattern.search(text)), None)


def look_closer(trouble: str, path: Path) -> str:
    """The same trouble in better words: on a full disk SQLite often speaks of an I/O error."""
    try:
        disk = os.statvfs(path)
    except OSError:
        return trouble
    return FULL if disk.f_blocks and not disk.f_bavail else trouble


def _code(error: OperationalError | sqlite3.Error) -> int | None:
    """SQLite's primary result code."""
    original = error.orig if isinstance(error, OperationalError) else error
    extended = getattr(original, "sqlite_errorcode", None)
    return None if extended is None else int(extended) & 0xFF
