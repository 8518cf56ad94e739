"""A botnode that answers at once: what is left is what the way to it costs.

``python -m benchmarks.stub [PORTS]`` listens on so many, a tenant on each, and tells them on
stdout. Every now and then something happens to one of the tenants, in turn.
"""

import asyncio
import itertools
import sys
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator

import grpc

from botmesh.rpc.server import bind, create_server
from botmesh.v1 import (
    Message,
    MessageContent,
    MessageState,
    ReceivedMessage,
    SendMessageRequest,
    SendMessageResponse,
    StreamEventsRequest,
    StreamEventsResponse,
    TextContent,
)

EVENTS_PER_S = 50.0
# What a consumer may ask for after the fact: a gateway opens a stream for all where each stands.
KEPT = 64
BODY = "Sí, ¿lo tienen también en azul?".ljust(80, ".")


class Stub:
    """Takes every message for sent, and has events."""

    def __init__(self) -> None:
        self._logs: defaultdict[str, _Log] = defaultdict(_Log)

    async def SendMessage(
        self,
        request: SendMessageRequest,
        context: object,  # noqa: ARG002 - gRPC's signature
    ) -> SendMessageResponse:
        message = Message(
            message_id="0198b7a0-5f7e-7c31-9d55-3a1c2f4b6d8e",
            request_id=request.request_id,
            tenant_id=request.tenant_id,
            recipient_jid="5215587654321@s.whatsapp.net",
            content=request.content,
            whatsapp_id="3EB0C767D097B7A1F2E4",
            state=MessageState.MESSAGE_STATE_SENT,
        )
        message.create_time.FromMilliseconds(1_767_323_045_678)
        message.sent_time.FromMilliseconds(1_767_323_045_789)
        return SendMessageResponse(message=message)

    async def StreamEvents(
        self,
        request: StreamEventsRequest,
        context: object,  # noqa: ARG002 - gRPC's signature
    ) -> AsyncIterator[bytes]:
        log = self._logs[request.tenant_id]
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        if request.HasField("after"):
            for sequence, item in log.kept:
                if sequence > request.after.sequence:
                    queue.put_nowait(item)
        log.consumers.add(queue)
        try:
            yield log.head()
            while True:
                yield await queue.get()
        finally:
            log.consumers.discard(queue)

    def handlers(self) -> grpc.GenericRpcHandler:
        """For a server."""
        return grpc.method_handlers_generic_handler(
            "botmesh.v1.BotService",
            {
                "SendMessage": grpc.unary_unary_rpc_method_handler(
                    self.SendMessage,
                    request_deserializer=SendMessageRequest.FromString,
                    response_serializer=SendMessageResponse.SerializeToString,
                ),
                "StreamEvents": grpc.unary_stream_rpc_method_handler(
                    self.StreamEvents,
                    request_deserializer=StreamEventsRequest.FromString,
                ),
            },
        )

    async def happen(self) -> None:
        """Let something happen to the tenants that somebody listens to."""
        for turn in itertools.count(1):
            await asyncio.sleep(1 / EVENTS_PER_S)
            tenants = [tenant for tenant, log in self._logs.items() if log.consumers]
            if tenants:
                tenant = tenants[turn % len(tenants)]
                self._logs[tenant].add(tenant)


class _Log:
    """One tenant's events, numbered without a gap, as consumers may rely on."""

    def __init__(self) -> None:
        self.sequence = 0
        self.kept: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self.consumers: set[asyncio.Queue[bytes]] = set()

    def head(self) -> bytes:
        item = StreamEventsResponse()
        item.head.log_id = "bench"
        item.head.sequence = self.sequence
        return item.SerializeToString()

    def add(self, tenant: str) -> None:
        """Encoded once for all, as a botnode does."""
        self.sequence += 1
        event = _event(tenant, self.sequence)
        event.event.create_time.FromNanoseconds(time.time_ns())
        item = event.SerializeToString()
        self.kept.append((self.sequence, item))
        for queue in self.consumers:
            queue.put_nowait(item)


def _event(tenant: str, sequence: int) -> StreamEventsResponse:
    item = StreamEventsResponse()
    item.event.tenant_id = tenant
    item.event.cursor.log_id = "bench"
    item.event.cursor.sequence = sequence
    item.event.message_received.CopyFrom(
        ReceivedMessage(
            whatsapp_id="3EB0C767D097B7A1F2E4",
            chat_jid="100000000000001@lid",
            sender_jid="100000000000001@lid",
            sender_number="+5215587654321",
            content=MessageContent(text=TextContent(body=BODY)),
        )
    )
    return item


async def serve(count: int) -> None:
    """Serve until it is ended."""
    server = create_server([])
    stub = Stub()
    server.add_generic_rpc_handlers((stub.handlers(),))
    ports = [bind(server, "127.0.0.1", 0) for _ in range(count)]
    await server.start()
    print(*ports, flush=True)
    await stub.happen()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
