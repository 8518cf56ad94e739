"""A botnode's event log, as StreamEvents serves it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from botmesh.errors import MeshError, Reason
from botmesh.v1 import bot_pb2, event_pb2, message_pb2

LOG = "log-1"


class EventLog:
    """`grow` adds events, with a text of `body`; `open` streams follow it."""

    def __init__(self, head: int, log_id: str = LOG) -> None:
        self.head = head
        self.log_id = log_id
        self.body = ""
        self.open = 0
        self._changed = asyncio.Condition()
        self.asked: list[bot_pb2.StreamEventsRequest] = []

    async def grow(self, count: int = 1) -> None:
        async with self._changed:
            self.head += count
            self._changed.notify_all()

    async def serve(self, raw: bytes, context: Any) -> AsyncIterator[bytes]:
        self.open += 1
        try:
            async for response in self._serve(raw):
                yield response
        finally:
            self.open -= 1

    async def _serve(self, raw: bytes) -> AsyncIterator[bytes]:
        request = bot_pb2.StreamEventsRequest.FromString(raw)
        self.asked.append(request)
        start = request.WhichOneof("start")
        after = {"after": request.after.sequence, "oldest": 0}.get(str(start), self.head)
        if start == "after" and request.after.log_id != self.log_id:
            raise MeshError(Reason.EVENT_LOG_CHANGED, "another log")
        head = event_pb2.EventCursor(log_id=self.log_id, sequence=self.head)
        yield bot_pb2.StreamEventsResponse(head=head).SerializeToString()
        while True:
            while after < self.head:
                after += 1
                yield self._event(after)
            async with self._changed:
                while after >= self.head:
                    await self._changed.wait()

    def _event(self, sequence: int) -> bytes:
        event = event_pb2.Event(
            cursor=event_pb2.EventCursor(log_id=self.log_id, sequence=sequence),
            tenant_id="a",
            message_received=message_pb2.ReceivedMessage(
                content=message_pb2.MessageContent(text=message_pb2.TextContent(body=self.body))
            ),
        )
        return bot_pb2.StreamEventsResponse(event=event).SerializeToString()
