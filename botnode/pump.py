"""Hands message after message to the library, one at a time.

The library sends one at a time anyway, and a lost acknowledgement blocks it for 75 seconds;
nothing waits for that but the pump and the callers of that message.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from botmesh.errors import Reason
from botnode import cut_sends
from botnode.clock import now
from botnode.message import Delivery, OutboundMessage
from botnode.messages import Attempt, MessageRows
from botnode.ports import Account, SendError, Sent, WhatsApp
from botnode.send_errors import STOPPED_BEFORE, Fate, Verdict, judge
from botnode.session import Session, SessionMachine
from botnode.states import MessageState, SessionState
from botnode.store import Store, Transaction
from botnode.threads import in_daemon_thread

log = structlog.get_logger(__name__)

# Pauses before a message that surely never left is tried again.
RETRY_AFTER = timedelta(seconds=0.5)
LONGEST_RETRY = timedelta(seconds=8)
RATE_LIMIT_PAUSE = timedelta(seconds=60)
LONGEST_RATE_LIMIT_PAUSE = timedelta(minutes=15)
# So long at most the first send of a session waits until what had come meanwhile is taken in.
SETTLE_S = 5.0
# So long after the session has caught up a receipt for a message of unknown outcome is waited for.
DUPLICATE_AFTER_S = 30.0
# A process that was stopped between its decision to send and the call may have lost its tenant.
STALE_AFTER_S = 2.0
PHONE_MISSED = "WhatsApp took it, but it could not be encrypted for the recipient's phone"
SHORTEST_PAUSE_S = 0.01


@dataclass(frozen=True, slots=True)
class Library:
    """What the pump needs of the library's side.

    Attributes:
        whatsapp: the library.
        text_of: the text in a stored content.
        find_ids: WhatsApp's ids of messages by their secrets, while the library runs; blocks.
        generation: of the library's store now, see `cut_sends`.
    """

    whatsapp: WhatsApp
    text_of: Callable[[bytes], str]
    find_ids: Callable[[list[bytes]], dict[bytes, str]]
    generation: Callable[[], str]


class Pump:
    """The one who takes messages out of the outbox.

    Args:
        publish: told of every message that changed.
    """

    def __init__(
        self,
        store: Store,
        rows: MessageRows,
        machine: SessionMachine,
        library: Library,
        publish: Callable[..., None],
    ) -> None:
        self._store = store
        self._rows = rows
        self._machine = machine
        self._library = library
        self._publish = publish
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._tasks: set[asyncio.Task[None]] = set()
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
        else:
            self._caught_up_at = None
            self._losses += 1
        self._work.set()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("outbox_task_failed", exc_info=error)

    # -- the work

    async def run(self) -> None:
        """Hand over what can go out now; then wait until something changes. Never returns."""
        while True:
            self._work.clear()
            pause_s = await self._step() if self._may_send() else None
            if pause_s == 0.0:
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._work.wait()

    def _may_send(self) -> bool:
        return self._machine.state is SessionState.CONNECTED and not self._draining

    async def _step(self) -> float | None:
        """Hand over one message if one is due; seconds until the next step, None for a call."""
        if (left_s := self._settling_s()) > 0:
            return left_s
        message = await self._store.read(self._rows.next_due)
        if message is not None:
            await self._hand_over(message, self._rows.begin_attempt)
            return 0.0
        pauses = [await self._next_attempt_s(), await self._send_again()]
        return min((pause for pause in pauses if pause is not None), default=None)

    def _settling_s(self) -> float:
        """Seconds until the session has taken in what had waited for it, at most.

        whatsmeow decrypts from and encrypts to one person at the same time without a lock: of two
        that store the Signal session the later wins, and the recipient cannot read the message.
        While a backlog comes in that is likely, otherwise rare.
        """
        if self._caught_up_at is not None:
            return 0.0
        return self._connected_at + SETTLE_S - time.monotonic()

    async def _next_attempt_s(self) -> float | None:
        """Seconds until a message that was put back may go out again."""
        if not self._delayed:
            return None
        next_time = (await self._store.read(self._rows.waiting)).not_before
        self._delayed = next_time is not None
        if next_time is None:
            return None
        return max(SHORTEST_PAUSE_S, (next_time - now()).total_seconds())

    async def _send_again(self) -> float | None:
        """Send a message of unknown outcome once more, if its caller allowed that."""
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
        if (left_s := DUPLICATE_AFTER_S - min(unknown_s, caught_up_s)) > 0:
            return left_s
        log.warning("send_repeated", message_id=message.message_id, attempt=message.attempt + 1)
        await self._hand_over(message, self._rows.begin_duplicate)
        return 0.0

    # -- one message

    async def _hand_over(
        self,
        message: OutboundMessage,
        begin: Callable[[Transaction, str, Attempt], OutboundMessage | None],
    ) -> None:
        account = self._machine.current.account
        attempt = Attempt(
            secret=os.urandom(32),
            account=account.phone_number if account else "",
            device_jid=account.jid if account else "",
            store_generation=self._library.generation(),
        )
        # A full disk holds the outbox: the library's own store is on it.
        begun = await self._store.write(
            lambda tx: begin(tx, message.message_id, attempt), durable=True
        )
        if begun is None or begun.state is not MessageState.SENDING:  # too late, or failed before
            self._publish(begun)
            return
        self._idle.clear()
        losses = self._losses
        try:
            sent = await in_daemon_thread(self._call(begun, attempt.secret), "neonize-send")
        except SendError as error:
            await self._after_error(begun, str(error), line_lost=self._losses != losses)
        else:
            await self._after_success(begun.message_id, sent, account)
        finally:
            self._idle.set()

    def _call(self, message: OutboundMessage, secret: bytes) -> Callable[[], Sent]:
        begun_at = time.monotonic()
        text = self._library.text_of(message.content)

        def call() -> Sent:
            if time.monotonic() - begun_at > STALE_AFTER_S:
                raise SendError(STOPPED_BEFORE)
            return self._library.whatsapp.send_text(message.recipient_jid, text, secret)

        return call

    async def _after_success(self, message_id: str, sent: Sent, account: Account | None) -> None:
        missed = [device for device in sent.unreached if not _is_own(device, account)]
        phone_missed = any(":" not in device for device in missed)
        if missed:
            log.warning("devices_not_reached", message_id=message_id, count=len(missed))

        def work(tx: Transaction) -> OutboundMessage | None:
            if phone_missed:
                return self._rows.unreached(tx, message_id, sent, PHONE_MISSED)
            return self._rows.sent(tx, message_id, sent, undecrypted=bool(missed))

        changed = await self._store.write(work, durable=True)
        self._suspects = self._suspects or phone_missed
        self._publish(changed)

    async def _after_error(self, message: OutboundMessage, text: str, *, line_lost: bool) -> None:
        verdict = judge(text, line_lost=line_lost)
        write = log.warning if verdict.known else log.error
        write(
            "send_failed",
            message_id=message.message_id,
            fate=verdict.fate.name,
            reason=verdict.reason,
            error=text,
            known=verdict.known,
        )
        change = _consequence(self._rows, message, verdict, text)
        changed = await self._store.write(change, durable=True)
        self._publish(changed)
        if changed is not None and changed.state is MessageState.QUEUED:
            self._delayed = True
        if changed is not None and changed.state is MessageState.UNKNOWN:
            self._suspects = True
            self._spawn(self._name_unknown())

    async def _name_unknown(self) -> None:
        """Learn WhatsApp's ids of messages with an unknown outcome: receipts name them."""
        secrets = await self._store.read(cut_sends.open_secrets)
        ids = await in_daemon_thread(lambda: self._library.find_ids(secrets), "find-sent-ids")
        if ids:
            await self._store.write(lambda tx: cut_sends.name(tx, self._rows, ids), durable=True)

    def _account(self) -> str:
        account = self._machine.current.account
        return account.phone_number if account else ""

    async def close(self, drain_s: float) -> None:
        """Begin no more sends; wait a little for the one in hand."""
        self._draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._idle.wait()


