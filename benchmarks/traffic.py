"""Messages to and from a tenant, through the gateway and a phone of the sandbox."""

import asyncio
import itertools

from google.protobuf.empty_pb2 import Empty

from benchmarks.mesh import BenchError, Mesh
from benchmarks.world import customer
from botmesh.sandbox import v1 as phones
from botmesh.v1 import (
    MessageContent,
    MessageState,
    SendMessageRequest,
    StreamEventsRequest,
    StreamEventsResponse,
    TextContent,
)

CUSTOMERS = 8
TEXT_CHARACTERS = 120
CALL_S = 60.0
# A phone is not let get further ahead of the tenant than this.
AHEAD = 20


class Traffic:
    """A tenant that writes and is written to, at the same time, as fast as it goes.

    Args:
        phone: the tenant's own number.
    """

    def __init__(self, mesh: Mesh, tenant_id: str, phone: str) -> None:
        self._mesh = mesh
        self._tenant_id = tenant_id
        self._phone = phone
        self._serial = itertools.count()

    async def exchange(self, count: int) -> None:
        """So many sends and as many received, each one seen to arrive."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send(count))
            tasks.create_task(self._receive(count))

    async def _send(self, count: int) -> None:
        for _ in range(count):
            number = next(self._serial)
            body = f"{number:08d}".ljust(TEXT_CHARACTERS, ".")
            request = SendMessageRequest(
                tenant_id=self._tenant_id,
                to=customer(number % CUSTOMERS),
                content=MessageContent(text=TextContent(body=body)),
            )
            message = (await self._mesh.bots.SendMessage(request, timeout=CALL_S)).message
            if message.state < MessageState.MESSAGE_STATE_SENT:
                raise BenchError(f"a send of {self._tenant_id} is {message.state}")

    async def _receive(self, count: int) -> None:
        request = StreamEventsRequest(tenant_id=self._tenant_id, latest=Empty())
        events = self._mesh.bots.StreamEvents(request)
        await events.read()  # the head: from here on nothing is missed
        ahead = asyncio.Semaphore(AHEAD)

        async def write() -> None:
            for number in range(count):
                await ahead.acquire()
                text = f"{number:08d}".ljust(TEXT_CHARACTERS, ".")
                sender = customer(number % CUSTOMERS)
                message = phones.WriteMessageRequest(phone=sender, to=self._phone, text=text)
                await self._mesh.phones.WriteMessage(message, timeout=CALL_S)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(write())
            came = 0
            while came < count:
                item = await asyncio.wait_for(events.read(), CALL_S)
                if not isinstance(item, StreamEventsResponse):
                    raise BenchError(f"the events of {self._tenant_id} ended")
                if item.event.HasField("message_received"):
                    came += 1
                    ahead.release()
        events.cancel()
