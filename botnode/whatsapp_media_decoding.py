"""Media in WhatsApp's messages (waE2E.Message of neonize) as the contract's contents.

A sender may write anything: what is out of its bounds is left out or cut, and what is said of the
bytes is only believed once they are there and have the hash that the message tells.
"""

import unicodedata
import uuid
from collections.abc import Callable
from typing import Any

from google.protobuf.duration_pb2 import Duration

from botmesh.v1 import message_pb2
from botnode.media import is_content_type
from botnode.media_ports import MediaKind, MediaReference, ReceivedMedia

MOST_THUMBNAIL_BYTES = 65_536
MOST_NAME = 255
MOST_ADDRESS = 4_096
MOST_SIZE = 2**63 - 1  # of int64
WAVEFORM_BYTES, LOUDEST = 64, 100
HASH_BYTES = 32
OCTETS = "application/octet-stream"

_JPEG = b"\xff\xd8\xff"
# Control characters, what ends a line, what is no character; and what turns the direction of
# writing, which hides how a name ends.
_NOT_IN_NAMES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# The field of the message -> where the media lies at WhatsApp.
_KINDS = {
    "imageMessage": MediaKind.IMAGE,
    "videoMessage": MediaKind.VIDEO,
    "ptvMessage": MediaKind.VIDEO,
    "audioMessage": MediaKind.AUDIO,
    "documentMessage": MediaKind.DOCUMENT,
    "stickerMessage": MediaKind.STICKER,
}
FIELDS = tuple(_KINDS)
_CONTENTS = ("image", "video", "audio", "document", "sticker")


def take(message: Any, content: message_pb2.MessageContent | None) -> ReceivedMedia | None:
    """Give the media of a received message an id, which its content then has.

    Args:
        message: a waE2E.Message.
        content: what was decoded from it.

    Returns:
        What is needed to fetch it; None for a message without media.
    """
    field = next((field for field in FIELDS if message.HasField(field)), None)
    kind: Any = None if content is None else content.WhichOneof("kind")
    if field is None or kind not in _CONTENTS:
        return None
    part, found = getattr(content, kind), getattr(message, field)
    part.media.media_id = str(uuid.uuid4())
    return ReceivedMedia(
        media_id=part.media.media_id,
        reference=_reference(_KINDS[field], found),
        content_type=part.media.content_type,
        file_name=_file_name(found) if kind == "document" else "",
    )


def _reference(kind: MediaKind, found: Any) -> MediaReference:
    return MediaReference(
        kind=kind,
        url=_address(found.URL),
        direct_path=_address(found.directPath),
        media_key=_exactly(found.mediaKey),
        file_sha256=_exactly(found.fileSHA256),
        file_enc_sha256=_exactly(found.fileEncSHA256),
        file_length=min(found.fileLength, MOST_SIZE),
    )


def _image(image: Any) -> message_pb2.MessageContent:
    return message_pb2.MessageContent(
        image=message_pb2.ImageContent(
            media=_media(image),
            caption=words(image.caption),
            width=image.width,
            height=image.height,
            thumbnail=_thumbnail(image),
        )
    )


def _video(video: Any) -> message_pb2.MessageContent:
    return message_pb2.MessageContent(
        video=message_pb2.VideoContent(
            media=_media(video),
            caption=words(video.caption),
            gif_playback=video.gifPlayback,
            width=video.width,
            height=video.height,
            duration=_duration(video.seconds),
            thumbnail=_thumbnail(video),
        )
    )


def _video_note(video: Any) -> message_pb2.MessageContent:
    content = _video(video)
    content.video.video_note = True
    return content


def _audio(audio: Any) -> message_pb2.MessageContent:
    wave = bytes(audio.waveform)
    usual = len(wave) == WAVEFORM_BYTES and max(wave) <= LOUDEST
    return message_pb2.MessageContent(
        audio=message_pb2.AudioContent(
            media=_media(audio),
            voice=audio.PTT,
            duration=_duration(audio.seconds),
            waveform=wave if usual else b"",
        )
    )


def _document(document: Any) -> message_pb2.MessageContent:
    return message_pb2.MessageContent(
        document=message_pb2.DocumentContent(
            media=_media(document),
            file_name=_file_name(document),
            caption=words(document.caption),
            page_count=document.pageCount,
            thumbnail=_thumbnail(document),
        )
    )


def _sticker(sticker: Any) -> message_pb2.MessageContent:
    return message_pb2.MessageContent(
        sticker=message_pb2.StickerContent(
            media=_media(sticker),
            animated=sticker.isAnimated or sticker.isLottie,
            width=sticker.width,
            height=sticker.height,
        )
    )


READERS: tuple[tuple[tuple[str, ...], Callable[[Any], message_pb2.MessageContent]], ...] = (
    (("imageMessage",), _image),
    (("videoMessage",), _video),
    (("ptvMessage",), _video_note),
    (("audioMessage",), _audio),
    (("documentMessage",), _document),
    (("stickerMessage",), _sticker),
)


def _media(found: Any) -> message_pb2.Media:
    content_type = words(found.mimetype)
    return message_pb2.Media(
        content_type=content_type if is_content_type(content_type) else OCTETS,
        size_bytes=min(found.fileLength, MOST_SIZE),
        sha256=_exactly(found.fileSHA256),
    )


def _file_name(document: Any) -> str:
    """A name that is no path, on any system; may be empty."""
    told = words(document.fileName) or words(document.title)
    name = "".join(" " if letter in "/\\" else letter for letter in told)
    name = "".join(letter for letter in name if _is_in_names(letter)).strip()
    if len(name) > MOST_NAME:  # its end says what it is
        stem, dot, ending = name.rpartition(".")
        ending = dot + ending if stem and len(ending) <= MOST_NAME // 8 else ""
        name = name[: MOST_NAME - len(ending)] + ending
    return "" if name.strip(". ") == "" else name


def _is_in_names(letter: str) -> bool:
    return letter not in _TURNS and unicodedata.category(letter) not in _NOT_IN_NAMES


def _thumbnail(found: Any) -> bytes:
    small = bytes(found.JPEGThumbnail)
    return small if len(small) <= MOST_THUMBNAIL_BYTES and small.startswith(_JPEG) else b""


def _duration(seconds: int) -> Duration | None:
    return Duration(seconds=seconds) if seconds else None


def _address(value: str | bytes) -> str:
    text = words(value)
    return text if len(text) <= MOST_ADDRESS else ""


def _exactly(value: bytes) -> bytes:
    """A key or a hash; empty if it is none."""
    return bytes(value) if len(value) == HASH_BYTES else b""


def words(value: str | bytes) -> str:
    """A string of the library's; where it is no UTF-8, protobuf gives its bytes."""
    return value if isinstance(value, str) else value.decode(errors="replace")
