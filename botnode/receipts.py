"""What WhatsApp's receipts do to the messages that they speak of.

In a group they are counted by people. An event tells of a message whose state rose; after that the
counts are told as `group_readers.is_told` has it: a thousand people are no two thousand events.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import bindparam, delete, select, update

from botnode import group_readers
from botnode.clock import from_ms, now_ms, to_ms
from botnode.group_readers import Grown, Reader
from botnode.message import OutboundMessage
from botnode.message_row import ALL, DECRYPTION_CHANGED, Changer, find_whatsapp_id, one
from botnode.ports import Receipt, ReceiptKind
from botnode.recipient import GROUP_SERVER
from botnode.statement import Statement
from botnode.states import MessageState
from botnode.store import Transaction
from botnode.tables import early_receipts, messages

log = structlog.get_logger(__name__)

KEEP_EARLY_MS = 10 * 60 * 1000

# The state that a receipt raises a message to, and the time that it sets.
_RAISES = {
    ReceiptKind.SENDER: (MessageState.SENT, "sent_ms"),
    ReceiptKind.DELIVERED: (MessageState.DELIVERED, "delivered_ms"),
    ReceiptKind.READ: (MessageState.READ, "read_ms"),
}
# Of one second, for WhatsApp's times are whole ones: a delivery may follow a retry, not precede it.
_RANK = {
    ReceiptKind.RETRY: 0,
    ReceiptKind.SENDER: 1,
    ReceiptKind.DELIVERED: 2,
    ReceiptKind.READ: 3,
}
_C = messages.c

# Without an event: what tells of it comes after.
_COUNT = Statement(
    update(messages).where(_C.message_id == bindparam("wanted")).returning(_C.message_id)
)
_BY_EARLIER_ID = ALL.where(
    _C.earlier_whatsapp_id == bindparam("wanted"), _C.earlier_whatsapp_id != ""
)
_EARLY_OF = Statement(
    delete(early_receipts)
    .where(early_receipts.c.whatsapp_id == bindparam("wanted"))
    .returning(early_receipts.c.kind, early_receipts.c.receipt_ms)
)
_DROP_OLD = Statement(
    delete(early_receipts).where(early_receipts.c.create_ms < bindparam("oldest"))
)
_IS_KEPT = Statement(
    select(early_receipts.c.kind).where(
        early_receipts.c.whatsapp_id == bindparam("wanted"),
        early_receipts.c.kind == bindparam("kept_kind"),
    )
)
_KEEP = Statement(early_receipts.insert())


@dataclass(frozen=True, slots=True)
class _Notice:
    """What a receipt says of one message.

    Attributes:
        account: whose receipt it is, None if unknown.
        reader: in a group, who has it.
    """

    kind: ReceiptKind
    whatsapp_id: str
    time: datetime
    account: str | None = None
    reader: Reader | None = None


def apply(
    tx: Transaction, changer: Changer, receipt: Receipt, account: str | None
) -> list[OutboundMessage]:
    """Raise the messages that a receipt speaks of; keep it for ids that are not known yet.

    Messages of another account than the receipt's stay as they are.
    """
    reader = _reader(receipt)
    notices = [
        _Notice(receipt.kind, whatsapp_id, receipt.time, account, reader)
        for whatsapp_id in receipt.whatsapp_ids
    ]
    raised = [_apply(tx, changer, notice) for notice in notices]
    return [message for message in raised if message is not None]


def _reader(receipt: Receipt) -> Reader | None:
    """Who has a group's message; None if the receipt does not tell."""
    in_group = receipt.chat_jid.endswith(f"@{GROUP_SERVER}")
    if not in_group or receipt.kind not in (ReceiptKind.DELIVERED, ReceiptKind.READ):
        return None
    time_ms = to_ms(receipt.time) or 0
    read_ms = time_ms if receipt.kind is ReceiptKind.READ else None
    return Reader(receipt.sender_jid, receipt.other_jid, time_ms, read_ms)


def apply_early(tx: Transaction, changer: Changer, whatsapp_id: str) -> OutboundMessage | None:
    """Apply what was kept for an id that is known now; the message if that changed it."""
    if known := find_whatsapp_id(tx.connection, whatsapp_id):
        grown = group_readers.adopt(tx, whatsapp_id, _first_id(known), known.message_id)
        _count(tx, known, grown)
    found = _EARLY_OF.run(tx.connection, {"wanted": whatsapp_id})
    latest = None
    in_order = sorted(found, key=lambda row: (row.receipt_ms, _RANK[ReceiptKind(row.kind)]))
    for kind, receipt_ms in in_order:
        time = from_ms(receipt_ms)
        assert time is not None  # noqa: S101 - the column is not nullable
        latest = _apply(tx, changer, _Notice(ReceiptKind(kind), whatsapp_id, time)) or latest
    return latest


