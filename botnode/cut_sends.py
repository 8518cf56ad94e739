"""What became of messages that a process had in hand when it ended.

whatsmeow stores the secret of a message, with the id that it chose, before the first byte of it
goes out (SendMessage in its send.go). So a secret without a row proves that its message never
left, if the store is the one that whatsmeow wrote to then, in the state that it left it in.
"""

import functools
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from botnode.message import OutboundMessage
from botnode.messages import MessageRows
from botnode.receipts import apply_early
from botnode.statement import Statement
from botnode.states import MessageState
from botnode.store import Transaction
from botnode.tables import messages

CUT = "the process ended while the message was being sent"
NEVER_LEFT = "the process ended before the message left"

# The header of a write-ahead log: magic, version, page size, checkpoint sequence, salt-1, salt-2
# (https://www.sqlite.org/fileformat2.html#the_write_ahead_log).
_HEADER = struct.Struct(">6I")
_MAGICS = frozenset({0x377F0682, 0x377F0683})
_C = messages.c
_OPEN_SECRETS = Statement(
    select(_C.message_secret).where(
        or_(
            _C.state == MessageState.SENDING.value,
            and_(_C.state == MessageState.UNKNOWN.value, _C.whatsapp_id == ""),
        ),
        _C.message_secret.is_not(None),
    )
)
_IN_HAND = Statement(
    select(messages).where(_C.state == MessageState.SENDING.value).order_by(_C.position)
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What can be known after a process has ended.

    Attributes:
        ids: WhatsApp's ids by the secrets that the library's store has; None if it is unreadable.
        device_jid: the linked device in that store, empty if none.
        generation: of that store now, see `generation_of`.
        dead_epoch: the owner of that epoch is certainly dead; None if that cannot be told.
    """

    ids: Mapping[bytes, str] | None
    device_jid: str
    generation: str
    dead_epoch: int | None


@dataclass(frozen=True, slots=True)
class Settled:
    """The messages that were in hand: some wait again, the others have an unknown outcome."""

    waiting: list[OutboundMessage]
    unknown: list[OutboundMessage]


def generation_of(database: Path) -> str:
    """A mark of an SQLite file and its write-ahead log that no copy put back has.

    The system notes when a file was last changed in any way, and lets nobody set that time: cp,
    tar and rsync leave another one, in the old file or in a new one (which may get the number of
    the old). SQLite itself changes the file only at a checkpoint, every thousand pages or so;
    until then the log's first salt and its sequence stay as well. Reads no page of the database
    and takes no lock.

    Returns:
        inode and time of change, and the log's salt and sequence; empty where there is no log.
    """
    try:
        state = database.stat()
        with _log_of(database).open("rb") as log:
            header = log.read(_HEADER.size)
    except OSError:
        return ""
    if len(header) < _HEADER.size:
        return ""
    magic, _, _, sequence, salt, _ = _HEADER.unpack(header)
    if magic not in _MAGICS:
        return ""
    return f"{state.st_ino:x}:{state.st_ctime_ns:x}:{salt:x}:{sequence:x}"


@functools.lru_cache(4)
def _log_of(database: Path) -> Path:
    """The file's write-ahead log.

    Kept: the parts of a new path become shared strings of Python's, and each new one takes a place
    in their table that comes free only when the table is made anew. With a path for every send that
    came after some thousand sends, at twice the size, in memory that is no longer the parent's.
    """
    return database.with_name(f"{database.name}-wal")


def follows(now: str, then: str) -> bool:
    """Whether a generation is of the very files of that time, with no checkpoint since."""
    return bool(now) and now == then


def open_secrets(connection: Connection) -> list[bytes]:
    """The secrets of messages in hand, and of those with an unknown outcome and no id."""
    return [row.message_secret for row in _OPEN_SECRETS.run(connection, {})]


def settle(tx: Transaction, rows: MessageRows, evidence: Evidence) -> Settled:
    """Decide on every message that was in hand, and name those whose ids are known now."""
    settled = Settled([], [])
    for row in _IN_HAND.run(tx.connection, {}):
        if _never_left(row, evidence):
            message = rows.put_back(tx, row.message_id, NEVER_LEFT)
            settled.waiting.extend([message] if message else [])
        else:
            message = rows.unknown(tx, row.message_id, CUT)
            settled.unknown.extend([message] if message else [])
    name(tx, rows, evidence.ids or {})
    return settled


def _never_left(attempt: Any, evidence: Evidence) -> bool:
    return (
        evidence.ids is not None
        and attempt.message_secret not in evidence.ids
        and not attempt.whatsapp_id  # it was found before
        and attempt.traceable
        and not attempt.duplicated
        and attempt.epoch == evidence.dead_epoch
        and bool(attempt.device_jid)
        and attempt.device_jid == evidence.device_jid
        and follows(evidence.generation, attempt.store_generation)
    )


def name(
    tx: Transaction, rows: MessageRows, ids: Mapping[bytes, str]
) -> list[OutboundMessage | None]:
    """Keep WhatsApp's ids that the library's store gave for secrets, and apply early receipts.

    Returns:
        The messages that receipts raised.
    """
    raised = []
    for secret, whatsapp_id in ids.items():
        tx.connection.execute(
            update(messages)
            .where(
                _C.state.in_((MessageState.SENDING.value, MessageState.UNKNOWN.value)),
                _C.message_secret == secret,
                _C.whatsapp_id == "",
            )
            .values(whatsapp_id=whatsapp_id)
        )
        raised.append(apply_early(tx, rows.changer, whatsapp_id))
    return raised
