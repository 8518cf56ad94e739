"""Removes what is old: events, from the low end of the log only, and messages that are settled."""

import asyncio
from datetime import timedelta

from sqlalchemy import bindparam, delete, func, select

from botnode import message_secrets
from botnode.clock import now_ms
from botnode.statement import Statement
from botnode.states import MessageState
from botnode.store import Store, Transaction
from botnode.tables import events, group_readers, inbound, messages, meta

KEEP_MS = int(timedelta(days=30).total_seconds() * 1000)
KEEP_EVENTS = 1_000_000
# So long a request_id is bound to its message.
KEEP_MESSAGES_MS = int(timedelta(days=7).total_seconds() * 1000)
BATCH = 5_000
EVERY_S = 3600.0
PAUSE_S = 0.5

_HEAD = Statement(select(meta.c.event_head))
_OLDEST_TO_KEEP = Statement(
    select(func.min(events.c.sequence).label("sequence")).where(
        events.c.create_ms >= bindparam("since"), events.c.sequence > bindparam("after")
    )
)
_DOOMED = (
    select(events.c.sequence)
    .where(events.c.sequence < bindparam("keep_from"))
    .order_by(events.c.sequence)
    .limit(bindparam("most"))
)
_DROP_INBOUND = Statement(delete(inbound).where(inbound.c.sequence.in_(_DOOMED)))
_DROP_EVENTS = Statement(
    delete(events).where(events.c.sequence.in_(_DOOMED)).returning(events.c.sequence)
)
_OLD_MESSAGES = Statement(
    select(messages.c.message_id)
    .where(
        messages.c.state >= MessageState.UNKNOWN.value,
        messages.c.update_ms < bindparam("update_before"),
        messages.c.expire_ms < bindparam("now"),
    )
    .limit(bindparam("most"))
)


def trim(tx: Transaction) -> int:
    """Remove some of what is too old or too much; return how many went.

    The log stays without gaps: what goes is all that comes before the oldest event to keep. With
    an event goes the memory that its message was received.
    """
    head = int(_HEAD.first(tx.connection, {}).event_head)
    young = {"since": now_ms() - KEEP_MS, "after": head - KEEP_EVENTS}
    keep_from = _OLDEST_TO_KEEP.first(tx.connection, young).sequence
    if keep_from is None:
        keep_from = head + 1
    doomed = {"keep_from": keep_from, "most": BATCH}
    _DROP_INBOUND.run(tx.connection, doomed)
    return len(_DROP_EVENTS.run(tx.connection, doomed))


def trim_messages(tx: Transaction) -> int:
    """Remove some of the messages that were settled long ago; return how many went."""
    now = now_ms()
    doomed = {"update_before": now - KEEP_MESSAGES_MS, "now": now, "most": BATCH}
    ids = [row.message_id for row in _OLD_MESSAGES.run(tx.connection, doomed)]
    message_secrets.trim(tx)
    if ids:
        message_secrets.keep_polls(tx, ids)
        for column in (messages.c.whatsapp_id, messages.c.earlier_whatsapp_id):
            of_doomed = select(column).where(messages.c.message_id.in_(ids), column != "")
            in_groups = group_readers.c.whatsapp_id.in_(of_doomed)
            tx.connection.execute(delete(group_readers).where(in_groups))
        tx.connection.execute(delete(messages).where(messages.c.message_id.in_(ids)))
    return len(ids)


async def run(store: Store) -> None:
    """Trim now and then; never returns."""
    while True:
        gone = [await store.write(work, durable=True) for work in (trim, trim_messages)]
        await asyncio.sleep(PAUSE_S if BATCH in gone else EVERY_S)
