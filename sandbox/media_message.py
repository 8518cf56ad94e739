"""Media in messages: which field it is in, what it is called, and how a phone writes it.

Source: whatsmeow's download.go (keys and places by kind), and waE2E's protobufs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from sandbox import protobufs
from sandbox.media_cipher import Encryption
from sandbox.state.media import Media

# Messages around a message.
WRAPPERS: Final = (
    "editedMessage",
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
)


@dataclass(frozen=True, slots=True)
class Form:
    """How a kind of media stands in messages.

    Attributes:
        field: of the message.
        host_kind: as the media host and the keys have it.
        content_type: a usual one.
    """

    field: str
    host_kind: str
    content_type: str


# By the name of the kind.
FORMS: Final = {
    "image": Form("imageMessage", "image", "image/jpeg"),
    "video": Form("videoMessage", "video", "video/mp4"),
    "audio": Form("audioMessage", "audio", "audio/mpeg"),
    "voice": Form("audioMessage", "audio", "audio/ogg; codecs=opus"),
    "document": Form("documentMessage", "document", "application/octet-stream"),
    "sticker": Form("stickerMessage", "image", "image/webp"),
    "video_note": Form("ptvMessage", "video", "video/mp4"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """Media that stands in a message: its kind, and its protobuf."""

    kind: str
    media: Any

    @property
    def host_kind(self) -> str:
        """As the media host and the keys have it."""
        return FORMS[self.kind].host_kind

    @property
    def text(self) -> str:
        """What a person sees beside it: its caption, or its name."""
        return str(getattr(self.media, "caption", "") or getattr(self.media, "fileName", ""))


def find(content: Any) -> Found | None:
    """The media in a message, however it is wrapped."""
    for name in WRAPPERS:
        if content.HasField(name) and getattr(content, name).HasField("message"):
            return find(getattr(content, name).message)
    for kind, form in FORMS.items():
        if content.HasField(form.field):
            media = getattr(content, form.field)
            return Found("voice" if kind == "audio" and media.PTT else kind, media)
    return None


def compose(
    kind: str, content_type: str, caption: str, file_name: str, *, view_once: bool = False
) -> Any:
    """A message with media whose place is still to be told; raises ValueError."""
    form, content = FORMS[kind], protobufs.e2e.Message()
    inner = content
    if view_once:
        inner = content.viewOnceMessageV2.message
    elif kind == "document" and caption:
        inner = content.documentWithCaptionMessage.message
    media = getattr(inner, form.field)
    media.mimetype = content_type or form.content_type
    if caption:
        if not hasattr(media, "caption"):
            raise ValueError(f"phones show no text under media of the kind {kind}")
        media.caption = caption
    if kind == "document":
        media.fileName = media.title = file_name or "file"
    if kind == "voice":
        media.PTT = True
    if view_once:
        media.viewOnce = True
    return content


def tell_place(media: Any, body: Media, sealed: Encryption) -> None:
    """Fill in where media is and how it is opened; what is told already stays."""
    told = {
        "URL": body.url,
        "directPath": body.direct_path,
        "mediaKey": sealed.media_key,
        "mediaKeyTimestamp": int(time.time()),
        "fileSHA256": sealed.sha256,
        "fileEncSHA256": sealed.enc_sha256,
        "fileLength": sealed.size,
    }
    for name, value in told.items():
        if not media.HasField(name):
            setattr(media, name, value)
