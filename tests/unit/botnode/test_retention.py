"""Old events go, from the low end only, and old messages whose fate is known."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from botnode import retention
from botnode.clock import now_ms
from botnode.message import OutboundMessage
from botnode.message_row import find
from botnode.messages import MessageRows
from botnode.states import MessageState
from botnode.store import Store
from botnode.tables import events, messages


async def fill(store: Store, count: int) -> None:
    for _ in range(count):
        await store.write(lambda tx: tx.append_event("k", "+52", b"p"))


async def age(store: Store, *sequences: int) -> None:
    """Make these events old."""
    old = now_ms() - retention.KEEP_MS - 1
    change = update(events).where(events.c.sequence.in_(sequences)).values(create_ms=old)
    await store.write(lambda tx: tx.connection.execute(change))


async def kept(store: Store) -> list[int]:
    query = select(events.c.sequence).order_by(events.c.sequence)
    return await store.read(lambda c: list(c.execute(query).scalars()))


async def test_nothing_is_old(store: Store) -> None:
    await fill(store, 5)
    assert await store.write(retention.trim) == 0
    assert await kept(store) == [1, 2, 3, 4, 5]


async def test_old_ones_go(store: Store) -> None:
    await fill(store, 5)
    await age(store, 1, 2)
    assert await store.write(retention.trim) == 2
    assert await kept(store) == [3, 4, 5]


async def test_a_clock_that_jumped_makes_no_gap(store: Store) -> None:
    await fill(store, 5)
    await age(store, 3, 4)
    assert await store.write(retention.trim) == 0
    assert await kept(store) == [1, 2, 3, 4, 5]


async def test_all_are_old(store: Store) -> None:
    await fill(store, 3)
    await age(store, 1, 2, 3)
    assert await store.write(retention.trim) == 3
    assert await store.write(lambda tx: tx.append_event("k", "+52", b"p")) == 4


async def test_too_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "KEEP_EVENTS", 3)
    monkeypatch.setattr(retention, "BATCH", 2)
    await fill(store, 8)
    assert [await store.write(retention.trim) for _ in range(4)] == [2, 2, 1, 0]
    assert await kept(store) == [6, 7, 8]


@pytest.mark.parametrize(
    ("state", "age", "expired_since", "goes"),
    [
        (MessageState.SENT, timedelta(days=8), timedelta(days=7), True),
        (MessageState.FAILED, timedelta(days=8), timedelta(days=7), True),
        (MessageState.UNKNOWN, timedelta(days=8), timedelta(days=7), True),
        (MessageState.READ, timedelta(days=6), timedelta(days=5), False),
        (MessageState.SENT, timedelta(days=8), timedelta(days=-1), False),
        (MessageState.QUEUED, timedelta(days=8), timedelta(days=7), False),
        (MessageState.SENDING, timedelta(days=8), timedelta(days=7), False),
    ],
)
async def test_messages(
    store: Store,
    rows: MessageRows,
    make_message: Callable[..., OutboundMessage],
    state: MessageState,
    age: timedelta,
    expired_since: timedelta,
    goes: bool,
) -> None:
    fresh, old = make_message(), make_message()
    for message in (fresh, old):
        await store.write(lambda tx, m=message: rows.insert(tx, m))
    values = {
        "state": state.value,
        "update_ms": now_ms() - int(age.total_seconds() * 1000),
        "expire_ms": now_ms() - int(expired_since.total_seconds() * 1000),
    }
    change = update(messages).where(messages.c.message_id == old.message_id).values(values)
    await store.write(lambda tx: tx.connection.execute(change))
    assert await store.write(retention.trim_messages) == int(goes)
    assert (await store.read(lambda c: find(c, old.message_id)) is None) == goes
    assert await store.read(lambda c: find(c, fresh.message_id)) is not None


async def test_events_and_messages_are_trimmed(
    store: Store, rows: MessageRows, make_message: Callable[..., OutboundMessage]
) -> None:
    message = make_message()
    await store.write(lambda tx: rows.insert(tx, message))
    change = update(messages).values(state=MessageState.SENT.value, update_ms=0, expire_ms=0)
    await store.write(lambda tx: tx.connection.execute(change))
    await age(store, 1)
    trimming = asyncio.create_task(retention.run(store))
    async with asyncio.timeout(5):
        while await store.read(lambda c: find(c, message.message_id)):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    assert await kept(store) == []
    trimming.cancel()
