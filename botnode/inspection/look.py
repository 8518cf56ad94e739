"""Looks at one file as the kind that it shall be."""

import stat
import time
from pathlib import Path

from botnode.inspection import content_type as types
from botnode.inspection.protocol import Findings, MediaKind, Refusal, RefusedError, Request

_PICTURES = frozenset({"image/jpeg", "image/png"})
_NEAREST = {
    "image/webp": "is WebP; phones show JPEG and PNG as pictures",
    "image/gif": "is a GIF; send it as a video with gif_playback",
    "image/heic": "is HEIC; phones show JPEG and PNG as pictures: convert it, or send a document",
    "image/avif": "is AVIF; phones show JPEG and PNG as pictures: convert it, or send a document",
}


def look(request: Request) -> Findings:
    """What a file is, and what phones need to know of it.

    Raises:
        RefusedError: it cannot be sent as the kind.
        OSError: the disk failed.
    """
    path = Path(request.path)
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise RefusedError(Refusal.INVALID, "is no file")
    if not status.st_size:
        raise RefusedError(Refusal.INVALID, "is empty")
    found = types.detect(path)
    said = request.content_type
    if not types.agree(said, found):
        raise RefusedError(Refusal.CONTENT_TYPE, f"is {said}, but the bytes are {found}")
    if request.kind is MediaKind.DOCUMENT:
        from botnode.inspection import document  # noqa: PLC0415 - what is not needed is not loaded

        return document.look_at_document(path, found, said, request.file_name, plain=request.plain)
    if not found:
        raise RefusedError(
            Refusal.INVALID, f"is no {_NAMES[request.kind]}: its bytes are of no kind that is known"
        )
    if request.kind is MediaKind.IMAGE:
        return _image(path, found)
    if request.kind is MediaKind.STICKER:
        return _sticker(path, found, status.st_size)
    return _played(path, found, request)


_NAMES = {
    MediaKind.IMAGE: "picture",
    MediaKind.VIDEO: "video",
    MediaKind.AUDIO: "recording",
    MediaKind.VOICE: "recording",
    MediaKind.STICKER: "sticker",
}


def _image(path: Path, found: str) -> Findings:
    if found not in _PICTURES:
        text = _NEAREST.get(found, f"is {found}; a picture is JPEG or PNG")
        raise RefusedError(Refusal.INVALID, text)
    from botnode.inspection import picture  # noqa: PLC0415 - what is not needed is not loaded

    return picture.look_at_image(path, found)


def _sticker(path: Path, found: str, size_bytes: int) -> Findings:
    if found != "image/webp":
        raise RefusedError(Refusal.INVALID, f"is {found}; a sticker is WebP")
    from botnode.inspection import picture  # noqa: PLC0415 - what is not needed is not loaded

    return picture.look_at_sticker(path, size_bytes)


def _played(path: Path, found: str, request: Request) -> Findings:
    from botnode.inspection import audio, video  # noqa: PLC0415 - what is not needed is not loaded
    from botnode.inspection.ffmpeg import Ffmpeg  # noqa: PLC0415 - the same

    deadline = time.monotonic() + request.limit_s
    ffmpeg = Ffmpeg(request.ffmpeg, deadline) if request.ffmpeg else None
    look_at = {
        MediaKind.VIDEO: video.look_at_video,
        MediaKind.AUDIO: audio.look_at_audio,
        MediaKind.VOICE: audio.look_at_voice,
    }[request.kind]
    return look_at(path, found, request, ffmpeg)
