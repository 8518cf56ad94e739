"""Looking at a stranger's file costs little memory, whatever it says of itself."""

import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from botnode.inspection import content_type

ENTRIES = 40_000
OFFICE = "[Content_Types].xml"


def entry(name: bytes) -> bytes:
    """An entry of a central directory."""
    lengths = struct.pack("<3H", len(name), 0, 0)
    return b"PK\x01\x02" + bytes(24) + lengths + bytes(12) + name


def end(directory_bytes: int, at: int) -> bytes:
    sizes = struct.pack("<4H2LH", 0, 0, 1, 1, directory_bytes, at, 0)
    return b"PK\x05\x06" + sizes


def zip64_end(directory_bytes: int, at: int) -> bytes:
    """The end of a zip64 file, whose own end says something small."""
    record = b"PK\x06\x06" + struct.pack(
        "<Q2H2L4Q", 44, 45, 45, 0, 0, ENTRIES, ENTRIES, directory_bytes, at
    )
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, at + directory_bytes, 1)
    return record + locator + end(100, at)


@pytest.mark.parametrize("finish", [end, zip64_end, lambda size, at: end(size, at) + b"\n"])
def test_a_large_directory_is_not_read(tmp_path: Path, finish: object) -> None:
    assert callable(finish)
    begin = b"PK\x03\x04" + bytes(100)
    directory = entry(OFFICE.encode()) + entry(b"word/x") * ENTRIES
    path = tmp_path / "file"
    path.write_bytes(begin + directory + finish(len(directory), len(begin)))
    del directory
    tracemalloc.start()
    try:
        assert content_type.detect(path) == content_type.ZIP
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("comment", [b"", b"a comment", b"x" * 65_535])
def test_a_small_one_is(tmp_path: Path, comment: bytes) -> None:
    path = tmp_path / "file"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(OFFICE, "<x/>")
        archive.writestr("word/document.xml", "<x/>")
        archive.comment = comment
    assert content_type.detect(path).endswith("wordprocessingml.document")


def test_a_torn_one_is_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for tail in (b"", b"PK\x05\x06", end(0, 0)[:21], end(1, 2**31)):
        path.write_bytes(b"PK\x03\x04" + bytes(50) + tail)
        assert content_type.detect(path) == content_type.ZIP


def zip_that_says(said: bytes) -> bytes:
    lengths = struct.pack("<3H3L2H", 0, 0, 0, 0, len(said), len(said), 8, 0)
    return b"PK\x03\x04" + struct.pack("<2H", 20, 0) + lengths + b"mimetype" + said


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (b"application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"),
        (b"application/EPUB+zip\r\n", "application/epub+zip"),
        (b"application/vnd." + b"a" * 111, "application/vnd." + "a" * 111),
        (b"application/vnd." + b"a" * 112, content_type.ZIP),
        (b"application/vnd.x\r\nX-Injected: 1", content_type.ZIP),
        (b"application/vnd.x\0", content_type.ZIP),
        (b"application/vnd.<script>", content_type.ZIP),
        (b"application/vnd.x; charset=x", content_type.ZIP),
        (b"application/vnd.x/y", content_type.ZIP),
        (b"application/vnd." + b"A" * 4000, content_type.ZIP),
        (b"application/pdf", content_type.ZIP),
        (b"text/html", content_type.ZIP),
        (b"", content_type.ZIP),
    ],
)
def test_a_zip_file_says_only_what_it_may(tmp_path: Path, said: bytes, found: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(zip_that_says(said))
    assert content_type.detect(path) == found
