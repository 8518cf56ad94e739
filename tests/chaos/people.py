"""People at their phones: customers who write to the shops and read, and the shops' own staff."""

import asyncio
import contextlib
import random

import grpc
import grpc.aio

from botmesh.sandbox import v1 as sandbox
from tests.chaos.world import World

PAUSE_S = (0.2, 1.0)
OWN_SHARE = 0.15
READ_SHARE = 0.3


class Customer:
    """A person with a phone. What was written is later read off the phone itself."""

    def __init__(self, world: World, number: str, luck: random.Random, stop: asyncio.Event) -> None:
        self._world = world
        self._number = number
        self._luck = luck
        self._stop = stop
        self._written = 0
        self._seen = 0

    async def run(self) -> None:
        """Write and read until told to stop."""
        while not self._stop.is_set():
            # The phone may be offline, and the sandbox away.
            with contextlib.suppress(grpc.aio.AioRpcError):
                await self._write()
                if self._luck.random() < READ_SHARE:
                    await self._read()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._luck.uniform(*PAUSE_S)):
                    await self._stop.wait()

    async def _write(self) -> None:
        self._written += 1
        tenant_id, shop = self._luck.choice([*self._world.tenants.items()])
        sender, to = self._number, shop
        if self._luck.random() < OWN_SHARE:
            sender, to = shop, self._number
        text = f"{sender} to {tenant_id} {self._number} {self._written}"
        request = sandbox.WriteMessageRequest(phone=sender, to=to, text=text)
        await self._world.phones.WriteMessage(request, timeout=5)

    async def _read(self) -> None:
        listing = sandbox.ListMessagesRequest(phone=self._number, after_sequence=self._seen)
        found = (await self._world.phones.ListMessages(listing, timeout=5)).messages
        if not found:
            return
        self._seen = found[-1].sequence
        received = [m for m in found if m.direction == sandbox.Direction.DIRECTION_RECEIVED]
        for message in received[-1:]:
            request = sandbox.MarkReadRequest(phone=self._number, message_id=message.message_id)
            await self._world.phones.MarkRead(request, timeout=5)
