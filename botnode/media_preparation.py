"""What is done with a message's media before the message is accepted: found, looked at, stored."""

import asyncio
import contextlib
import dataclasses
import hashlib
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from botmesh.errors import MeshError, Reason, Violation
from botmesh.v1 import message_pb2
from botnode import content_media, disk_errors, media_rows, media_uploads, originals
from botnode.clock import now
from botnode.content_media import LARGEST, LARGEST_STILL_STICKER, GivenMedia
from botnode.media import Media, MediaState, media_error
from botnode.media_files import PartFile
from botnode.media_inspection import Inspection, MediaKind
from botnode.media_rows import Announced
from botnode.media_store import UNKNOWN_TYPE, MediaStore, unavailable
from botnode.media_upload import storage_full
from botnode.message import OutboundMessage
from botnode.outbox import SendCommand
from botnode.side_tasks import SideTasks
from botnode.storage import Storage
from botnode.store import Store, Transaction
from botnode.threads import in_daemon_thread

ASK_AGAIN_AFTER = timedelta(seconds=1)
# Looks of a tenant that may be under way, or wait for their turn.
MOST_LOOKS = 64


class Inspector(Protocol):
    """Looks at media; see `media_inspection.MediaInspector`."""

    async def inspect(
        self,
        path: Path,
        kind: MediaKind,
        field: str,
        *,
        content_type: str = "",
        file_name: str = "",
    ) -> Inspection:
        """Find out whether a file can be sent as a kind, and what phones need to know of it."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Media that can go out.

    Attributes:
        media: what goes out.
        description: a content with nothing but what the media is.
        made: the ids of what was stored for it.
    """

    media: Media
    description: message_pb2.MessageContent
    made: tuple[str, ...] = ()


