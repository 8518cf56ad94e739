"""The tenant's event log, read by any number of consumers at their own pace."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, func, select

from botmesh.errors import MeshError, Reason
from botnode.clock import from_ms
from botnode.store import Store
from botnode.tables import events, meta

PAGE = 200
PAGE_BYTES = 1024 * 1024
HEAD_EVERY_S = 30.0


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


class EventLog:
    """The reading side of the log. What a slow consumer has not taken yet stays on disk."""

    def __init__(self, store: Store, log_id: str, head_every_s: float = HEAD_EVERY_S) -> None:
        self._store = store
        self._log_id = log_id
        self._head = 0
        self._grown = asyncio.Event()
        self._head_every_s = head_every_s

    async def load(self) -> None:
        """Learn where the log ends."""
        self.grow(await self._store.read(_head))

    def grow(self, head: int) -> None:
        """The log's newest event is this one now."""
        if head > self._head:
            self._head = head
            self._grown.set()
            self._grown = asyncio.Event()

    async def follow(self, start: Start) -> AsyncGenerator[StoredEvent | Cursor, None]:
        """The head, then the events from ``start`` on, then each new one; never ends.

        The head comes again after a time without events.

        Raises:
            MeshError: EVENT_LOG_CHANGED; EVENTS_EXPIRED, also of a consumer who took so long that
                events were removed before their turn came.
        """
        after = await self._position(start)
        anywhere = isinstance(start, Oldest)
        yield Cursor(self._log_id, self._head)
        while True:
            grown = self._grown
            while page := await self._store.read(partial(_page, after)):
                oldest = page[0].sequence
                if oldest != after + 1 and not anywhere:
                    raise self._expired(oldest)
                anywhere = False
                for row in page:
                    yield self._event(row)
                after = page[-1].sequence
            try:
                async with asyncio.timeout(self._head_every_s):
                    await grown.wait()
            except TimeoutError:
                yield Cursor(self._log_id, self._head)

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

    def _event(self, row: Any) -> StoredEvent:
        time = from_ms(row.create_ms)
        assert time is not None  # noqa: S101 - the column is not nullable
        return StoredEvent(Cursor(self._log_id, row.sequence), time, row.payload)


def _head(connection: Connection) -> int:
    return int(connection.execute(select(meta.c.event_head)).scalar_one())


def _oldest(connection: Connection) -> int:
    """The oldest event's sequence; one past the head when none is kept."""
    oldest = connection.execute(select(func.min(events.c.sequence))).scalar_one()
    return int(oldest) if oldest is not None else _head(connection) + 1


def _page(after: int, connection: Connection) -> list[Any]:
    """The next events, up to PAGE of them or some PAGE_BYTES."""
    query = (
        select(events.c.sequence, events.c.create_ms, events.c.payload)
        .where(events.c.sequence > after)
        .order_by(events.c.sequence)
        .limit(PAGE)
    )
    page, size = [], 0
    for row in connection.execute(query):
        page.append(row)
        size += len(row.payload)
        if size > PAGE_BYTES:
            break
    return page
