"""Accepting messages: each is on disk before its sender hears of it, and waits for its outcome."""

import asyncio
import dataclasses
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from sqlalchemy import Connection

from botmesh.errors import REASONS, MeshError, Reason
from botnode import message_search
from botnode.clock import now
from botnode.content_media import GivenMedia
from botnode.message import Delivery, OutboundMessage
from botnode.message_row import find, find_request
from botnode.message_search import Filter, Page, Place, Step
from botnode.messages import MessageRows
from botnode.pacer import Pacer
from botnode.pacing import Pace
from botnode.patience import GRACE_S, Patience
from botnode.pump import Library, Pump
from botnode.session import Session, SessionMachine
from botnode.session_errors import session_error
from botnode.states import PASSING, MessageState, SessionState
from botnode.store import Store, Transaction

MAX_QUEUED = 10_000
# How long a message may wait when its request does not say.
EXPIRES_IN = {Delivery.NOW: timedelta(minutes=5), Delivery.QUEUE: timedelta(hours=24)}
# How long after its failure a message that never left may be asked for again.
ASK_AGAIN_AFTER = timedelta(seconds=1)
ASK_AGAIN_AFTER_RATE_LIMIT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class SendCommand:
    """A valid request to send.

    Attributes:
        content: as it is stored.
        content_hash: SHA-256 of content, recipient and options.
        expires_in: None for the usual time.
        media: what its content's media is, before that was looked at.
        attach: what is stored in place of the message, in that transaction: with its media.
        complete: what is stored in place of the content, in the transaction that accepts it: with
            what the outbox knows of a message that it refers to. Takes the account's number.
    """

    request_id: str
    recipient_jid: str
    content: bytes
    content_hash: bytes
    delivery: Delivery = Delivery.NOW
    expires_in: timedelta | None = None
    allow_duplicate: bool = False
    complete: Callable[[Connection, str], bytes] | None = None
    media: GivenMedia | None = None
    attach: Callable[[Transaction, OutboundMessage], OutboundMessage] | None = None

    @property
    def lifetime(self) -> timedelta:
        """How long the message may wait."""
        return self.expires_in or EXPIRES_IN[self.delivery]


