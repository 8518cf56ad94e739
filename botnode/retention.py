"""Removes what is old: events, from the low end of the log only, and messages that are settled."""

import asyncio
from datetime import timedelta

from sqlalchemy import delete, func, select

from botnode import message_secrets
from botnode.clock import now_ms
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


def trim(tx: Transaction) -> int:
    """Remove some of what is too old or too much; return how many went.

    The log stays without gaps: what goes is all that comes before the oldest event to keep. With
    an event goes the memory that its message was received.
    """
    head = tx.connection.execute(select(meta.c.event_head)).scalar_one()
    young = select(func.min(events.c.sequence)).where(
        events.c.create_ms >= now_ms() - KEEP_MS, events.c.sequence > head - KEEP_EVENTS
    )
    keep_from = tx.connection.execute(young).scalar_one()
    if keep_from is None:
        keep_from = head + 1
    doomed = (
        select(events.c.sequence)
        .where(events.c.sequence < keep_from)
        .order_by(events.c.sequence)
        .limit(BATCH)
    )
    tx.connection.execute(delete(inbound).where(inbound.c.sequence.in_(doomed)))
    gone = tx.connection.execute(delete(events).where(events.c.sequence.in_(doomed)))
    return int(gone.rowcount)


def trim_messages(tx: Transaction) -> int:
    """Remove some of the messages that were settled long ago; return how many went."""
    now = now_ms()
    doomed = (
        select(messages.c.message_id)
        .where(
            messages.c.state >= MessageState.UNKNOWN.value,
            messages.c.update_ms < now - KEEP_MESSAGES_MS,
            messages.c.expire_ms < now,
        )
        .limit(BATCH)
    )
    ids = tx.connection.execute(doomed).scalars().all()
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
