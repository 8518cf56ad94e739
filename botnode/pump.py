"""Hands message after message to the library, one at a time.

The library sends one at a time anyway, and a lost acknowledgement blocks it for 75 seconds;
nothing waits for that but the pump and the callers of that message.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

import structlog

from botmesh.errors import Reason
from botnode import conclusion, cut_sends, media_uploads
from botnode.clock import now, now_ms
from botnode.conclusion import Conclusion
from botnode.media_ports import Uploaded
from botnode.message import OutboundMessage
from botnode.message_row import find
from botnode.messages import Attempt, MessageRows
from botnode.pacer import Pacer
from botnode.ports import SendError, Sent, WhatsApp
from botnode.send_errors import STOPPED_BEFORE
from botnode.session import Session, SessionMachine
from botnode.side_tasks import SideTasks
from botnode.states import MessageState, SessionState
from botnode.store import Store, Transaction
from botnode.threads import DaemonThread, in_daemon_thread

log = structlog.get_logger(__name__)

T = TypeVar("T")

# So long at most the first send of a session waits until what had come meanwhile is taken in.
SETTLE_S = 5.0
# So long after the session has caught up a receipt for a message of unknown outcome is waited for.
DUPLICATE_AFTER_S = 30.0
# A process that was stopped between its decision to send and the call may have lost its tenant.
STALE_AFTER_S = 2.0
SHORTEST_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class Library:
    """What the pump needs of the library's side.

    Attributes:
        whatsapp: the library.
        find_ids: WhatsApp's ids of messages by their secrets, while the library runs; blocks.
        generation: of the library's store now, see `cut_sends`.
        sending: entered around each send to a JID.
    """

    whatsapp: WhatsApp
    find_ids: Callable[[list[bytes]], dict[bytes, str]]
    generation: Callable[[], str]
    sending: Callable[[str], AbstractContextManager[None]] = lambda _: contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class _Hand:
    """A message that was begun, and since when, in monotonic time, that has been so."""

    message: OutboundMessage
    attempt: Attempt
    started: float


class Pump:
    """The one who takes messages out of the outbox.

    Args:
        publish: told of every message that changed.
        pacer: says which message may go out.
        held: told when messages may have to wait for their pace.
    """

    def __init__(
        self,
        store: Store,
        rows: MessageRows,
        machine: SessionMachine,
        library: Library,
        *,
        publish: Callable[..., None],
        pacer: Pacer,
        held: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._rows = rows
        self._machine = machine
        self._library = library
        self._publish = publish
        self._pacer, self._held = pacer, held
        self._sender = DaemonThread("neonize-send")
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._resting = self._reserved = False
        self._given: _Hand | None = None
        self._beside = SideTasks()
        self._connected_at = 0.0
        self._caught_up_at: float | None = None
        self._losses = 0  # how often the session left CONNECTED
        # There may be messages that wait for another attempt, or that may be sent twice.
        self._delayed = self._suspects = True
        machine.observe(self._on_session)

    # -- what the pump is told

    def wake(self) -> None:
        """Something was accepted."""
        self._work.set()

    def caught_up(self) -> None:
        """WhatsApp has delivered all that had waited for the session."""
        self._caught_up_at = time.monotonic()
        self._suspects = True
        self._work.set()

    def _on_session(self, session: Session) -> None:
        if session.state is SessionState.CONNECTED:
            self._connected_at = time.monotonic()
        elif session.state is not SessionState.DEAF:  # from there it may come back without a login
            self._caught_up_at = None
            self._losses += 1
        self._work.set()

    # -- the work

    async def run(self) -> None:
        """Hand over what can go out now; then wait until something changes. Never returns."""
        hand: _Hand | None = None
        pause_s: float | None = None
        self._work.set()
        self._idle.clear()
        while True:
            if hand is not None:
                hand = await self._deliver(hand)
                pause_s = None
            elif self._given is not None:
                hand, self._given = self._given, None
            elif self._work.is_set() and not self._reserved:
                self._work.clear()
                hand, pause_s = await self._find()
            else:
                await self._rest(pause_s)

    async def _rest(self, pause_s: float | None) -> None:
        """Wait until there is something to look for, or for the message that is being accepted."""
        self._work.clear()
        self._resting = True
        if not self._reserved:
            self._idle.set()
        try:
            async with asyncio.timeout(pause_s):
                await self._work.wait()
        except TimeoutError:
            self._work.set()
        self._resting = False
        self._idle.clear()

    async def accept(self, work: Callable[[Transaction], OutboundMessage]) -> OutboundMessage:
        """Write a new message down. While the pump rests, it begins with it in the same commit.

        Raises:
            MeshError: what ``work`` raises, and what the store does; nothing was written then.
        """
        how = self._accept
        if self._is_free():
            self._idle.clear()
            self._reserved, how = True, self._accept_and_begin
        # On its own: what was accepted must be handed over even if its sender goes away.
        return await asyncio.shield(self._beside.spawn(how(work)))

    async def _accept(self, work: Callable[[Transaction], OutboundMessage]) -> OutboundMessage:
        accepted = await self._store.write(work)
        self._tell_accepted(accepted)
        self.wake()
        return accepted

    def _tell_accepted(self, message: OutboundMessage) -> None:
        """It waits from now on; a message that was joined is its caller's affair alone."""
        if message.state is MessageState.QUEUED:
            self._publish(message)

    async def _accept_and_begin(
        self, work: Callable[[Transaction], OutboundMessage]
    ) -> OutboundMessage:
        attempt, started = self._new_attempt(), time.monotonic()
        try:
            accepted, begun = await self._store.write(
                lambda tx: (work(tx), self._begin_next(tx, attempt))
            )
            self._given = self._take(begun, attempt, started)
        finally:
            self._reserved = False
            self.wake()
        self._tell_accepted(accepted)
        self._publish(*begun)
        return accepted

    def _is_free(self) -> bool:
        """Whether a message may begin with its acceptance: the pump has, and gets, no other one."""
        free = self._resting and not self._reserved and self._given is None
        return free and self._may_send() and self._settling_s() <= 0

    def _may_send(self) -> bool:
        return self._machine.current.can_send and not self._draining

    async def _find(self) -> tuple["_Hand | None", float | None]:
        """Begin one message if one is due; else seconds until the next look, None for a call."""
        if not self._may_send():
            return None, None
        if (left_s := self._settling_s()) > 0:
            return None, left_s
        attempt, started, looked_ms = self._new_attempt(), time.monotonic(), now_ms()
        # A full disk holds the outbox: the library's own store is on it.
        begun = await self._store.write(lambda tx: self._begin_next(tx, attempt), durable=True)
        self._publish(*begun)
        if (hand := self._take(begun, attempt, started)) is not None:
            return hand, None
        if (held_s := self._pacer.wait_s(looked_ms)) is not None:
            self._held()
        duplicate_s = await self._duplicate_s()
        if duplicate_s == 0.0:
            if (hand := await self._begin_duplicate()) is not None or held_s is None:
                return hand, 0.0
            duplicate_s = None  # it waits for its pace
        pauses = (held_s, await self._next_attempt_s(looked_ms), duplicate_s)
        return None, min((pause for pause in pauses if pause is not None), default=None)

    def _settling_s(self) -> float:
        """Seconds until the session has taken in what had waited for it, at most.

        whatsmeow decrypts from and encrypts to one person at the same time without a lock: of two
        that store the Signal session the later wins, and the recipient cannot read the message.
        While a backlog comes in that is likely, otherwise rare.
        """
        if self._caught_up_at is not None:
            return 0.0
        return self._connected_at + SETTLE_S - time.monotonic()

    async def _next_attempt_s(self, looked_ms: int) -> float | None:
        """Seconds until a message that was put back may go out again.

        Args:
            looked_ms: before what was due was begun; the time of one may have come since.
        """
        if not self._delayed:
            return None
        waiting = await self._store.read(lambda c: self._rows.waiting(c, looked_ms))
        self._delayed = waiting.not_before is not None
        if waiting.not_before is None:  # what waits otherwise, for media or its pace, is told of
            return None
        return max(SHORTEST_PAUSE_S, (waiting.not_before - now()).total_seconds())

    async def _duplicate_s(self) -> float | None:
        """Seconds until a message of unknown outcome may be sent once more."""
        if not self._suspects:
            return None
        account = self._account()
        message = await self._store.read(lambda c: self._rows.next_duplicate(c, account))
        if message is None:
            self._suspects = False
            return None
        if self._caught_up_at is None:
            return None
        since_s = (now() - message.update_time).total_seconds()
        unknown_s = min(DUPLICATE_AFTER_S, max(0.0, since_s))  # the clock may have been set back
        caught_up_s = time.monotonic() - self._caught_up_at
        return max(0.0, DUPLICATE_AFTER_S - min(unknown_s, caught_up_s))

    async def _begin_duplicate(self) -> "_Hand | None":
        attempt, started = self._new_attempt(), time.monotonic()

        def begin(tx: Transaction) -> list[OutboundMessage | None]:
            message = self._rows.next_duplicate(tx.connection, attempt.account)
            turn = self._pacer.turn(tx, attempt.account)
            if message is None or not turn.may_repeat:
                return [*turn.given_up]
            begun = self._rows.begin_duplicate(tx, message.message_id, attempt)
            if begun is not None:
                self._pacer.begun(tx, begun)
            return [*turn.given_up, begun]

        begun = await self._store.write(begin, durable=True)
        self._publish(*begun)
        hand = self._take(begun, attempt, started)
        if hand is not None:
            log.warning("send_repeated", message_id=hand.message.message_id)
        return hand

    # -- one message

    def _new_attempt(self) -> Attempt:
        account = self._machine.current.account
        return Attempt(
            secret=os.urandom(32),
            account=account.phone_number if account else "",
            device_jid=account.jid if account else "",
            store_generation=self._library.generation(),
        )

    def _begin_next(self, tx: Transaction, attempt: Attempt) -> list[OutboundMessage | None]:
        """Note that the library gets the next message; it is the last one in the list.

        Before it stand those that could not go out any more.
        """
        turn = self._pacer.turn(tx, attempt.account)
        changed: list[OutboundMessage | None] = [*turn.given_up]
        while (message := turn.next(tx.connection)) is not None:
            begun = self._rows.begin_attempt(tx, message, attempt)
            changed.append(begun)
            if begun is None:
                break
            if begun.state is MessageState.SENDING:
                self._pacer.begun(tx, begun)
                break
        return changed

    @staticmethod
    def _take(
        begun: list[OutboundMessage | None], attempt: Attempt, started: float
    ) -> "_Hand | None":
        message = begun[-1] if begun else None
        if message is None or message.state is not MessageState.SENDING:
            return None
        return _Hand(message, attempt, started)

    async def _deliver(self, hand: "_Hand") -> "_Hand | None":
        """Call the library; write down how that ended, and begin the next in the same commit."""
        losses, account = self._losses, self._machine.current.account
        media = await self._uploaded(hand.message)
        limit: Reason | None = None
        try:
            with self._library.sending(hand.message.recipient_jid):
                sent = await self._sender.run(self._call(hand, media))
        except SendError as error:
            lost = error.line_lost or self._losses != losses
            limit = conclusion.limit_of(str(error))
            end = conclusion.of_error(
                self._rows,
                hand.message,
                str(error),
                line_lost=lost,
                account_rests=self._pacer.pace.rate_limit_pause_ms > 0,
            )
        else:
            end = conclusion.of_success(self._rows, hand.message, sent, account)
        return await self._conclude(hand.message, end, limit)

    async def _conclude(
        self, message: OutboundMessage, end: Conclusion, limit: Reason | None
    ) -> "_Hand | None":
        attempt, started, looked_ms = self._new_attempt(), time.monotonic(), now_ms()
        go_on = self._may_send() and self._settling_s() <= 0
        self._work.clear()

        def work(tx: Transaction) -> tuple[OutboundMessage | None, list[OutboundMessage | None]]:
            ended = end(tx)
            self._pacer.ended(tx, ended)
            if limit is not None:
                self._pacer.heed(tx, message, limit)
            # A receipt may have been faster.
            ended = ended or find(tx.connection, message.message_id)
            return ended, self._begin_next(tx, attempt) if go_on else []

        ended, begun = await self._store.write(work, durable=True)
        self._publish(ended, *begun)
        if ended is not None and ended.state is MessageState.QUEUED:
            self._delayed = True
        if ended is not None and ended.state is MessageState.UNKNOWN:
            self._suspects = True
            if not ended.whatsapp_id:
                self._beside.spawn(self._name_unknown())
        hand = self._take(begun, attempt, started)
        waits = self._delayed or self._suspects or self._pacer.wait_s(looked_ms) is not None
        if not go_on or (hand is None and waits):
            self._work.set()  # look for what is due, also by the clock
        return hand

    async def _uploaded(self, message: OutboundMessage) -> Uploaded | None:
        """Where the message's media lies at WhatsApp."""
        if not message.media_id:
            return None
        return await self._store.read(
            lambda c: media_uploads.find(c, message.account, message.media_id, message.media_kind)
        )

    def _call(self, hand: "_Hand", media: Uploaded | None) -> Callable[[], Sent]:
        def call() -> Sent:
            if time.monotonic() - hand.started > STALE_AFTER_S:
                raise SendError(STOPPED_BEFORE)
            return self._library.whatsapp.send(
                hand.message.recipient_jid, hand.message.content, hand.attempt.secret, media
            )

        return call

    async def _name_unknown(self) -> None:
        """Learn WhatsApp's ids of messages with an unknown outcome: receipts name them."""
        secrets = await self._store.read(cut_sends.open_secrets)
        ids = await in_daemon_thread(lambda: self._library.find_ids(secrets), "find-sent-ids")
        if ids:
            self._publish(
                *await self._store.write(
                    lambda tx: cut_sends.name(tx, self._rows, ids), durable=True
                )
            )

    def _account(self) -> str:
        account = self._machine.current.account
        return account.phone_number if account else ""

    async def close(self, drain_s: float) -> None:
        """Begin no more sends; wait a little for the one in hand."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._idle.wait()
