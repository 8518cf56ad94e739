"""Breaking things at random, as the seed has it, and mending them in the end."""

import asyncio
import contextlib
import random
from collections.abc import Mapping
from dataclasses import dataclass

import grpc
import grpc.aio

from botmesh.sandbox import v1 as sandbox
from tests.chaos import reading
from tests.chaos.consumers import Consumer
from tests.chaos.faults import FAULTS, LASTING, OF_CONSUL
from tests.chaos.hand import Hand
from tests.chaos.record import Fault, Run
from tests.chaos.world import World


@dataclass(frozen=True, slots=True)
class Mood:
    """How bad it gets.

    Attributes:
        pause_s: between the beginnings of two faults, on average.
        at_once: how many last at the same time.
        lasting: whether those are drawn too that last for more than some seconds.
    """

    pause_s: float = 1.3
    at_once: int = 4
    lasting: bool = True


class Mischief:
    """Breaks things until told to stop, and mends what does not mend itself."""

    def __init__(
        self,
        world: World,
        run: Run,
        consumers: Mapping[str, Consumer],
        luck: random.Random,
        mood: Mood,
    ) -> None:
        self._world = world
        self._run = run
        self._consumers = consumers
        self._luck = luck
        self._mood = mood

    async def go_on(self, stop: asyncio.Event) -> None:
        """Break things until told to; those that last are over when this returns."""
        left_out = frozenset() if self._mood.lasting else LASTING
        if "consul" not in self._world.parts:
            left_out |= OF_CONSUL
        weights = {kind: weight for kind, (weight, _) in FAULTS.items() if kind not in left_out}
        acting: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as tasks:
            while not stop.is_set():
                (kind,) = self._luck.choices([*weights], [*weights.values()])
                # Each has its own luck: one's draws do not depend on how long another lasts.
                luck = random.Random(self._luck.getrandbits(64))
                if len(acting) < self._mood.at_once:
                    task = tasks.create_task(self._act(kind, luck))
                    acting.add(task)
                    task.add_done_callback(acting.discard)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._luck.expovariate(1 / self._mood.pause_s)):
                        await stop.wait()

    async def _act(self, kind: str, luck: random.Random) -> None:
        """Break one thing, and write it down."""
        hand = Hand(self._world, self._consumers, luck, lasting=self._mood.lasting)
        begin = reading.clock()
        words = ""
        try:
            words = await FAULTS[kind][1](hand)
        except (grpc.aio.AioRpcError, OSError) as error:
            words = f"in vain: {type(error).__name__}"
        finally:
            self._run.faults.append(Fault(kind, hand.target, begin, reading.clock(), words))

    async def mend(self) -> None:
        """End all that the sandbox does wrong, and cut what hangs."""
        phones = self._world.phones
        await phones.ClearFaults(sandbox.ClearFaultsRequest(), timeout=10)
        for phone in [*self._world.customers, *self._world.tenants.values()]:
            online = sandbox.SetPhoneRequest(phone=phone, online=True, receipts=True)
            await phones.SetPhone(online, timeout=10)
        await phones.DropConnections(sandbox.DropConnectionsRequest(), timeout=10)
