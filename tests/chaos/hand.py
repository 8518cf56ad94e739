"""The hand that breaks one thing: whom it hits, and how."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from botmesh.sandbox import v1 as sandbox
from tests.chaos.consumers import Consumer
from tests.chaos.record import Happening
from tests.chaos.world import World

AIM_S = 2.0


class Hand:
    """Breaks one thing.

    Attributes:
        lasting: whether what it does may last for more than some seconds.
        target: whom it hits; empty for all.
    """

    def __init__(
        self,
        world: World,
        consumers: Mapping[str, Consumer],
        luck: random.Random,
        *,
        lasting: bool,
    ) -> None:
        self.world = world
        self.luck = luck
        self.lasting = lasting
        self.target = ""
        self._consumers = consumers

    def tenant(self) -> str:
        """One of the tenants."""
        self.target = self.luck.choice([*self.world.tenants])
        return self.target

    def phone(self) -> str:
        """One of the tenants' numbers."""
        return self.world.tenants[self.tenant()]

    def botnode_pid(self) -> int | None:
        """A tenant's process; None between two."""
        botnode = self.world.botnode(self.tenant())
        return None if botnode is None else botnode.pid

    async def signal_botnode(self, number: int) -> str:
        """Send a tenant's process a signal."""
        tenant_id = self.target or self.tenant()
        botnode = self.world.botnode(tenant_id)
        if botnode is None:
            return "there was none"
        os.kill(botnode.pid, number)
        return f"{botnode.instance} (process {botnode.pid})"

    async def pause(self, pid: int | None, seconds: float) -> str:
        """Stop a process for a time."""
        if pid is None:
            return "there was none"
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        return f"process {pid} for {seconds:.1f} s"

    async def signal_part(self, name: str, number: int) -> str:
        """Send a part a signal; what watches it starts it again."""
        self.target = name
        pid = self.world.parts[name].pid
        if pid is None:
            return "there was none"
        os.kill(pid, number)
        return f"process {pid}"

    async def signal_forkserver(self, number: int) -> str:
        """Send what the host forks botnodes from a signal."""
        pid = self.world.forkserver()
        if pid is None:
            return "there was none"
        os.kill(pid, number)
        return f"process {pid}"

    async def cut_line(self) -> str:
        """Cut a tenant's line."""
        phone = self.world.tenants[self.target or self.tenant()]
        request = sandbox.DropConnectionsRequest(phone=phone)
        done = await self.world.phones.DropConnections(request, timeout=5)
        return f"{done.dropped} lines"

    async def in_the_middle(self, state: str) -> bool:
        """Wait for a moment when one of the tenant's messages reaches a state."""
        consumer = self._consumers[self.tenant()]
        try:
            async with asyncio.timeout(AIM_S):
                await consumer.next(lambda event: _is(event, state))
        except TimeoutError:
            return False
        await asyncio.sleep(self.luck.uniform(0, 0.02))
        return True

    async def fault(
        self, *, seconds: float = 0.0, times: int = 0, phone: str = "", **what: Any
    ) -> str:
        """Have the sandbox misbehave for a time."""
        fault = sandbox.Fault(phone=phone, times=times, **what)
        if seconds:
            fault.duration.FromTimedelta(timedelta(seconds=seconds))
        await self.world.phones.SetFault(sandbox.SetFaultRequest(fault=fault), timeout=5)
        if seconds:
            await asyncio.sleep(seconds)
        return f"{seconds:.1f} s, {times} times" if times else f"{seconds:.1f} s"


def _is(event: Happening, state: str) -> bool:
    return event.outgoing is not None and event.outgoing.state == state
