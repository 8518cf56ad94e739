"""The contract's media as WhatsApp's own messages (waE2E.Message of neonize).

Which fields phones expect is what whatsmeow's own clients fill in (its README's example of an
upload, and mautrix-whatsapp's msgconv), and what received messages have.
"""

from collections.abc import Callable
from typing import Any

from google.protobuf.duration_pb2 import Duration

from botmesh.v1 import message_pb2
from botnode.media_ports import Uploaded


def build(message: Any, content: message_pb2.MessageContent) -> Any:
    """Fill in what media is; where it lies is not in there.

    Args:
        message: an empty waE2E.Message.
        content: of one of `KINDS`.

    Returns:
        The part of the message that is the media's.
    """
    kind: Any = content.WhichOneof("kind")
    wanted = getattr(content, kind)
    built = KINDS[kind](message, wanted)
    built.mimetype = wanted.media.content_type
    if wanted.media.size_bytes:
        built.fileLength = wanted.media.size_bytes
    return built


def write_place(built: Any, uploaded: Uploaded) -> None:
    """Fill in where the media lies."""
    built.URL = uploaded.url
    built.directPath = uploaded.direct_path
    built.mediaKey = uploaded.media_key
    built.mediaKeyTimestamp = int(uploaded.media_key_time.timestamp())
    built.fileSHA256 = uploaded.file_sha256
    built.fileEncSHA256 = uploaded.file_enc_sha256
    built.fileLength = uploaded.file_length


def _image(message: Any, image: message_pb2.ImageContent) -> Any:
    built = message.imageMessage
    _write(built, caption=image.caption, width=image.width, height=image.height)
    _write(built, JPEGThumbnail=image.thumbnail)
    return built


def _video(message: Any, video: message_pb2.VideoContent) -> Any:
    built = message.videoMessage
    _write(built, caption=video.caption, width=video.width, height=video.height)
    _write(built, JPEGThumbnail=video.thumbnail, gifPlayback=video.gif_playback)
    _write(built, seconds=_seconds(video.duration))
    return built


def _audio(message: Any, audio: message_pb2.AudioContent) -> Any:
    built = message.audioMessage
    built.PTT = audio.voice
    _write(built, seconds=_seconds(audio.duration), waveform=audio.waveform)
    return built


def _document(message: Any, document: message_pb2.DocumentContent) -> Any:
    # Phones show a caption only in this wrapping.
    where = message.documentWithCaptionMessage.message if document.caption else message
    built = where.documentMessage
    built.title = built.fileName = document.file_name
    _write(built, caption=document.caption, pageCount=document.page_count)
    _write(built, JPEGThumbnail=document.thumbnail)
    return built


def _sticker(message: Any, sticker: message_pb2.StickerContent) -> Any:
    built = message.stickerMessage
    built.isAnimated = sticker.animated
    _write(built, width=sticker.width, height=sticker.height)
    return built


KINDS: dict[str, Callable[[Any, Any], Any]] = {
    "image": _image,
    "video": _video,
    "audio": _audio,
    "document": _document,
    "sticker": _sticker,
}


def _write(built: Any, **fields: Any) -> None:
    """Set what is known."""
    for name, value in fields.items():
        if value:
            setattr(built, name, value)


def _seconds(duration: Duration) -> int:
    """Whole seconds, as phones show them: a short recording has one."""
    return int(duration.seconds + (duration.nanos > 0))
