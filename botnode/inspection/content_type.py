"""What bytes are, by how they begin: only signatures that nothing else has by chance.

A library was looked for: `filetype` rests since 2022, `puremagic` 2 needs Python 3.12, and both
take the container for the content, where it is the codec that decides what a phone can play.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

HEAD_BYTES = 4096
PDF_WITHIN = 1024  # PDF 32000-1, annex H.3.4.1: readers look this far
OGG_PAYLOAD = 28  # a first page's header with its one segment
TS_PACKET = 188
# Of a central directory, which is read whole; the largest office file's has some kilobytes.
MOST_ZIP_BYTES = 256 * 1024
ZIP_END, ZIP_END_BYTES, ZIP_COMMENT_BYTES = b"PK\x05\x06", 22, 65_536
ZIP64_LOCATOR, ZIP64_LOCATOR_BYTES = b"PK\x06\x07", 20

ADTS_HEADER, ADTS_SYNC = 7, 0xF0
MPEG_HEADER, MPEG_SYNC = 4, 0xE2
NO_BIT_RATE, NO_SAMPLING_RATE = frozenset({0, 15}), 3
BMP_HEADER = 14

UNKNOWN = ""
OCTETS = "application/octet-stream"
OGG_OPUS = "audio/ogg; codecs=opus"  # as WhatsApp writes it
ZIP = "application/zip"
OLE = "application/x-ole-storage"

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"ID3", "audio/mpeg"),
    (b"#!AMR\n", "audio/amr"),
    (b"#!AMR-WB\n", "audio/amr-wb"),
    (b"fLaC", "audio/flac"),
    (b"caff\0\x01", "audio/x-caf"),
    (b"MThd\0\0\0\x06", "audio/midi"),
    (b"FLV\x01", "video/x-flv"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\0\xaa\0b\xcel", "video/x-ms-asf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS", "application/postscript"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"\x7fELF", "application/x-elf"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = (
    (b"qt  ", "video/quicktime"),
    (b"M4A ", "audio/mp4"),
    (b"M4B ", "audio/mp4"),
    (b"3gp", "video/3gpp"),
    (b"3g2", "video/3gpp2"),
    (b"hei", "image/heic"),
    (b"hev", "image/heic"),
    (b"mif1", "image/heic"),
    (b"msf1", "image/heic"),
    (b"avif", "image/avif"),
    (b"avis", "image/avif"),
    (b"crx ", "image/x-canon-cr3"),
)
# QuickTime files of old begin without a word about themselves.
_QUICKTIME_BOXES = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_OGG_CODECS = (
    (b"OpusHead", OGG_OPUS),
    (b"\x01vorbis", "audio/ogg; codecs=vorbis"),
    (b"\x80theora", "video/ogg"),
    (b"Speex   ", "audio/ogg; codecs=speex"),
    (b"\x7fFLAC", "audio/ogg; codecs=flac"),
)
_OFFICE = "application/vnd.openxmlformats-officedocument."
_ZIP_FOLDERS = (
    ("word/", f"{_OFFICE}wordprocessingml.document"),
    ("xl/", f"{_OFFICE}spreadsheetml.sheet"),
    ("ppt/", f"{_OFFICE}presentationml.presentation"),
)
# What a zip file says of itself is a stranger's word: only what such files are for is believed, and
# only a name as RFC 6838 (4.2) has them, of 127 characters at most.
_SAID_BY_ZIP = re.compile(rb"application/(epub\+zip|vnd\.[a-z0-9!#$&^_.+-]{1,111})")


def detect(path: Path) -> str:
    """The MIME type that the bytes tell, or `UNKNOWN`.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for look in _LOOKS:
        if found := look(head):
            return _inside_zip(path, head) if found == ZIP else found
    return UNKNOWN


def _starts(head: bytes) -> str:
    return next((name for start, name in _STARTS if head.startswith(start)), UNKNOWN)


def _riff(head: bytes) -> str:
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return "audio/aiff"
    return _RIFF.get(head[8:12], UNKNOWN) if head[:4] == b"RIFF" else UNKNOWN


def _boxes(head: bytes) -> str:
    """ISO 14496-12: a first box `ftyp` with the main brand."""
    if head[4:8] in _QUICKTIME_BOXES and int.from_bytes(head[:4]) != 0:
        return "video/quicktime"
    if head[4:8] != b"ftyp":
        return UNKNOWN
    return next((name for brand, name in _BRANDS if head[8:12].startswith(brand)), "video/mp4")


def _matroska(head: bytes) -> str:
    if not head.startswith(b"\x1aE\xdf\xa3"):
        return UNKNOWN
    return "video/webm" if b"webm" in head[:64] else "video/x-matroska"


def _ogg(head: bytes) -> str:
    if not head.startswith(b"OggS\0"):
        return UNKNOWN
    packet = head[OGG_PAYLOAD:]
    return next((name for start, name in _OGG_CODECS if packet.startswith(start)), "audio/ogg")


def _transport_stream(head: bytes) -> str:
    packets = range(0, 5 * TS_PACKET, TS_PACKET)
    return "video/mp2t" if all(head[at : at + 1] == b"G" for at in packets) else UNKNOWN


def _audio_frames(head: bytes) -> str:
    """AAC with ADTS headers, whose frames follow each other, or MPEG audio of layer III."""
    if is_adts(head):
        following = head[adts_bytes(head) :]
        return "audio/aac" if is_adts(following) or not following else UNKNOWN
    return "audio/mpeg" if _is_layer_3(head) else UNKNOWN


def is_adts(frame: bytes) -> bool:
    """Whether a frame of AAC begins here: sync word, layer 0 and a length (ISO 13818-7, 6.2)."""
    return (
        frame[:1] == b"\xff"
        and len(frame) >= ADTS_HEADER
        and (frame[1] & 0xF6 == ADTS_SYNC and adts_bytes(frame) >= ADTS_HEADER)
    )


