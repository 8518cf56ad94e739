"""One run of chaos: a mesh under load, broken at random, then left in peace, then judged."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from tests.chaos import collecting, reading
from tests.chaos.consumers import Consumer, head_of
from tests.chaos.mischief import Mischief, Mood
from tests.chaos.people import Customer
from tests.chaos.record import Run
from tests.chaos.senders import Habits, Sender
from tests.chaos.world import DOORS, World, eventually

BACK_LIMIT_S = 90.0
UNKNOWN_POLL_S = 0.5
PROGRESS_S = 15.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is like.

    Attributes:
        seed: all that is drawn is drawn from it; what the machine makes of it differs.
        senders: per tenant.
        settle_s: how long at most everything may take to settle. The library gives a send up after
            75 s, a duplicate that is allowed goes out 30 s later, and after WhatsApp's 429 a
            message waits for 1 min, 2, 4 ...
    """

    seed: str
    duration_s: float = 600.0
    tenants: int = 4
    discovery: str = "embedded"
    senders: int = 3
    settle_s: float = 300.0
    habits: Habits = field(default_factory=Habits)
    mood: Mood = field(default_factory=Mood)


class Chaos:
    """A run in the making. Texts about its progress go to `say`."""

    def __init__(self, plan: Plan, folder: Path, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._say = say
        self._restarts: list[str] = []
        self.world = World(folder, plan.tenants, plan.discovery, self._restarts.append)
        self.run = Run(plan.seed, dict(self.world.tenants))
        self._stop = asyncio.Event()
        self._consumers = {
            tenant_id: Consumer(self.world, self.run, tenant_id, self._luck(f"events {tenant_id}"))
            for tenant_id in self.world.tenants
        }
        self._mischief = Mischief(
            self.world, self.run, self._consumers, self._luck("faults"), plan.mood
        )

    async def play(self) -> Run:
        """Play it to its end; what happened."""
        try:
            await self.world.start()
            self._say(
                f"{len(self.world.tenants)} tenants are paired; data in {self.world.data.path}"
            )
            async with _cancelled_at_the_end([c.run() for c in self._consumers.values()]):
                await self._break_things()
                await self._mend()
                await self._settle()
                await self._collect()
        finally:
            await self.world.stop()
        return self.run

    async def _break_things(self) -> None:
        people: list[Customer | Sender] = [
            Customer(self.world, number, self._luck(number), self._stop)
            for number in self.world.customers
        ]
        senders = [
            Sender(
                self.world,
                self.run,
                tenant_id,
                self._luck(f"sender {tenant_id} {number}"),
                self._plan.habits,
                self._stop,
            )
            for tenant_id in self.world.tenants
            for number in range(self._plan.senders)
        ]
        peace = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for one in (*people, *senders):
                tasks.create_task(one.run())
            mischief = tasks.create_task(self._mischief.go_on(peace))
            await self._wait()
            peace.set()
            await mischief
            self._stop.set()

    async def _wait(self) -> None:
        begin = time.monotonic()
        while (gone := time.monotonic() - begin) < self._plan.duration_s:
            await asyncio.sleep(min(PROGRESS_S, self._plan.duration_s - gone))
            gone = time.monotonic() - begin
            self._say(
                f"{gone:5.0f} s  {len(self.run.requests)} requests, "
                f"{sum(len(c.events) for c in self._consumers.values())} events, "
                f"{len(self.run.faults)} faults, {len(self._restarts)} parts started again"
            )

    async def _mend(self) -> None:
        if await eventually(self._mended, BACK_LIMIT_S) is None:
            self.run.troubles.append("the sandbox did not come back")

    async def _mended(self) -> bool:
        try:
            await self._mischief.mend()
        except grpc.aio.AioRpcError:
            return False
        return True

    async def _settle(self) -> None:
        """Wait until everything has come back, and nothing is on its way any more."""
        seen = [(tenant_id, door) for tenant_id in self.world.tenants for door in DOORS]
        await asyncio.gather(*(self._until_back(tenant_id, door) for tenant_id, door in seen))
        if not self._plan.mood.lasting:
            await collecting.cancel_slowed_down(self.world, self.run)
        # What does not settle stands in the ledger itself.
        settled = await eventually(self._settled, self._plan.settle_s, UNKNOWN_POLL_S)
        self._say("everything came back" if settled else "not everything has settled")

    async def _collect(self) -> None:
        try:
            await collecting.collect(self.world, self.run)
        except grpc.aio.AioRpcError as error:
            self.run.troubles.append(f"the end cannot be read: {reading.refusal(error)}")

    async def _until_back(self, tenant_id: str, door: str) -> None:
        async def is_back() -> bool:
            return await self.world.is_connected(tenant_id, door)

        if await eventually(is_back, BACK_LIMIT_S) is None:
            words = f"{tenant_id} is not connected again, seen from gateway {door}"
            self.run.troubles.append(words)

    async def _settled(self) -> bool:
        waiting = await collecting.waiting(self.world)
        if waiting is None or any(waiting.values()):
            return False
        for tenant_id, consumer in self._consumers.items():
            try:
                head = await head_of(self.world, tenant_id, "a")
            except grpc.aio.AioRpcError:
                return False
            if consumer.sequence != head or collecting.is_open(consumer.events):
                return False
        return True

    def _luck(self, whose: str) -> random.Random:
        return random.Random(f"{self._plan.seed} {whose}")


@contextlib.asynccontextmanager
async def _cancelled_at_the_end(work: list[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run this beside the block; an error in it ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
