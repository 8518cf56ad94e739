"""When consumers of a tenant share a stream, and when each has his own."""

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest
import structlog

from botmesh.errors import MeshError, Reason
from botmesh.v1 import bot_pb2, event_pb2
from gateway import event_feed
from gateway.call import Call, Method
from gateway.event_feed import EventPlace
from gateway.events import EventForwarder, Write
from gateway.policy import POLICIES

METHOD = Method("StreamEvents", "", bot_pb2.StreamEventsRequest, POLICIES["StreamEvents"])


class Botnode:
    """Streams of one botnode, as `Follow` has them; `fail` ends those that are open."""

    def __init__(self) -> None:
        self.head = 5
        self.asked: list[bot_pb2.StreamEventsRequest] = []
        self.open = 0
        self._error: Exception | None = None
        self._changed = asyncio.Condition()

    async def grow(self) -> None:
        async with self._changed:
            self.head += 1
            self._changed.notify_all()

    async def fail(self, error: Exception) -> None:
        async with self._changed:
            self._error = error
            self._changed.notify_all()

    async def follow(
        self, _: Call, place: EventPlace, write: Write, is_enough: Callable[[], bool]
    ) -> bool:
        request = bot_pb2.StreamEventsRequest.FromString(place.request())
        self.asked.append(request)
        after = request.after.sequence if request.HasField("after") else self.head
        self.open += 1
        try:
            return await self._follow(after, place, write, is_enough)
        finally:
            self.open -= 1

    async def _follow(
        self, after: int, place: EventPlace, write: Write, is_enough: Callable[[], bool]
    ) -> bool:
        cursor = event_pb2.EventCursor(log_id="log", sequence=self.head)
        item = bot_pb2.StreamEventsResponse(head=cursor)
        while True:
            place.is_news(item.SerializeToString())
            await write(item.SerializeToString())
            if is_enough():
                return True
            async with self._changed:
                while self.head <= after:
                    if self._error is not None:
                        raise self._error
                    await self._changed.wait()
            after += 1
            cursor = event_pb2.EventCursor(log_id="log", sequence=after)
            item = bot_pb2.StreamEventsResponse(event=event_pb2.Event(cursor=cursor))


class Consumer:
    """One call. While `reads` is not set, its caller takes nothing more."""

    def __init__(self, forwarder: EventForwarder) -> None:
        self.events: list[int] = []
        self.reads = asyncio.Event()
        self.reads.set()
        request = bot_pb2.StreamEventsRequest(tenant_id="a").SerializeToString()
        call = Call(METHOD, "a", "", request, math.inf)
        self.task = asyncio.ensure_future(forwarder.forward(call, self._write))

    async def _write(self, response: bytes) -> None:
        item = bot_pb2.StreamEventsResponse.FromString(response)
        if item.HasField("event"):
            self.events.append(item.event.cursor.sequence)
        await self.reads.wait()

    async def end(self) -> BaseException | None:
        async with asyncio.timeout(2):
            return (await asyncio.gather(self.task, return_exceptions=True))[0]


async def settled() -> None:
    """All that can go on has gone on."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
async def botnode() -> Botnode:
    return Botnode()


@pytest.fixture
def forwarder(botnode: Botnode) -> EventForwarder:
    return EventForwarder(botnode.follow, luck=lambda: 1.0, sleep=_no_time)


async def _no_time(_: float) -> None:
    await asyncio.sleep(0)


Start = Callable[[int], Awaitable[list[Consumer]]]


@pytest.fixture
async def sharing(botnode: Botnode, forwarder: EventForwarder) -> Start:
    async def start(count: int) -> list[Consumer]:
        consumers = [Consumer(forwarder) for _ in range(count)]
        await settled()
        await botnode.grow()
        await settled()
        assert botnode.open == 1
        return consumers

    return start


async def test_who_is_too_slow_goes_on_by_himself_until_he_has_caught_up(
    botnode: Botnode, sharing: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "MOST_EVENTS", 4)
    slow, *others = consumers = await sharing(4)
    slow.reads.clear()
    for _ in range(20):
        await botnode.grow()
        await settled()
    assert [consumer.events[-1] for consumer in others] == [26] * 3
    asked = len(botnode.asked)
    slow.reads.set()
    await settled()
    assert [request.after.sequence for request in botnode.asked[asked:]] == [7]
    await botnode.grow()
    await settled()
    assert [consumer.events for consumer in consumers] == [list(range(6, 28))] * 4
    assert botnode.open == 1


async def test_what_the_gateway_has_to_say_ends_all_at_once(
    botnode: Botnode, sharing: Start
) -> None:
    consumers = await sharing(4)
    asked = len(botnode.asked)
    await botnode.fail(MeshError(Reason.BOTNODE_UNAVAILABLE, "for too long"))
    for consumer in consumers:
        error = await consumer.end()
        assert isinstance(error, MeshError)
        assert error.reason is Reason.BOTNODE_UNAVAILABLE
    assert len(botnode.asked) == asked  # each has waited already


async def test_when_sharing_fails_each_goes_on_by_himself(
    botnode: Botnode, sharing: Start, forwarder: EventForwarder
) -> None:
    consumers = await sharing(4)
    (feed,) = forwarder._feeds.values()
    feed.last = 9  # so that the next event leaves a gap
    with structlog.testing.capture_logs() as lines:
        await botnode.grow()
        await settled()
    assert [line["event"] for line in lines] == ["event_feed_failed"]
    await botnode.grow()
    await settled()
    assert [consumer.events for consumer in consumers] == [[6, 7, 8]] * 4
    assert (botnode.open, forwarder._feeds, forwarder._tasks) == (4, {}, {})
    for consumer in consumers:
        consumer.task.cancel()
        await consumer.end()
    assert not forwarder._calls
