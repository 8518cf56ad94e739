"""Consumers of the tenants' event logs."""

import asyncio
import random
from collections.abc import Callable

import grpc
import grpc.aio
from google.protobuf.empty_pb2 import Empty

from botmesh.errors import Reason
from botmesh.v1 import EventCursor, StreamEventsRequest
from tests.chaos import reading
from tests.chaos.record import Happening, Run
from tests.chaos.world import DOORS, World

# Its cursor is wrong for these: that must not happen here.
_LOST = frozenset({Reason.EVENT_LOG_CHANGED, Reason.EVENTS_EXPIRED, Reason.INTERNAL})


class Consumer:
    """Follows one tenant's log, keeps its cursor, and comes back whenever it is thrown out."""

    def __init__(self, world: World, run: Run, tenant_id: str, luck: random.Random) -> None:
        self._world = world
        self._run = run
        self._tenant_id = tenant_id
        self._luck = luck
        self._cursor: EventCursor | None = None
        self._watchers: list[Callable[[Happening], None]] = []
        self.events: list[Happening] = []
        run.consumed[tenant_id] = self.events

    @property
    def sequence(self) -> int:
        """The last event that came."""
        return self._cursor.sequence if self._cursor is not None else 0

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._follow()
            except grpc.aio.AioRpcError as error:
                answer = reading.refusal(error)
                if answer.reason in _LOST:
                    words = f"{self._tenant_id}'s consumer was told {answer.reason}: {answer.words}"
                    self._run.troubles.append(words)
            await asyncio.sleep(self._luck.uniform(0.02, 0.3))

    async def next(self, wanted: Callable[[Happening], bool]) -> None:
        """Wait for an event."""
        come = asyncio.Event()

        def watch(event: Happening) -> None:
            if wanted(event):
                come.set()

        self._watchers.append(watch)
        try:
            await come.wait()
        finally:
            self._watchers.remove(watch)

    async def _follow(self) -> None:
        request = StreamEventsRequest(tenant_id=self._tenant_id)
        if self._cursor is None:
            request.oldest.CopyFrom(Empty())
        else:
            request.after.CopyFrom(self._cursor)
        # Now and then it leaves by itself.
        patience_s = self._luck.choice((2.0, 10.0, 60.0))
        call = self._world.bots[self._luck.choice(DOORS)].StreamEvents(request)
        try:
            async with asyncio.timeout(patience_s):
                async for item in call:
                    if item.HasField("event"):
                        self._take(reading.happening(item.event), item.event.cursor)
        except TimeoutError:
            pass
        finally:
            call.cancel()

    def _take(self, event: Happening, cursor: EventCursor) -> None:
        self.events.append(event)
        self._cursor = cursor
        for watch in [*self._watchers]:
            watch(event)


async def read_log(world: World, tenant_id: str, door: str) -> list[Happening]:
    """A tenant's whole log, up to where it ends now."""
    request = StreamEventsRequest(tenant_id=tenant_id, oldest=Empty())
    call = world.bots[door].StreamEvents(request, timeout=60)
    events: list[Happening] = []
    head = 0
    try:
        async for item in call:
            if item.HasField("event"):
                events.append(reading.happening(item.event))
            else:
                head = item.head.sequence
            if not head or (events and events[-1].sequence >= head):
                break
    finally:
        call.cancel()
    return events


async def head_of(world: World, tenant_id: str, door: str) -> int:
    """Where a tenant's log ends now."""
    call = world.bots[door].StreamEvents(StreamEventsRequest(tenant_id=tenant_id), timeout=10)
    try:
        async for item in call:
            return item.head.sequence
    finally:
        call.cancel()
    return -1
