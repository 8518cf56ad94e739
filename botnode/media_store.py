"""The tenant's media: its rows in node.db and its files, kept in agreement.

A file is on disk before its row says so, and a row goes before its file does; what a crash leaves
between the two is removed at the next start.
"""

import asyncio
import contextlib
import dataclasses
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Protocol

import structlog
from sqlalchemy import Connection

from botmesh.errors import MeshError, Reason
from botnode import media_rows
from botnode.inspection import content_type as content_types
from botnode.media import Keeping, Media, MediaState, media_error
from botnode.media_files import MediaFiles, PartFile
from botnode.media_rows import Announced
from botnode.media_upload import Upload, offset_wrong, storage_full
from botnode.session_errors import RETRY_AFTER
from botnode.side_tasks import SideTasks
from botnode.storage import Storage
from botnode.store import Store
from botnode.threads import DaemonThread, in_daemon_thread

log = structlog.get_logger(__name__)

# The most that one item of a download has; also what is read of a file at once.
PIECE_BYTES = 65_536
TRIM_EVERY_S = 3600.0
# Uploads that a tenant may have under way.
MOST_UPLOADS = 16
# So long an upload that failed waits for its row to be gone: on a full disk it stays for a while.
REMOVAL_S = 0.5
UNKNOWN_TYPE = "application/octet-stream"


class Fetching(Protocol):
    """What fetches received media."""

    def ask_for(self, media_id: str) -> None:
        """Somebody waits for media."""

    def room_came(self) -> None:
        """Media is gone."""

    def trouble(self, media_id: str) -> MeshError | None:
        """Why media was not fetched when it was tried last."""


