"""Sending: a message is accepted once it is on disk, then one pump hands it to the library.

The library sends one message at a time anyway, and a lost acknowledgement blocks it for 75
seconds; nothing here waits for that but the pump and the callers of that message.
"""

import asyncio
import contextlib
import os
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from botmesh.errors import REASONS, MeshError, Reason
from botnode.clock import now
from botnode.message import OutboundMessage
from botnode.messages import MessageRows
from botnode.ports import SendError, Sent, WhatsApp
from botnode.send_errors import Fate, judge
from botnode.session import Session, SessionMachine
from botnode.session_errors import session_error
from botnode.states import PASSING, REASON_OF, MessageState, SessionState
from botnode.store import Store, Transaction
from botnode.threads import in_daemon_thread

log = structlog.get_logger(__name__)

MAX_QUEUED = 1000
# A session that was lost this short a time ago is waited for, not refused.
GRACE_S = 5.0
# A message that was accepted while the line was up, and then could not go out, fails after this.
EXPIRE_AFTER = timedelta(minutes=5)
EXPIRY_CHECK_S = 5.0
RETRY_PAUSE_S = 0.5
# How long after its failure a message that never left may be asked for again.
ASK_AGAIN_AFTER = timedelta(seconds=1)
ASK_AGAIN_AFTER_RATE_LIMIT = timedelta(seconds=60)

# What waits is failed when the session comes to rest there: it will not come back by itself soon.
_FINAL = frozenset({SessionState.LOGGED_OUT, SessionState.BANNED, SessionState.OUTDATED})


@dataclass(frozen=True, slots=True)
class SendCommand:
    """A valid request to send.

    Attributes:
        content: as it is stored.
        content_hash: SHA-256 of content and recipient.
    """

    request_id: str
    recipient_jid: str
    content: bytes
    content_hash: bytes


