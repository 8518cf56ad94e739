"""One upload under way: takes pieces in until the media is whole."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

from botmesh.errors import MeshError, Reason
from botnode import disk_errors
from botnode.media import Media, media_error
from botnode.media_files import PartFile
from botnode.session_errors import RETRY_AFTER
from botnode.threads import DaemonThread, in_daemon_thread

# So long a call may bring nothing; then it ends, and the upload can go on with another.
IDLE_S = 60.0


class Upload:
    """What one call brings of one medium.

    Args:
        media: its row.
        file: opened at its end.
        disk: the thread that writes.
        disk_trouble: why so many bytes cannot be written now, in words; empty while all is well.
    """

    def __init__(
        self, media: Media, file: PartFile, disk: DaemonThread, disk_trouble: Callable[[int], str]
    ) -> None:
        self.media = media
        self._file = file
        self._disk = disk
        self._disk_trouble = disk_trouble
        self._taking: asyncio.Task[bytes] | None = None
        self._ended = asyncio.Event()
        self._taken_over = False

    @property
    def stored_bytes(self) -> int:
        """How many bytes are in the file."""
        return self._file.size

    @property
    def missing_bytes(self) -> int:
        """How many are to come."""
        return self.media.size_bytes - self._file.size

    async def run(self, pieces: AsyncIterator[bytes]) -> None:
        """Write the pieces down, in order; return when all are on disk and as announced.

        Raises:
            MeshError: MEDIA_INCOMPLETE if no more pieces come and the media is not whole,
                MEDIA_OFFSET_WRONG if another call took the upload over, MEDIA_DAMAGED,
                STORAGE_FULL; what the pieces raise.
        """
        taking = self._taking = asyncio.ensure_future(self._take_in(pieces))
        try:
            sha256 = await taking
        except asyncio.CancelledError:
            if self._taken_over:
                raise offset_wrong(self.media.media_id, self.stored_bytes) from None
            raise
        finally:
            # Behind the write in hand, on its thread: that must not find another file's number.
            with contextlib.suppress(asyncio.CancelledError):
                await self._disk.run(self._file.close)
            self._ended.set()
        if sha256 != self.media.sha256:
            text = "the bytes that came have another SHA-256 than was announced"
            raise media_error(Reason.MEDIA_DAMAGED, self.media.media_id, text)

    async def take_over(self) -> None:
        """End this call, for another that goes on with the upload; return when it wrote last."""
        self._taken_over = True
        if self._taking is not None:
            self._taking.cancel()
            await self._ended.wait()

    async def _take_in(self, pieces: AsyncIterator[bytes]) -> bytes:
        media_id = self.media.media_id
        while piece := await self._next(pieces):
            if len(piece) > self.missing_bytes:
                text = f"more bytes came than the {self.media.size_bytes} that were announced"
                raise media_error(Reason.MEDIA_DAMAGED, media_id, text)
            if trouble := self._disk_trouble(len(piece)):
                raise storage_full(media_id, trouble)
            await self._write(piece)
        if self.missing_bytes:
            raise self._incomplete()
        with _typed(media_id):
            return await in_daemon_thread(self._file.finish, "media-finish")

    async def _next(self, pieces: AsyncIterator[bytes]) -> bytes:
        """The next piece; empty after the last."""
        try:
            async with asyncio.timeout(IDLE_S):
                return await anext(pieces, b"")
        except TimeoutError:
            raise self._incomplete(f"nothing came for {IDLE_S:g} s; ") from None

    def _incomplete(self, why: str = "") -> MeshError:
        stored = self.stored_bytes
        text = f"{why}{stored} of {self.media.size_bytes} bytes are there; the upload can go on"
        media_id = self.media.media_id
        return media_error(Reason.MEDIA_INCOMPLETE, media_id, text, stored_bytes=str(stored))

    async def _write(self, piece: bytes) -> None:
        with _typed(self.media.media_id):
            await self._disk.run(lambda: self._file.write(piece))


@contextlib.contextmanager
def _typed(media_id: str) -> Iterator[None]:
    """Turns an error of the disk into STORAGE_FULL."""
    try:
        yield
    except OSError as error:
        trouble = disk_errors.of_system(error)
        if trouble is None:
            raise
        raise storage_full(media_id, trouble) from error


def offset_wrong(media_id: str, stored_bytes: int) -> MeshError:
    """The upload goes on elsewhere than its caller thinks."""
    return media_error(
        Reason.MEDIA_OFFSET_WRONG,
        media_id,
        f"the upload goes on at {stored_bytes}",
        stored_bytes=str(stored_bytes),
    )


def storage_full(media_id: str, why: str) -> MeshError:
    """There is no room for the media."""
    error = media_error(Reason.STORAGE_FULL, media_id, f"the media cannot be stored: {why}")
    error.retry_after = RETRY_AFTER
    return error
