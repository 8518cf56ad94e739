"""What media is, before it is accepted: its type, its measures, and what phones need beside it.

Media comes from strangers, so nothing of it is decoded in a botnode: a short-lived process does it
(`botnode.inspection`), without environment, bounded in memory, time and output. What it says is
checked here and becomes findings or a `MeshError`.
"""

import asyncio
import errno
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from botmesh.errors import MeshError, Reason, invalid
from botnode import disk_errors
from botnode.inspection import protocol
from botnode.inspection.protocol import Findings, MediaKind, Refusal, RefusedError, Request
from botnode.threads import in_daemon_thread

__all__ = ["Inspection", "MediaInspector", "MediaKind"]

log = structlog.get_logger(__name__)

FOLDER_PREFIX = "inspection-"
COMMAND = (sys.executable, "-I", "-m", "botnode.inspection")
# Long enough to convert some minutes of video on a small machine.
LIMIT_S = 120.0
# The process ends its own work in time and says so; this long after it, it is killed.
GRACE_S = 3.0
MOST_AT_ONCE = 2
MOST_CONVERTED_BYTES = {
    MediaKind.IMAGE: 16 * 1024 * 1024,
    MediaKind.VIDEO: 100 * 1024 * 1024,
    MediaKind.AUDIO: 16 * 1024 * 1024,
    MediaKind.VOICE: 16 * 1024 * 1024,
    MediaKind.DOCUMENT: 0,
    MediaKind.STICKER: 500 * 1024,
}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What media is, for sending it as one kind.

    Attributes:
        kind: as what it can be sent.
        content_type: the MIME type of what is to be sent, e.g. ``audio/ogg; codecs=opus``.
        width: in pixels, as it is shown; 0 where not known.
        height: the same.
        duration_ms: how long it plays; 0 where not known.
        thumbnail: a JPEG of up to 16 KiB; may be empty.
        waveform: 64 values of 0 to 100, one a byte; may be empty.
        animated: a sticker that moves.
        page_count: a document's; 0 where not known.
        converted: what is to be sent in place of the file, or None. It belongs to the caller, who
            moves or removes it.
    """

    kind: MediaKind
    content_type: str
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    thumbnail: bytes = b""
    waveform: bytes = b""
    animated: bool = False
    page_count: int = 0
    converted: Path | None = None


class MediaInspector:
    """Looks at a tenant's media, two files at a time."""

    def __init__(
        self, folder: Path, *, limit_s: float = LIMIT_S, search_path: str | None = None
    ) -> None:
        """Prepare; starts nothing.

        Args:
            folder: the tenant's folder for what is made of media; must exist. `clean` empties it
                of what a killed process left.
            limit_s: how long one look may take, conversion included.
            search_path: where ffmpeg is looked for; None for this process's PATH.
        """
        self._folder = folder
        self._limit_s = limit_s
        self._search_path = search_path
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)

    def clean(self) -> None:
        """Remove what a process that was killed left. Blocks; call it before the first look."""
        for left in self._folder.glob(f"{FOLDER_PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)

    async def inspect(
        self, path: Path, kind: MediaKind, field: str, *, content_type: str = "", file_name: str = ""
    ) -> Inspection:
        """Find out whether a file can be sent as a kind, and what phones need to know of it.

        Cancelling ends the process and removes what it made.

        Args:
            path: the file; it is only read.
            kind: what it shall be.
            field: what an error names, e.g. ``content.image.media``.
            content_type: the MIME type that its sender gave; must agree with the bytes.
            file_name: the name that its sender gave; tells a document's type where the bytes do not.

        Raises:
            MeshError: INVALID_REQUEST when it is not of the kind, CONVERSION_UNAVAILABLE when it
                would have to be converted and there is no ffmpeg, STORAGE_FULL.
        """
        raise NotImplementedError
