"""The rows of the outbox: what is read and written inside one transaction.

Every change of a message's state appends the event that tells of it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from botmesh.errors import Reason
from botnode.clock import from_ms, now_ms, to_ms
from botnode.message import OutboundMessage
from botnode.ports import Receipt, ReceiptKind
from botnode.states import MessageState
from botnode.store import Transaction
from botnode.tables import early_receipts, messages

EVENT_KIND = "message_state_changed"
EARLY_RECEIPTS_MS = 10 * 60 * 1000
TOO_LATE = "the line to WhatsApp did not come back in time"
# The event's content for a message; given in by the composition root.
Encode = Callable[[OutboundMessage], bytes]

# The state that a receipt raises a message to, and the time that it sets.
_RAISES = {
    ReceiptKind.SENDER: (MessageState.SENT, "sent_ms"),
    ReceiptKind.DELIVERED: (MessageState.DELIVERED, "delivered_ms"),
    ReceiptKind.READ: (MessageState.READ, "read_ms"),
}
_C = messages.c

# Statements are built once: building one costs more than running it.
_ALL = select(messages)
_BY_ID = _ALL.where(_C.message_id == bindparam("wanted"))
_BY_REQUEST = _ALL.where(_C.request_id == bindparam("wanted"))
_BY_WHATSAPP_ID = _ALL.where(_C.whatsapp_id == bindparam("wanted"))
_NEXT = _ALL.where(_C.state == MessageState.QUEUED.value).order_by(_C.position).limit(1)
_DUE = select(_C.account, _C.expire_ms).where(
    _C.message_id == bindparam("wanted"), _C.state == MessageState.QUEUED.value
)
_COUNT_QUEUED = select(func.count()).where(_C.state == MessageState.QUEUED.value)
_LAST = select(func.coalesce(func.max(_C.position), 0) + 1).correlate(None).scalar_subquery()
_INSERT = messages.insert().values(position=_LAST)
_CHANGE = (
    update(messages)
    .where(
        _C.message_id == bindparam("wanted"),
        _C.state.in_(bindparam("states", expanding=True)),
    )
    .returning(messages)
)
_BEGIN = _CHANGE.values(attempt=_C.attempt + 1)
_REQUEUE = _CHANGE.values(position=_LAST)
_EARLY_OF = (
    delete(early_receipts)
    .where(early_receipts.c.whatsapp_id == bindparam("wanted"))
    .returning(early_receipts.c.kind, early_receipts.c.receipt_ms)
)


class MessageRows:
    """The outbox's queries."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    # -- reading

    def find(self, connection: Connection, message_id: str) -> OutboundMessage | None:
        """A message by our id."""
        return _one(connection, _BY_ID, message_id)

    def find_request(self, connection: Connection, request_id: str) -> OutboundMessage | None:
        """A message by the caller's id."""
        return _one(connection, _BY_REQUEST, request_id)

    def next_queued(self, connection: Connection) -> OutboundMessage | None:
        """The message that was accepted first of those that wait."""
        row = connection.execute(_NEXT).one_or_none()
        return None if row is None else _message(row)

    def count_queued(self, connection: Connection) -> int:
        """How many messages wait."""
        return int(connection.execute(_COUNT_QUEUED).scalar_one())

    # -- writing

    def insert(self, tx: Transaction, message: OutboundMessage, expire_time: datetime) -> None:
        """Accept a message."""
        row = {
            "message_id": message.message_id,
            "request_id": message.request_id,
            "content_hash": message.content_hash,
            "recipient_jid": message.recipient_jid,
            "content": message.content,
            "account": message.account,
            "epoch": tx.epoch,
            "state": message.state.value,
            "create_ms": to_ms(message.create_time),
            "expire_ms": to_ms(expire_time),
            "update_ms": to_ms(message.update_time),
        }
        tx.connection.execute(_INSERT, row)
        tx.append_event(EVENT_KIND, message.account, self._encode(message))

    def requeue(
        self, tx: Transaction, message_id: str, account: str, expire_time: datetime
    ) -> OutboundMessage | None:
        """Accept a failed message anew, behind all that wait: its caller asks for it again."""
        return self._change(
            tx,
            message_id,
            (MessageState.FAILED,),
            statement=_REQUEUE,
            state=MessageState.QUEUED,
            account=account,
            epoch=tx.epoch,
            expire_ms=to_ms(expire_time),
            reason="",
            detail="",
        )

    def begin_attempt(
        self, tx: Transaction, message_id: str, secret: bytes, account: str
    ) -> OutboundMessage | None:
        """Note that the library gets the message now, and the secret that will tell it apart.

        A message whose time is over, or that was accepted for another account than the one that
        would send it now, becomes FAILED instead.
        """
        row = tx.connection.execute(_DUE, {"wanted": message_id}).first()
        if row is not None and row.expire_ms < now_ms():
            return self.failed(tx, message_id, Reason.SESSION_DISCONNECTED, TOO_LATE)
        if row is not None and row.account != account:
            detail = "accepted for another account than the tenant has now"
            return self.failed(tx, message_id, Reason.ACCOUNT_CHANGED, detail)
        return self._change(
            tx,
            message_id,
            (MessageState.QUEUED,),
            statement=_BEGIN,
            state=MessageState.SENDING,
            message_secret=secret,
            epoch=tx.epoch,
        )

    def put_back(self, tx: Transaction, message_id: str, detail: str) -> OutboundMessage | None:
        """The library did not send it for sure: it waits again."""
        sending = (MessageState.SENDING,)
        return self._change(tx, message_id, sending, state=MessageState.QUEUED, detail=detail)

    def sent(
        self, tx: Transaction, message_id: str, whatsapp_id: str, time: datetime
    ) -> OutboundMessage | None:
        """WhatsApp's server acknowledged it. Receipts that were faster are applied."""
        message = self._change(
            tx,
            message_id,
            (MessageState.SENDING, MessageState.UNKNOWN),
            state=MessageState.SENT,
            whatsapp_id=whatsapp_id,
            sent_ms=to_ms(time),
            reason="",
        )
        return message and (self._apply_early(tx, whatsapp_id) or message)

    def failed(
        self, tx: Transaction, message_id: str, reason: Reason, detail: str
    ) -> OutboundMessage | None:
        """It did not go out and will not."""
        waiting = (MessageState.QUEUED, MessageState.SENDING)
        return self._change(
            tx, message_id, waiting, state=MessageState.FAILED, reason=reason.value, detail=detail
        )

    def unknown(self, tx: Transaction, message_id: str, detail: str) -> OutboundMessage | None:
        """It was cut: it arrived once or not at all."""
        return self._change(
            tx,
            message_id,
            (MessageState.SENDING,),
            state=MessageState.UNKNOWN,
            reason=Reason.SEND_OUTCOME_UNKNOWN.value,
            detail=detail,
        )

    def fail_queued(self, tx: Transaction, reason: Reason, detail: str) -> list[OutboundMessage]:
        """Fail all that wait: the session will not come back by itself."""
        return self._each(
            tx, _ids(tx, _C.state == MessageState.QUEUED), self.failed, reason, detail
        )

    def expire_queued(self, tx: Transaction) -> list[OutboundMessage]:
        """Fail those that waited too long."""
        due = (_C.state == MessageState.QUEUED) & (_C.expire_ms < now_ms())
        return self._each(tx, _ids(tx, due), self.failed, Reason.SESSION_DISCONNECTED, TOO_LATE)

    def cut_sending(self, tx: Transaction, detail: str) -> list[OutboundMessage]:
        """Everything that the library had becomes UNKNOWN."""
        return self._each(tx, _ids(tx, _C.state == MessageState.SENDING), self.unknown, detail)

    def name_by_secret(self, tx: Transaction, ids: dict[bytes, str]) -> None:
        """Keep WhatsApp's ids that the library's store gave for the secrets of cut messages."""
        for secret, whatsapp_id in ids.items():
            tx.connection.execute(
                update(messages)
                .where(_C.message_secret == secret, _C.whatsapp_id == "")
                .values(whatsapp_id=whatsapp_id)
            )
            self._apply_early(tx, whatsapp_id)

    def nameless_secrets(self, connection: Connection) -> list[bytes]:
        """The secrets of messages with an open outcome and without WhatsApp's id."""
        query = select(_C.message_secret).where(
            _C.state.in_((MessageState.SENDING, MessageState.UNKNOWN)),
            _C.whatsapp_id == "",
            _C.message_secret.is_not(None),
        )
        return list(connection.execute(query).scalars())

    # -- receipts

    def apply_receipt(self, tx: Transaction, receipt: Receipt) -> list[OutboundMessage]:
        """Raise the messages that a receipt speaks of; keep it for ids that are not known yet."""
        raised = [self._apply(tx, receipt.kind, i, receipt.time) for i in receipt.whatsapp_ids]
        return [message for message in raised if message is not None]

    def _apply(
        self, tx: Transaction, kind: ReceiptKind, whatsapp_id: str, time: datetime
    ) -> OutboundMessage | None:
        known = _one(tx.connection, _BY_WHATSAPP_ID, whatsapp_id)
        if known is None:
            _keep_early(tx, kind, whatsapp_id, time)
            return None
        if kind is ReceiptKind.RETRY:
            _set(tx, known.message_id, undecrypted=True)
            return None
        state, column = _RAISES[kind]
        values: dict[str, Any] = {"state": state, column: to_ms(time), "reason": "", "detail": ""}
        if state is MessageState.READ and known.delivered_time is None:
            values["delivered_ms"] = to_ms(time)
        if known.sent_time is None:
            values["sent_ms"] = to_ms(time)
        if state >= MessageState.DELIVERED:
            values["undecrypted"] = False
        below = [s for s in MessageState if s < state]
        return self._change(tx, known.message_id, below, **values)

    def _apply_early(self, tx: Transaction, whatsapp_id: str) -> OutboundMessage | None:
        found = tx.connection.execute(_EARLY_OF, {"wanted": whatsapp_id}).all()
        latest = None
        for kind, receipt_ms in sorted(found, key=lambda row: _ORDER.index(row.kind)):
            time = from_ms(receipt_ms)
            assert time is not None  # noqa: S101 - the column is not nullable
            latest = self._apply(tx, ReceiptKind(kind), whatsapp_id, time) or latest
        return latest

    # -- changing one

    def _change(
        self,
        tx: Transaction,
        message_id: str,
        states: Iterable[MessageState],
        *,
        statement: Any = _CHANGE,
        **values: Any,
    ) -> OutboundMessage | None:
        """Change a message that is in one of these states; None if it is not."""
        values["state"] = values["state"].value
        changed = tx.connection.execute(
            statement,
            {
                "wanted": message_id,
                "states": [state.value for state in states],
                "update_ms": now_ms(),
                **values,
            },
        ).one_or_none()
        if changed is None:
            return None
        message = _message(changed)
        tx.append_event(EVENT_KIND, message.account, self._encode(message))
        return message

    def _each(
        self, tx: Transaction, ids: Iterable[str], change: Callable[..., Any], *arguments: Any
    ) -> list[OutboundMessage]:
        return [m for i in ids if (m := change(tx, i, *arguments)) is not None]


