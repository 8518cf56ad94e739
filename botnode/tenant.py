"""One tenant at work: the parts that need its lease, put together, started and stopped."""

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from botnode import convert, cut_sends, retention
from botnode.chats import Chats
from botnode.connector import Connector
from botnode.contacts import Contacts
from botnode.events import EventLog
from botnode.folder import TenantFolder
from botnode.hearing import Hearing
from botnode.identity import Identity
from botnode.inbox import StoredInbox
from botnode.line import Line, Process, Timing
from botnode.media import Keeping
from botnode.media_courier import MediaCourier
from botnode.media_fetcher import FetchLimit, MediaFetcher
from botnode.media_files import MediaFiles
from botnode.media_inspection import MediaInspector
from botnode.media_ports import MediaTransfer
from botnode.media_preparation import MediaPreparation
from botnode.media_store import MediaStore
from botnode.message import OutboundMessage
from botnode.messages import MessageRows
from botnode.outbox import Outbox
from botnode.ownership import Owned
from botnode.pacer import Pacer, PaceStatus
from botnode.pacing import Pace
from botnode.pairing import PairingHub
from botnode.ports import Inbox, Signal, WhatsApp
from botnode.pump import Library
from botnode.questions import Questions
from botnode.session import SessionMachine
from botnode.session_record import SessionRecord
from botnode.states import SessionState
from botnode.storage import Storage, StorageLimits
from botnode.store import EpochLostError, Store
from botnode.threads import in_daemon_thread

log = structlog.get_logger(__name__)

# How long a stop waits for the library to hang up.
DISCONNECT_S = 2.0

MakeWhatsApp = Callable[[Inbox, asyncio.AbstractEventLoop], WhatsApp]


@dataclasses.dataclass(frozen=True, slots=True)
class MediaWays:
    """What a tenant's media needs.

    Attributes:
        make_transfer: of what moves it to and from WhatsApp.
        keeping: how long it is kept.
        limit: what is fetched of what is received.
        storage: what it leaves free.
    """

    make_transfer: Callable[[Questions], MediaTransfer]
    keeping: Keeping = dataclasses.field(default_factory=Keeping)
    limit: FetchLimit = dataclasses.field(default_factory=FetchLimit)
    storage: StorageLimits = dataclasses.field(default_factory=StorageLimits)


