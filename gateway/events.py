"""StreamEvents: the consumers of a tenant share one stream of its botnode."""

import asyncio
import dataclasses
import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

from botmesh.errors import MeshError
from gateway.call import Call
from gateway.course import ForwardedError
from gateway.event_feed import EventFeed, EventPlace, FeedReader
from gateway.forwarder import Luck, Sleep
from gateway.policy import LONGEST_PAUSE_S

Write = Callable[[bytes], Awaitable[None]]
# A stream of a call's own, from a place, until it is enough; whether it was.
Follow = Callable[[Call, EventPlace, Write, Callable[[], bool]], Awaitable[bool]]

log = structlog.get_logger(__name__)


class EventForwarder:
    """Forwards StreamEvents. `luck` gives a random number from 0 to 1.

    Each call begins with a stream of its own, so it starts where it asks to, and hears from the
    botnode itself if it cannot. Once it has caught up, and the tenant has other consumers, it goes
    on with what a single stream brings for all. Who is too slow for that has his own stream again,
    from where he stands, at his own pace: he holds nobody up.
    """

    def __init__(
        self,
        follow: Follow,
        *,
        luck: Luck = random.random,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._follow = follow
        self._luck = luck
        self._sleep = sleep
        self._calls: Counter[str] = Counter()
        self._feeds: dict[str, EventFeed] = {}
        self._tasks: dict[EventFeed, asyncio.Task[None]] = {}

    async def forward(self, call: Call, write: Write) -> None:
        """Hand on the tenant's events, over restarts of its botnode too.

        Raises:
            ForwardedError: the botnode's own error.
            MeshError: what the gateway has to say itself.
        """
        place = EventPlace(call.request)
        self._calls[call.tenant_id] += 1
        try:
            while await self._follow(
                call, place, write, lambda: self._find(call, place) is not None
            ):
                feed = self._find(call, place)
                if feed is not None and not await self._read(feed, place, write):
                    await self._follow(call, place, write, lambda: False)
                    return
        finally:
            self._calls[call.tenant_id] -= 1
            if not self._calls[call.tenant_id]:
                del self._calls[call.tenant_id]

    def _find(self, call: Call, place: EventPlace) -> EventFeed | None:
        """A feed that a consumer can go on with; made if he is the second who has caught up."""
        feed = self._feeds.get(call.tenant_id)
        if feed is None and place.is_at_head and self._calls[call.tenant_id] > 1:
            feed = EventFeed(call.tenant_id, place.log_id, place.sequence)
            task = asyncio.get_running_loop().create_task(self._fill(feed, call, place.request()))
            self._feeds[call.tenant_id] = feed
            self._tasks[feed] = task
        return feed if feed is not None and feed.covers(place) else None

    async def _fill(self, feed: EventFeed, call: Call, request: bytes) -> None:
        """Bring a feed the events after its place."""
        call = dataclasses.replace(call, request=request, request_id="", expires=math.inf)

        async def add(response: bytes) -> None:
            feed.add(response)

        error: Exception | None = None
        try:
            await self._follow(call, EventPlace(request), add, lambda: False)
        except (MeshError, ForwardedError) as ended:
            error = ended
        except Exception:
            log.exception("event_feed_failed", tenant_id=call.tenant_id)
        finally:
            self._tasks.pop(feed, None)
            self._forget(feed)
            feed.end(error)

    def _forget(self, feed: EventFeed) -> None:
        """Nobody finds it any more."""
        if self._feeds.get(feed.tenant_id) is feed:
            del self._feeds[feed.tenant_id]

    async def _read(self, feed: EventFeed, place: EventPlace, write: Write) -> bool:
        """Hand on what a feed brings, until the consumer has to go on by himself.

        False if the feed has ended, and he shall find out why.

        Raises:
            MeshError: there is no botnode, or this gateway stops.
        """
        reader = FeedReader(feed, place)
        try:
            while (response := await reader.next()) is not None:
                await write(response)
        finally:
            reader.leave()
            if not feed.readers and (task := self._tasks.pop(feed, None)) is not None:
                self._forget(feed)
                task.cancel()
        if isinstance(feed.error, MeshError):
            raise feed.error.with_traceback(None)
        if feed.has_ended:
            # All its readers come to ask the botnode at the same time.
            await self._sleep(self._luck() * LONGEST_PAUSE_S)
        return not feed.has_ended