_ORDER = [kind.value for kind in ReceiptKind]


def _keep_early(tx: Transaction, kind: ReceiptKind, whatsapp_id: str, time: datetime) -> None:
    now = now_ms()
    tx.connection.execute(
        delete(early_receipts).where(early_receipts.c.create_ms < now - EARLY_RECEIPTS_MS)
    )
    known = tx.connection.execute(
        select(early_receipts.c.kind).where(
            early_receipts.c.whatsapp_id == whatsapp_id, early_receipts.c.kind == kind.value
        )
    ).first()
    if known is None:
        tx.connection.execute(
            early_receipts.insert().values(
                whatsapp_id=whatsapp_id, kind=kind.value, receipt_ms=to_ms(time), create_ms=now
            )
        )


def _set(tx: Transaction, message_id: str, **values: Any) -> None:
    tx.connection.execute(
        update(messages).where(_C.message_id == message_id).values(update_ms=now_ms(), **values)
    )


def _ids(tx: Transaction, condition: Any) -> list[str]:
    query = select(_C.message_id).where(condition).order_by(_C.position)
    return list(tx.connection.execute(query).scalars())


def _one(connection: Connection, query: Any, wanted: str) -> OutboundMessage | None:
    row = connection.execute(query, {"wanted": wanted}).first()
    return None if row is None else _message(row)


def _message(row: Any) -> OutboundMessage:
    return OutboundMessage(
        message_id=row.message_id,
        request_id=row.request_id,
        recipient_jid=row.recipient_jid,
        content=row.content,
        content_hash=row.content_hash,
        account=row.account,
        state=MessageState(row.state),
        attempt=row.attempt,
        whatsapp_id=row.whatsapp_id,
        reason=row.reason,
        detail=row.detail,
        create_time=_time(row.create_ms),
        update_time=_time(row.update_ms),
        sent_time=from_ms(row.sent_ms),
        delivered_time=from_ms(row.delivered_ms),
        read_time=from_ms(row.read_ms),
    )


def _time(value: int) -> datetime:
    time = from_ms(value)
    assert time is not None  # noqa: S101 - the columns are not nullable
    return time
