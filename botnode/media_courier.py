"""Brings the media of waiting messages to WhatsApp, before their attempts begin.

So a transfer that is cut surely sent nothing, and a slow one holds up its own recipient alone.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from botmesh.errors import REASONS, MeshError, Reason
from botnode import disk_errors, media_rows, media_uploads
from botnode.media import Media, MediaState
from botnode.media_files import MediaFiles
from botnode.media_ports import MediaKind, MediaTransfer, Uploaded
from botnode.message import Delivery, OutboundMessage
from botnode.message_row import find
from botnode.messages import MessageRows
from botnode.session import SessionMachine
from botnode.side_tasks import SideTasks
from botnode.store import Store, Transaction

log = structlog.get_logger(__name__)

# A slow one must not hold up all others.
MOST_AT_ONCE = 3
# Pauses before a transfer that failed is tried again; they double.
RETRY_AFTER = timedelta(seconds=1)
LONGEST_RETRY = timedelta(minutes=5)

# Media, and as what it goes out.
_Load = tuple[str, str]


@dataclass(slots=True)
class _Setback:
    """Transfers of one load that failed in a row, and when the next may be; the loop's time."""

    failed: int
    not_before: float


class MediaCourier:
    """The one who brings media to WhatsApp.

    Args:
        publish: told of every message that changed.
        brought: told that messages may go out now.
    """

    def __init__(
        self,
        store: Store,
        rows: MessageRows,
        machine: SessionMachine,
        files: MediaFiles,
        transfer: MediaTransfer,
        *,
        publish: Callable[..., None],
        brought: Callable[[], None],
    ) -> None:
        self._store = store
        self._rows = rows
        self._machine = machine
        self._files = files
        self._transfer = transfer
        self._publish = publish
        self._brought = brought
        self._work = asyncio.Event()
        self._under_way: dict[_Load, asyncio.Task[None]] = {}
        self._setbacks: dict[_Load, _Setback] = {}
        self._beside = SideTasks()
        machine.observe(lambda _: self._work.set())

    def wake(self) -> None:
        """A message waits for its media to be at WhatsApp."""
        self._work.set()

    async def run(self) -> None:
        """Bring what is waited for; never returns. Cancelled, it ends what is under way."""
        self._work.set()
        try:
            while True:
                pause_s = await self._begin()
                try:
                    async with asyncio.timeout(pause_s):
                        await self._work.wait()
                except TimeoutError:
                    pass
                self._work.clear()
        finally:
            for task in self._under_way.values():
                task.cancel()

    async def _begin(self) -> float | None:
        """Begin what may begin now; return seconds until the next may, None for a call."""
        if not self._machine.current.can_send:
            return None
        loads = await self._store.read(media_uploads.wanted)
        time = asyncio.get_running_loop().time()
        self._setbacks = {load: self._setbacks[load] for load in loads if load in self._setbacks}
        pauses = []
        for load in loads:
            if load in self._under_way:
                continue
            setback = self._setbacks.get(load)
            if setback is not None and setback.not_before > time:
                pauses.append(setback.not_before - time)
            elif len(self._under_way) < MOST_AT_ONCE:
                task = self._under_way[load] = self._beside.spawn(self._bring(load))
                task.add_done_callback(lambda _, load=load: self._ended(load))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        return min(pauses, default=None)

    def _ended(self, load: _Load) -> None:
        del self._under_way[load]
        self._work.set()

    # -- one load

    async def _bring(self, load: _Load) -> None:
        try:
            await self._try(load)
        except Exception:
            self._set_back(load)  # whatever it is: nothing is tried again at once
            raise

    async def _try(self, load: _Load) -> None:
        media_id, kind = load
        media = await self._store.read(lambda c: media_rows.find(c, media_id))
        try:
            uploaded = await self._upload(media, kind)
        except MeshError as error:
            log.warning("media_not_brought", media_id=media_id, reason=error.reason)
            await self._note(load, error)
        else:
            await self._store.write(
                lambda tx: media_uploads.add(tx, media_id, kind, uploaded), durable=True
            )
            self._setbacks.pop(load, None)
            self._brought()

    async def _upload(self, media: Media | None, kind: str) -> Uploaded:
        if media is None or media.state is not MediaState.AVAILABLE:
            raise MeshError(Reason.MEDIA_NOT_FOUND, "the media is not there any more")
        try:
            return await self._transfer.upload(self._files.path(media.file_id), MediaKind(kind))
        except FileNotFoundError as error:
            raise MeshError(Reason.MEDIA_NOT_FOUND, "the media's file is missing") from error
        except OSError as error:
            trouble = disk_errors.of_system(error) or f"it cannot be read: {error.strerror}"
            raise MeshError(Reason.MEDIA_TRANSFER_FAILED, trouble) from error
        except MeshError:
            raise
        except Exception as error:
            log.exception("media_transfer_broke", media_id=media.media_id)
            text = "the botnode could not move the media; its log tells"
            raise MeshError(Reason.MEDIA_TRANSFER_FAILED, text) from error

    def _set_back(self, load: _Load) -> None:
        failed = self._setbacks[load].failed + 1 if load in self._setbacks else 1
        pause = min(RETRY_AFTER * (1 << min(failed - 1, 16)), LONGEST_RETRY)
        time = asyncio.get_running_loop().time()
        self._setbacks[load] = _Setback(failed, time + pause.total_seconds())

    async def _note(self, load: _Load, error: MeshError) -> None:
        """Fail the messages that cannot wait; the others are tried again after a while."""
        changed = await self._store.write(lambda tx: self._fail(tx, load, error), durable=True)
        if error.retryable:
            self._set_back(load)
        self._publish(*changed)
        self._brought()  # what waited behind a message that failed

    def _fail(self, tx: Transaction, load: _Load, error: MeshError) -> list[OutboundMessage | None]:
        reason = Reason(error.reason) if error.reason in REASONS else Reason.MEDIA_TRANSFER_FAILED
        changed = []
        for message_id in media_uploads.waiting_ids(tx.connection, *load):
            message = find(tx.connection, message_id)
            assert message is not None  # noqa: S101 - of the same transaction
            waits = error.retryable and (
                message.delivery is Delivery.QUEUE
                # The session is down: whoever watches it says what that means for NOW.
                or reason is not Reason.MEDIA_TRANSFER_FAILED
            )
            if not waits:
                changed.append(self._rows.failed(tx, message_id, reason, error.message))
            elif (message.reason, message.detail) != (reason, error.message):
                changed.append(self._rows.media_delayed(tx, message_id, reason, error.message))
        return changed
