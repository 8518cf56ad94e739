"""What the botnode needs to move media to and from WhatsApp, in the botnode's own words.

`media_transfer.MediaMover` is the implementation that talks to WhatsApp's media hosts.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class MediaKind(StrEnum):
    """A sort of media: its keys and its place at WhatsApp's hosts depend on it."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"  # voice notes too
    DOCUMENT = "document"
    STICKER = "sticker"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Media that lies at WhatsApp's hosts, as the fields of a message tell it to phones.

    Attributes:
        media_key: 32 bytes that its keys are made of.
        media_key_time: when that was made.
        file_sha256: of the plain bytes.
        file_enc_sha256: of the encrypted bytes.
        file_length: of the plain bytes.
    """

    url: str
    direct_path: str
    media_key: bytes
    media_key_time: datetime
    file_sha256: bytes
    file_enc_sha256: bytes
    file_length: int


@dataclass(frozen=True, slots=True)
class MediaReference:
    """Where received media lies at WhatsApp's hosts, as its message tells it.

    Nothing in it is trusted: the sender wrote it.
    """

    kind: MediaKind
    url: str
    direct_path: str
    media_key: bytes
    file_sha256: bytes
    file_enc_sha256: bytes
    file_length: int


@dataclass(frozen=True, slots=True)
class ReceivedMedia:
    """Media of a received message, which is to be fetched.

    Attributes:
        media_id: a UUID that was made here; the message's content has it.
        reference: where it lies.
        content_type: the MIME type, as the sender says.
        file_name: as the sender calls it, without what does not belong into a name; may be empty.
    """

    media_id: str
    reference: MediaReference
    content_type: str
    file_name: str


class MediaTransfer(Protocol):
    """Moves files to and from WhatsApp, without ever holding a whole one in memory.

    Several calls may be in hand at once. Cancelling a call ends its transfer soon after.
    """

    async def upload(self, path: Path, kind: MediaKind) -> Uploaded:
        """Encrypt a file and bring it to WhatsApp.

        The file must not change meanwhile. What comes back works in any number of messages for
        some weeks (WhatsApp keeps media for about a month).

        Raises:
            MeshError: MEDIA_TRANSFER_FAILED (retryable), a session error while the session is
                down, MEDIA_TOO_LARGE when WhatsApp's host finds it so, MEDIA_DAMAGED when the
                file changed meanwhile.
            OSError: the file cannot be read.
        """

    async def download(self, reference: MediaReference, path: Path, limit_bytes: int) -> int:
        """Fetch media from WhatsApp, check and decrypt it; return its size in bytes.

        It needs no session. The file (0600) is written anew; it may be there, not whole, after an
        error. It is good only once this returns.

        Raises:
            MeshError: MEDIA_EXPIRED when WhatsApp has it no more, MEDIA_DAMAGED when it is not
                what the message says, or the message names no place at WhatsApp,
                MEDIA_TOO_LARGE when it has more than `limit_bytes`, MEDIA_TRANSFER_FAILED
                (retryable).
            OSError: the file cannot be written, e.g. ENOSPC.
        """
