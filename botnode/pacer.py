"""Keeps a tenant to its pace: says which message may go out, and takes note of what became of it.

Each step is part of the transaction that accepts, begins or ends a message, on the store's thread.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import structlog
from sqlalchemy import Connection

from botmesh.errors import MeshError, Reason
from botnode import messages, pacing_rows
from botnode.clock import from_ms, now_ms
from botnode.message import Delivery, OutboundMessage
from botnode.message_row import find
from botnode.messages import MessageRows
from botnode.pacing import MOST_IN_A_ROW, OPEN, Gate, Limit, Pace, decide, met
from botnode.ports import Receipt, ReceiptKind, ReceivedMessage
from botnode.recipient import LID_SERVER, USER_SERVER
from botnode.states import MessageState
from botnode.store import Transaction

log = structlog.get_logger(__name__)

# Who may wait is not kept waiting for an answer longer than for a rest between two messages.
PARK_MS = 2_000
# The clock may be set; so often is looked again at the latest.
LONGEST_LOOK_S = 60.0
SHORTEST_LOOK_S = 0.01


@dataclass(frozen=True, slots=True)
class PaceStatus:
    """How an account's pace stands."""

    pace: Pace
    gate: Gate
    new_chats: int


@dataclass(slots=True)
class Turn:
    """What may go out now.

    Attributes:
        given_up: messages that cannot go out now and were not to wait.
        next: the message whose turn it is, if any may go.
        may_repeat: whether one that may have arrived may go out once more.
    """

    given_up: list[OutboundMessage] = field(default_factory=list)
    next: Callable[[Connection], OutboundMessage | None] = lambda _: None
    may_repeat: bool = False


