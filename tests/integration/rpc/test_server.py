"""What a server does about callers that are not there any more."""

import asyncio
import struct
from typing import Any

import grpc.aio

from botmesh.rpc.server import bind, create_server
from botmesh.v1 import (
    BotServiceServicer,
    BotServiceStub,
    StreamEventsRequest,
    StreamEventsResponse,
    add_BotServiceServicer_to_server,
)

METHOD = "/botmesh.v1.BotService/StreamEvents"
_SETTINGS, _HEADERS, _DATA = 4, 1, 0


class Servicer(BotServiceServicer):
    """Streams without an end. A request without a tenant is the silent caller's."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended = asyncio.Event()

    async def StreamEvents(  # type: ignore[override]  # gRPC's other way: it writes
        self, request: StreamEventsRequest, context: Any
    ) -> None:
        if request.tenant_id:
            await context.write(StreamEventsResponse())
            await asyncio.Event().wait()
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _call() -> bytes:
    """A call as HTTP/2 has it, of a caller that says nothing after it."""
    sent = {
        ":method": "POST",
        ":scheme": "http",
        ":path": METHOD,
        ":authority": "test",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    fields = [(name.encode(), value.encode()) for name, value in sent.items()]
    block = b"".join(
        b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in fields
    )
    return (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + _frame(_SETTINGS, 0, 0)
        + _frame(_HEADERS, 4, 1, block)
        + _frame(_DATA, 1, 1, bytes(5))
    )


async def test_the_streams_of_a_caller_that_says_nothing_any_more_end() -> None:
    server = create_server([], keepalive_s=0.1, keepalive_timeout_s=0.5)
    servicer = Servicer()
    add_BotServiceServicer_to_server(servicer, server)
    port = bind(server, "127.0.0.1", 0)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        alive = BotServiceStub(channel).StreamEvents(StreamEventsRequest(tenant_id="a"))
        await alive.read()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_call())
        await asyncio.wait_for(servicer.began.wait(), 5)
        await asyncio.wait_for(servicer.ended.wait(), 5)
        assert not alive.done()
        writer.close()
        alive.cancel()
    await server.stop(None)