class MediaPreparation:
    """Prepares the media of messages. The same media is looked at once, whoever asks for it."""

    def __init__(
        self, store: Store, media: MediaStore, storage: Storage, inspector: Inspector
    ) -> None:
        self._store = store
        self._media = media
        self._storage = storage
        self._inspector = inspector
        self._under_way: dict[tuple[str, str], asyncio.Task[Prepared]] = {}
        self._looking = 0
        self._in_use: Counter[str] = Counter()
        self._beside = SideTasks()

    @contextlib.asynccontextmanager
    async def prepared(
        self, command: SendCommand, given: GivenMedia, wait_s: float
    ) -> AsyncIterator[SendCommand]:
        """The command with what its media is. Nothing is stored of media that cannot be sent.

        A look that takes longer than the caller waits goes on; its request comes again. What was
        stored of the bytes of a message that is then refused goes away.

        Raises:
            MeshError: INVALID_REQUEST, CONVERSION_UNAVAILABLE, MEDIA_NOT_FOUND, MEDIA_INCOMPLETE,
                MEDIA_TOO_LARGE, STORAGE_FULL, QUEUE_FULL when too many looks wait, or why received
                media could not be fetched; BOTNODE_UNAVAILABLE when the time is over.
        """
        prepared = await self._prepared(command, given, wait_s)
        made = prepared.made if given.data else ()
        self._in_use.update(made)
        try:
            yield self._with(command, given, prepared)
        except BaseException:
            unused = [media_id for media_id in made if self._in_use[media_id] == 1]
            if unused:
                self._beside.spawn(self._remove_unused(unused))
            raise
        finally:
            self._in_use.subtract(made)
            self._in_use = +self._in_use

    async def _remove_unused(self, media_ids: list[str]) -> None:
        file_ids = await self._store.write(
            lambda tx: media_rows.remove_unused(tx, media_ids), durable=True
        )
        await in_daemon_thread(lambda: self._media.files.remove(*file_ids), "media-remove")

    async def _prepared(self, command: SendCommand, given: GivenMedia, wait_s: float) -> Prepared:
        source = given.media_id or hashlib.sha256(given.data).hexdigest()
        key = (source, given.look)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = self._beside.spawn(self._look(given))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        try:
            async with asyncio.timeout(wait_s):
                return await asyncio.shield(task)
        except TimeoutError:
            raise MeshError(
                Reason.BOTNODE_UNAVAILABLE,
                "the media is still looked at; ask again with the same request_id",
                metadata={"request_id": command.request_id},
                retry_after=ASK_AGAIN_AFTER,
            ) from None

    def _with(self, command: SendCommand, given: GivenMedia, prepared: Prepared) -> SendCommand:
        content = message_pb2.MessageContent.FromString(command.content)
        content.MergeFrom(prepared.description)
        part = content_media.part_of(content)
        part.media.media_id = prepared.media.media_id
        part.media.size_bytes = prepared.media.size_bytes
        part.media.sha256 = prepared.media.sha256

        def attach(tx: Transaction, message: OutboundMessage) -> OutboundMessage:
            media_id = prepared.media.media_id
            used = media_rows.use(tx, media_id, self._media.keeping.uploaded)
            if used is None or used.deleted:
                raise media_error(Reason.MEDIA_NOT_FOUND, media_id)
            is_there = media_uploads.is_fresh(tx.connection, message.account, media_id, given.kind)
            return dataclasses.replace(
                message, media_id=media_id, media_kind=given.kind, media_pending=not is_there
            )

        return dataclasses.replace(
            command,
            content=content.SerializeToString(deterministic=True),
            complete=originals.completion(content, command.recipient_jid),
            attach=attach,
        )

    # -- one look

    async def _look(self, given: GivenMedia) -> Prepared:
        known = await self._known(given)
        if known is not None:
            _check_size(given, known.size_bytes, LARGEST[given.kind])
            found = await self._store.read(lambda c: _looked_at(c, known, given.look))
            if found is not None:
                return found
        with self._place():
            if known is not None:
                try:
                    return await self._inspect(given, known, is_new=False)
                except Exception:
                    if await self._is_there(known):
                        raise
                    if given.media_id:  # deleted during the look
                        raise media_error(Reason.MEDIA_NOT_FOUND, given.media_id) from None
            media = await self._write_down(given)
            given = dataclasses.replace(given, data=b"")  # not kept in memory until it has its turn
            try:
                return await self._inspect(given, media, is_new=True)
            except BaseException:
                self._media.files.remove(media.file_id)
                raise

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        """One of the places of those that look, or wait for their turn to."""
        if self._looking >= MOST_LOOKS:
            text = f"{MOST_LOOKS} media of this tenant wait already to be looked at"
            raise MeshError(Reason.QUEUE_FULL, text, retry_after=ASK_AGAIN_AFTER)
        self._looking += 1
        try:
            yield
        finally:
            self._looking -= 1

    async def _is_there(self, media: Media) -> bool:
        return await self._store.read(lambda c: media_rows.find(c, media.media_id)) is not None

    async def _known(self, given: GivenMedia) -> Media | None:
        """The stored media that is meant, or that has the given bytes."""
        if not given.media_id:
            sha256, size = hashlib.sha256(given.data).digest(), len(given.data)
            return await self._store.read(lambda c: media_rows.find_same(c, sha256, size))
        media = await self._media.get(given.media_id)
        if media.state is MediaState.FETCHING:
            text = "the media is not fetched from WhatsApp yet"
            raise media_error(Reason.MEDIA_INCOMPLETE, media.media_id, text)
        if media.state is not MediaState.AVAILABLE:
            raise unavailable(media)
        return media

    async def _write_down(self, given: GivenMedia) -> Media:
        """The given bytes in a file; it has no row yet."""
        if trouble := self._storage.lacks_room_for(len(given.data)):
            raise storage_full("", trouble)

        def write(path: Path) -> None:
            file = PartFile(path)
            try:
                file.write(given.data)
            finally:
                file.close()

        return await self._filed(write)

    async def _filed(self, make: Callable[[Path], object]) -> Media:
        """Media of a file that is made now; it has no row yet."""
        file_id = str(uuid.uuid4())
        path = self._media.files.path(file_id)
        try:
            size, sha256 = await in_daemon_thread(lambda: _made(path, make), "media-file")
        except OSError as error:
            if (trouble := disk_errors.of_system(error)) is None:
                raise
            raise storage_full("", trouble) from error
        time = now()
        media_id = str(uuid.uuid4())
        return Media(media_id, file_id, MediaState.AVAILABLE, "", size, sha256, time, time, size)

    async def _inspect(self, given: GivenMedia, media: Media, *, is_new: bool) -> Prepared:
        """Look at a file; write down what it turned out to be, and its row if it has none."""
        # What is made of it is about as large.
        may_change = given.form is not MediaKind.DOCUMENT
        if may_change and (trouble := self._storage.lacks_room_for(media.size_bytes)):
            raise storage_full(given.media_id, trouble)
        found = await self._inspector.inspect(
            self._media.files.path(media.file_id),
            given.form,
            given.path,
            content_type=given.content_type or _uploaded_as(media, given),
            file_name=given.file_name,
        )
        made, converted = found.converted, None
        if made is not None:
            converted = await self._filed(made.rename)
        try:
            sent = converted or media
            still = given.kind == "sticker" and not found.animated
            largest = LARGEST_STILL_STICKER if still else LARGEST[given.kind]
            _check_size(given, sent.size_bytes, largest)
            description = content_media.described(given.kind, found)
            new = ([media] if is_new else []) + ([converted] if converted else [])
            content = description.SerializeToString(deterministic=True)

            def write(tx: Transaction) -> None:
                for one in new:
                    content_type = found.content_type if one is sent else given.content_type
                    self._add(tx, one, content_type or UNKNOWN_TYPE)
                media_rows.add_look(tx, media.media_id, given.look, sent.media_id, content)

            await self._store.write(write)
        except BaseException:
            if converted is not None:
                self._media.files.remove(converted.file_id)
            raise
        return Prepared(sent, description, tuple(one.media_id for one in new))

    def _add(self, tx: Transaction, media: Media, content_type: str) -> None:
        # Until it goes out with a message it is kept no longer than an upload that was given up.
        kept = self._media.keeping.unfinished
        announced = Announced(media.media_id, media.size_bytes, media.sha256, content_type)
        media_rows.add_file(tx, announced, media.file_id, kept)