class Outbox:
    """The messages that the tenant sends.

    Args:
        text_of: the text in a stored content.
        find_ids: WhatsApp's ids of messages by their secrets, while the library runs; blocks.
    """

    def __init__(
        self,
        store: Store,
        rows: MessageRows,
        machine: SessionMachine,
        whatsapp: WhatsApp,
        *,
        text_of: Callable[[bytes], str],
        find_ids: Callable[[list[bytes]], dict[bytes, str]],
    ) -> None:
        self._store = store
        self._rows = rows
        self._machine = machine
        self._whatsapp = whatsapp
        self._text_of = text_of
        self._find_ids = find_ids
        self._work = asyncio.Event()
        self._closing = asyncio.Event()
        self._waiters: dict[str, set[asyncio.Future[OutboundMessage]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        machine.observe(self._on_session)

    # -- the caller's side

    async def send(self, command: SendCommand, wait_s: float) -> OutboundMessage:
        """Accept a message, or join the one that the request made before; wait for its outcome.

        A message that failed for a reason that passes is accepted anew when its request comes
        again, once the time to wait is over: it surely never left.

        Args:
            command: what to send.
            wait_s: how long to wait for the outcome; then the message is given back as it stands.

        Raises:
            MeshError: nothing was accepted (a session or request error), or the message failed or
                has an unknown outcome: then ``message_id`` is in the metadata.
        """
        deadline = asyncio.get_running_loop().time() + wait_s
        settled = self._register(command.request_id)
        try:
            message = await self._accept_or_join(command, deadline)
            if not message.is_settled:
                message = await self._await(settled, message, deadline)
        finally:
            self._unregister(command.request_id, settled)
        return _answer(message)

    async def _accept_or_join(self, command: SendCommand, deadline: float) -> OutboundMessage:
        known = await self._store.read(
            lambda connection: self._rows.find_request(connection, command.request_id)
        )
        if known is not None and not _may_go_again(_same(known, command)):
            return known
        await self._admit(deadline)
        message = new_message(command, self._account())
        accepted = await self._store.write(lambda tx: self._accept(tx, message, command))
        self._work.set()
        return accepted

    async def _admit(self, deadline: float) -> None:
        """Let through while the session is connected; wait a little for one that comes back."""
        if self._draining:
            raise _shutting_down()
        loop = asyncio.get_running_loop()
        grace = min(self._machine.entered_at + GRACE_S, deadline) - loop.time()
        if self._machine.state in PASSING and grace > 0:
            await self._machine.wait_for(lambda session: session.state not in PASSING, grace)
        if self._machine.state is not SessionState.CONNECTED:
            raise session_error(self._machine.current)

    def _accept(
        self, tx: Transaction, message: OutboundMessage, command: SendCommand
    ) -> OutboundMessage:
        known = self._rows.find_request(tx.connection, command.request_id)
        if known is not None and not _may_go_again(_same(known, command)):
            return known
        if self._rows.count_queued(tx.connection) >= MAX_QUEUED:
            raise MeshError(
                Reason.QUEUE_FULL,
                f"{MAX_QUEUED} messages wait already",
                retry_after=timedelta(seconds=1),
            )
        expire_time = message.create_time + EXPIRE_AFTER
        if known is not None:
            again = self._rows.requeue(tx, known.message_id, message.account, expire_time)
            return again or known
        self._rows.insert(tx, message, expire_time)
        return message

    async def _await(
        self,
        settled: "asyncio.Future[OutboundMessage]",
        message: OutboundMessage,
        deadline: float,
    ) -> OutboundMessage:
        closing = asyncio.ensure_future(self._closing.wait())
        either: set[asyncio.Future[Any]] = {settled, closing}
        try:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            await asyncio.wait(either, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing.cancel()
        if settled.done():
            return settled.result()
        if self._closing.is_set():
            raise _shutting_down()
        found = await self._store.read(lambda c: self._rows.find(c, message.message_id))
        return found or message

    def _register(self, request_id: str) -> "asyncio.Future[OutboundMessage]":
        future: asyncio.Future[OutboundMessage] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(request_id, set()).add(future)
        return future

    def _unregister(self, request_id: str, future: "asyncio.Future[OutboundMessage]") -> None:
        waiting = self._waiters.get(request_id, set())
        waiting.discard(future)
        if not waiting:
            self._waiters.pop(request_id, None)

    def publish(self, *changed: OutboundMessage | None) -> None:
        """Tell whoever waits for these messages."""
        for message in changed:
            if message is not None and message.is_settled:
                for future in self._waiters.get(message.request_id, ()):
                    if not future.done():
                        future.set_result(message)

    def _account(self) -> str:
        account = self._machine.current.account
        return account.phone_number if account else ""

    # -- the session's side

    def _on_session(self, session: Session) -> None:
        self._work.set()
        if session.state in _FINAL:
            reason = REASON_OF[session.state]
            detail = session.last_error
            self._spawn(self._fail_waiting(reason, detail))

    async def _fail_waiting(self, reason: Reason, detail: str) -> None:
        def work(tx: Transaction) -> list[OutboundMessage]:
            # A log-out deletes the library's record of what was sent: nothing can be found out.
            cut = self._rows.cut_sending(tx, detail) if reason is _LOGGED_OUT else []
            return [*self._rows.fail_queued(tx, reason, detail), *cut]

        self.publish(*await self._store.write(work, durable=True))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("outbox_task_failed", exc_info=error)

    # -- the pump

    async def run(self) -> None:
        """Hand message after message to the library while the session is connected."""
        while True:
            waiting = await self._pump()
            try:
                async with asyncio.timeout(EXPIRY_CHECK_S if waiting else None):
                    await self._work.wait()
            except TimeoutError:
                await self._expire()
            self._work.clear()

    async def _pump(self) -> bool:
        """Send what can be sent now; True if something is left."""
        while True:
            message = await self._store.read(self._rows.next_queued)
            if message is None:
                return False
            if self._machine.state is not SessionState.CONNECTED or self._draining:
                return True
            await self._hand_over(message)

    async def _expire(self) -> None:
        self.publish(*await self._store.write(self._rows.expire_queued))

    async def _hand_over(self, message: OutboundMessage) -> None:
        secret = os.urandom(32)
        begun = await self._store.write(
            lambda tx: self._rows.begin_attempt(tx, message.message_id, secret, self._account())
        )
        if begun is None or begun.state is not MessageState.SENDING:  # too late, or failed before
            self.publish(begun)
            return
        text = self._text_of(message.content)
        self._idle.clear()
        try:
            sent = await in_daemon_thread(
                lambda: self._whatsapp.send_text(message.recipient_jid, text, secret),
                "neonize-send",
            )
        except SendError as error:
            await self._after_error(message.message_id, str(error))
        else:
            await self._after_success(message.message_id, sent)
        finally:
            self._idle.set()

    async def _after_success(self, message_id: str, sent: Sent) -> None:
        self.publish(
            await self._store.write(
                lambda tx: self._rows.sent(tx, message_id, sent.whatsapp_id, sent.time),
                durable=True,
            )
        )

    async def _after_error(self, message_id: str, text: str) -> None:
        verdict = judge(text)
        write = log.warning if verdict.known else log.error
        write(
            "send_failed",
            message_id=message_id,
            fate=verdict.fate.name,
            reason=verdict.reason,
            error=text,
            known=verdict.known,
        )

        def work(tx: Transaction) -> OutboundMessage | None:
            match verdict.fate:
                case Fate.RETRY:
                    return self._rows.put_back(tx, message_id, text)
                case Fate.FAILED:
                    return self._rows.failed(tx, message_id, verdict.reason, text)
                case Fate.UNKNOWN:
                    return self._rows.unknown(tx, message_id, text)

        self.publish(await self._store.write(work, durable=True))
        if verdict.fate is Fate.UNKNOWN:
            self._spawn(self._name_unknown())
        elif verdict.fate is Fate.RETRY:
            await asyncio.sleep(RETRY_PAUSE_S)

    async def _name_unknown(self) -> None:
        """Learn WhatsApp's ids of messages with an unknown outcome: receipts name them."""
        secrets = await self._store.read(self._rows.nameless_secrets)
        ids = await in_daemon_thread(lambda: self._find_ids(secrets), "find-sent-ids")
        if ids:
            await self._store.write(lambda tx: self._rows.name_by_secret(tx, ids), durable=True)

    async def close(self, drain_s: float) -> None:
        """Take nothing more; wait a little for the send in hand, then let the callers go."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._idle.wait()
        self._closing.set()


_LOGGED_OUT = Reason.SESSION_LOGGED_OUT


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
        attempt=0,
        whatsapp_id="",
        reason="",
        detail="",
        create_time=time,
        update_time=time,
        sent_time=None,
        delivered_time=None,
        read_time=None,
    )


def _same(known: OutboundMessage, command: SendCommand) -> OutboundMessage:
    if known.content_hash != command.content_hash:
        raise MeshError(
            Reason.REQUEST_ID_REUSED,
            "this request_id was used for another content or recipient",
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
    if message.state in (MessageState.FAILED, MessageState.UNKNOWN):
        reason = Reason(message.reason or Reason.SEND_OUTCOME_UNKNOWN)
        detail = f" ({message.detail})" if message.detail else ""
        raise MeshError(
            reason,
            f"{REASONS[reason].meaning.rstrip('.')}{detail}",
            metadata={"message_id": message.message_id, "whatsapp_id": message.whatsapp_id},
            retry_after=_wait_to_go_again(message),
        )
    return message


def _shutting_down() -> MeshError:
    return MeshError(
        Reason.SHUTTING_DOWN, "the botnode is stopping", retry_after=timedelta(seconds=1)
    )
