"""Old events go, from the low end only."""

import pytest
from sqlalchemy import select, update

from botnode import retention
from botnode.clock import now_ms
from botnode.store import Store
from botnode.tables import events


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