class Pacer:
    """One tenant's pace."""

    def __init__(
        self,
        pace: Pace,
        rows: MessageRows,
        *,
        clock: Callable[[], int] = now_ms,
        luck: Random | None = None,
    ) -> None:
        self.pace = pace
        self._rows = rows
        self._clock = clock
        self._luck = luck or Random()  # noqa: S311 - it protects nothing
        self._gate = OPEN
        self._rest_until_ms = 0
        self._more_to_give_up = False
        self._in_a_row = 0  # messages that did not wait

    # -- accepting

    def admit(self, connection: Connection, message: OutboundMessage) -> None:
        """Refuse a message that is to go out now and cannot; a rest is waited for.

        Raises:
            MeshError: RATE_LIMITED or REACH_OUT_LOCKED.
        """
        if not self.pace.is_set or message.delivery is not Delivery.NOW:
            return
        now = self._clock()
        gate = self._look(connection, message.account)
        if gate.now_ms > now:
            raise _refusal(Reason.RATE_LIMITED, "messages", gate.now_ms, now)
        full_ms = self._full_until(connection, message.account, gate)
        if full_ms is not None:
            raise _refusal(Reason.RATE_LIMITED, "messages", full_ms, now)
        if gate.new_chats_reason is not None and self.begins_chat(connection, message):
            raise _refusal(gate.new_chats_reason, "new chats", gate.new_chats_ms, now)

    def _full_until(self, connection: Connection, account: str, gate: Gate) -> int | None:
        """When the minute has room for one more that does not wait; None for at once."""
        most, share, now = self.pace.messages_per_minute, self.pace.share_per_minute, self._clock()
        if not most:
            return None
        waiting = self._rows.count_impatient(connection)
        full_ms = pacing_rows.minute_with(connection, account, now, most - waiting)
        if full_ms is not None or share == most:
            return full_ms
        shared_ms = pacing_rows.minute_with(connection, account, now, share - waiting, queued=False)
        new_chats = gate.new_chats_ms <= now
        if shared_ms is None or not self._rows.queue_waits(connection, new_chats=new_chats):
            return None
        return shared_ms

    def begins_chat(self, connection: Connection, message: OutboundMessage) -> bool:
        """Whether it goes to a person whom the account has no chat with."""
        jid = message.recipient_jid
        if not pacing_rows.is_person(jid):
            return False
        return pacing_rows.find_chat(connection, message.account, jid) is None

    # -- beginning

    def turn(self, tx: Transaction, account: str) -> Turn:
        """What may go out now."""
        if not self.pace.is_set:
            return Turn(next=self._rows.next_due, may_repeat=True)
        gate, now = self._look(tx.connection, account), self._clock()
        self._gate = gate
        turn = Turn()
        if gate.now_ms > now:
            detail = _until(gate.now_ms)
            turn.given_up = self._rows.fail_impatient(tx, Reason.RATE_LIMITED, detail)
        elif gate.new_chats_reason is not None:
            turn.given_up = self._rows.fail_new_chats(tx, gate.new_chats_reason)
        self._more_to_give_up = len(turn.given_up) >= messages.MOST_AT_ONCE
        if self._resting_ms(now) <= 0:
            turn.next = self._choose(account, gate, now)
            turn.may_repeat = gate.queue_ms <= now
        return turn

    def _choose(
        self, account: str, gate: Gate, now: int
    ) -> Callable[[Connection], OutboundMessage | None]:
        new_chats = gate.new_chats_ms <= now
        rows = self._rows

        def choose(connection: Connection) -> OutboundMessage | None:
            found = None
            by_turns = self._in_a_row >= MOST_IN_A_ROW and gate.queue_ms <= now
            if by_turns:  # those that were let in before keep their places in the minute
                by_turns = self._has_room(connection, account, now)
            if gate.now_ms <= now and not by_turns:
                found = rows.next_now(connection, new_chats=new_chats)
            if found is None and gate.queue_ms <= now:
                look = rows.next_due if new_chats else rows.next_in_chat
                found = look(connection)
            return found

        return choose

    def _has_room(self, connection: Connection, account: str, now: int) -> bool:
        """Whether the minute has room for more than what waits and should not."""
        if not self.pace.messages_per_minute:
            return True
        most = self.pace.messages_per_minute - self._rows.count_impatient(connection)
        return pacing_rows.minute_with(connection, account, now, most) is None

    def begun(self, tx: Transaction, message: OutboundMessage) -> None:
        """The library gets a message now."""
        now = self._clock()
        self._in_a_row = self._in_a_row + 1 if message.delivery is Delivery.NOW else 0
        if self.pace.counts_sends:
            pacing_rows.note_send(tx, message, now)
            rested = pacing_rows.is_in_burst(tx.connection, message.account, now)
            self._rest_until_ms = 0 if rested else now + self.pace.draw_pause_ms(self._luck)
        if self.begins_chat(tx.connection, message):
            pacing_rows.begin_chat(tx, message, now)

    def wait_s(self, since_ms: int | None = None) -> float | None:
        """Seconds until more may go out than could at a time, or now; None if everything could.

        Hardly any where more messages have to be given up than one look does.
        """
        if self._more_to_give_up:
            return SHORTEST_LOOK_S
        now = self._clock()
        since = now if since_ms is None else since_ms
        times = [t for t in (self._gate.next_ms(since), self._rest_until_ms) if t and t > since]
        if not times or not self.pace.is_set:
            return None
        return max(SHORTEST_LOOK_S, min(LONGEST_LOOK_S, (min(times) - now) / 1000))

    def _resting_ms(self, now: int) -> int:
        left_ms = self._rest_until_ms - now
        if left_ms > self.pace.most_pause_ms:  # the clock was set back
            self._rest_until_ms = left_ms = 0
        return left_ms

    # -- ending

    def ended(self, tx: Transaction, message: OutboundMessage | None) -> None:
        """The library's call ended; the message stands as that left it."""
        if message is None:
            return
        if message.state in (MessageState.QUEUED, MessageState.FAILED):
            pacing_rows.take_back(tx, message)
        elif message.state >= MessageState.SENT and self.pace.is_set:
            self._recover(tx, message)

    def heed(self, tx: Transaction, message: OutboundMessage, reason: Reason) -> None:
        """Hold to a limit that WhatsApp named when it got a message; that may have arrived.

        Args:
            tx: the transaction that ends the message's attempt, after `ended`.
            message: the one that met it.
            reason: RATE_LIMITED or REACH_OUT_LOCKED.
        """
        account, now = message.account, self._clock()
        if reason is Reason.REACH_OUT_LOCKED:
            pacing_rows.forget_unanswered(tx, account, message.recipient_jid)
        known = pacing_rows.limits(tx.connection, account)[reason is Reason.REACH_OUT_LOCKED]
        limit = met(self.pace, known, reason, now)
        if limit != known:
            pacing_rows.set_limit(tx, account, reason, limit)
            log.warning("whatsapp_limit_met", reason=reason, until=_until(limit.until_ms))

    def _recover(self, tx: Transaction, message: OutboundMessage) -> None:
        """A limit that is over, as a message that was sent shows, was the last in its row."""
        rate, reach_out = pacing_rows.limits(tx.connection, message.account)
        now = self._clock()
        if rate.count and rate.until_ms <= now:
            pacing_rows.set_limit(tx, message.account, Reason.RATE_LIMITED, Limit())
        if reach_out.count and reach_out.until_ms <= now:
            chat = pacing_rows.find_chat(tx.connection, message.account, message.recipient_jid)
            if chat is not None and chat.message_id == message.message_id:
                pacing_rows.set_limit(tx, message.account, Reason.REACH_OUT_LOCKED, Limit())

    # -- what WhatsApp brings

    def received(self, tx: Transaction, account: str, message: ReceivedMessage) -> None:
        """Somebody wrote; or the account's own phone did, to somebody."""
        number = f"{message.sender_number[1:]}@{USER_SERVER}" if message.sender_number else ""
        if message.group:
            if number and not message.from_me:
                pacing_rows.note_same(tx, account, message.sender_jid, number)
            return
        jids = [message.chat_jid]
        if number and not message.from_me and number != message.chat_jid:
            jids.append(number)
        pacing_rows.note_chat(tx, account, jids, answered=not message.from_me)

    def receipt(self, tx: Transaction, receipt: Receipt, raised: list[OutboundMessage]) -> None:
        """A person's phone has messages of ours: the receipt names them by their LID."""
        if receipt.kind not in (ReceiptKind.DELIVERED, ReceiptKind.READ):
            return
        for message in raised:
            people = message.recipient_jid, receipt.chat_jid
            if {jid.partition("@")[2] for jid in people} == {USER_SERVER, LID_SERVER}:
                pacing_rows.note_same(tx, message.account, *people)

    # -- how it stands

    def is_parked(self, connection: Connection, message: OutboundMessage) -> bool:
        """Whether a message that may wait will, for longer than a rest between two messages."""
        if not self.pace.is_set:
            return False
        current = find(connection, message.message_id)
        if current is None or current.state is not MessageState.QUEUED:
            return False  # it may be what used the pace up
        gate, soon = self._look(connection, message.account), self._clock() + PARK_MS
        if gate.queue_ms > soon:
            return True
        return gate.new_chats_ms > soon and self.begins_chat(connection, message)

    def status(self, connection: Connection, account: str) -> PaceStatus:
        """How the account's pace stands."""
        now = self._clock()
        gate = self._look(connection, account)
        return PaceStatus(self.pace, gate, pacing_rows.new_chats(connection, account, now))

    def _look(self, connection: Connection, account: str) -> Gate:
        now = self._clock()
        return decide(self.pace, pacing_rows.usage(connection, self.pace, account, now), now)


def _until(moment_ms: int) -> str:
    time = from_ms(moment_ms) or datetime.now(UTC)
    return f"not before {time:%Y-%m-%d %H:%M:%S} UTC"


def _refusal(reason: Reason, what: str, until_ms: int, now: int) -> MeshError:
    wait = timedelta(milliseconds=max(1, until_ms - now))
    why = "WhatsApp has locked" if reason is Reason.REACH_OUT_LOCKED else "the tenant's pace holds"
    time = from_ms(until_ms)
    return MeshError(
        reason,
        f"{why} {what}: {_until(until_ms)}",
        metadata={"resume_time": time.isoformat() if time else ""},
        retry_after=wait,
    )
