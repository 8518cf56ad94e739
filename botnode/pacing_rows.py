"""What node.db knows of an account's pace: what went out lately, chats, and WhatsApp's limits."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from botmesh.errors import Reason
from botnode.message import Delivery, OutboundMessage
from botnode.pacing import BURST, DAY_MS, MINUTE_MS, Limit, Pace, Usage
from botnode.recipient import GROUP_SERVER
from botnode.statement import Statement
from botnode.store import Transaction
from botnode.tables import chats, recent_sends, send_limits

_S, _C, _L = recent_sends.c, chats.c, send_limits.c
_ACCOUNT: Any = bindparam("account")
_NOW: Any = bindparam("now")
_SINCE: Any = bindparam("since")

# That one of the latest which has so many after it; a time to come is of before the clock was set.
_SEND_AT = Statement(
    select(_S.begin_ms)
    .where(_S.account == _ACCOUNT, _S.begin_ms > _SINCE, _S.begin_ms <= _NOW)
    .order_by(_S.begin_ms.desc())
    .limit(1)
    .offset(bindparam("places"))
)
_SEND_OF_KIND_AT = _SEND_AT.where(_S.queued == bindparam("kind"))
_CHAT_AT = Statement(
    select(_C.begin_ms)
    .where(_C.account == _ACCOUNT, _C.begin_ms > _SINCE, _C.begin_ms <= _NOW)
    .order_by(_C.begin_ms.desc())
    .limit(1)
    .offset(bindparam("places"))
)
_NEW_CHATS = Statement(
    select(func.count().label("begun")).where(
        _C.account == _ACCOUNT, _C.begin_ms > _SINCE, _C.begin_ms <= _NOW
    )
)
_NOTE_ANSWER = Statement(
    update(chats)
    .where(_C.account == bindparam("mine"), _C.jid == bindparam("who"))
    .values(answered=True)
)
_NOTE_SEND = Statement(recent_sends.insert())
_DROP_SENDS = Statement(delete(recent_sends).where(or_(_S.begin_ms < _SINCE, _S.begin_ms > _NOW)))
_CHAT = Statement(select(chats).where(_C.account == _ACCOUNT, _C.jid == bindparam("jid")))
_NOTE_CHAT = Statement(chats.insert())
_LIMITS = Statement(select(send_limits).where(_L.account == _ACCOUNT))


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat of the account's with a person.

    Attributes:
        answered: they wrote.
        message_id: the message of the outbox that began it, if one did.
        begin_ms: when; None also for the person's other JID.
    """

    answered: bool
    message_id: str | None = None
    begin_ms: int | None = None


def is_person(jid: str) -> bool:
    """Whether a recipient is somebody whom a chat can be begun with."""
    return not jid.endswith(f"@{GROUP_SERVER}")


# -- what is used up


def usage(connection: Connection, pace: Pace, account: str, now_ms: int) -> Usage:
    """What the account has used up of its pace."""
    rate, reach_out = limits(connection, account)
    most, share = pace.messages_per_minute, pace.share_per_minute
    if not _send_at(connection, account, now_ms, share):  # fewer are neither a minute nor a share
        most = share = 0
    return Usage(
        minute_ms=_send_at(connection, account, now_ms, most),
        queue_ms=_send_at(connection, account, now_ms, share, queued=True),
        day_ms=_chat_at(connection, account, now_ms, pace.new_chats_per_day),
        rate=rate,
        reach_out=reach_out,
    )


def minute_with(
    connection: Connection, account: str, now_ms: int, most: int, *, queued: bool | None = None
) -> int | None:
    """When a minute has room for one more of so many messages; None for at once.

    Args:
        connection: to the store.
        account: whose messages.
        now_ms: the time.
        most: how many a minute may have; what is to go before this one is taken off already.
        queued: those that may wait alone, or those that may not; None for all.
    """
    if most <= 0:
        return now_ms + MINUTE_MS
    found = _send_at(connection, account, now_ms, most, queued=queued)
    return found + MINUTE_MS if found else None


def is_in_burst(connection: Connection, account: str, now_ms: int) -> bool:
    """Whether the account has sent that little in the last minute that it need not rest."""
    return not _send_at(connection, account, now_ms, BURST)


def _send_at(
    connection: Connection, account: str, now_ms: int, most: int, *, queued: bool | None = None
) -> int:
    """When the ``most``-th newest message went out; 0 if there are not so many in a minute.

    Of 0, which stands for any number, there is none. With ``queued``, of that kind alone.
    """
    if not most:
        return 0
    since = {"account": account, "since": now_ms - MINUTE_MS, "now": now_ms, "places": most - 1}
    if queued is None:
        row = _SEND_AT.first(connection, since)
    else:
        row = _SEND_OF_KIND_AT.first(connection, {**since, "kind": queued})
    return 0 if row is None else int(row.begin_ms)