class Outbox:
    """The messages that the tenant sends."""

    def __init__(
        self,
        store: Store,
        rows: MessageRows,
        machine: SessionMachine,
        library: Library,
        pacer: Pacer | None = None,
    ) -> None:
        self._store = store
        self._rows = rows
        self._machine = machine
        self._closing = asyncio.Event()
        self._waiters: dict[str, set[_Waiter]] = {}
        self.pacer = pacer or Pacer(Pace(), rows)
        self.pump = Pump(
            store,
            rows,
            machine,
            library,
            publish=self.publish,
            pacer=self.pacer,
            held=self._tell_all,
        )
        self.on_media: Callable[[], None] = lambda: None
        self.patience = Patience(store, rows, machine, self.publish)
        machine.observe(self._on_session)

    # -- sending

    async def send(self, command: SendCommand, wait_s: float) -> OutboundMessage:
        """Accept a message, or join the one that the request made before; wait for its outcome.

        A message that failed for a reason that passes is accepted anew when its request comes
        again, once the time to wait is over: it surely never left.

        Args:
            command: what to send.
            wait_s: how long to wait for the outcome; then the message is given back as it stands.
                One that may wait for the session is given back as soon as it does.

        Raises:
            MeshError: nothing was accepted (a session or request error), or the message failed or
                has an unknown outcome: then ``message_id`` is in the metadata.
        """
        deadline = asyncio.get_running_loop().time() + wait_s
        with _Waiter(self._waiters, command.request_id) as waiter:
            message = await self._accept_or_join(command, deadline)
            return _answer(await self._outcome(message, waiter, deadline))

    async def expects(self, command: SendCommand, wait_s: float) -> bool:
        """Whether a request is new, and would be accepted now: only then is its media looked at.

        Raises:
            MeshError: why it would not be accepted.
        """
        if await self._store.read(lambda c: find_request(c, command.request_id)) is not None:
            return False  # it will be joined, or refused by its hash
        if self._closing.is_set() or not self._machine.current.can_send:
            await self._admit(command, asyncio.get_running_loop().time() + wait_s)
        message = new_message(command, self._account())
        await self._store.read(lambda c: self._check_place(c, message))
        return True

    async def _accept_or_join(self, command: SendCommand, deadline: float) -> OutboundMessage:
        if self._closing.is_set() or not self._machine.current.can_send:
            # A message that is known is joined whatever the session does.
            known = await self._store.read(lambda c: find_request(c, command.request_id))
            if known is not None and not _may_go_again(_same(known, command)):
                return known
            await self._admit(command, deadline)
        message = new_message(command, self._account())
        return await self.pump.accept(lambda tx: self._accept(tx, message, command))

    async def _admit(self, command: SendCommand, deadline: float) -> None:
        """Let through what the session can take; wait a little for one that comes back."""
        if self._closing.is_set():
            raise _shutting_down()
        if self._machine.current.storage_full:
            raise session_error(self._machine.current)
        if command.delivery is Delivery.QUEUE and self._machine.current.account is not None:
            return
        loop = asyncio.get_running_loop()
        grace = min(self._machine.entered_at + GRACE_S, deadline) - loop.time()
        if self._machine.state in PASSING and grace > 0:
            await self._machine.wait_for(_needs_no_grace, grace)
        if not self._machine.current.can_send:
            raise session_error(self._machine.current)

    def _accept(
        self, tx: Transaction, message: OutboundMessage, command: SendCommand
    ) -> OutboundMessage:
        known = find_request(tx.connection, command.request_id)
        if known is not None and not _may_go_again(_same(known, command)):
            return known
        self._check_place(tx.connection, message)
        if command.complete is not None:
            content = command.complete(tx.connection, message.account)
            message = dataclasses.replace(message, content=content)
        if command.attach is not None and known is None:
            message = command.attach(tx, message)
        if known is not None:
            again = self._rows.requeue(tx, known.message_id, message.account, message.expire_time)
            return again or known
        self._rows.insert(tx, message)
        return message

    def _check_place(self, connection: Connection, message: OutboundMessage) -> None:
        if self._rows.count_queued(connection) >= MAX_QUEUED:
            raise MeshError(
                Reason.QUEUE_FULL,
                f"{MAX_QUEUED} messages wait already",
                retry_after=timedelta(seconds=1),
            )
        self.pacer.admit(connection, message)

    async def _outcome(
        self, message: OutboundMessage, waiter: "_Waiter", deadline: float
    ) -> OutboundMessage:
        while not message.is_settled and not await self._is_parked(message):
            in_time = await self._change(waiter, deadline)
            message = waiter.settled or waiter.latest or message
            if not in_time:
                break
            if not message.is_settled and self._closing.is_set():
                raise _shutting_down(message)
        return message

    async def _is_parked(self, message: OutboundMessage) -> bool:
        """Whether waiting for the message's outcome is in vain for now."""
        if message.delivery is Delivery.NOW or message.state is not MessageState.QUEUED:
            return False
        later = message.not_before is not None and message.not_before > now()
        if later or self._machine.state is not SessionState.CONNECTED:
            return True
        if not self.pacer.pace.is_set:
            return False
        return await self._store.read(lambda c: self.pacer.is_parked(c, message))

    async def _change(self, waiter: "_Waiter", deadline: float) -> bool:
        """Wait until something changed that the waiter cares for; False if the time is over."""
        try:
            async with asyncio.timeout_at(deadline):
                await waiter.changed.wait()
        except TimeoutError:
            return False
        waiter.changed.clear()
        return True

    def publish(self, *changed: OutboundMessage | None) -> None:
        """Tell whoever waits for these messages."""
        for message in changed:
            if message is not None:
                if message.state is MessageState.QUEUED:
                    self.patience.expect(message.expire_time)
                    if message.media_pending:
                        self.on_media()
                for waiter in self._waiters.get(message.request_id, ()):
                    waiter.tell(message)

    def _on_session(self, _: Session) -> None:
        self._tell_all()

    def _tell_all(self) -> None:
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.changed.set()

    def _account(self) -> str:
        account = self._machine.current.account
        return account.phone_number if account else ""

    # -- looking and taking back

    async def get(
        self, *, message_id: str = "", request_id: str = ""
    ) -> tuple[OutboundMessage, list[Step]]:
        """A message by one of its ids, and what happened to it.

        Raises:
            MeshError: MESSAGE_NOT_FOUND.
        """

        def look(connection: Any) -> tuple[OutboundMessage, list[Step]] | None:
            message = (
                find(connection, message_id) if message_id else find_request(connection, request_id)
            )
            if message is None:
                return None
            return message, message_search.timeline(connection, message.message_id)

        found = await self._store.read(look)
        if found is None:
            raise _not_found()
        return found

    async def list(self, wanted: Filter, size: int, after: Place | None) -> Page:
        """A page of messages, newest first."""
        return await self._store.read(lambda c: message_search.page(c, wanted, size, after))

    async def cancel(self, message_id: str) -> OutboundMessage:
        """Take back a message that still waits.

        Raises:
            MeshError: MESSAGE_NOT_FOUND or MESSAGE_NOT_CANCELLABLE.
        """
        message = await self._store.write(lambda tx: self._rows.cancel(tx, message_id))
        if message is None:
            raise _not_found()
        if message.reason != Reason.MESSAGE_CANCELLED:
            raise MeshError(
                Reason.MESSAGE_NOT_CANCELLABLE,
                f"the message is {message.state.name}",
                metadata={"message_id": message.message_id, "state": message.state.name},
            )
        self.publish(message)
        return message

    # -- the end

    async def close(self, drain_s: float) -> None:
        """Take nothing more; wait a little for the send in hand, then let the callers go."""
        await self.pump.close(drain_s)
        self._closing.set()
        self._tell_all()


