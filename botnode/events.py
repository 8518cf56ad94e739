"""The tenant's event log, read by any number of consumers at their own pace."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, bindparam, func, select

from botmesh.errors import MeshError, Reason
from botnode.clock import from_ms
from botnode.event_tail import EventTail
from botnode.statement import Statement
from botnode.store import Store
from botnode.tables import events, meta

PAGE = 200
# A consumer that does not read holds one page.
PAGE_BYTES = 256 * 1024
HEAD_EVERY_S = 30.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a log: after this sequence; 0 is before the first."""

    log_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event as it was written."""

    cursor: Cursor
    create_time: datetime
    payload: bytes


@dataclass(frozen=True, slots=True)
class Oldest:
    """Start with the oldest event that is kept."""


@dataclass(frozen=True, slots=True)
class Latest:
    """Start with the first event that comes from now on."""


Start = Cursor | Oldest | Latest


class EventLog(Generic[T]):
    """The reading side of the log. What a slow consumer has not taken yet stays on disk.

    New events are read and encoded once for all consumers, and one timer serves all that are idle.

    Args:
        store: where the log is.
        log_id: the log's.
        encode: how consumers get an item.
        head_every_s: how long nothing may happen before the head is told again.
    """

    def __init__(
        self,
        store: Store,
        log_id: str,
        encode: Callable[[StoredEvent | Cursor], T],
        head_every_s: float = HEAD_EVERY_S,
    ) -> None:
        self._store = store
        self._log_id = log_id
        self._encode = encode
        self._head_every_s = head_every_s
        self._head = 0
        self._tail: EventTail[T] = EventTail(0)
        self._followers = 0
        self._filling: asyncio.Task[None] | None = None
        self._told = asyncio.Event()
        self._told_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def load(self) -> None:
        """Learn where the log ends."""
        self.grow(await self._store.read(_head))

    def grow(self, head: int) -> None:
        """The log's newest event is this one now."""
        if head <= self._head:
            return
        self._head = head
        if self._followers and self._filling is None:
            self._filling = asyncio.get_running_loop().create_task(self._fill())

    async def follow(self, start: Start) -> AsyncGenerator[T, None]:
        """The head, then the events from ``start`` on, then each new one; never ends.

        The head comes again after a time without events.

        Raises:
            MeshError: EVENT_LOG_CHANGED; EVENTS_EXPIRED, also of a consumer who took so long that
                events were removed before their turn came.
        """
        after = await self._position(start)
        anywhere = isinstance(start, Oldest)
        self._join()
        try:
            yield self._head_item(after)
            while True:
                told = self._told
                while after < self._head:
                    item = self._tail.get(after + 1)
                    if item is not None:
                        yield item
                        after += 1
                    elif after < self._tail.last:
                        head = self._head
                        page = await self._store.read(partial(_page, after))
                        oldest = page[0].sequence if page else head + 1
                        if oldest != after + 1 and not anywhere:
                            raise self._expired(oldest)
                        for row in page:
                            yield self._event(row)
                        after = page[-1].sequence if page else head
                    else:
                        break  # they are being read
                    anywhere = False
                if told is self._told:
                    await told.wait()
                    if after >= self._head:
                        yield self._head_item(after)
        finally:
            self._leave()

    # -- for all consumers

    def _join(self) -> None:
        if not self._followers:
            self._tail = EventTail(self._head)
            self._told_at = asyncio.get_running_loop().time()
            self._beat()
        self._followers += 1

    def _leave(self) -> None:
        self._followers -= 1
        if not self._followers:
            self._tail = EventTail(self._head)
            if self._timer is not None:
                self._timer.cancel()

    def _tell(self) -> None:
        """Wake the consumers: there are new events, or it is time for the head."""
        self._told_at = asyncio.get_running_loop().time()
        self._told.set()
        self._told = asyncio.Event()

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() >= self._told_at + self._head_every_s:
            self._tell()
        self._timer = loop.call_at(self._told_at + self._head_every_s, self._beat)

    async def _fill(self) -> None:
        """Read the new events into the tail."""
        try:
            while self._followers and self._tail.last < self._head:
                tail, head = self._tail, self._head
                page = await self._store.read(partial(_page, tail.last))
                if tail is not self._tail:
                    continue  # all left, and others came
                for row in page:
                    tail.append(row.sequence, self._event(row), len(row.payload))
                if not page:
                    tail.last = head  # removed already
                self._tell()
        except Exception:  # noqa: BLE001 - each consumer meets it itself, and ends with it
            self._tail = EventTail(self._head)
            self._tell()
        finally:
            self._filling = None

    async def _position(self, start: Start) -> int:
        if isinstance(start, Latest):
            return self._head
        oldest, head = await self._store.read(lambda c: (_oldest(c), _head(c)))
        if isinstance(start, Oldest):
            return oldest - 1
        if start.log_id != self._log_id or not 0 <= start.sequence <= head:
            raise MeshError(
                Reason.EVENT_LOG_CHANGED,
                "the cursor is not of this event log",
                metadata={"log_id": self._log_id, "head": str(head)},
            )
        if start.sequence < oldest - 1:
            raise self._expired(oldest)
        return start.sequence

    def _expired(self, oldest: int) -> MeshError:
        return MeshError(
            Reason.EVENTS_EXPIRED,
            f"the oldest event kept is {oldest}",
            metadata={"log_id": self._log_id, "oldest": str(oldest)},
        )

    def _event(self, row: Any) -> T:
        time = from_ms(row.create_ms)
        assert time is not None  # noqa: S101 - the column is not nullable
        return self._encode(StoredEvent(Cursor(self._log_id, row.sequence), time, row.payload))

    def _head_item(self, after: int) -> T:
        """The head, for a consumer at a place: a cursor can be newer than what was told of."""
        return self._encode(Cursor(self._log_id, max(self._head, after)))


_EVENTS = (
    select(events.c.sequence, events.c.create_ms, events.c.payload)
    .where(events.c.sequence > bindparam("after"))
    .order_by(events.c.sequence)
    .limit(bindparam("most"))
)
_HEAD = Statement(select(meta.c.event_head))
_OLDEST = Statement(select(func.min(events.c.sequence).label("oldest")))


def _head(connection: Connection) -> int:
    return int(_HEAD.first(connection, {}).event_head)


def _oldest(connection: Connection) -> int:
    """The oldest event's sequence; one past the head when none is kept."""
    oldest = _OLDEST.first(connection, {}).oldest
    return int(oldest) if oldest is not None else _head(connection) + 1


def _page(after: int, connection: Connection) -> list[Any]:
    """The next events, up to PAGE of them or some PAGE_BYTES."""
    page, size = [], 0
    for row in connection.execute(_EVENTS, {"after": after, "most": PAGE}):
        page.append(row)
        size += len(row.payload)
        if size > PAGE_BYTES:
            break
    return page
