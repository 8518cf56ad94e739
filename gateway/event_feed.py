"""One botnode's new events for all consumers of its tenant: read once, handed to each."""

from botmesh.v1 import bot_pb2, event_pb2
from gateway.waiting import Waiting

# What is kept for readers that have not taken it yet. Who falls further behind reads for himself.
MOST_EVENTS = 256
MOST_BYTES = 256 * 1024
# How far a reader may be before the feed, which is about to catch up with him.
AHEAD = 16


class EventPlace:
    """Where one consumer stands in a log, and what to ask a botnode there.

    Attributes:
        log_id: the log; empty before the stream has told it.
        sequence: the last event that was passed on.
        is_at_head: it has all events that were there when its botnode was asked last.
    """

    __slots__ = ("_head", "_request", "_started", "log_id", "sequence")

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._started = False
        self._head = 0
        self.log_id = ""
        self.sequence = 0

    @property
    def is_at_head(self) -> bool:
        return self._started and self.sequence >= self._head

    def request(self) -> bytes:
        """The caller's request, moved to where the stream stands."""
        if not self._started:
            return self._request
        request = bot_pb2.StreamEventsRequest.FromString(self._request)
        request.after.log_id, request.after.sequence = self.log_id, self.sequence
        return request.SerializeToString()

    def is_news(self, response: bytes) -> bool:
        """Everything is."""
        item = bot_pb2.StreamEventsResponse.FromString(response)
        if item.HasField("event"):
            self._go_on_after(item.event.cursor)
        else:
            self._head = item.head.sequence
            if not self._started:
                self._start(item.head)
        return True

    def _start(self, head: event_pb2.EventCursor) -> None:
        """The head is told first."""
        request = bot_pb2.StreamEventsRequest.FromString(self._request)
        start = request.WhichOneof("start")
        if start == "after":
            self._go_on_after(request.after)
        elif start != "oldest":
            # Whoever starts at the newest end starts after the head.
            self._go_on_after(head)

    def _go_on_after(self, cursor: event_pb2.EventCursor) -> None:
        self.log_id, self.sequence = cursor.log_id, cursor.sequence
        self._started = True


class EventFeed:
    """The events after a place, kept until all readers have them, within bounds.

    Attributes:
        tenant_id: whose events.
        log_id: the log.
        last: the newest event that came.
        readers: how many there are.
        beats: how many heads came that are for the readers.
        head: the last of them, and its sequence.
        error: why it ended, once it has; anything but a `MeshError` is for each reader to find out.
    """

    def __init__(self, tenant_id: str, log_id: str, after: int) -> None:
        self.tenant_id = tenant_id
        self.log_id = log_id
        self.last = after
        self.readers = 0
        self.beats = 0
        self.head = (b"", -1)
        self.has_ended = False
        self.error: Exception | None = None
        self._events: dict[int, _Kept] = {}
        self._bytes = 0
        self._waiting = Waiting()

    def covers(self, place: EventPlace) -> bool:
        """Whether a consumer can go on here without a gap."""
        first = self.last + 1 - len(self._events)
        return (
            not self.has_ended
            and place.log_id == self.log_id
            and first <= place.sequence + 1 <= self.last + 1 + AHEAD
        )

    def add(self, response: bytes) -> None:
        """Take over the next response of the botnode.

        Raises:
            ValueError: it does not follow the one before.
        """
        item = bot_pb2.StreamEventsResponse.FromString(response)
        if item.HasField("event"):
            cursor = item.event.cursor
            if (cursor.log_id, cursor.sequence) != (self.log_id, self.last + 1):
                raise ValueError(f"event {cursor.sequence} came after {self.last}")
            self.last += 1
            self._events[self.last] = _Kept(response, self.readers)
            self._bytes += len(response)
            while len(self._events) > MOST_EVENTS or self._bytes > MOST_BYTES:
                self._drop(next(iter(self._events)))
        else:
            # The readers have been told where the feed begins.
            self.beats += bool(self.head[0])
            self.head = (response, item.head.sequence)
        self._waiting.tell()

    def end(self, error: Exception | None) -> None:
        """Nothing more will come."""
        self.has_ended = True
        self.error = error
        self._waiting.tell()

    def join(self, sequence: int) -> int:
        """A reader comes who has the events up to one; from where he takes all that come."""
        self.readers += 1
        seen = min(sequence, self.last)
        for number in range(seen + 1, self.last + 1):
            self._events[number].left += 1
        return seen

    def take(self, sequence: int) -> bytes | None:
        """The event for one reader; None if it is not kept any more."""
        kept = self._events.get(sequence)
        if kept is None:
            return None
        kept.left -= 1
        if not kept.left:
            self._drop(sequence)
        return kept.response

    def leave(self, seen: int) -> None:
        """A reader goes who took all up to one."""
        self.readers -= 1
        for number in range(seen + 1, self.last + 1):
            self.take(number)

    def _drop(self, sequence: int) -> None:
        self._bytes -= len(self._events.pop(sequence).response)

    async def wait(self) -> None:
        """Return when there is something new."""
        await self._waiting.wait()


class _Kept:
    """An event, and how many readers have not taken it yet."""

    __slots__ = ("left", "response")

    def __init__(self, response: bytes, left: int) -> None:
        self.response = response
        self.left = left


class FeedReader:
    """One consumer's way through a feed, from where he stands."""

    __slots__ = ("_beats", "_feed", "_place", "_seen")

    def __init__(self, feed: EventFeed, place: EventPlace) -> None:
        self._feed = feed
        self._place = place
        self._seen = feed.join(place.sequence)
        self._beats = feed.beats

    async def next(self) -> bytes | None:
        """The next response; None if the feed has ended, or has gone on without him."""
        feed, place = self._feed, self._place
        while True:
            while self._seen < feed.last:
                event = feed.take(self._seen + 1)
                if event is None:
                    return None
                self._seen += 1
                if self._seen > place.sequence:
                    place.sequence = self._seen
                    return event
            if feed.has_ended:
                return None
            if self._beats != feed.beats:
                self._beats = feed.beats
                head, sequence = feed.head
                if sequence >= place.sequence:
                    return head
            else:
                await feed.wait()

    def leave(self) -> None:
        """The consumer goes."""
        self._feed.leave(self._seen)
