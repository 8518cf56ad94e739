"""One stream of events for many readers: nobody misses one, nobody is waited for."""

import asyncio

import pytest

from botmesh.v1 import bot_pb2, event_pb2
from gateway import event_feed, waiting
from gateway.event_feed import EventFeed, EventPlace, FeedReader

LOG = "log"


def event(sequence: int, log_id: str = LOG) -> bytes:
    cursor = event_pb2.EventCursor(log_id=log_id, sequence=sequence)
    return bot_pb2.StreamEventsResponse(event=event_pb2.Event(cursor=cursor)).SerializeToString()


def head(sequence: int) -> bytes:
    cursor = event_pb2.EventCursor(log_id=LOG, sequence=sequence)
    return bot_pb2.StreamEventsResponse(head=cursor).SerializeToString()


def place(sequence: int, log_id: str = LOG) -> EventPlace:
    after = event_pb2.EventCursor(log_id=log_id, sequence=sequence)
    request = bot_pb2.StreamEventsRequest(tenant_id="a", after=after)
    found = EventPlace(request.SerializeToString())
    found.is_news(head(sequence))
    return found


@pytest.fixture
def feed() -> EventFeed:
    return EventFeed("a", LOG, 5)


async def taken(reader: FeedReader, count: int) -> list[bytes | None]:
    async with asyncio.timeout(2):
        return [await reader.next() for _ in range(count)]


@pytest.mark.parametrize(("at", "covered"), [(4, False), (5, True), (21, True), (22, False)])
def test_who_can_join(feed: EventFeed, at: int, covered: bool) -> None:
    assert feed.covers(place(at)) is covered
    assert not feed.covers(place(at, "another"))
    feed.end(None)
    assert not feed.covers(place(at))


async def test_each_event_comes_once_wherever_a_reader_stood(feed: EventFeed) -> None:
    first = FeedReader(feed, place(5))
    feed.add(event(6))
    behind, ahead = FeedReader(feed, place(5)), FeedReader(feed, place(7))
    for sequence in (7, 8, 9):
        feed.add(event(sequence))
    assert await taken(first, 4) == await taken(behind, 4) == [event(n) for n in (6, 7, 8, 9)]
    assert await taken(ahead, 2) == [event(8), event(9)]
    assert not feed._events
    assert feed._bytes == 0


async def waits(reader: FeedReader) -> bool:
    waiting = asyncio.ensure_future(reader.next())
    await asyncio.sleep(0)
    return waiting.cancel()


async def test_a_reader_waits_for_what_comes(feed: EventFeed) -> None:
    reader = FeedReader(feed, place(5))
    waiting = asyncio.ensure_future(reader.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    feed.add(event(6))
    assert await waiting == event(6)
    waiting = asyncio.ensure_future(reader.next())
    await asyncio.sleep(0)
    feed.end(None)
    assert await waiting is None


async def test_readers_are_woken_in_portions_and_in_turn(
    feed: EventFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "AT_ONCE", 2)
    readers = [FeedReader(feed, place(5)) for _ in range(7)]
    got: list[tuple[int, bytes | None]] = []

    async def read(number: int) -> None:
        got.append((number, await readers[number].next()))
        got.append((number, await readers[number].next()))

    async with asyncio.TaskGroup() as tasks, asyncio.timeout(2):
        reading = [tasks.create_task(read(number)) for number in range(7)]
        await asyncio.sleep(0)
        reading[1].cancel()
        feed.add(event(6))
        await asyncio.sleep(0)
        assert [number for number, _ in got] == [0]
        feed.add(event(7))  # 0 waits again, behind those who wait for the one before
        for upto in (3, 5, 6):
            await asyncio.sleep(0)
            assert sorted({number for number, _ in got}) == [0, *range(2, upto + 1)]
    both = [(number, event(sequence)) for number in range(2, 7) for sequence in (6, 7)]
    assert got == [(0, event(6)), *both, (0, event(7))]
    assert not feed._waiting


async def test_what_a_reader_leaves_behind_is_given_back(feed: EventFeed) -> None:
    staying, leaving = FeedReader(feed, place(5)), FeedReader(feed, place(5))
    for sequence in (6, 7, 8):
        feed.add(event(sequence))
    await taken(leaving, 1)
    await taken(staying, 3)
    assert list(feed._events) == [7, 8]
    leaving.leave()
    assert (feed._events, feed._bytes, feed.readers) == ({}, 0, 1)


@pytest.mark.parametrize("bound", ["MOST_EVENTS", "MOST_BYTES"])
async def test_who_is_too_slow_is_told_and_costs_no_more(
    feed: EventFeed, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(event_feed, bound, 3 if bound == "MOST_EVENTS" else 3 * len(event(6)))
    slow, quick = FeedReader(feed, place(5)), FeedReader(feed, place(5))
    assert feed.covers(place(5))
    for sequence in range(6, 16):
        feed.add(event(sequence))
        assert await taken(quick, 1) == [event(sequence)]
        assert len(feed._events) <= 3
    assert not feed.covers(place(5))  # events are missing between
    assert await taken(slow, 1) == [None]
    slow.leave()
    assert not feed._events
    feed.add(event(16))
    assert await taken(quick, 1) == [event(16)]


async def test_heads_are_for_who_has_all_events(feed: EventFeed) -> None:
    reader, ahead = FeedReader(feed, place(5)), FeedReader(feed, place(6))
    feed.add(head(5))  # where the feed begins: each reader was told by a stream of his own
    assert await waits(reader)
    feed.add(event(6))
    assert await taken(reader, 1) == [event(6)]
    assert await waits(reader)
    feed.add(head(6))
    assert await taken(reader, 1) == await taken(ahead, 1) == [head(6)]
    feed.add(head(5))  # what a botnode says that has not read all yet
    assert await waits(reader)
    feed.add(event(7))
    assert await taken(reader, 1) == await taken(ahead, 1) == [event(7)]


@pytest.mark.parametrize("wrong", [event(5), event(7), event(6, "another")])
def test_a_feed_takes_no_gap(feed: EventFeed, wrong: bytes) -> None:
    with pytest.raises(ValueError, match="came after 5"):
        feed.add(wrong)
