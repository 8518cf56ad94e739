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
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import structlog

from botmesh.errors import MeshError, Reason, invalid
from botnode import disk_errors
from botnode.inspection import protocol
from botnode.inspection.protocol import (
    Findings,
    MediaKind,
    ProtocolError,
    Refusal,
    RefusedError,
    Request,
)
from botnode.media_inspection_death import Blame, DiedError, is_short, obituary, overdue
from botnode.threads import in_daemon_thread

__all__ = ["Inspection", "MediaInspector", "MediaKind"]

log = structlog.get_logger(__name__)

FOLDER_PREFIX = "inspection-"
CONVERTED_SUFFIX = ".converted"
# Modules are found where this process finds them, and nothing else is read at the start.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1:];from botnode.inspection.__main__ import main; main()"
)
_PLACES = [str(Path(__file__).parents[1]), *(place for place in sys.path if place)]
COMMAND = (sys.executable, "-IS", "-c", _PROGRAM, *_PLACES)
# Pictures and documents take a second or two; two minutes convert some minutes of video.
LIMIT_S = {
    MediaKind.IMAGE: 30.0,
    MediaKind.VIDEO: 120.0,
    MediaKind.AUDIO: 120.0,
    MediaKind.VOICE: 120.0,
    MediaKind.DOCUMENT: 15.0,
    MediaKind.STICKER: 30.0,
}
# The process ends its own work in time and says so; this long after it, it is killed.
GRACE_S = 3.0
# When a machine that was too busy to look may not be.
RETRY_AFTER = timedelta(seconds=5)
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
        self, folder: Path, *, limit_s: float | None = None, search_path: str | None = None
    ) -> None:
        """Prepare; starts nothing.

        Args:
            folder: the tenant's folder for what is made of media; must exist. `clean` empties it
                of what a killed process left.
            limit_s: how long one look may take, conversion included; by `LIMIT_S` if None.
            search_path: where ffmpeg is looked for; None for this process's PATH.
        """
        self._folder = folder
        self._limit_s = limit_s
        self._search_path = search_path
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)

    def clean(self) -> None:
        """Remove what a process that was killed left. Blocks; call it before the first look."""
        for left in self._folder.glob(f"{FOLDER_PREFIX}*"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    async def inspect(
        self,
        path: Path,
        kind: MediaKind,
        field: str,
        *,
        content_type: str = "",
        file_name: str = "",
    ) -> Inspection:
        """Find out whether a file can be sent as a kind, and what phones need to know of it.

        Cancelling ends the process and removes what it made.

        Args:
            path: the file; it is only read.
            kind: what it shall be.
            field: what an error names, e.g. ``content.image.media``.
            content_type: the MIME type that its sender gave; must agree with the bytes.
            file_name: the name that its sender gave; may tell a document's type.

        Raises:
            MeshError: INVALID_REQUEST when it is not of the kind, CONVERSION_UNAVAILABLE when it
                would have to be converted and there is no ffmpeg, STORAGE_FULL;
                BOTNODE_UNAVAILABLE when the machine had too little time or memory for it.
        """
        async with self._slots:
            look = _Look(self._request(path, kind, content_type, file_name), self._folder)
            try:
                answer = await in_daemon_thread(look.run, "media-inspection")
            except asyncio.CancelledError:
                look.end()
                raise
            except (OSError, ProtocolError) as error:
                raise _cannot_look(error) from error
            except DiedError as died:
                raise _no_answer(died, field) from died
            except RefusedError as refused:
                raise mesh_error(refused, field) from refused
        return answer

    def _request(self, path: Path, kind: MediaKind, content_type: str, file_name: str) -> Request:
        return Request(
            path=str(path.absolute()),
            kind=kind,
            content_type=content_type,
            file_name=file_name,
            folder="",
            ffmpeg=shutil.which("ffmpeg", path=self._search_path) or "",
            limit_s=self._limit_s or LIMIT_S[kind],
            most_converted_bytes=MOST_CONVERTED_BYTES[kind],
            asked_by=os.getpid(),
        )


class _Look:
    """One process, from its start to its end. `run` blocks; `end` comes from another thread."""

    def __init__(self, request: Request, folder: Path) -> None:
        self._request = request
        self._folder = folder
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False

    def run(self) -> Inspection:
        """Ask the process, and once more for a document's mere type when it died of that.

        Raises:
            RefusedError: the media cannot be sent as the kind.
            OSError, ProtocolError, DiedError: there is no answer.
        """
        try:
            return self._look(self._request)
        except DiedError:
            if self._request.kind is not MediaKind.DOCUMENT or self._ended:
                raise
        return self._look(replace(self._request, plain=True))

    def end(self) -> None:
        """Kill the process; nobody waits for it any more."""
        with self._lock:
            self._ended = True
            self._kill()

    def _look(self, request: Request) -> Inspection:
        folder = self._folder / f"{FOLDER_PREFIX}{secrets.token_hex(8)}"
        folder.mkdir(mode=0o700)
        try:
            findings = self._ask(replace(request, folder=str(folder)))
            return inspection(request.kind, findings, self._keep(folder, findings))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _keep(self, folder: Path, findings: Findings) -> Path | None:
        """Take what was made out of the folder, for the caller."""
        if not findings.converted:
            return None
        kept = folder.with_suffix(CONVERTED_SUFFIX)
        with self._lock:
            if self._ended:
                raise DiedError("nobody waits for it")
            made = folder / protocol.CONVERTED
            if made.is_symlink() or not made.is_file():
                raise DiedError("what was made of it is missing")
            made.chmod(0o600)
            made.rename(kept)
        return kept

    def _ask(self, request: Request) -> Findings:
        until = time.monotonic() + request.limit_s + GRACE_S
        with self._start() as process:
            try:
                answer = _exchange(process, protocol.encode_request(request), until)
            except TimeoutError as error:
                raise overdue(process.pid, request.limit_s) from error
            finally:
                with self._lock:
                    self._kill()
        if not answer:
            raise obituary(process.returncode)
        return protocol.decode_answer(answer)

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._ended:
                raise DiedError("nobody waits for it")
            self._process = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,  # a request that nobody took must not be tried again when this ends
                env={},
                cwd=self._folder,
                umask=0o077,
                start_new_session=True,
            )
            return self._process

    def _kill(self) -> None:
        # Only before the process is reaped: until then its id, which is also its group's, is not
        # given to another. What it started is in that group.
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