def _chat_at(connection: Connection, account: str, now_ms: int, most: int) -> int:
    """The same of chats that were begun, in a day."""
    since = {"account": account, "since": now_ms - DAY_MS, "now": now_ms}
    row = _CHAT_AT.first(connection, {**since, "places": most - 1}) if most else None
    return 0 if row is None else int(row.begin_ms)


def note_send(tx: Transaction, message: OutboundMessage, now_ms: int) -> None:
    """A message goes out now."""
    _DROP_SENDS.run(tx.connection, {"since": now_ms - MINUTE_MS, "now": now_ms})
    row = {
        "account": message.account,
        "begin_ms": now_ms,
        "message_id": message.message_id,
        "queued": message.delivery is Delivery.QUEUE,
    }
    _NOTE_SEND.run(tx.connection, row)


def new_chats(connection: Connection, account: str, now_ms: int) -> int:
    """How many chats the account has begun in the last 24 hours."""
    day = {"account": account, "since": now_ms - DAY_MS, "now": now_ms}
    return int(_NEW_CHATS.first(connection, day).begun)


# -- chats


def find_chat(connection: Connection, account: str, jid: str) -> Chat | None:
    """The chat with a person; None if there was none yet."""
    row = _CHAT.first(connection, {"account": account, "jid": jid})
    return None if row is None else Chat(bool(row.answered), row.message_id, row.begin_ms)


def begin_chat(tx: Transaction, message: OutboundMessage, now_ms: int) -> None:
    """A message goes to a person whom the account had no chat with."""
    chat = Chat(answered=False, message_id=message.message_id, begin_ms=now_ms)
    _insert_chat(tx, message.account, message.recipient_jid, chat)


def note_chat(tx: Transaction, account: str, jids: list[str], *, answered: bool) -> bool:
    """There is a chat with a person, who goes by these JIDs; return whether that is new."""
    is_new = False
    for jid in jids:
        known = find_chat(tx.connection, account, jid)
        if known is None:
            _insert_chat(tx, account, jid, Chat(answered))
            is_new = True
        elif answered and not known.answered:
            _NOTE_ANSWER.run(tx.connection, {"mine": account, "who": jid})
    return is_new


def note_same(tx: Transaction, account: str, one: str, other: str) -> None:
    """Two JIDs are of one person: who has a chat by one of them has it by the other."""
    found = find_chat(tx.connection, account, one), find_chat(tx.connection, account, other)
    for chat, missing in ((found[0], other), (found[1], one)):
        if chat is not None and None in found:
            _insert_chat(tx, account, missing, Chat(chat.answered, chat.message_id))


def take_back(tx: Transaction, message: OutboundMessage) -> None:
    """A message never reached the person whom it was to begin a chat with."""
    account, jid = message.account, message.recipient_jid
    known = find_chat(tx.connection, account, jid)
    if known is not None and not known.answered and known.message_id == message.message_id:
        tx.connection.execute(delete(chats).where(_C.account == account, _C.jid == jid))


def forget_unanswered(tx: Transaction, account: str, jid: str) -> None:
    """WhatsApp does not take a chat for one that never was answered."""
    known = find_chat(tx.connection, account, jid)
    if known is None or known.answered:
        return
    same = _C.jid == jid
    if known.message_id is not None:  # their other JID; many chats were begun by no message
        same |= _C.message_id == known.message_id
    tx.connection.execute(delete(chats).where(_C.account == account, same, ~_C.answered))


def _insert_chat(tx: Transaction, account: str, jid: str, chat: Chat) -> None:
    row = {
        "account": account,
        "jid": jid,
        "answered": chat.answered,
        "message_id": chat.message_id,
        "begin_ms": chat.begin_ms,
    }
    _NOTE_CHAT.run(tx.connection, row)


# -- WhatsApp's limits


def limits(connection: Connection, account: str) -> tuple[Limit, Limit]:
    """Of 429 and of 463."""
    row = _LIMITS.first(connection, {"account": account})
    if row is None:
        return Limit(), Limit()
    return (
        Limit(row.rate_until_ms, row.rate_count),
        Limit(row.reach_out_until_ms, row.reach_out_count),
    )


def set_limit(tx: Transaction, account: str, reason: Reason, limit: Limit) -> None:
    """Write down a limit of WhatsApp's, or that it is over."""
    name = "rate" if reason is Reason.RATE_LIMITED else "reach_out"
    values: dict[str, Any] = {f"{name}_until_ms": limit.until_ms, f"{name}_count": limit.count}
    mine = _L.account == account
    if not tx.connection.execute(update(send_limits).where(mine).values(values)).rowcount:
        tx.connection.execute(send_limits.insert().values(account=account, **values))
