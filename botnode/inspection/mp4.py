"""What the boxes of an MP4 or QuickTime file tell (ISO 14496-12), without decoding anything.

Every size in the file may be a lie: a box ends where the one around it ends, and there are only so
many of them.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

MOST_BOXES = 20_000
MOST_DEPTH = 8
MOST_TRACKS = 32
HEADER_BYTES = 8
LARGE_SIZE = 1
TO_THE_END = 0
UNKNOWN_DURATION = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
LONGEST_MS = 30 * 24 * 3600 * 1000  # more is a lie, not a video

_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"mvex"})
# What stands before the boxes of a sample entry (ISO 14496-12, 8.5.2 and 12.1.3).
_ENTRY, _VISUAL_ENTRY = 16, 78


class DamagedError(Exception):
    """The boxes do not fit into each other."""


@dataclass(slots=True)
class Track:
    """One track.

    Attributes:
        handler: ``vide``, ``soun`` or another.
        codec: the sample entry, e.g. ``avc1``, ``hvc1``, ``mp4a``; empty when there is none.
        width: as it is shown, turned if the track says so.
        height: the same.
        profile: of H.264 (profile_idc), else 0.
    """

    handler: str = ""
    codec: str = ""
    width: int = 0
    height: int = 0
    profile: int = 0


@dataclass(slots=True)
class Movie:
    """A file's tracks, and how long they play; 0 where it does not tell."""

    duration_ms: int = 0
    fragmented: bool = False
    has_header: bool = False
    tracks: list[Track] = field(default_factory=list)

    def first(self, handler: str) -> Track | None:
        """The first track of a kind."""
        return next((track for track in self.tracks if track.handler == handler), None)


def read(file: BinaryIO) -> Movie:
    """Read a file's boxes.

    Raises:
        DamagedError: they do not fit into each other, or the file is cut off.
    """
    return _Reader(file).movie()


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = os.fstat(file.fileno()).st_size
        self._boxes = 0
        self._movie = Movie()

    def movie(self) -> Movie:
        try:
            self._walk(0, self._end, 0)
        except (struct.error, IndexError) as error:
            raise DamagedError("a box is too short") from error
        if not self._movie.has_header:
            raise DamagedError("it has no moov box")
        return self._movie

    def _walk(self, start: int, end: int, depth: int) -> None:
        if depth > MOST_DEPTH:
            raise DamagedError("its boxes are nested too deep")
        for kind, at, stop in self._children(start, end):
            if kind in _PARENTS:
                self._enter(kind)
                self._walk(at, stop, depth + 1)
            elif (read := _READERS.get(kind)) is not None:
                read(self, self._bytes(at, stop))

    def _children(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        while end - start >= HEADER_BYTES:
            self._boxes += 1
            if self._boxes > MOST_BOXES:
                raise DamagedError("it has too many boxes")
            size, kind = struct.unpack(">I4s", self._bytes(start, start + 8))
            header = HEADER_BYTES
            if size == LARGE_SIZE:
                size = struct.unpack(">Q", self._bytes(start + 8, start + 16))[0]
                header = 16
            elif size == TO_THE_END:
                size = end - start
            if size < header or start + size > end:
                raise DamagedError("a box is larger than what it is in: the file is cut off")
            yield kind, start + header, start + size
            start += size

    def _bytes(self, start: int, stop: int) -> bytes:
        self._file.seek(start)
        return self._file.read(min(stop - start, 4096))

    def _enter(self, kind: bytes) -> None:
        if kind == b"moov":
            self._movie.has_header = True
        elif kind == b"mvex":
            self._movie.fragmented = True
        elif kind == b"trak":
            if len(self._movie.tracks) >= MOST_TRACKS:
                raise DamagedError("it has too many tracks")
            self._movie.tracks.append(Track())

    @property
    def _track(self) -> Track:
        if not self._movie.tracks:
            raise DamagedError("a track's box is outside of tracks")
        return self._movie.tracks[-1]

    def _mvhd(self, data: bytes) -> None:
        layout = ">20xIQ" if data[0] == 1 else ">12xII"
        scale, duration = struct.unpack_from(layout, data)
        if scale and duration not in UNKNOWN_DURATION:
            duration_ms = duration * 1000 // scale
            self._movie.duration_ms = duration_ms if duration_ms <= LONGEST_MS else 0

    def _tkhd(self, data: bytes) -> None:
        at = 52 if data[0] == 1 else 40
        a, b, c, d = struct.unpack_from(">ii4xii", data, at)
        width, height = struct.unpack_from(">II", data, at + 36)
        turned = a == d == 0 and b and c
        pixels = (width >> 16, height >> 16)
        self._track.width, self._track.height = pixels[::-1] if turned else pixels

    def _hdlr(self, data: bytes) -> None:
        track = self._track
        if not track.handler:  # QuickTime has a second one, for how data is referred to
            track.handler = data[8:12].decode("ascii", "replace")

    def _stsd(self, data: bytes) -> None:
        track = self._track
        if int.from_bytes(data[4:8]) == 0 or len(data) < _ENTRY:
            return
        track.codec = data[12:16].decode("ascii", "replace")
        entry = data[_ENTRY + _VISUAL_ENTRY :]
        if track.codec in {"avc1", "avc3"} and (at := entry.find(b"avcC")) >= 0:
            track.profile = entry[at + 5]


_READERS = {
    b"mvhd": _Reader._mvhd,  # noqa: SLF001 - the table of its own methods
    b"tkhd": _Reader._tkhd,  # noqa: SLF001 - the same
    b"hdlr": _Reader._hdlr,  # noqa: SLF001 - the same
    b"stsd": _Reader._stsd,  # noqa: SLF001 - the same
}
