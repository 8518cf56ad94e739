"""A row of the outbox as a message, and the one way to change it.

Every change of a message appends the event that tells of it, in the same transaction.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, literal_column, select, update

from botnode.clock import from_ms, now_ms
from botnode.message import Delivery, OutboundMessage
from botnode.statement import Statement
from botnode.states import MessageState
from botnode.store import Transaction
from botnode.tables import messages

STATE_CHANGED = "message_state_changed"
DECRYPTION_CHANGED = "message_decryption_changed"
# An event's content for a message, by the event's kind; given in by the composition root.
Encode = Callable[[str, OutboundMessage], bytes]

_C = messages.c

ALL = Statement(select(messages))
# ``states`` has a bit for each state that the message may be in.
CHANGE = Statement(
    update(messages)
    .where(
        _C.message_id == bindparam("wanted"),
        literal_column("1").op("<<")(_C.state).op("&")(bindparam("states")) != 0,
    )
    .returning(messages)
)
_BY_ID = ALL.where(_C.message_id == bindparam("wanted"))
_BY_WHATSAPP_ID = ALL.where(_C.whatsapp_id == bindparam("wanted"))
_BY_REQUEST = ALL.where(_C.request_id == bindparam("wanted"))


def find(connection: Connection, message_id: str) -> OutboundMessage | None:
    """A message by our id."""
    return one(connection, _BY_ID, message_id)


def find_request(connection: Connection, request_id: str) -> OutboundMessage | None:
    """A message by the caller's id."""
    return one(connection, _BY_REQUEST, request_id)


def find_whatsapp_id(connection: Connection, whatsapp_id: str) -> OutboundMessage | None:
    """A message by WhatsApp's id."""
    return one(connection, _BY_WHATSAPP_ID, whatsapp_id)


def one(connection: Connection, query: Statement, wanted: str) -> OutboundMessage | None:
    """The message that a query finds for its parameter ``wanted``."""
    row = query.first(connection, {"wanted": wanted})
    return None if row is None else to_message(row)


class Changer:
    """Changes messages and tells of it."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    def change(
        self,
        tx: Transaction,
        message_id: str,
        states: Iterable[MessageState],
        *,
        statement: Statement = CHANGE,
        kind: str = STATE_CHANGED,
        **values: Any,
    ) -> OutboundMessage | None:
        """Change a message that is in one of these states; None if it is not."""
        if "state" in values:
            values["state"] = values["state"].value
        parameters = {
            "wanted": message_id,
            "states": sum(1 << state.value for state in states),
            "update_ms": now_ms(),
            **values,
        }
        changed = statement.first(tx.connection, parameters)
        if changed is None:
            return None
        message = to_message(changed)
        self.tell(tx, message, kind)
        return message

    def tell(self, tx: Transaction, message: OutboundMessage, kind: str = STATE_CHANGED) -> None:
        """Append the event of a message as it stands now."""
        payload = self._encode(kind, message)
        tx.append_event(kind, message.account, payload, message_id=message.message_id)


def to_message(row: Any) -> OutboundMessage:
    """The message in a row of `messages`."""
    return OutboundMessage(
        message_id=row.message_id,
        request_id=row.request_id,
        recipient_jid=row.recipient_jid,
        content=row.content,
        content_hash=row.content_hash,
        account=row.account,
        state=MessageState(row.state),
        create_time=_time(row.create_ms),
        update_time=_time(row.update_ms),
        expire_time=_time(row.expire_ms),
        delivery=Delivery(row.delivery),
        allow_duplicate=bool(row.allow_duplicate),
        attempt=row.attempt,
        whatsapp_id=row.whatsapp_id,
        reason=row.reason,
        detail=row.detail,
        not_before=from_ms(row.not_before_ms or None),
        undecrypted=bool(row.undecrypted),
        duplicated=bool(row.duplicated),
        sent_time=from_ms(row.sent_ms),
        delivered_time=from_ms(row.delivered_ms),
        read_time=from_ms(row.read_ms),
        earlier_whatsapp_id=row.earlier_whatsapp_id,
        delivered_count=row.delivered_count,
        read_count=row.read_count,
        media_id=row.media_id or "",
        media_kind=row.media_kind,
        media_pending=bool(row.media_pending),
    )


def _time(value: int) -> datetime:
    time = from_ms(value)
    assert time is not None  # noqa: S101 - the columns are not nullable
    return time
