"""A botnode that answers at once: what is left is what the way to it costs.

``python -m benchmarks.stub`` tells its port on stdout.
"""

import asyncio

import grpc.aio

from botmesh.rpc.server import bind, create_server
from botmesh.v1 import (
    BotServiceServicer,
    Message,
    MessageState,
    SendMessageRequest,
    SendMessageResponse,
    add_BotServiceServicer_to_server,
)


class Stub(BotServiceServicer):
    """Takes every message for sent."""

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


async def serve() -> None:
    """Serve until it is ended."""
    server: grpc.aio.Server = create_server([])
    add_BotServiceServicer_to_server(Stub(), server)
    port = bind(server, "127.0.0.1", 0)
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve())