def _apply(tx: Transaction, changer: Changer, notice: _Notice) -> OutboundMessage | None:
    known = find_whatsapp_id(tx.connection, notice.whatsapp_id) or one(
        tx.connection, _BY_EARLIER_ID, notice.whatsapp_id
    )
    if known is None:
        _keep_early(tx, notice)
        return None
    if notice.account is not None and known.account != notice.account:
        return None
    if known.state is MessageState.FAILED:
        log.error("receipt_for_failed_message", message_id=known.message_id, kind=notice.kind)
        return None
    if notice.kind is ReceiptKind.RETRY:
        return _note_decryption(tx, changer, known, undecrypted=True)
    grown = Grown()
    if notice.reader is not None:
        grown = group_readers.note(tx, _first_id(known), known.message_id, notice.reader)
        _count(tx, known, grown)
    changed = _raise(tx, changer, known, notice)
    if changed is None and grown:
        _tell_counts(tx, changer, known, grown)
    return changed


def _first_id(known: OutboundMessage) -> str:
    """The id under which a message's readers are kept, also if it is sent a second time."""
    return known.earlier_whatsapp_id or known.whatsapp_id


def _count(tx: Transaction, known: OutboundMessage, grown: Grown) -> None:
    """Raise the counts; what changes next tells of them."""
    if grown:
        _COUNT.run(
            tx.connection,
            {
                "wanted": known.message_id,
                "delivered_count": known.delivered_count + grown.delivered,
                "read_count": known.read_count + grown.read,
                "update_ms": now_ms(),
            },
        )


def _tell_counts(tx: Transaction, changer: Changer, known: OutboundMessage, grown: Grown) -> None:
    delivered, read = known.delivered_count, known.read_count
    if group_readers.is_told(delivered, delivered + grown.delivered) or group_readers.is_told(
        read, read + grown.read
    ):
        changer.change(tx, known.message_id, list(MessageState))


def _raise(
    tx: Transaction, changer: Changer, known: OutboundMessage, notice: _Notice
) -> OutboundMessage | None:
    time = notice.time
    state, column = _RAISES[notice.kind]
    values: dict[str, Any] = {"state": state, column: to_ms(time), "reason": "", "detail": ""}
    if state is MessageState.READ and known.delivered_time is None:
        values["delivered_ms"] = to_ms(time)
    if known.sent_time is None:
        values["sent_ms"] = to_ms(time)
    if state >= MessageState.DELIVERED:
        values["undecrypted"] = False
    below = [s for s in MessageState if s < state]
    raised = changer.change(tx, known.message_id, below, **values)
    if raised is None and state >= MessageState.DELIVERED and known.undecrypted:
        return _note_decryption(tx, changer, known, undecrypted=False)
    return raised


def _note_decryption(
    tx: Transaction, changer: Changer, known: OutboundMessage, *, undecrypted: bool
) -> OutboundMessage | None:
    """Set or clear the flag, and tell of it; nothing if it is so already.

    A device that asks for the message again has it from the server: it was sent.
    """
    if known.undecrypted == undecrypted:
        return None
    if known.state < MessageState.SENT:
        changer.change(
            tx,
            known.message_id,
            (known.state,),
            state=MessageState.SENT,
            sent_ms=now_ms(),
            reason="",
            detail="",
        )
    return changer.change(
        tx,
        known.message_id,
        list(MessageState),
        kind=DECRYPTION_CHANGED,
        undecrypted=undecrypted,
    )


def _keep_early(tx: Transaction, notice: _Notice) -> None:
    now = now_ms()
    if notice.reader is not None:
        oldest_ms = now - KEEP_EARLY_MS
        group_readers.note_early(tx, notice.whatsapp_id, notice.reader, oldest_ms=oldest_ms)
    _DROP_OLD.run(tx.connection, {"oldest": now - KEEP_EARLY_MS})
    key = {"wanted": notice.whatsapp_id, "kept_kind": notice.kind.value}
    if _IS_KEPT.first(tx.connection, key) is None:
        receipt = {
            "whatsapp_id": notice.whatsapp_id,
            "kind": notice.kind.value,
            "receipt_ms": to_ms(notice.time),
            "create_ms": now,
        }
        _KEEP.run(tx.connection, receipt)