class MediaStore:
    """The tenant's media.

    Args:
        store: node.db.
        files: the folder.
        storage: whether there is room.
        keeping: how long to keep what.

    Attributes:
        fetching: fetches what was received; None before the tenant is put together.
    """

    def __init__(
        self, store: Store, files: MediaFiles, storage: Storage, keeping: Keeping | None = None
    ) -> None:
        self._store = store
        self._storage = storage
        self._uploads: dict[str, Upload] = {}
        self._starting = asyncio.Lock()
        self._beside = SideTasks()
        self._writing = DaemonThread("media-write")
        self._reading = DaemonThread("media-read")
        self._news = asyncio.Event()
        self.fetching: Fetching | None = None
        self.files = files
        self.keeping = keeping or Keeping()

    async def open(self) -> None:
        """Remove the files that have no row, and the rows that have no file."""
        known = await self._store.read(media_rows.all_files)
        lost = await in_daemon_thread(lambda: self._compare(known), "media-compare")
        if lost:
            ids = [media.media_id for media in lost]
            await self._store.write(lambda tx: media_rows.remove(tx, ids), durable=True)
            await in_daemon_thread(
                lambda: self.files.remove(*(media.file_id for media in lost)), "media-remove"
            )

    def _compare(self, known: list[Media]) -> list[Media]:
        """Remove the files of nobody; return the media whose file is not what it should be."""
        strangers = self.files.remove_others({media.file_id for media in known})
        lost = [
            media
            for media in known
            if not self.files.exists(media.file_id)
            or (
                media.state is MediaState.AVAILABLE
                and self.files.size(media.file_id) != media.size_bytes
            )
        ]
        if strangers or lost:
            log.info("media_tidied", files_without_rows=strangers, rows_without_files=len(lost))
        return lost

    async def run(self) -> None:
        """Forget now and then what is too old; never returns."""
        while True:
            await self.trim()
            await asyncio.sleep(TRIM_EVERY_S)

    async def trim(self) -> None:
        """Forget what is too old, or deleted, and waits for no message."""
        while True:
            under_way = list(self._uploads)
            gone = await self._store.write(
                lambda tx, under_way=under_way: media_rows.remove_expired(tx, under_way),  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                durable=True,
            )
            if not gone:
                return
            await in_daemon_thread(lambda gone=gone: self.files.remove(*gone), "media-remove")  # type: ignore[misc]  # as above
            log.info("media_forgotten", count=len(gone))
            self._made_room()

    # -- looking

    async def get(self, media_id: str) -> Media:
        """The media as it stands.

        Raises:
            MeshError: MEDIA_NOT_FOUND.
        """
        return self._as_it_stands(await self._store.read(_finder(media_id)))

    def _as_it_stands(self, media: Media) -> Media:
        if media.state is not MediaState.UPLOADING:
            return media
        upload = self._uploads.get(media.media_id)
        stored = upload.stored_bytes if upload else self.files.size(media.file_id)
        return dataclasses.replace(media, stored_bytes=stored)

    async def available(self, media_id: str) -> Media:
        """Media whose bytes are there.

        Raises:
            MeshError: MEDIA_NOT_FOUND, MEDIA_INCOMPLETE, or why it cannot be fetched.
        """
        media = await self.get(media_id)
        if media.state is not MediaState.AVAILABLE:
            raise unavailable(media)
        return media

    async def fetched(self, media_id: str, wait_s: float) -> Media:
        """The same, and media that is still fetched from WhatsApp is waited for.

        Raises:
            MeshError: as `available`; why it was not fetched yet, when the time is over.
        """
        deadline = asyncio.get_running_loop().time() + wait_s
        asked = False
        while True:
            news = self._news
            media = await self.get(media_id)
            if media.state is not MediaState.FETCHING:
                break
            if self.fetching is not None and not asked:
                self.fetching.ask_for(media_id)
                asked = True
            try:
                async with asyncio.timeout_at(deadline):
                    await news.wait()
            except TimeoutError:
                raise self._not_fetched(media) from None
        if media.state is not MediaState.AVAILABLE:
            raise unavailable(media)
        return media

    def _not_fetched(self, media: Media) -> MeshError:
        trouble = None if self.fetching is None else self.fetching.trouble(media.media_id)
        return trouble or unavailable(media)

    async def read(self, media: Media, offset: int) -> AsyncGenerator[bytes, None]:
        """The bytes of available media from an offset on, in pieces of at most `PIECE_BYTES`.

        Raises:
            MeshError: MEDIA_NOT_FOUND if it was forgotten meanwhile.
        """
        try:
            fd = await self._reading.run(
                lambda: os.open(self.files.path(media.file_id), os.O_RDONLY | os.O_CLOEXEC),
                undo=os.close,
            )
        except FileNotFoundError:
            raise media_error(Reason.MEDIA_NOT_FOUND, media.media_id) from None
        try:
            while piece := await self._reading.run(lambda: os.pread(fd, PIECE_BYTES, offset)):  # noqa: B023 - run at once
                yield piece
                offset += len(piece)
        finally:
            # On the thread that reads: behind a read in hand, or its number may be another file's.
            await self._reading.run(lambda: os.close(fd))

    # -- uploads

    async def upload(
        self, announced: Announced, offset: int, pieces: AsyncIterator[bytes], *, resumable: bool
    ) -> Media:
        """Take an upload in; one that is whole already is given back at once.

        Args:
            announced: what comes.
            offset: where the pieces begin.
            pieces: the bytes, in order.
            resumable: keep what came if it breaks off.

        Raises:
            MeshError: MEDIA_ID_REUSED, MEDIA_OFFSET_WRONG, MEDIA_INCOMPLETE, MEDIA_DAMAGED,
                STORAGE_FULL, QUEUE_FULL; what the pieces raise.
        """
        async with self._starting:
            if len(self._uploads) >= MOST_UPLOADS and announced.media_id not in self._uploads:
                text = f"{MOST_UPLOADS} uploads of this tenant are under way already"
                raise MeshError(Reason.QUEUE_FULL, text, retry_after=RETRY_AFTER)
            media = await self._claim(announced)
            if media.state is MediaState.AVAILABLE:
                return media
            upload = await self._begin(media, offset)
        try:
            await upload.run(pieces)
        except MeshError as error:
            useless = error.reason in (Reason.MEDIA_DAMAGED, Reason.STORAGE_FULL)
            if self._is_current(upload) and (useless or not resumable):
                await self._forgotten(media)
            raise
        except BaseException:
            if self._is_current(upload) and not resumable:
                self._forget(media)
            raise
        finally:
            if self._is_current(upload):
                del self._uploads[media.media_id]
        return await self._finish(media)

    def _is_current(self, upload: Upload) -> bool:
        """Whether no other call took the upload over, or deleted it."""
        return self._uploads.get(upload.media.media_id) is upload

    async def _claim(self, announced: Announced) -> Media:
        keeping = self.keeping
        return await self._store.write(
            lambda tx: media_rows.claim(tx, announced, keeping.unfinished, keeping.uploaded)
        )

    async def _begin(self, media: Media, offset: int) -> Upload:
        """Go on with the upload at an offset, in place of a call that brings it now."""
        current = self._uploads.get(media.media_id)
        stored = current.stored_bytes if current else self.files.size(media.file_id)
        if offset != stored:
            raise offset_wrong(media.media_id, stored)
        if current is not None:
            await current.take_over()
            if offset != current.stored_bytes:  # of a write that was in hand
                raise offset_wrong(media.media_id, current.stored_bytes)
        # No room is kept for what was announced: whether there is any is looked at as bytes come.
        if trouble := self._storage.lacks_room_for(media.size_bytes - stored):
            if not stored:
                await self._forgotten(media)
            raise storage_full(media.media_id, trouble)
        file = await in_daemon_thread(
            lambda: PartFile(self.files.path(media.file_id)), "media-open", PartFile.close
        )
        upload = Upload(media, file, self._writing, self._storage.lacks_room_for)
        self._uploads[media.media_id] = upload
        return upload

    async def _finish(self, media: Media) -> Media:
        path = self.files.path(media.file_id)
        found = await in_daemon_thread(lambda: content_types.detect(path), "media-detect")
        content_type = type_of(media.content_type, found)
        done = await self._store.write(
            lambda tx: media_rows.finish(
                tx, media.media_id, content_type, self.keeping.uploaded, media.size_bytes
            )
        )
        if done is None:  # deleted meanwhile
            raise media_error(Reason.MEDIA_NOT_FOUND, media.media_id)
        self.changed()
        return done

    async def _forgotten(self, media: Media) -> None:
        """Remove an upload that failed. On a full disk its row goes when there is room again."""
        removal = self._forget(media)
        with contextlib.suppress(TimeoutError, MeshError):
            async with asyncio.timeout(REMOVAL_S):
                await asyncio.wrap_future(removal)

    def _forget(self, media: Media) -> "Future[None]":
        self.files.remove(media.file_id)
        return self._store.submit(lambda tx: media_rows.remove(tx, [media.media_id]), durable=True)

    # -- changes

    async def delete(self, media_id: str) -> None:
        """Forget media, or, if messages wait with it, let it go with the last of them.

        Raises:
            MeshError: STORAGE_FULL where the disk does not even take that; it goes later.
        """
        deleting = self._beside.spawn(self._delete(media_id))
        for last in (False, True):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REMOVAL_S):
                    return await asyncio.shield(deleting)
            if not last:
                await self._make_room_of(media_id)
        raise storage_full(media_id, "it is removed when the disk takes that")

    async def _delete(self, media_id: str) -> None:
        file_id = await self._store.write(
            lambda tx: media_rows.remove_unless_waiting(tx, media_id), durable=True
        )
        if file_id:
            async with self._starting:
                upload = self._uploads.get(media_id)
                if upload is not None and upload.media.file_id == file_id:
                    del self._uploads[media_id]
                    await upload.take_over()
            await in_daemon_thread(lambda: self.files.remove(file_id), "media-remove")
        self._made_room()
        self.changed()

    async def _make_room_of(self, media_id: str) -> None:
        """On a full disk the file of media that is deleted goes first, or nothing would help."""
        media = await self._store.read(lambda c: media_rows.find(c, media_id))
        if not self._storage.failing or media is None or media_id in self._uploads:
            return
        # No message comes to wait with it now: the disk does not take one.
        if not await self._store.read(lambda c: media_rows.is_waited_with(c, media_id)):
            await in_daemon_thread(lambda: self.files.remove(media.file_id), "media-remove")

    def _made_room(self) -> None:
        if self.fetching is not None:
            self.fetching.room_came()

    def changed(self) -> None:
        """Tell those who wait that media may be fetched, or failed."""
        self._news.set()
        self._news = asyncio.Event()