def adts_bytes(frame: bytes) -> int:
    """A frame's length, header included."""
    return (frame[3] & 3) << 11 | frame[4] << 3 | frame[5] >> 5


def _is_layer_3(frame: bytes) -> bool:
    """Sync word, layer III, a bit rate and a sampling rate (ISO 11172-3, 2.4.2.3)."""
    if frame[:1] != b"\xff" or len(frame) < MPEG_HEADER or frame[1] & 0xE6 != MPEG_SYNC:
        return False
    rates = frame[2]
    return rates >> 4 not in NO_BIT_RATE and rates >> 2 & 3 != NO_SAMPLING_RATE


def _pdf(head: bytes) -> str:
    return "application/pdf" if b"%PDF-" in head[:PDF_WITHIN] else UNKNOWN


def _zip(head: bytes) -> str:
    return ZIP if head.startswith((b"PK\x03\x04", b"PK\x05\x06")) else UNKNOWN


def _inside_zip(path: Path, head: bytes) -> str:
    """Office files are zip files: OpenDocument and EPUB say so first, Microsoft's by a folder."""
    if head[30:38] == b"mimetype":
        said = head[38 : 38 + int.from_bytes(head[22:26], "little")].strip().lower()
        if _SAID_BY_ZIP.fullmatch(said):
            return said.decode()
    import zipfile  # noqa: PLC0415 - brings the compressors along, for a zip file alone

    try:
        if not _has_small_directory(path):
            return ZIP
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    # The last but one for what `zipfile` does not know.
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        return ZIP
    if "[Content_Types].xml" in names:
        for folder, content_type in _ZIP_FOLDERS:
            if any(name.startswith(folder) for name in names):
                return content_type
    return ZIP


def _has_small_directory(path: Path) -> bool:
    """Whether a zip file says so where `zipfile` looks (APPNOTE 4.3.16).

    `zipfile` holds all of a directory in memory, and a stranger's may be the whole file. Zip64 has
    its size elsewhere; no office file needs that.
    """
    most = ZIP64_LOCATOR_BYTES + ZIP_END_BYTES + ZIP_COMMENT_BYTES
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - most))
        tail = file.read(most)
    at = tail.rfind(ZIP_END)
    end = tail[at : at + ZIP_END_BYTES]
    if at < 0 or len(end) < ZIP_END_BYTES:
        return False
    if tail[max(0, at - ZIP64_LOCATOR_BYTES) : at].startswith(ZIP64_LOCATOR):
        return False
    return int.from_bytes(end[12:16], "little") <= MOST_ZIP_BYTES


def _bmp(head: bytes) -> str:
    """Two letters are little: what is reserved must be nothing, and the pixels near."""
    near = BMP_HEADER < int.from_bytes(head[10:14], "little") < HEAD_BYTES
    return "image/bmp" if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and near else UNKNOWN


def _tar(head: bytes) -> str:
    return "application/x-tar" if head[257:262] == b"ustar" else UNKNOWN


_LOOKS: tuple[Callable[[bytes], str], ...] = (
    _starts,
    _riff,
    _boxes,
    _matroska,
    _ogg,
    _transport_stream,
    _audio_frames,
    _zip,
    _tar,
    _bmp,
    _pdf,
)


# -- what a sender says, beside what the bytes say

_SAME = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/apng": "image/png",
    "image/heif": "image/heic",
    "audio/mp3": "audio/mpeg",
    "audio/mpeg3": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/x-aac": "audio/aac",
    "audio/aacp": "audio/aac",
    "audio/x-flac": "audio/flac",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-aiff": "audio/aiff",
    "video/avi": "video/x-msvideo",
    "video/msvideo": "video/x-msvideo",
    "video/x-ms-wmv": "video/x-ms-asf",
    "audio/x-ms-wma": "video/x-ms-asf",
    "application/x-pdf": "application/pdf",
    "text/rtf": "application/rtf",
    "application/x-gzip": "application/gzip",
    "application/x-zip-compressed": ZIP,
    "application/x-rar-compressed": "application/vnd.rar",
    "application/x-sqlite3": "application/vnd.sqlite3",
}
# One container, many names: what is in it, phones see for themselves.
_CONTAINERS = (
    {"mp4", "x-m4a", "m4a", "quicktime", "3gpp", "3gpp2", "x-m4v", "m4v", "aac", "mp4a-latm"},
    {"ogg", "opus", "vorbis", "speex", "x-opus+ogg", "x-vorbis+ogg"},
    {"webm", "x-matroska", "matroska"},
)
# What has many names because much is made of it: a sender who says more is believed.
_OPEN = frozenset({ZIP, OLE, "application/gzip", "application/x-tar", "image/tiff"})


def plain(content_type: str) -> str:
    """A MIME type without its parameters, in lower case and by its usual name."""
    bare = content_type.partition(";")[0].strip().lower()
    return _SAME.get(bare, bare)


def agree(said: str, found: str) -> bool:
    """Whether what a sender says of media can be true, as far as the bytes tell."""
    said, found = plain(said), plain(found)
    if not said or not found or OCTETS in {said, found} or said == found:
        return True
    if found in _OPEN:
        return said != "application/pdf" and not said.startswith(("audio/", "video/"))
    if found.startswith(_OFFICE):
        return said == ZIP or said.startswith(("application/vnd.", "application/ms"))
    (said_major, _, said_minor), (major, _, minor) = said.partition("/"), found.partition("/")
    playable = {"audio", "video", "application"}
    return {said_major, major} <= playable and any(
        said_minor in names and minor in names for names in _CONTAINERS
    )