class Tenant:
    """The tenant's parts. Made once the lease is held."""

    def __init__(
        self,
        identity: Identity,
        machine: SessionMachine,
        folder: TenantFolder,
        owned: Owned,
        *,
        make_whatsapp: MakeWhatsApp,
        process: Process,
        timing: Timing | None = None,
        pace: Pace | None = None,
        media: MediaWays,
    ) -> None:
        self._owned = owned
        self._folder = folder
        self._process = process
        self._tasks: set[asyncio.Task[None]] = set()
        self.machine = machine
        self.epoch = owned.epoch
        self.hub = PairingHub()
        self._store = Store(folder.node_db, owned.epoch)
        self._storage = Storage(folder.path, self._store.touch, media.storage)
        self._storage.observe(self._on_storage)
        self._rows = MessageRows(convert.message_event(identity.tenant_id))
        self.events = EventLog(self._store, owned.log_id, convert.stream_item(identity.tenant_id))
        self.pacer = Pacer(pace or Pace(), self._rows)
        loop = asyncio.get_running_loop()
        inbox = StoredInbox(
            self._store,
            self._rows,
            loop,
            account=self._number,
            encode=convert.received_event,
            pacer=self.pacer,
            publish=self._publish,
            media=lambda: self._fetcher,
            crash=process.crash,
            wrote=self._wrote,
        )
        self.whatsapp = make_whatsapp(inbox, loop)
        timing = timing or Timing()
        self.hearing = Hearing(machine, self.whatsapp, self._hear, timing.doubts)
        self.outbox = Outbox(
            self._store,
            self._rows,
            machine,
            Library(
                self.whatsapp,
                find_ids=folder.find_sent_ids_beside,
                generation=lambda: cut_sends.generation_of(folder.session_db),
                sending=self.hearing.sending,
            ),
            self.pacer,
        )
        self.line = Line(
            machine,
            self.whatsapp,
            self.hub,
            self._storage,
            process=dataclasses.replace(process, renew=self._renew),
            delete_keys=folder.delete_session,
            caught_up=self.outbox.pump.caught_up,
            timing=timing,
        )
        self.questions = Questions(machine, self.whatsapp)
        self.chats = Chats(self.questions, machine)
        self.contacts = Contacts(self.questions, self._store, machine)
        files, transfer = MediaFiles(folder.media), media.make_transfer(self.questions)
        self.media = MediaStore(self._store, files, self._storage, media.keeping)
        self._inspector = MediaInspector(folder.inspection)
        self.preparation = MediaPreparation(self._store, self.media, self._storage, self._inspector)
        self._courier = MediaCourier(
            self._store,
            self._rows,
            machine,
            files,
            transfer,
            publish=self._publish,
            brought=self.outbox.pump.wake,
        )
        self.outbox.on_media = self._courier.wake
        self._fetcher = MediaFetcher(
            self._store,
            self.media,
            self._storage,
            machine,
            transfer,
            limit=media.limit,
            encode=convert.media_event,
        )
        self._connector = Connector(self.line, self.hearing.doubt)
        self._record = SessionRecord(self._store, convert.session_event(identity, owned.epoch))

    async def open(self) -> None:
        """Start writing, and settle what an earlier process left behind.

        Looks into session.db, so the library must not run yet.
        """
        loop = asyncio.get_running_loop()

        def on_loop(call: Callable[..., object], *arguments: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(call, *arguments)

        self._store.start(
            on_head=lambda head: on_loop(self.events.grow, head),
            on_lost=lambda: on_loop(self._process.lose, "another process has the folder"),
            on_disk=lambda error: on_loop(self._storage.failed, error),
        )
        self.machine.observe(self._record)
        self._storage.check()
        self._spawn(self._storage.run(), "storage")
        await self.events.load()
        await self.media.open()
        await in_daemon_thread(self._inspector.clean, "inspection-clean")
        await self._settle_cut_sends()
        if self._owned.pairing_since is not None:
            self.hub.resume(self._owned.pairing_since)

    async def _settle_cut_sends(self) -> None:
        secrets = await self._store.read(cut_sends.open_secrets)
        if not secrets:
            return
        evidence = await in_daemon_thread(lambda: self._gather(secrets), "find-sent-ids")
        settled = await self._store.write(
            lambda tx: cut_sends.settle(tx, self._rows, evidence), durable=True
        )
        if settled.waiting or settled.unknown:
            log.warning(
                "sends_cut_by_restart",
                never_left=len(settled.waiting),
                unknown=len(settled.unknown),
                with_id=len(evidence.ids or ()),
            )

    def _gather(self, secrets: list[bytes]) -> cut_sends.Evidence:
        account = self.machine.current.account
        dead = self._owned.predecessor_is_dead
        return cut_sends.Evidence(
            generation=cut_sends.generation_of(self._folder.session_db),
            ids=self._folder.find_sent_ids(secrets),
            device_jid=account.jid if account else "",
            dead_epoch=self._owned.epoch - 1 if dead else None,
        )

    def start(self, *, unlinked: bool) -> None:
        """Let the session live.

        Args:
            unlinked: the account was unlinked, as far as the folder tells.
        """
        self._spawn(self.outbox.pump.run(), "pump")
        self._spawn(self.outbox.patience.run(), "patience")
        self._spawn(retention.run(self._store), "retention")
        self._spawn(self.chats.run(), "chats")
        self._spawn(self.media.run(), "media")
        self._spawn(self._courier.run(), "media-courier")
        self._spawn(self._fetcher.run(), "media-fetcher")
        logged_out = unlinked or self._owned.session_state is SessionState.LOGGED_OUT
        self._spawn(
            self._connector.run(logged_out=logged_out, ban_expire_time=self._owned.ban_expire),
            "connector",
        )

    async def leave_whatsapp(self) -> None:
        """Be off WhatsApp at once, whatever is in hand."""
        try:
            async with asyncio.timeout(DISCONNECT_S):
                await self.whatsapp.hang_up(0.0)
        except TimeoutError:
            log.warning("hanging_up_took_too_long")

    async def stop(self, drain_s: float) -> bool:
        """Finish the send in hand, if it is quick, hang up, and close the store.

        Returns:
            Whether the library hung up in time.
        """
        await self.outbox.close(drain_s)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        hung_up = await self._hang_up()
        self.machine.move(SessionState.STOPPED)
        await in_daemon_thread(self._store.close, "store-close")
        return hung_up

    async def _hang_up(self) -> bool:
        try:
            async with asyncio.timeout(DISCONNECT_S):
                await self.whatsapp.close()
        except TimeoutError:
            log.warning("hanging_up_took_too_long")
            return False
        return True

    async def pace_status(self) -> PaceStatus:
        """How the account's pace stands.

        Raises:
            StoreClosedError: the tenant is stopping.
        """
        account = self._number()
        return await self._store.read(lambda c: self.pacer.status(c, account))

    def _on_storage(self, error: str) -> None:
        if error:
            self._store.hold(error)
        else:
            self._store.go_on()
        self.machine.set_storage(error)

    def _publish(self, *changed: OutboundMessage) -> None:
        self.outbox.publish(*changed)

    def _wrote(self) -> None:
        """Somebody wrote: to them, nothing begins a chat any more."""
        if self.pacer.wait_s() is not None:
            self.outbox.pump.wake()

    def _hear(self, signal: Signal) -> None:
        self.line.hear(signal)

    def _renew(self) -> None:
        self._record.keep_pairing(self.hub.pairing_since())
        self._process.renew()

    def _number(self) -> str:
        account = self.machine.current.account
        return account.phone_number if account else ""

    def _spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and not isinstance(task.exception(), EpochLostError):
            log.error("task_ended", task=task.get_name(), exc_info=task.exception())
            self._process.crash()