def _is_own(device: str, account: Account | None) -> bool:
    """Whether a device is one of the account's own, by number or by LID."""
    user = device.partition("@")[0].partition(":")[0].partition(".")[0]
    return account is not None and user in (account.user, account.lid.partition("@")[0])


def _consequence(
    rows: MessageRows, message: OutboundMessage, verdict: Verdict, text: str
) -> Callable[[Transaction], OutboundMessage | None]:
    """What a failed call means for its message."""
    message_id = message.message_id
    limited = verdict.reason is Reason.RATE_LIMITED and message.delivery is Delivery.QUEUE
    if message.duplicated and verdict.fate is Fate.RETRY:
        return lambda tx: rows.unrepeated(tx, message_id, text)
    if message.duplicated or verdict.fate is Fate.UNKNOWN:  # an attempt may have arrived
        return lambda tx: rows.unknown(tx, message_id, text)
    if verdict.fate is Fate.RETRY:
        again = now() + min(RETRY_AFTER * 2 ** min(message.attempt - 1, 8), LONGEST_RETRY)
        return lambda tx: rows.put_back(tx, message_id, text, not_before=again)
    if limited:
        pause = min(RATE_LIMIT_PAUSE * 2 ** min(message.attempt - 1, 8), LONGEST_RATE_LIMIT_PAUSE)
        again = now() + pause
        return lambda tx: rows.put_back(
            tx, message_id, text, reason=verdict.reason, not_before=again
        )
    return lambda tx: rows.failed(tx, message_id, verdict.reason, text)