def type_of(said: str, found: str) -> str:
    """The MIME type of media: what its sender says, unless its bytes tell otherwise."""
    if found and (said in ("", UNKNOWN_TYPE) or not content_types.agree(said, found)):
        return found
    return said or UNKNOWN_TYPE


def unavailable(media: Media) -> MeshError:
    """Why the bytes of media are not there."""
    match media.state:
        case MediaState.UPLOADING:
            stored = str(media.stored_bytes)
            return media_error(Reason.MEDIA_INCOMPLETE, media.media_id, stored_bytes=stored)
        case MediaState.FETCHING:
            text = "the media is not fetched from WhatsApp yet"
            error = media_error(Reason.MEDIA_TRANSFER_FAILED, media.media_id, text)
            error.retry_after = timedelta(seconds=2)
            return error
        case _:
            reason = Reason(media.reason or Reason.MEDIA_NOT_FOUND)
            return media_error(reason, media.media_id, media.detail)


def _finder(media_id: str) -> Callable[[Connection], Media]:
    def find(connection: Connection) -> Media:
        media = media_rows.find(connection, media_id)
        if media is None or media.deleted:
            raise media_error(Reason.MEDIA_NOT_FOUND, media_id)
        return media

    return find


def new_id() -> str:
    """An id for media whose sender gave none."""
    return str(uuid.uuid4())