class _Waiter:
    """One caller who waits for a message; in the dictionary of waiters inside its ``with``."""

    def __init__(self, waiters: dict[str, set["_Waiter"]], request_id: str) -> None:
        self._waiters = waiters
        self._request_id = request_id
        self.changed = asyncio.Event()
        self.settled: OutboundMessage | None = None
        self.latest: OutboundMessage | None = None

    def tell(self, message: OutboundMessage) -> None:
        """The message changed. What it settled as first is the caller's answer."""
        if message.is_settled and self.settled is None:
            self.settled = message
        self.latest = message
        self.changed.set()

    def __enter__(self) -> Self:
        self._waiters.setdefault(self._request_id, set()).add(self)
        return self

    def __exit__(self, *_: object) -> None:
        waiting = self._waiters[self._request_id]
        waiting.discard(self)
        if not waiting:
            del self._waiters[self._request_id]


def _needs_no_grace(session: Session) -> bool:
    return session.storage_full or session.state not in PASSING


def new_message(command: SendCommand, account: str) -> OutboundMessage:
    """A message that is not accepted yet."""
    time = now()
    return OutboundMessage(
        message_id=str(uuid.uuid4()),
        request_id=command.request_id,
        recipient_jid=command.recipient_jid,
        content=command.content,
        content_hash=command.content_hash,
        account=account,
        state=MessageState.QUEUED,
        create_time=time,
        update_time=time,
        expire_time=time + command.lifetime,
        delivery=command.delivery,
        allow_duplicate=command.allow_duplicate,
    )


def _same(known: OutboundMessage, command: SendCommand) -> OutboundMessage:
    if known.content_hash != command.content_hash:
        raise MeshError(
            Reason.REQUEST_ID_REUSED,
            "this request_id was used for another content, recipient or option",
            metadata={"message_id": known.message_id},
        )
    return known


def _wait_to_go_again(message: OutboundMessage) -> timedelta | None:
    """How long until a failed message's request may come again; None if that changes nothing."""
    if message.state is not MessageState.FAILED or not REASONS[Reason(message.reason)].retryable:
        return None
    limited = message.reason == Reason.RATE_LIMITED
    pause = ASK_AGAIN_AFTER_RATE_LIMIT if limited else ASK_AGAIN_AFTER
    # Not longer than that if the clock was set back.
    return min(pause, max(timedelta(0), message.update_time + pause - now()))


def _may_go_again(message: OutboundMessage) -> bool:
    return _wait_to_go_again(message) == timedelta(0)


def _answer(message: OutboundMessage) -> OutboundMessage:
    if message.state not in (MessageState.FAILED, MessageState.UNKNOWN):
        return message
    reason = Reason(message.reason or Reason.SEND_OUTCOME_UNKNOWN)
    detail = f" ({message.detail})" if message.detail else ""
    raise MeshError(
        reason,
        f"{REASONS[reason].meaning.rstrip('.')}{detail}",
        metadata={
            "message_id": message.message_id,
            "request_id": message.request_id,
            "whatsapp_id": message.whatsapp_id,
        },
        retry_after=_wait_to_go_again(message),
    )


def _not_found() -> MeshError:
    return MeshError(Reason.MESSAGE_NOT_FOUND, REASONS[Reason.MESSAGE_NOT_FOUND].meaning)


def _shutting_down(accepted: OutboundMessage | None = None) -> MeshError:
    """The error of a stopping botnode; it names the message if one was accepted."""
    return MeshError(
        Reason.SHUTTING_DOWN,
        "the botnode is stopping",
        metadata={"message_id": accepted.message_id} if accepted else {},
        retry_after=timedelta(seconds=1),
    )
