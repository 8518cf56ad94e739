"""Lets forked botnodes share what the loader writes into the Go library: its relocations.

A library's file knows no addresses. The loader writes them when it loads the library, some 80,000
into neonize's, and forbids to write there from then on: 1.8 MB in each process, and the same bytes
in all that are forked from one, if the library lies at the same place in them. So room for it is
kept free there, a process that does nothing else loads it there and leaves a copy of those bytes
that nobody can change any more, and a botnode whose own bytes are the same has the copy instead.
(Android does that with the library of its WebView.)
"""

import contextlib
import ctypes
import fcntl
import mmap
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MAPS = Path("/proc/self/maps")
# More than the library needs with all that it may write to: 51 MB.
_ROOM = 128 << 20
# On both sides of it: what is freed beside the room must not make it larger.
_EDGE = mmap.PAGESIZE
_COPY_LIMIT_S = 5
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_FAILED = ctypes.c_void_p(-1).value
_PROT_NONE, _MAP_FIXED, _MAP_NORESERVE = 0, 0x10, 0x4000


@dataclass(frozen=True, slots=True)
class _Copy:
    """The relocations of a library: where it has to be loaded, and a file in memory with them."""

    room: int
    file: int


class _Calls:
    """C's calls for memory, at addresses that Python's own `mmap` does not take."""

    def __init__(self) -> None:
        libc, place, size = ctypes.CDLL(None), ctypes.c_void_p, ctypes.c_size_t
        number = ctypes.c_int
        self.map = ctypes.CFUNCTYPE(
            *(place, place, size, number, number, number, ctypes.c_ssize_t)
        )(("mmap", libc))
        self.unmap = ctypes.CFUNCTYPE(number, place, size)(("munmap", libc))
        self.compare = ctypes.CFUNCTYPE(number, place, place, size)(("memcmp", libc))


_copy: _Copy | None = None


def copy(library: Path) -> None:
    """Copy a library's relocations, in a process of its own: no Go runs in this one.

    Processes that are forked from now on load the library in the same place.
    """
    global _copy  # noqa: PLW0603 - a process has one library, and one copy
    with contextlib.suppress(OSError):  # no memory, say: then there is nothing to share
        room = _keep_room()
        file = os.memfd_create("relocations", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        if not (writer := os.fork()):
            _write_copy(library, room, file)
        os.waitpid(writer, 0)
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
        _copy = _Copy(room, file)


@contextlib.contextmanager
def shared(library: Path) -> Iterator[None]:
    """Load the library in the block. What could not be shared remains as the loader left it."""
    if _copy is None:
        yield
        return
    _Calls().unmap(_copy.room, _ROOM)
    yield
    with contextlib.suppress(OSError):
        _share(library, _copy.file)
    os.close(_copy.file)


def _keep_room() -> int:
    """Take addresses, and no memory, for the library; with an edge on both sides that stays."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
    place = _Calls().map(None, _ROOM + 2 * _EDGE, _PROT_NONE, flags, -1, 0)
    if place == _FAILED:
        raise OSError("no addresses are left")
    return int(place) + _EDGE


def _write_copy(library: Path, room: int, file: int) -> None:
    """In a process of its own, which ends with it."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_COPY_LIMIT_S)
        _Calls().unmap(room, _ROOM)
        ctypes.CDLL(str(library))
        if (found := _relocated(library)) is not None:
            start, size = found
            os.write(file, (ctypes.c_char * size).from_address(start))
    finally:
        os._exit(0)


def _share(library: Path, file: int) -> None:
    calls = _Calls()
    size = os.fstat(file).st_size
    found = _relocated(library)
    if found is None or found[1] != size:
        return
    start = found[0]
    copy = calls.map(None, size, mmap.PROT_READ, mmap.MAP_PRIVATE, file, 0)
    if copy == _FAILED:
        return
    same = calls.compare(copy, start, size) == 0
    calls.unmap(copy, size)
    if same:
        # The kernel does it at one go: other threads find the old pages, or the new ones.
        calls.map(start, size, mmap.PROT_READ, mmap.MAP_PRIVATE | _MAP_FIXED, file, 0)


def _relocated(library: Path) -> tuple[int, int] | None:
    """Start and size of what the loader wrote to and then protected: it lies before the data."""
    name = str(library.resolve())
    before = (0, 0)
    for line in _MAPS.read_text().splitlines():
        span, permissions, _, _, _, *path = line.split(maxsplit=5)
        if path != [name]:
            continue
        start, end = (int(address, 16) for address in span.split("-"))
        if permissions.startswith("rw"):
            return (before[0], before[1] - before[0]) if before[1] == start else None
        before = (start, end)
    return None
