"""Media in the tenant's folder: pictures, videos, recordings, files."""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from botmesh.errors import REASONS, MeshError, Reason

MOST_BYTES = 100 * 1024 * 1024
MOST_TYPE = 255
# RFC 6838's names, with parameters.
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *;[\x20-\x7e]*)?")


class MediaState(IntEnum):
    """Where media stands; the values are those of the contract."""

    UPLOADING = 1
    FETCHING = 2
    AVAILABLE = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class Media:
    """One medium.

    Attributes:
        media_id: a UUID, unique within the tenant.
        file_id: the name of its file, made here.
        content_type: the MIME type.
        size_bytes: how many bytes it has, or shall have.
        stored_bytes: how many bytes are there.
        file_name: what its sender called it.
        reason: of the table of reasons; set when FAILED.
        source: of received media: what the library's adapter needs to fetch it.
        deleted: it is here only for messages that wait with it.
    """

    media_id: str
    file_id: str
    state: MediaState
    content_type: str
    size_bytes: int
    sha256: bytes
    create_time: datetime
    expire_time: datetime
    stored_bytes: int = 0
    file_name: str = ""
    reason: str = ""
    detail: str = ""
    received: bool = False
    deleted: bool = False
    source: bytes | None = None


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long media is kept.

    Attributes:
        uploaded: after its last use.
        received: after it came.
        unfinished: an upload that is not whole, after it rested last.
    """

    uploaded: timedelta = timedelta(days=7)
    received: timedelta = timedelta(days=30)
    unfinished: timedelta = timedelta(days=1)


def canonical_media_id(value: str) -> str | None:
    """A media id in its one spelling; None if it is no UUID."""
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return None


def is_content_type(value: str) -> bool:
    """Whether a text is a MIME type."""
    return len(value) <= MOST_TYPE and _TYPE.fullmatch(value) is not None


def media_error(reason: Reason, media_id: str, text: str = "", **metadata: str) -> MeshError:
    """An error about one medium; ``text`` in place of the reason's own words."""
    return MeshError(
        reason,
        text or REASONS[reason].meaning.rstrip("."),
        metadata={"media_id": media_id, **metadata},
    )
