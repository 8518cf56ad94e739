"""Reading the event log."""

import asyncio
from collections.abc import AsyncGenerator
from unittest import mock

import pytest
from sqlalchemy import delete

from botmesh.errors import MeshError, Reason
from botnode import event_tail
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


async def followers(log: Log, count: int) -> list[AsyncGenerator[StoredEvent | Cursor, None]]:
    """Consumers who wait for what comes."""
    found = [log.follow(Latest()) for _ in range(count)]
    for items in found:
        await anext(items)
    return found


async def test_a_new_event_is_read_and_encoded_once_for_all(
    store: Store, owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[StoredEvent | Cursor] = []

    def encode(item: StoredEvent | Cursor) -> StoredEvent | Cursor:
        encoded.append(item)
        return item

    log = EventLog(store, owned.log_id, encode)
    following = await followers(log, 20)
    encoded.clear()
    reads = mock.AsyncMock(wraps=store.read)
    monkeypatch.setattr(store, "read", reads)
    waiting = [asyncio.ensure_future(take(items, 2)) for items in following]
    await asyncio.sleep(0)
    for _ in range(2):
        await append(store, log, 1)
    assert await asyncio.gather(*waiting) == [[1, 2]] * 20
    assert len(encoded) == 2
    assert reads.await_count <= 2
    for items in following:
        await items.aclose()


@pytest.mark.parametrize("bound", ["MOST_EVENTS", "MOST_BYTES"])
async def test_a_reader_whom_the_others_left_behind_reads_from_disk(
    store: Store, log: Log, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(event_tail, bound, 3)
    slow, quick = await followers(log, 2)
    for sequence in range(1, 11):
        await append(store, log, 1)
        assert await take(quick, 1) == [sequence]
        assert len(log._tail._items) <= 3
    assert await take(slow, 10) == list(range(1, 11))
    await append(store, log, 1)
    assert await take(slow, 1) == await take(quick, 1) == [11]
    await slow.aclose()
    await quick.aclose()


async def test_what_readers_held_is_given_back(store: Store, log: Log) -> None:
    following = await followers(log, 3)
    await append(store, log, 2)
    assert await take(following[0], 2) == [1, 2]
    assert len(log._tail._items) == 2
    for items in following:
        await items.aclose()
    assert log._followers == 0
    assert not log._tail._items
    assert log._timer is not None
    assert log._timer.cancelled()
    await append(store, log, 1)  # nobody reads it
    assert log._filling is None
    again = log.follow(Latest())
    assert await anext(again) == Cursor(log._log_id, 3)
    await again.aclose()


async def test_the_head_is_told_to_all_when_nothing_happened_for_long_enough(
    store: Store, owned: Owned
) -> None:
    log: Log = EventLog(store, owned.log_id, lambda item: item, head_every_s=3600)
    following = await followers(log, 3)
    await append(store, log, 1)
    for items in following:
        assert await take(items, 1) == [1]
    waiting = [asyncio.ensure_future(anext(items)) for items in following]
    await asyncio.sleep(0)
    log._beat()  # an event came less than an hour ago
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    log._told_at -= 3600
    log._beat()
    async with asyncio.timeout(2):
        assert await asyncio.gather(*waiting) == [Cursor(owned.log_id, 1)] * 3
    for items in following:
        await items.aclose()


async def test_readers_meet_an_error_of_the_disk_themselves(
    store: Store, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = await followers(log, 2)
    waiting = [asyncio.ensure_future(take(items, 1)) for items in following]
    await asyncio.sleep(0)
    failing = mock.AsyncMock(side_effect=OSError("the disk"))
    head = await store.write(lambda tx: tx.append_event("k", "+52", b"p"))
    with monkeypatch.context() as patched:
        patched.setattr(store, "read", failing)
        log.grow(head)
        ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in ended] == [OSError] * 2
    assert log._followers == 0
    later = log.follow(Cursor(log._log_id, 0))
    assert await take(later, 1) == [1]
    await later.aclose()
