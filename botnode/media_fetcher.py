"""Fetches received media from WhatsApp: what came by itself, what is asked for at once.

The rows in state FETCHING are the list of what is to be done, and outlive the process. Where the
next attempt stands is only in memory: a new process begins with all of it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog

from botmesh.errors import REASONS, MeshError, Reason
from botnode import disk_errors, media_rows, media_source
from botnode.inspection import content_type as content_types
from botnode.media import Media, MediaState, media_error
from botnode.media_ports import MediaTransfer, ReceivedMedia
from botnode.media_rows import Announced
from botnode.media_source import Source
from botnode.media_store import MediaStore, type_of
from botnode.media_trouble import too_large
from botnode.media_upload import storage_full
from botnode.session import Session, SessionMachine
from botnode.side_tasks import SideTasks
from botnode.states import SessionState
from botnode.storage import NO_ROOM, Storage
from botnode.store import Store, Transaction
from botnode.threads import in_daemon_thread

log = structlog.get_logger(__name__)

EVENT_KIND = "media_changed"
MOST_AT_ONCE = 2
# How often it is looked whether the disk has room for what comes.
ROOM_CHECK_S = 0.25
# Pauses before a transfer that failed is tried again; they double.
RETRY_AFTER = timedelta(seconds=1)
LONGEST_RETRY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class FetchLimit:
    """What is fetched.

    Attributes:
        by_itself_bytes: the largest media that is fetched on receipt; 0 for none.
        asked_for_bytes: the largest that is fetched when it is asked for.
        together_bytes: all that is there at most before no more is fetched on receipt.
    """

    by_itself_bytes: int = 100 * 1024 * 1024
    asked_for_bytes: int = 100 * 1024 * 1024
    together_bytes: int = 2048 * 1024 * 1024


@dataclass(slots=True)
class _Errand:
    """Media that is to be fetched.

    Attributes:
        asked_for: somebody waits for it.
        failed: how often it failed in a row.
        not_before: when it may be tried; the loop's time.
        trouble: why it failed last.
        least_bytes: it has so many, whatever its sender says.
        held: it waits until it is asked for, or others go.
    """

    asked_for: bool = False
    failed: int = 0
    not_before: float = 0.0
    trouble: MeshError | None = None
    least_bytes: int = 0
    held: bool = False


class _HeldError(Exception):
    """The tenant has so much received media that no more is fetched by itself."""


class MediaFetcher:
    """Fetches received media.

    Args:
        store: node.db.
        media: where it is kept.
        storage: whether there is room.
        machine: tells when there is a line again.
        transfer: the way to WhatsApp's hosts.
        limit: what is fetched.
        encode: the event for media that changed.
    """

    def __init__(
        self,
        store: Store,
        media: MediaStore,
        storage: Storage,
        machine: SessionMachine,
        transfer: MediaTransfer,
        *,
        limit: FetchLimit,
        encode: Callable[[Media], bytes],
    ) -> None:
        self._store = store
        self._media = media
        self._storage = storage
        self._transfer = transfer
        self._limit = limit
        self._encode = encode
        self._errands: dict[str, _Errand] = {}
        self._under_way: dict[str, tuple[int, asyncio.Task[None]]] = {}
        self._beside = SideTasks()
        self._work = asyncio.Event()
        self._connected = False
        media.fetching = self
        machine.observe(self._on_session)
        storage.observe(self._on_storage)

    # -- what is to be fetched

    def add(self, tx: Transaction, account: str, received: ReceivedMedia) -> None:
        """Write media down, with the message that brings it."""
        reference = received.reference
        announced = Announced(
            received.media_id, reference.file_length, reference.file_sha256, received.content_type
        )
        media_rows.add_received(
            tx,
            announced,
            self._media.keeping.received,
            source=media_source.write(Source(account, reference)),
            file_name=received.file_name,
        )

    def came(self, media_id: str) -> None:
        """Media was written down; called on the event loop."""
        if self._limit.by_itself_bytes:
            self._errands.setdefault(media_id, _Errand())
            self._work.set()

    def ask_for(self, media_id: str) -> None:
        """Somebody waits for media: it is next, and soon."""
        errand = self._errands.setdefault(media_id, _Errand())
        errand.asked_for, errand.held = True, False
        # Not at once for every call: those that wait may be many.
        soon = asyncio.get_running_loop().time() + RETRY_AFTER.total_seconds()
        errand.not_before = min(errand.not_before, soon)
        self._work.set()

    def room_came(self) -> None:
        """Media is gone: what is held may be fetched."""
        for errand in self._errands.values():
            if errand.held:
                errand.held, errand.not_before = False, 0.0
        self._work.set()

    def trouble(self, media_id: str) -> MeshError | None:
        """Why media was not fetched when it was tried last."""
        errand = self._errands.get(media_id)
        return None if errand is None else errand.trouble

    # -- doing it

    async def run(self) -> None:
        """Fetch what is to be fetched; never returns. Cancelled, it ends what is under way."""
        if self._limit.by_itself_bytes:
            for media_id in await self._store.read(media_rows.fetching):
                self._errands.setdefault(media_id, _Errand())
        try:
            while True:
                self._work.clear()
                pause_s = self._begin()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._work.wait()
        finally:
            for _, task in self._under_way.values():
                task.cancel()

    def _begin(self) -> float | None:
        """Begin what may begin now; return seconds until the next may, None for a call."""
        if self._storage.error:
            return None
        time = asyncio.get_running_loop().time()
        waiting = [item for item in self._errands.items() if item[0] not in self._under_way]
        waiting = [item for item in waiting if not item[1].held]
        due = [item for item in waiting if item[1].not_before <= time]
        due.sort(key=lambda item: not item[1].asked_for)
        for media_id, errand in due[: MOST_AT_ONCE - len(self._under_way)]:
            task = self._beside.spawn(self._fetch(media_id, errand))
            self._under_way[media_id] = (0, task)
            task.add_done_callback(lambda _, media_id=media_id: self._ended(media_id))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        later = [errand.not_before - time for _, errand in waiting if errand.not_before > time]
        return min(later, default=None)

    def _ended(self, media_id: str) -> None:
        del self._under_way[media_id]
        if (errand := self._errands.get(media_id)) is not None and not errand.held:
            pause = min(RETRY_AFTER * (1 << min(errand.failed, 16)), LONGEST_RETRY)
            errand.failed += 1
            errand.not_before = asyncio.get_running_loop().time() + pause.total_seconds()
        self._work.set()

    def _on_session(self, session: Session) -> None:
        """What failed may work now that there is a line again."""
        connected = session.state is SessionState.CONNECTED
        if connected and not self._connected:
            self._try_all()
        self._connected = connected

    def _on_storage(self, error: str) -> None:
        if not error:
            self._try_all()

    def _try_all(self) -> None:
        for errand in self._errands.values():
            errand.not_before = 0.0
        self._work.set()

    # -- one errand

    async def _fetch(self, media_id: str, errand: _Errand) -> None:
        media = await self._store.read(lambda c: media_rows.find(c, media_id))
        if media is None or media.state is not MediaState.FETCHING or media.source is None:
            del self._errands[media_id]
            return
        source = media_source.read(media.source)
        try:
            size, content_type = await self._bring(media, source, errand)
        except _HeldError:
            log.info("media_held", media_id=media_id)
        except MeshError as error:
            errand.trouble = media_error(Reason(error.reason), media_id, error.message)
            errand.trouble.retry_after = error.retry_after
            log.warning("media_not_fetched", media_id=media_id, reason=error.reason)
            await self._remove(media)
            if not error.retryable:
                await self._settle(source, partial(_fail, media_id=media_id, error=error))
                del self._errands[media_id]
        else:
            kept = self._media.keeping.received
            done = await self._settle(
                source, lambda tx: media_rows.finish(tx, media_id, content_type, kept, size)
            )
            del self._errands[media_id]
            if not done:  # deleted meanwhile
                await self._remove(media)

    async def _bring(self, media: Media, source: Source, errand: _Errand) -> tuple[int, str]:
        """Fetch the file; return its size and what it is, once it is on disk."""
        limit = self._limit.asked_for_bytes if errand.asked_for else self._limit.by_itself_bytes
        if media.size_bytes > limit:
            raise too_large(limit)
        path, room = self._media.files.path(media.file_id), await self._room(media, errand)
        try:
            size = await self._download(source, path, min(limit, room))
            await in_daemon_thread(lambda: self._media.files.settle(media.file_id), "media-settle")
            found = await in_daemon_thread(lambda: content_types.detect(path), "media-detect")
        except MeshError as error:
            if error.reason is not Reason.MEDIA_TOO_LARGE or room >= limit:
                raise
            # It has more bytes than its sender says, and more than there is room for.
            errand.least_bytes = room + 1
            raise storage_full(media.media_id, NO_ROOM) from error
        except OSError as error:
            if disk := disk_errors.of_system(error):
                raise storage_full(media.media_id, disk) from error
            text = f"the file cannot be written: {error.strerror}"
            raise media_error(Reason.MEDIA_TRANSFER_FAILED, media.media_id, text) from error
        return size, type_of(media.content_type, found)

    async def _room(self, media: Media, errand: _Errand) -> int:
        """How many bytes it may have. What its sender says is believed only if it is more."""
        size = max(media.size_bytes, errand.least_bytes)
        others = sum(size for size, _ in self._under_way.values())
        if trouble := self._storage.lacks_room_for(size + others):
            raise storage_full(media.media_id, trouble)
        _, task = self._under_way[media.media_id]
        self._under_way[media.media_id] = (size, task)
        room = self._storage.media_room_bytes() - others
        there = await self._store.read(media_rows.received_bytes)
        if errand.asked_for:
            return room
        left = self._limit.together_bytes - there - others
        if left < size:
            errand.held = True
            raise _HeldError
        return min(room, left)

    async def _download(self, source: Source, path: Path, limit_bytes: int) -> int:
        """Fetch the file, as long as the disk has room: others write there, too."""
        loading = asyncio.ensure_future(
            self._transfer.download(source.reference, path, limit_bytes)
        )
        try:
            while not loading.done():
                await asyncio.wait({loading}, timeout=ROOM_CHECK_S)
                if not loading.done() and (trouble := self._storage.lacks_room_for(0)):
                    raise storage_full("", trouble)
            return loading.result()
        finally:
            if loading.cancel():
                await asyncio.wait({loading})
                if not loading.cancelled():
                    loading.exception()  # seen: it is given up

    async def _settle(self, source: Source, change: Callable[[Transaction], Media | None]) -> bool:
        """Write down how it ended, with the event; whether the media is still there."""

        def write(tx: Transaction) -> bool:
            changed = change(tx)
            if changed is not None and not changed.deleted:
                tx.append_event(EVENT_KIND, source.account, self._encode(changed))
            return changed is not None

        settled = await self._store.write(write, durable=True)
        self._media.changed()
        return settled

    async def _remove(self, media: Media) -> None:
        await in_daemon_thread(lambda: self._media.files.remove(media.file_id), "media-remove")


def _fail(tx: Transaction, *, media_id: str, error: MeshError) -> Media | None:
    reason = Reason(error.reason) if error.reason in REASONS else Reason.MEDIA_TRANSFER_FAILED
    return media_rows.fail(tx, media_id, reason, error.message)
