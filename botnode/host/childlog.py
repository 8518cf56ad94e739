"""The botnodes' log files: one per tenant, bounded in size.

A botnode writes into its file directly, not through a pipe to the host: that costs the host
nothing, and a botnode whose host died can still say how it stopped. A file that has grown too
large is copied to ".1" and emptied under its writer, which appends and so goes on at the new end.
A line that is written between the two steps, a few microseconds, is lost.
"""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

MAX_LOG_BYTES = 10 * 1024 * 1024
# How much of the end of a log is searched for last words.
TAIL_BYTES = 8192
MAX_WORDS = 160

log = structlog.get_logger(__name__)


def open_log(path: Path, max_bytes: int = MAX_LOG_BYTES) -> int:
    """Open a log for appending, readable by this user only; an over-full one is put aside first."""
    if size(path) > max_bytes:
        path.replace(_aside(path))
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    return os.open(path, flags, 0o600)


def trim(path: Path, max_bytes: int = MAX_LOG_BYTES) -> bool:
    """Put aside what is in a log that has grown too large, while it is being written."""
    if size(path) <= max_bytes:
        return False
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with path.open("rb") as full, os.fdopen(os.open(_aside(path), flags, 0o600), "wb") as aside:
        shutil.copyfileobj(full, aside, 1024 * 1024)
        os.truncate(path, 0)
    return True


async def keep_trimmed(paths: Callable[[], Iterable[Path]], interval_s: float) -> None:
    """Trim these logs every so often. Never returns."""
    while True:
        await asyncio.sleep(interval_s)
        for path in list(paths()):
            if size(path) > MAX_LOG_BYTES:
                try:
                    await asyncio.to_thread(trim, path)
                except OSError as error:
                    log.warning("log_not_trimmed", path=str(path), error=str(error))


def remove_log(path: Path) -> None:
    """Remove a tenant's log and what was put aside."""
    path.unlink(missing_ok=True)
    _aside(path).unlink(missing_ok=True)


def size(path: Path) -> int:
    """How much is in a log; 0 if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def last_words(path: Path, since: int = 0) -> str:
    """Why a process ended, in its own words, or an empty string.

    The last "error" of a log line is taken, never other text: a library may print anything.

    Args:
        path: the log.
        since: its size when the process started.
    """
    try:
        with path.open("rb") as file:
            end = os.fstat(file.fileno()).st_size
            file.seek(max(since if since <= end else 0, end - TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return ""
    for line in reversed(lines):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            if words := str(json.loads(line)["error"]).strip():
                return words.splitlines()[0][:MAX_WORDS]
    return ""


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")
