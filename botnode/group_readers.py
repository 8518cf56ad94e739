"""Who in a group has a message, and who has read it: people, however many devices they have.

WhatsApp names a person by LID or by number. A receipt that has both tells that they are one.
"""

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, or_, select, update

from botnode.clock import now_ms
from botnode.statement import Statement
from botnode.store import Transaction
from botnode.tables import group_readers

# So many people are told of one by one; from there on an event comes at 32, 64, 128...
EACH = 16

_C = group_readers.c
_KNOWN = Statement(
    select(group_readers).where(
        _C.whatsapp_id == bindparam("wanted"),
        or_(
            _C.person_jid == bindparam("jid"),
            _C.person_jid == bindparam("alias"),
            _C.other_jid == bindparam("jid"),
            _C.other_jid == bindparam("alias"),
        ),
    )
)
_ADD = Statement(group_readers.insert())
_READ = Statement(
    update(group_readers)
    .where(_C.whatsapp_id == bindparam("wanted"), _C.person_jid == bindparam("known_jid"))
    .returning(_C.person_jid)
)
_EARLY = Statement(
    delete(group_readers)
    .where(_C.whatsapp_id == bindparam("wanted"), _C.message_id == "")
    .returning(_C.person_jid, _C.other_jid, _C.delivered_ms, _C.read_ms)
)
_DROP_OLD = Statement(
    delete(group_readers).where(_C.message_id == "", _C.create_ms < bindparam("oldest"))
)


@dataclass(frozen=True, slots=True)
class Reader:
    """What a receipt tells of a person.

    Attributes:
        jid: without a device.
        other_jid: the person's other address; may be empty.
        delivered_ms: when the person had the message, at the latest.
        read_ms: when they read it; None if they did not.
    """

    jid: str
    other_jid: str
    delivered_ms: int
    read_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Grown:
    """By how much the counts of a message grow."""

    delivered: int = 0
    read: int = 0

    def __add__(self, more: "Grown") -> "Grown":
        return Grown(self.delivered + more.delivered, self.read + more.read)

    def __bool__(self) -> bool:
        return bool(self.delivered or self.read)


def note(tx: Transaction, whatsapp_id: str, message_id: str, reader: Reader) -> Grown:
    """Keep what is new about a person; by how much the counts grow."""
    names = {"jid": reader.jid, "alias": reader.other_jid or reader.jid}
    known = _KNOWN.first(tx.connection, {"wanted": whatsapp_id, **names})
    if known is None:
        row = {
            "whatsapp_id": whatsapp_id,
            "person_jid": reader.jid,
            "other_jid": reader.other_jid,
            "message_id": message_id,
            "delivered_ms": reader.delivered_ms,
            "read_ms": reader.read_ms,
            "create_ms": now_ms(),
        }
        _ADD.run(tx.connection, row)
        return Grown(1, 0 if reader.read_ms is None else 1)
    if reader.read_ms is None or known.read_ms is not None:
        return Grown()
    of_person = {"wanted": whatsapp_id, "known_jid": known.person_jid}
    _READ.run(tx.connection, {**of_person, "read_ms": reader.read_ms})
    return Grown(0, 1)


def note_early(tx: Transaction, whatsapp_id: str, reader: Reader, *, oldest_ms: int) -> None:
    """Keep it for a message that is not known yet; forget what came before ``oldest_ms``."""
    _DROP_OLD.run(tx.connection, {"oldest": oldest_ms})
    note(tx, whatsapp_id, "", reader)


def adopt(tx: Transaction, early_id: str, whatsapp_id: str, message_id: str) -> Grown:
    """What was kept of an id is a message's now; by how much its counts grow."""
    grown = Grown()
    for row in _EARLY.run(tx.connection, {"wanted": early_id}):
        reader = Reader(row.person_jid, row.other_jid, row.delivered_ms, row.read_ms)
        grown += note(tx, whatsapp_id, message_id, reader)
    return grown


def is_told(before: int, after: int) -> bool:
    """Whether an event tells of a count: few people one by one, many in ever larger steps."""
    return after != before and (after <= EACH or after & (after - 1) == 0)
