"""Media for tests, made here: pictures by Pillow, boxes and frames by hand, the rest by ffmpeg."""

import io
import os
import shutil
import struct
import subprocess
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

MISSING = "ffmpeg: not on the PATH; what it converts is not tested (Debian: apt-get install ffmpeg)"


def ffmpeg_binary() -> str:
    """The ffmpeg to test with; without one the test is skipped, or fails where CI is set."""
    if found := shutil.which("ffmpeg"):
        return found
    if os.environ.get("CI"):
        pytest.fail(MISSING)
    pytest.skip(MISSING)


def ffmpeg(to: Path, *options: str) -> Path:
    """A file that ffmpeg makes."""
    argv = [ffmpeg_binary(), "-nostdin", "-loglevel", "error", "-y", *options, str(to)]
    subprocess.run(argv, check=True, timeout=60)
    return to


def video(to: Path, *options: str, seconds: float = 1.0, size: str = "320x180") -> Path:
    """A test card with a tone."""
    sources = (
        *("-f", "lavfi", "-i", f"testsrc=s={size}:d={seconds}:r=10"),
        *("-f", "lavfi", "-i", f"sine=d={seconds}"),
    )
    return ffmpeg(to, *sources, "-pix_fmt", "yuv420p", *options)


def picture(
    name: str, size: tuple[int, int] = (640, 480), mode: str = "RGB", **options: Any
) -> bytes:
    """A picture of noise in a format of Pillow's."""
    out = io.BytesIO()
    image = Image.effect_noise(size, 60).convert(mode)
    image.save(out, name, **options)
    return out.getvalue()


def corners(name: str, orientation: int, colours: Sequence[str]) -> bytes:
    """Four coloured quarters, wider than high; left to right, top to bottom."""
    image = Image.new("RGB", (80, 40))
    for index, colour in enumerate(colours):
        left, top = index % 2 * 40, index // 2 * 20
        image.paste(colour, (left, top, left + 40, top + 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    image.save(out, name, exif=exif, quality=95)
    return out.getvalue()


def sticker(size: tuple[int, int] = (512, 512), *, frames: int = 1, quality: int = 20) -> bytes:
    """A WebP."""
    images = [Image.new("RGBA", size, (index * 80 % 256, 90, 10, 255)) for index in range(frames)]
    out = io.BytesIO()
    more: dict[str, Any] = {"save_all": True, "append_images": images[1:]} if frames > 1 else {}
    images[0].save(out, "WEBP", quality=quality, **more)
    return out.getvalue()


def bomb(side: int) -> bytes:
    """A PNG that says it is huge."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = picture("PNG", (8, 8))
    small = data.index(b"IHDR") + 4
    changed = b"IHDR" + header
    return data[: small - 4] + changed + _crc(changed) + data[small + 17 :]


def _crc(data: bytes) -> bytes:
    import zlib  # noqa: PLC0415 - here alone

    return struct.pack(">I", zlib.crc32(data))


def pdf(pages: int = 1) -> bytes:
    """A PDF of pictures."""
    images = [Image.new("RGB", (200, 280), (index * 40, 90, 90)) for index in range(pages)]
    out = io.BytesIO()
    images[0].save(out, "PDF", save_all=True, append_images=images[1:])
    return out.getvalue()


def wav(seconds: float = 1.0, loudness: Callable[[float], float] = lambda _: 1.0) -> bytes:
    """A tone whose loudness, 0 to 1, follows the time."""
    rate = 8000
    levels = (
        round(loudness(at / rate) * (20_000 if at // 10 % 2 else -20_000))
        for at in range(int(seconds * rate))
    )
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", level) for level in levels))
    return out.getvalue()


# -- by hand: nothing can be heard or seen in them


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of an MP4."""
    data = b"".join(parts)
    return struct.pack(">I4s", 8 + len(data), kind) + data


def mp4(
    *,
    brand: bytes = b"isom",
    codec: bytes = b"avc1",
    profile: int = 100,
    size: tuple[int, int] = (320, 180),
    turned: bool = False,
    seconds: float = 2.5,
    sound: bytes | None = b"mp4a",
    fragmented: bool = False,
) -> bytes:
    """An MP4 with headers and no frames; `codec` of length 0 leaves the pictures out."""
    tracks = []
    if codec:
        avcc = box(b"avcC", bytes([1, profile, 0, 30, 255]))
        entry = box(codec, bytes(78), avcc)
        tracks.append(_track(b"vide", entry, size, turned=turned))
    if sound:
        tracks.append(_track(b"soun", box(sound, bytes(28)), (0, 0), turned=False))
    mvhd = box(b"mvhd", bytes(12), struct.pack(">II", 1000, round(seconds * 1000)), bytes(80))
    mvex = [box(b"mvex", box(b"trex", bytes(24)))] if fragmented else []
    moov = box(b"moov", mvhd, *tracks, *mvex)
    return box(b"ftyp", brand, bytes(4), brand) + moov + box(b"mdat", bytes(64))


def _track(handler: bytes, entry: bytes, size: tuple[int, int], *, turned: bool) -> bytes:
    one = 1 << 16
    rows = ((0, one, 0), (-one, 0, 0)) if turned else ((one, 0, 0), (0, one, 0))
    matrix = b"".join(struct.pack(">iii", *row) for row in (*rows, (0, 0, 1 << 30)))
    pixels = struct.pack(">II", size[0] << 16, size[1] << 16)
    tkhd = box(b"tkhd", bytes(40), matrix, pixels)
    stsd = box(b"stsd", bytes(4), struct.pack(">I", 1), entry)
    hdlr = box(b"hdlr", bytes(8), handler, bytes(13))
    return box(b"trak", tkhd, box(b"mdia", hdlr, box(b"minf", box(b"stbl", stsd))))


def opus(seconds: float = 2.0, channels: int = 1) -> bytes:
    """Ogg with Opus headers, and packets of silence."""
    skipped = 312
    head = b"OpusHead" + struct.pack("<BBHIHB", 1, channels, skipped, 48000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 0) + struct.pack("<I", 0)
    pages = [_page(2, 0, 0, head), _page(0, 0, 1, tags)]
    samples = round(seconds * 48000) + skipped
    pages.append(_page(4, samples, 2, b"\xf8\xff\xfe"))
    return b"".join(pages)


def _page(flags: int, granule: int, number: int, packet: bytes) -> bytes:
    header = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, 77, number, 0, 1)
    return header + bytes([len(packet)]) + packet


def mp3(frames: int = 100) -> bytes:
    """MPEG-1 layer III at 128 kbit/s and 44.1 kHz: a frame has 417 bytes and 1152 samples."""
    return (b"\xff\xfb\x90\x00" + bytes(413)) * frames


def aac(frames: int = 100) -> bytes:
    """AAC with ADTS headers at 44.1 kHz: a frame has 1024 samples."""
    length = 40
    header = bytes([0xFF, 0xF1, 0x50, 0x80 | length >> 11, length >> 3 & 255, (length & 7) << 5, 0])
    return (header + bytes(length - len(header))) * frames


def amr(frames: int = 50) -> bytes:
    """AMR at 12.2 kbit/s: a frame has 20 milliseconds."""
    return b"#!AMR\n" + (bytes([7 << 3 | 4]) + bytes(31)) * frames
