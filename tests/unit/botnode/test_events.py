"""Reading the event log."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from sqlalchemy import delete

from botmesh.errors import MeshError, Reason
from botnode import events as events_module
from botnode.events import Cursor, EventLog, Latest, Oldest, Start, StoredEvent
from botnode.ownership import Owned
from botnode.store import Store
from botnode.tables import events

Log = EventLog[StoredEvent | Cursor]


async def append(store: Store, log: Log, count: int) -> None:
    for _ in range(count):
        head = await store.write(lambda tx: tx.append_event("k", "+52", b"p"))
        log.grow(head)


@pytest.fixture
def log(store: Store, owned: Owned) -> Log:
    return EventLog(store, owned.log_id, lambda item: item, head_every_s=0.05)


async def take(items: AsyncGenerator[StoredEvent | Cursor, None], count: int) -> list[int]:
    """The sequences of the next events; heads are passed over."""
    found: list[int] = []
    async with asyncio.timeout(2):
        while len(found) < count:
            item = await anext(items)
            if isinstance(item, StoredEvent):
                found.append(item.cursor.sequence)
    return found


@pytest.mark.parametrize(("start", "first"), [(Oldest(), 1), (Latest(), 6), (0, 1), (3, 4), (5, 6)])
async def test_where_it_starts(
    store: Store, log: Log, owned: Owned, start: Start | int, first: int
) -> None:
    await append(store, log, 5)
    chosen = Cursor(owned.log_id, start) if isinstance(start, int) else start
    items = log.follow(chosen)
    assert await anext(items) == Cursor(owned.log_id, 5)
    await append(store, log, 3)
    assert await take(items, 9 - first) == list(range(first, 9))
    await items.aclose()


async def test_the_head_comes_again_when_nothing_happens(
    store: Store, log: Log, owned: Owned
) -> None:
    await append(store, log, 2)
    items = log.follow(Latest())
    async with asyncio.timeout(2):
        assert [await anext(items) for _ in range(3)] == [Cursor(owned.log_id, 2)] * 3
    await items.aclose()


@pytest.mark.parametrize("cursor", [("another", 1), ("", 6), ("", -1)])
async def test_a_cursor_of_another_log(
    store: Store, log: Log, owned: Owned, cursor: tuple[str, int]
) -> None:
    await append(store, log, 5)
    with pytest.raises(MeshError) as error:
        await anext(log.follow(Cursor(cursor[0] or owned.log_id, cursor[1])))
    assert error.value.reason is Reason.EVENT_LOG_CHANGED


async def test_a_cursor_behind_what_is_kept(store: Store, log: Log, owned: Owned) -> None:
    await append(store, log, 5)
    await store.write(lambda tx: tx.connection.execute(delete(events).where(events.c.sequence < 4)))
    with pytest.raises(MeshError) as error:
        await anext(log.follow(Cursor(owned.log_id, 2)))
    assert error.value.reason is Reason.EVENTS_EXPIRED
    assert error.value.metadata["oldest"] == "4"
    for start in (Oldest(), Cursor(owned.log_id, 3)):
        items = log.follow(start)
        assert await take(items, 2) == [4, 5]
        await items.aclose()


async def test_sequences_go_on_after_everything_was_removed(store: Store, log: Log) -> None:
    await append(store, log, 3)
    await store.write(lambda tx: tx.connection.execute(delete(events)))
    items = log.follow(Oldest())
    await anext(items)
    await append(store, log, 1)
    assert await take(items, 1) == [4]
    await items.aclose()


async def test_a_slow_reader_misses_nothing(
    store: Store, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "PAGE", 3)
    items = log.follow(Oldest())
    await anext(items)
    for _ in range(4):
        await append(store, log, 5)
        await take(items, 1)
    assert await take(items, 16) == list(range(5, 21))
    await items.aclose()


async def test_a_reader_whom_retention_overtook_is_told_and_given_no_gap(
    store: Store, log: Log, owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "PAGE", 2)
    await append(store, log, 6)
    slow, oldest = log.follow(Cursor(owned.log_id, 0)), log.follow(Oldest())
    assert await take(slow, 1) == [1]
    await anext(oldest)  # the head
    await store.write(lambda tx: tx.connection.execute(delete(events).where(events.c.sequence < 5)))
    assert await take(oldest, 2) == [5, 6]
    assert await take(slow, 1) == [2]  # it was read before
    with pytest.raises(MeshError) as error:
        await anext(slow)
    assert error.value.reason is Reason.EVENTS_EXPIRED
    assert error.value.metadata["oldest"] == "5"
    await oldest.aclose()


async def test_a_new_log_knows_its_head(store: Store, log: Log, owned: Owned) -> None:
    await append(store, log, 4)
    later = EventLog(store, owned.log_id, lambda item: item)
    await later.load()
    assert await anext(later.follow(Latest())) == Cursor(owned.log_id, 4)