def _uploaded_as(media: Media, given: GivenMedia) -> str:
    """The type that a document's uploader gave; of received media it is a stranger's word."""
    if given.kind != "document" or media.received or media.content_type == UNKNOWN_TYPE:
        return ""
    return media.content_type


def _looked_at(connection: Connection, media: Media, form: str) -> Prepared | None:
    """What an earlier look found, if what it made is still there."""
    look = media_rows.find_look(connection, media.media_id, form)
    if look is None:
        return None
    sent_media_id, content = look
    sent = media_rows.find(connection, sent_media_id)
    if sent is None or sent.deleted:
        return None
    return Prepared(sent, message_pb2.MessageContent.FromString(content))


def _made(path: Path, make: Callable[[Path], object]) -> tuple[int, bytes]:
    """Size and SHA-256 of a file that is made, and on disk; blocks."""
    try:
        make(path)
        file = PartFile(path)
        try:
            return file.size, file.finish()
        finally:
            file.close()
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _check_size(given: GivenMedia, size_bytes: int, most_bytes: int) -> None:
    if size_bytes > most_bytes:
        text = f"has {size_bytes} bytes, {most_bytes} at most"
        raise MeshError(
            Reason.MEDIA_TOO_LARGE,
            f"{given.path}: {text}",
            violations=[Violation(given.path, text)],
        )
