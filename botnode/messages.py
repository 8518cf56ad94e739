"""The life of a message in the outbox, step by step, inside one transaction each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, literal_column, select, update

from botmesh.errors import Reason
from botnode import media_uploads
from botnode.clock import from_ms, now, now_ms, to_ms
from botnode.message import Delivery, OutboundMessage
from botnode.message_row import CHANGE, Changer, Encode, find, to_message
from botnode.ports import Sent
from botnode.receipts import apply_early
from botnode.recipient import GROUP_SERVER
from botnode.statement import Statement
from botnode.states import MessageState
from botnode.store import Transaction
from botnode.tables import chats, messages

# Of changes of many messages: callbacks wait meanwhile.
MOST_AT_ONCE = 200
# Longer than any pause before another attempt.
LONGEST_WAIT_MS = 20 * 60 * 1000
TOO_LATE = "it could not go out before its time was over"
CHANGED_ACCOUNT = "accepted for another account than the tenant has now"
CANCELLED = "taken back on request"

_S = MessageState
_C = messages.c

_EARLIER = messages.alias("earlier")


def _waits(not_before_ms: Any) -> Any:
    """Whether that time is to come; a time too far away was set before the clock was set back."""
    return (not_before_ms > bindparam("now")) & (not_before_ms <= bindparam("latest"))


def _around(time_ms: int) -> dict[str, int]:
    return {"now": time_ms, "latest": time_ms + LONGEST_WAIT_MS}


def _around_now() -> dict[str, int]:
    return _around(now_ms())


_NEXT = Statement(
    select(messages)
    .where(
        _C.state == _S.QUEUED.value,
        ~_waits(_C.not_before_ms),
        ~_C.media_pending,
        # A message that waits for its next attempt, or for its media to be at WhatsApp, holds up
        # its recipient's later ones.
        ~exists().where(
            _EARLIER.c.recipient_jid == _C.recipient_jid,
            _EARLIER.c.position < _C.position,
            _EARLIER.c.state == literal_column("1"),  # spelt out, as the index has it
            _waits(_EARLIER.c.not_before_ms) | _EARLIER.c.media_pending,
        ),
    )
    .order_by(_C.position)
    .limit(1)
)
_IN_CHAT = _C.recipient_jid.like(f"%@{GROUP_SERVER}") | exists().where(
    chats.c.account == _C.account, chats.c.jid == _C.recipient_jid
)
# One that goes out now or not at all passes those that may wait, but none of its recipient's.
_AHEAD = messages.alias("ahead")
_PASSES = (_C.delivery == Delivery.NOW.value) & ~exists().where(
    _AHEAD.c.recipient_jid == _C.recipient_jid,
    _AHEAD.c.position < _C.position,
    _AHEAD.c.state == literal_column("1"),
)
_NEXT_NOW = _NEXT.where(_PASSES)
_NEXT_IN_CHAT, _NEXT_NOW_IN_CHAT = _NEXT.where(_IN_CHAT), _NEXT_NOW.where(_IN_CHAT)
_NEXT_QUEUED = _NEXT.where(_C.delivery == Delivery.QUEUE.value)
_NEXT_QUEUED_IN_CHAT = _NEXT_QUEUED.where(_IN_CHAT)
_COUNT_NOW = Statement(
    select(func.count().label("queued")).where(
        _C.state == _S.QUEUED.value, _C.delivery == Delivery.NOW.value
    )
)
_TIMES = Statement(
    select(
        func.count().label("queued"),
        func.min(_C.expire_ms).label("expire_ms"),
        func.min(_C.not_before_ms).filter(_waits(_C.not_before_ms)).label("not_before_ms"),
    ).where(_C.state == _S.QUEUED.value)
)
_COUNT_QUEUED = Statement(select(func.count().label("queued")).where(_C.state == _S.QUEUED.value))
_SOME = select(_C.message_id).order_by(_C.position).limit(MOST_AT_ONCE)
_WAIT = _SOME.where(_C.state == _S.QUEUED.value)
_IMPATIENT = Statement(_WAIT.where(_C.delivery == Delivery.NOW.value))
_IMPATIENT_STRANGERS = _IMPATIENT.where(~_IN_CHAT)
_OF_OTHERS = Statement(_WAIT.where(_C.account != bindparam("account")))
_TOO_OLD = Statement(_WAIT.where(_C.expire_ms < bindparam("now")))
_IN_HAND = Statement(_SOME.where(_C.state == _S.SENDING.value))
_LAST = select(func.coalesce(func.max(_C.position), 0) + 1).correlate(None).scalar_subquery()
_INSERT = Statement(messages.insert().values(position=_LAST))
_BEGIN = CHANGE.values(attempt=_C.attempt + 1)
_BEGIN_AGAIN = _BEGIN.values(
    earlier_whatsapp_id=_C.whatsapp_id, whatsapp_id="", earlier_secret=_C.message_secret
)
_UNREPEATED = CHANGE.values(
    duplicated=False,
    whatsapp_id=_C.earlier_whatsapp_id,
    earlier_whatsapp_id="",
    message_secret=_C.earlier_secret,
    earlier_secret=None,
)
_REQUEUE = CHANGE.values(position=_LAST)
_DUPLICATE = Statement(
    select(messages)
    .where(
        _C.state == _S.UNKNOWN.value,
        _C.allow_duplicate,
        ~_C.duplicated,
        _C.account == bindparam("account"),
        _C.expire_ms > bindparam("now"),
    )
    .order_by(_C.update_ms)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who hands a message to the library.

    Attributes:
        secret: 32 bytes that go out with it and that the library stores before, with its id.
        account: the account's number.
        device_jid: the linked device, which changes with every pairing.
        store_generation: of the library's store, see `cut_sends`.
    """

    secret: bytes
    account: str
    device_jid: str
    store_generation: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The messages that are QUEUED.

    Attributes:
        count: how many.
        expire: when the first of them expires.
        not_before: the next time for which one of them waits.
    """

    count: int
    expire: datetime | None
    not_before: datetime | None


class MessageRows:
    """What can happen to a message."""

    def __init__(self, encode: Encode) -> None:
        self.changer = Changer(encode)
        self._change = self.changer.change

    # -- reading

    def next_due(self, connection: Connection) -> OutboundMessage | None:
        """The message that was accepted first of those that may go out now."""
        row = _NEXT.first(connection, _around_now())
        return None if row is None else to_message(row)

    def next_now(self, connection: Connection, *, new_chats: bool = True) -> OutboundMessage | None:
        """As `next_due`, of those that go out now or not at all."""
        row = (_NEXT_NOW if new_chats else _NEXT_NOW_IN_CHAT).first(connection, _around_now())
        return None if row is None else to_message(row)

    def queue_waits(self, connection: Connection, *, new_chats: bool = True) -> bool:
        """Whether one that may wait could go out now."""
        query = _NEXT_QUEUED if new_chats else _NEXT_QUEUED_IN_CHAT
        return query.first(connection, _around_now()) is not None

    def next_in_chat(self, connection: Connection) -> OutboundMessage | None:
        """As `next_due`, of those that begin no chat."""
        row = _NEXT_IN_CHAT.first(connection, _around_now())
        return None if row is None else to_message(row)

    def next_duplicate(self, connection: Connection, account: str) -> OutboundMessage | None:
        """The message with an unknown outcome that may be sent once more."""
        parameters = {"account": account, "now": now_ms()}
        row = _DUPLICATE.first(connection, parameters)
        return None if row is None else to_message(row)

    def waiting(self, connection: Connection, since_ms: int | None = None) -> Waiting:
        """What waits, and until when; as it stood at that time, for what waited then."""
        around = _around_now() if since_ms is None else _around(since_ms)
        row = _TIMES.first(connection, around)
        return Waiting(row.queued, from_ms(row.expire_ms), from_ms(row.not_before_ms))

    def count_queued(self, connection: Connection) -> int:
        """How many messages wait."""
        return int(_COUNT_QUEUED.first(connection, {}).queued)

    def count_impatient(self, connection: Connection) -> int:
        """How many messages wait that go out now or not at all."""
        return int(_COUNT_NOW.first(connection, {}).queued)

    # -- accepting

    def insert(self, tx: Transaction, message: OutboundMessage) -> None:
        """Accept a message."""
        row = {
            "message_id": message.message_id,
            "request_id": message.request_id,
            "content_hash": message.content_hash,
            "recipient_jid": message.recipient_jid,
            "content": message.content,
            "account": message.account,
            "epoch": tx.epoch,
            "delivery": message.delivery.value,
            "allow_duplicate": message.allow_duplicate,
            "state": message.state.value,
            "create_ms": to_ms(message.create_time),
            "expire_ms": to_ms(message.expire_time),
            "update_ms": to_ms(message.update_time),
            "media_id": message.media_id or None,
            "media_kind": message.media_kind,
            "media_pending": message.media_pending,
        }
        _INSERT.run(tx.connection, row)
        self.changer.tell(tx, message)

    def requeue(
        self, tx: Transaction, message_id: str, account: str, expire_time: datetime
    ) -> OutboundMessage | None:
        """Accept a failed message anew, behind all that wait: its caller asks for it again."""
        return self._change(
            tx,
            message_id,
            (_S.FAILED,),
            statement=_REQUEUE,
            state=_S.QUEUED,
            account=account,
            epoch=tx.epoch,
            expire_ms=to_ms(expire_time),
            not_before_ms=0,
            reason="",
            detail="",
        )

    # -- attempts

    def begin_attempt(
        self, tx: Transaction, message: OutboundMessage, attempt: Attempt
    ) -> OutboundMessage | None:
        """Note that the library gets a message now that is due.

        A message whose time is over, or that was accepted for another account than the one that
        would send it now, becomes FAILED instead; one whose media has to be brought to WhatsApp
        anew stays QUEUED.
        """
        if message.expire_time < now():
            return self.failed(tx, message.message_id, Reason.MESSAGE_EXPIRED, TOO_LATE)
        if message.account != attempt.account:
            return self.failed(tx, message.message_id, Reason.ACCOUNT_CHANGED, CHANGED_ACCOUNT)
        if message.media_id and not media_uploads.is_fresh(
            tx.connection, message.account, message.media_id, message.media_kind
        ):
            return self._change(tx, message.message_id, (_S.QUEUED,), media_pending=True)
        return self._begin(tx, message.message_id, _S.QUEUED, attempt, _BEGIN)

    def begin_duplicate(
        self, tx: Transaction, message_id: str, attempt: Attempt
    ) -> OutboundMessage | None:
        """Note that the library gets a message once more that may have arrived already."""
        return self._begin(tx, message_id, _S.UNKNOWN, attempt, _BEGIN_AGAIN, duplicated=True)

    def _begin(
        self,
        tx: Transaction,
        message_id: str,
        state: MessageState,
        attempt: Attempt,
        statement: Statement,
        **more: Any,
    ) -> OutboundMessage | None:
        return self._change(
            tx,
            message_id,
            (state,),
            statement=statement,
            state=_S.SENDING,
            message_secret=attempt.secret,
            device_jid=attempt.device_jid,
            store_generation=attempt.store_generation,
            begin_ms=now_ms(),
            traceable=True,
            epoch=tx.epoch,
            reason="",
            detail="",
            **more,
        )

    def put_back(
        self,
        tx: Transaction,
        message_id: str,
        detail: str,
        *,
        reason: Reason | None = None,
        not_before: datetime | None = None,
    ) -> OutboundMessage | None:
        """The library did not send it for sure: it waits again, in its old place."""
        return self._change(
            tx,
            message_id,
            (_S.SENDING,),
            state=_S.QUEUED,
            not_before_ms=to_ms(not_before) or 0,
            reason=reason.value if reason else "",
            detail=detail,
        )

    def sent(
        self, tx: Transaction, message_id: str, sent: Sent, *, undecrypted: bool = False
    ) -> OutboundMessage | None:
        """WhatsApp's server acknowledged it. Receipts that were faster are applied."""
        message = self._change(
            tx,
            message_id,
            (_S.SENDING, _S.UNKNOWN),
            state=_S.SENT,
            whatsapp_id=sent.whatsapp_id,
            sent_ms=to_ms(sent.time),
            undecrypted=undecrypted,
            reason="",
            detail="",
        )
        return message and (apply_early(tx, self.changer, sent.whatsapp_id) or message)

    def unreached(
        self, tx: Transaction, message_id: str, sent: Sent, detail: str
    ) -> OutboundMessage | None:
        """WhatsApp's server acknowledged it, but it was not for the recipient's phone."""
        message = self._change(
            tx,
            message_id,
            (_S.SENDING,),
            state=_S.UNKNOWN,
            whatsapp_id=sent.whatsapp_id,
            reason=Reason.SEND_OUTCOME_UNKNOWN.value,
            detail=detail,
        )
        return message and (apply_early(tx, self.changer, sent.whatsapp_id) or message)

    def failed(
        self, tx: Transaction, message_id: str, reason: Reason, detail: str
    ) -> OutboundMessage | None:
        """It did not go out and will not."""
        return self._change(
            tx,
            message_id,
            (_S.QUEUED, _S.SENDING),
            state=_S.FAILED,
            not_before_ms=0,
            reason=reason.value,
            detail=detail,
        )

    def unknown(self, tx: Transaction, message_id: str, detail: str) -> OutboundMessage | None:
        """It was cut: it arrived once or not at all."""
        return self._unknown(tx, message_id, detail, CHANGE)

    def unrepeated(self, tx: Transaction, message_id: str, detail: str) -> OutboundMessage | None:
        """The attempt that was one too many never left: all is as it was before it."""
        return self._unknown(tx, message_id, detail, _UNREPEATED)

    def _unknown(
        self, tx: Transaction, message_id: str, detail: str, statement: Statement
    ) -> OutboundMessage | None:
        return self._change(
            tx,
            message_id,
            (_S.SENDING,),
            statement=statement,
            state=_S.UNKNOWN,
            reason=Reason.SEND_OUTCOME_UNKNOWN.value,
            detail=detail,
        )

    def media_delayed(
        self, tx: Transaction, message_id: str, reason: Reason, detail: str
    ) -> OutboundMessage | None:
        """WhatsApp did not get its media; it goes on waiting."""
        return self._change(tx, message_id, (_S.QUEUED,), reason=reason.value, detail=detail)

    def mark_untraceable(self, tx: Transaction) -> None:
        """The library's store has no record of the message that it has now."""
        tx.connection.execute(
            update(messages).where(_C.state == _S.SENDING.value).values(traceable=False)
        )

    # -- many at once

    def cancel(self, tx: Transaction, message_id: str) -> OutboundMessage | None:
        """Take back a message that waits; the message as it stands, None if there is none."""
        cancelled = self._change(
            tx,
            message_id,
            (_S.QUEUED,),
            state=_S.FAILED,
            not_before_ms=0,
            reason=Reason.MESSAGE_CANCELLED.value,
            detail=CANCELLED,
        )
        return cancelled or find(tx.connection, message_id)

    def fail_impatient(self, tx: Transaction, reason: Reason, detail: str) -> list[OutboundMessage]:
        """Fail those that wait and should go out now or not at all."""
        return self._each(_IMPATIENT.run(tx.connection, {}), tx, self.failed, reason, detail)

    def fail_new_chats(self, tx: Transaction, reason: Reason) -> list[OutboundMessage]:
        """As `fail_impatient`, of those that would begin a chat."""
        return self._each(_IMPATIENT_STRANGERS.run(tx.connection, {}), tx, self.failed, reason, "")

    def fail_strangers(self, tx: Transaction, account: str) -> list[OutboundMessage]:
        """Fail those that wait and were accepted for another account."""
        found = _OF_OTHERS.run(tx.connection, {"account": account})
        return self._each(found, tx, self.failed, Reason.ACCOUNT_CHANGED, CHANGED_ACCOUNT)

    def expire_queued(self, tx: Transaction) -> list[OutboundMessage]:
        """Fail those that waited too long."""
        found = _TOO_OLD.run(tx.connection, {"now": now_ms()})
        return self._each(found, tx, self.failed, Reason.MESSAGE_EXPIRED, TOO_LATE)

    def cut_sending(self, tx: Transaction, detail: str) -> list[OutboundMessage]:
        """Everything that the library had becomes UNKNOWN."""
        return self._each(_IN_HAND.run(tx.connection, {}), tx, self.unknown, detail)

    def _each(
        self, found: Sequence[Any], tx: Transaction, change: Callable[..., Any], *arguments: Any
    ) -> list[OutboundMessage]:
        changed = (change(tx, row.message_id, *arguments) for row in found)
        return [message for message in changed if message is not None]
