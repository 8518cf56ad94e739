"""The media of a content: what its sender gave, and what it turned out to be."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botmesh.v1 import message_pb2
from botnode.media_inspection import Inspection, MediaKind

# The kinds of content that have media, and the most bytes of each.
LARGEST = {
    "image": 16 * 1024 * 1024,
    "video": 100 * 1024 * 1024,
    "audio": 16 * 1024 * 1024,
    "document": 100 * 1024 * 1024,
    "sticker": 500 * 1024,
}
LARGEST_STILL_STICKER = 100 * 1024
# What a sender cannot set: it is told by the media itself.
_TOLD = (
    "width",
    "height",
    "duration",
    "thumbnail",
    "waveform",
    "page_count",
    "animated",
    "video_note",
)


@dataclass(frozen=True, slots=True)
class GivenMedia:
    """What a request brings.

    Attributes:
        kind: of content.
        form: what it shall be on phones.
        data: the bytes; empty where `media_id` names them.
        content_type: as the sender says; may be empty.
        file_name: a document's.
    """

    kind: str
    form: MediaKind
    data: bytes
    media_id: str
    content_type: str
    file_name: str

    @property
    def path(self) -> str:
        """The field that an error names."""
        return f"content.{self.kind}.media"

    @property
    def look(self) -> str:
        """What a look at the same media depends on."""
        parts = (self.form.value, self.content_type, self.file_name)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def part_of(content: message_pb2.MessageContent) -> Any:
    """The part of a content that has media; None for a content without any."""
    kind: Any = content.WhichOneof("kind")
    return getattr(content, kind) if kind in LARGEST else None


def take(content: message_pb2.MessageContent) -> GivenMedia | None:
    """Take the media's bytes out of a checked content; their hash stands in their place."""
    part = part_of(content)
    if part is None:
        return None
    kind: Any = content.WhichOneof("kind")
    given = GivenMedia(
        kind=kind,
        form=MediaKind.VOICE if kind == "audio" and part.voice else MediaKind(kind),
        data=part.media.data,
        media_id=part.media.media_id,
        content_type=part.media.content_type,
        file_name=part.file_name if kind == "document" else "",
    )
    if given.data:
        part.media.sha256 = hashlib.sha256(given.data).digest()
        part.media.size_bytes = len(given.data)
        part.media.ClearField("data")
    return given


def drop_thumbnails(content: message_pb2.MessageContent) -> None:
    """Remove the small pictures: lists and events, which have many messages, go without."""
    for about in (content, content.quoted.content):
        part = part_of(about)
        if part is not None and "thumbnail" in part.DESCRIPTOR.fields_by_name:
            part.ClearField("thumbnail")


def forget_told(part: Any) -> None:
    """Remove what a sender cannot set, such as a received content that is sent on has."""
    for name in _TOLD:
        if name in part.DESCRIPTOR.fields_by_name:
            part.ClearField(name)
    part.media.ClearField("size_bytes")
    part.media.ClearField("sha256")


def described(kind: str, found: Inspection) -> message_pb2.MessageContent:
    """A content with nothing but what media turned out to be."""
    content = message_pb2.MessageContent()
    part = getattr(content, kind)
    part.media.content_type = found.content_type
    values: dict[str, Any] = {
        "width": found.width,
        "height": found.height,
        "thumbnail": found.thumbnail,
        "waveform": found.waveform,
        "animated": found.animated,
        "page_count": found.page_count,
    }
    for name, value in values.items():
        if value and name in part.DESCRIPTOR.fields_by_name:
            setattr(part, name, value)
    if found.duration_ms and "duration" in part.DESCRIPTOR.fields_by_name:
        part.duration.FromTimedelta(timedelta(milliseconds=found.duration_ms))
    return content