def _exchange(process: "subprocess.Popen[bytes]", request: bytes, until: float) -> bytes:
    """Ask, and read the answer to its end, or as much of it as there may be.

    Raises:
        TimeoutError: there is no end of it in time.
    """
    if process.stdin is None or process.stdout is None:
        raise OSError(errno.EBADF, "no pipes")
    with suppress(BrokenPipeError):
        process.stdin.write(request)  # all of it: a pipe takes much more than a request
    answer = b""
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    while poll.poll(max(0.0, until - time.monotonic()) * 1000):
        piece = os.read(process.stdout.fileno(), protocol.MOST_ANSWER_BYTES)
        answer += piece
        if not piece or len(answer) > protocol.MOST_ANSWER_BYTES:
            return answer
    raise TimeoutError


def inspection(kind: MediaKind, found: Findings, converted: Path | None) -> Inspection:
    """What was found, for the botnode."""
    return Inspection(
        kind=kind,
        content_type=found.content_type,
        width=found.width,
        height=found.height,
        duration_ms=found.duration_ms,
        thumbnail=found.thumbnail,
        waveform=found.waveform,
        animated=found.animated,
        page_count=found.page_count,
        converted=converted,
    )


def mesh_error(refused: RefusedError, field: str) -> MeshError:
    """A refusal, for whoever sent the media."""
    match refused.refusal:
        case Refusal.CONVERSION_UNAVAILABLE:
            text = f"{field} {refused.text}"
            return MeshError(Reason.CONVERSION_UNAVAILABLE, text, metadata={"field": field})
        case Refusal.CONTENT_TYPE:
            return invalid(f"{field}.content_type", refused.text)
        case Refusal.DISK:
            return MeshError(Reason.STORAGE_FULL, "the botnode's disk takes nothing now")
        case Refusal.BUSY:
            return _busy(f"{field} {refused.text}")
        case Refusal.INVALID:
            return invalid(field, refused.text)


def _cannot_look(error: OSError | ProtocolError) -> MeshError:
    trouble = disk_errors.of_system(error) if isinstance(error, OSError) else None
    if trouble is not None:
        return MeshError(Reason.STORAGE_FULL, f"media cannot be looked at: {trouble}")
    if isinstance(error, OSError) and is_short(error):
        return _busy("media cannot be looked at now")
    return _broken(error)


def _no_answer(died: DiedError, field: str) -> MeshError:
    match died.blame:
        case Blame.MEDIA:
            return invalid(field, f"cannot be looked at: {died}")
        case Blame.MACHINE:
            return _busy(f"{field} cannot be looked at now: {died}")
        case Blame.PROGRAM:
            return _broken(died)


def _busy(text: str) -> MeshError:
    log.warning("media_inspection_cut", why=text)
    return MeshError(Reason.BOTNODE_UNAVAILABLE, text, retry_after=RETRY_AFTER)


def _broken(error: Exception) -> MeshError:
    log.error("media_inspection_failed", error=str(error))
    return MeshError(Reason.INTERNAL, "media cannot be looked at")
