"""How long recordings play and how many channels they have, read from frames undecoded."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tinytag import TinyTag, TinyTagException

from botnode.inspection.content_type import ADTS_HEADER, adts_bytes, is_adts

OPUS_HZ = 48_000  # RFC 7845: the granule position counts these, whatever the input's rate was
OGG_HEADER = struct.Struct("<4sBBqIIIB")
OGG_UNSET = -1
AMR_FRAME_MS = 20
# RFC 4867, 5.3: bytes of a frame by its type, its first byte included; 0 where there is none.
AMR_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1)
AMR_START = len(b"#!AMR\n")
ADTS_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
ADTS_SAMPLES = 1024
ID3V1_BYTES = 128  # may stand at the end
FOREVER_MS = 30 * 24 * 3600 * 1000  # more is a lie, not a recording


class DamagedError(Exception):
    """The frames do not follow each other as they should."""


@dataclass(frozen=True, slots=True)
class Opus:
    """What an Ogg file with Opus in it tells."""

    duration_ms: int
    channels: int


def read_opus(path: Path) -> Opus:
    """Walk through the pages of an Ogg file with Opus in it.

    Raises:
        DamagedError: a page is missing or cut off.
    """
    size = path.stat().st_size
    samples: dict[int, int] = {}
    with path.open("rb") as file:
        head = file.read(64)
        if len(head) < 28 + 19 or head[28:36] != b"OpusHead":
            raise DamagedError("it does not begin with an Opus header")
        channels, skipped = struct.unpack_from("<BH", head, 37)
        at = 0
        while at < size:
            granule, serial, at = _page(file, at, size)
            if granule != OGG_UNSET:
                samples[serial] = max(granule, samples.get(serial, 0))
    played = sum(max(0, last - skipped) for last in samples.values())
    duration_ms = played * 1000 // OPUS_HZ
    if not played or duration_ms > FOREVER_MS:
        raise DamagedError("nothing is recorded in it")
    return Opus(duration_ms, channels)


def _page(file: BinaryIO, at: int, size: int) -> tuple[int, int, int]:
    """A page's position, its stream, and where the next begins."""
    file.seek(at)
    header = file.read(OGG_HEADER.size)
    if len(header) < OGG_HEADER.size:
        raise DamagedError("its last page is cut off")
    mark, version, _, granule, serial, _, _, segments = OGG_HEADER.unpack(header)
    if mark != b"OggS" or version != 0:
        raise DamagedError("a page is missing")
    end = at + OGG_HEADER.size + segments + sum(file.read(segments))
    if end > size:
        raise DamagedError("its last page is cut off")
    return granule, serial, end


def mp3_ms(path: Path) -> int:
    """How long an MP3 plays.

    Raises:
        DamagedError: there is no MPEG audio in it.
    """
    try:
        with path.open("rb") as file:
            tag = TinyTag.get(file_obj=file, tags=False)
    except (TinyTagException, ValueError, IndexError, KeyError, struct.error, OSError) as error:
        raise DamagedError("it has no frames of MPEG audio") from error
    seconds = tag.duration or 0
    if not 0 < seconds * 1000 <= FOREVER_MS:
        raise DamagedError("it has no frames of MPEG audio")
    return round(seconds * 1000)


def aac_ms(path: Path) -> int:
    """How long AAC with ADTS headers (ISO 13818-7) plays.

    Raises:
        DamagedError: its frames do not follow each other.
    """
    data = path.read_bytes()
    at = samples = rate = 0
    while is_adts(header := data[at : at + ADTS_HEADER]):
        index = header[2] >> 2 & 15
        if index >= len(ADTS_HZ):
            break
        rate = ADTS_HZ[index]
        samples += ADTS_SAMPLES * ((header[6] & 3) + 1)
        at += adts_bytes(header)
    if not samples or at > len(data) or at < len(data) - ID3V1_BYTES:
        raise DamagedError("its frames do not follow each other")
    return samples * 1000 // rate


def amr_ms(path: Path) -> int:
    """How long an AMR recording (RFC 4867, 5) plays.

    Raises:
        DamagedError: its frames do not follow each other.
    """
    data = path.read_bytes()
    at, frames = AMR_START, 0
    while at < len(data):
        length = AMR_BYTES[data[at] >> 3 & 15]
        if not length:
            raise DamagedError("its frames do not follow each other")
        at += length
        frames += 1
    if at > len(data):
        raise DamagedError("its last frame is cut off")
    if not frames:
        raise DamagedError("nothing is recorded in it")
    return frames * AMR_FRAME_MS
