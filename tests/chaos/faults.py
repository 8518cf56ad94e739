"""What is broken on purpose: drawn by the seed, and written down."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
import grpc.aio

from botmesh.sandbox import v1 as sandbox
from tests.chaos import reading
from tests.chaos.consumers import Consumer
from tests.chaos.record import Fault, Happening, Run
from tests.chaos.world import World

# A host kills a botnode that does not answer for 10 s.
LONG_PAUSE_S = (11.0, 16.0)
SHORT_PAUSE_S = (0.2, 5.0)
AIM_S = 2.0
QUESTIONS = (
    sandbox.QueryKind.QUERY_KIND_LID,
    sandbox.QueryKind.QUERY_KIND_DEVICES,
    sandbox.QueryKind.QUERY_KIND_PRE_KEYS,
)

Act = Callable[["Mischief"], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Mood:
    """How bad it gets.

    Attributes:
        pause_s: between the beginnings of two faults, on average.
        at_once: how many last at the same time.
        lasting: whether those are drawn too that last for more than some seconds.
        without: what is left out.
    """

    pause_s: float = 1.3
    at_once: int = 4
    lasting: bool = True
    without: frozenset[str] = frozenset()


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
        self.world = world
        self.luck = luck
        self.mood = mood
        self.target = ""
        self._run = run
        self._consumers = consumers

    async def go_on(self, stop: asyncio.Event) -> None:
        """Break things until told to; those that last are over when this returns."""
        acting: set[asyncio.Task[None]] = set()
        kinds = [k for k in FAULTS if k not in self.mood.without]
        kinds = [k for k in kinds if self.mood.lasting or k not in LASTING]
        kinds = [k for k in kinds if k not in ("consul killed", "consul paused") or self._consul]
        weights = [FAULTS[kind][0] for kind in kinds]
        while not stop.is_set():
            (kind,) = self.luck.choices(kinds, weights)
            # Each has its own luck, so that one's draws do not depend on another's duration.
            one = Mischief(
                self.world,
                self._run,
                self._consumers,
                random.Random(self.luck.getrandbits(64)),
                self.mood,
            )
            if len(acting) < self.mood.at_once:
                task = asyncio.create_task(one.act(kind))
                acting.add(task)
                task.add_done_callback(acting.discard)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.luck.expovariate(1 / self.mood.pause_s)):
                    await stop.wait()
        if acting:
            await asyncio.wait(acting)

    async def act(self, kind: str) -> None:
        """Break one thing, and write it down."""
        begin = reading.clock()
        words = ""
        try:
            words = await FAULTS[kind][1](self)
        except (grpc.aio.AioRpcError, OSError) as error:
            words = f"in vain: {type(error).__name__}"
        finally:
            self._run.faults.append(Fault(kind, self.target, begin, reading.clock(), words))

    async def mend(self) -> None:
        """End all that the sandbox does wrong, and cut what hangs."""
        await self.world.phones.ClearFaults(sandbox.ClearFaultsRequest(), timeout=10)
        for phone in [*self.world.customers, *self.world.tenants.values()]:
            online = sandbox.SetPhoneRequest(phone=phone, online=True, receipts=True)
            await self.world.phones.SetPhone(online, timeout=10)
        await self.world.phones.DropConnections(sandbox.DropConnectionsRequest(), timeout=10)

    @property
    def _consul(self) -> bool:
        return "consul" in self.world.parts

    # -- whom it hits

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


# -- the botnodes


async def _kill_botnode(it: Mischief) -> str:
    return await it.signal_botnode(signal.SIGKILL)


async def _stop_botnode(it: Mischief) -> str:
    return await it.signal_botnode(signal.SIGTERM)


async def _kill_in_a_send(it: Mischief) -> str:
    aimed = await it.in_the_middle("SENDING")
    return f"{await it.signal_botnode(signal.SIGKILL)}{', aimed' if aimed else ''}"


async def _stop_in_a_send(it: Mischief) -> str:
    aimed = await it.in_the_middle("SENDING")
    return f"{await it.signal_botnode(signal.SIGTERM)}{', aimed' if aimed else ''}"


async def _pause_botnode(it: Mischief) -> str:
    return await it.pause(it.botnode_pid(), it.luck.uniform(*SHORT_PAUSE_S))


async def _hang_botnode(it: Mischief) -> str:
    return await it.pause(it.botnode_pid(), it.luck.uniform(*LONG_PAUSE_S))


# -- the other parts


async def _kill_host(it: Mischief) -> str:
    return await it.signal_part("host", signal.SIGKILL)


async def _stop_host(it: Mischief) -> str:
    return await it.signal_part("host", signal.SIGTERM)


async def _pause_host(it: Mischief) -> str:
    it.target = "host"
    return await it.pause(it.world.parts["host"].pid, it.luck.uniform(*SHORT_PAUSE_S))


async def _kill_gateway(it: Mischief) -> str:
    return await it.signal_part(it.luck.choice(("gateway-a", "gateway-b")), signal.SIGKILL)


async def _stop_gateway(it: Mischief) -> str:
    return await it.signal_part(it.luck.choice(("gateway-a", "gateway-b")), signal.SIGTERM)


async def _pause_gateway(it: Mischief) -> str:
    it.target = it.luck.choice(("gateway-a", "gateway-b"))
    return await it.pause(it.world.parts[it.target].pid, it.luck.uniform(*SHORT_PAUSE_S))


async def _kill_consul(it: Mischief) -> str:
    return await it.signal_part("consul", signal.SIGKILL)


async def _pause_consul(it: Mischief) -> str:
    it.target = "consul"
    return await it.pause(it.world.parts["consul"].pid, it.luck.uniform(*SHORT_PAUSE_S))


async def _kill_whatsapp(it: Mischief) -> str:
    # What the sandbox acknowledged it has committed; its faults are forgotten.
    return await it.signal_part("sandbox", signal.SIGKILL)


# -- the line to WhatsApp


async def _cut_line(it: Mischief) -> str:
    return await it.cut_line()


async def _cut_in_a_send(it: Mischief) -> str:
    aimed = await it.in_the_middle("SENDING")
    return f"{await it.cut_line()}{', aimed' if aimed else ''}"


async def _cut_all(it: Mischief) -> str:
    done = await it.world.phones.DropConnections(sandbox.DropConnectionsRequest(), timeout=5)
    return f"{done.dropped} lines"


async def _refuse_connections(it: Mischief) -> str:
    refuse = it.fault(
        seconds=it.luck.uniform(0.5, 6.0), refuse_connections=sandbox.RefuseConnections()
    )
    words, _ = await asyncio.gather(refuse, _cut_line(it))
    return words


async def _silence(it: Mischief) -> str:
    seconds = it.luck.uniform(0.5, 8.0)
    return await it.fault(seconds=seconds, phone=it.phone(), silence=sandbox.Silence())


async def _long_silence(it: Mischief) -> str:
    seconds = it.luck.uniform(20.0, 50.0)
    return await it.fault(seconds=seconds, phone=it.phone(), silence=sandbox.Silence())


async def _late_acknowledgement(it: Mischief) -> str:
    hold = sandbox.HoldAcknowledgement(delay=timedelta(seconds=it.luck.uniform(0.2, 6.0)))
    times = it.luck.randint(1, 3)
    return await it.fault(times=times, phone=it.phone(), hold_acknowledgement=hold)


async def _late_and_killed(it: Mischief) -> str:
    """A botnode dies while it waits for WhatsApp's word."""
    hold = sandbox.HoldAcknowledgement(delay=timedelta(seconds=4))
    words = await it.fault(times=1, phone=it.phone(), hold_acknowledgement=hold)
    await asyncio.sleep(it.luck.uniform(0.2, 3.0))
    end = it.luck.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
    return f"{words}; {end.name} for {await it.signal_botnode(end)}"


async def _lost_acknowledgement(it: Mischief) -> str:
    """It comes never; mostly the line is cut before the library gives up after 75 s."""
    lost = sandbox.HoldAcknowledgement()
    words = await it.fault(times=1, phone=it.phone(), hold_acknowledgement=lost)
    if it.mood.lasting and it.luck.random() < 0.3:
        return words
    await asyncio.sleep(it.luck.uniform(1.0, 6.0))
    return f"{words}, then {await it.cut_line()}"


async def _cut_before_delivery(it: Mischief) -> str:
    cut = sandbox.CutLine(at=sandbox.CutPlace.CUT_PLACE_BEFORE_DELIVERY)
    return await it.fault(times=it.luck.randint(1, 2), phone=it.phone(), cut_line=cut)


async def _cut_after_delivery(it: Mischief) -> str:
    cut = sandbox.CutLine(at=sandbox.CutPlace.CUT_PLACE_AFTER_DELIVERY)
    return await it.fault(times=it.luck.randint(1, 2), phone=it.phone(), cut_line=cut)


async def _late_answer(it: Mischief) -> str:
    """A question that comes before a message is answered late; or the botnode dies over it."""
    kind = it.luck.choice(QUESTIONS)
    hold = sandbox.HoldQuery(kind=kind, delay=timedelta(seconds=it.luck.uniform(0.5, 5.0)))
    words = await it.fault(times=1, phone=it.phone(), hold_query=hold)
    words = f"{words}: {sandbox.QueryKind.Name(kind)}"
    if it.luck.random() < 0.5:
        return words
    await asyncio.sleep(it.luck.uniform(0.2, 3.0))
    return f"{words}; SIGKILL for {await it.signal_botnode(signal.SIGKILL)}"


async def _refuse_send(it: Mischief) -> str:
    code = it.luck.choice((429, 429, 463, 479))
    refuse = sandbox.RefuseSend(code=code)
    words = await it.fault(times=it.luck.randint(1, 3), phone=it.phone(), refuse_send=refuse)
    return f"{words} with {code}"


# -- the phones


async def _customer_offline(it: Mischief) -> str:
    it.target = it.luck.choice(it.world.customers)
    return await _offline(it, it.target)


async def _own_phone_offline(it: Mischief) -> str:
    return await _offline(it, it.phone())


async def _unreadable(it: Mischief) -> str:
    it.target = it.luck.choice(it.world.customers)
    fault = sandbox.Fault(recipient=it.target, times=it.luck.randint(1, 2))
    fault.undecryptable.CopyFrom(sandbox.Undecryptable())
    await it.world.phones.SetFault(sandbox.SetFaultRequest(fault=fault), timeout=5)
    return f"{fault.times} times"


async def _forget_sessions(it: Mischief) -> str:
    it.target = it.luck.choice(it.world.customers)
    request = sandbox.ForgetSessionsRequest(phone=it.target)
    done = await it.world.phones.ForgetSessions(request, timeout=5)
    return f"{done.forgotten} sessions"


async def _offline(it: Mischief, phone: str) -> str:
    away = sandbox.SetPhoneRequest(phone=phone, online=False)
    await it.world.phones.SetPhone(away, timeout=5)
    await asyncio.sleep(it.luck.uniform(0.5, 8.0))
    back = sandbox.SetPhoneRequest(phone=phone, online=True)
    await it.world.phones.SetPhone(back, timeout=5)
    return "and back"


LASTING = frozenset({"botnode hung", "long silence"})
# How often each comes, and what it does.
FAULTS: Mapping[str, tuple[int, Act]] = {
    "botnode killed": (6, _kill_botnode),
    "botnode stopped": (4, _stop_botnode),
    "botnode killed in a send": (8, _kill_in_a_send),
    "botnode stopped in a send": (4, _stop_in_a_send),
    "botnode paused": (5, _pause_botnode),
    "botnode hung": (2, _hang_botnode),
    "host killed": (2, _kill_host),
    "host stopped": (1, _stop_host),
    "host paused": (2, _pause_host),
    "gateway killed": (5, _kill_gateway),
    "gateway stopped": (4, _stop_gateway),
    "gateway paused": (3, _pause_gateway),
    "consul killed": (3, _kill_consul),
    "consul paused": (2, _pause_consul),
    "whatsapp killed": (2, _kill_whatsapp),
    "line cut": (5, _cut_line),
    "line cut in a send": (8, _cut_in_a_send),
    "all lines cut": (2, _cut_all),
    "connections refused": (3, _refuse_connections),
    "silence": (4, _silence),
    "long silence": (1, _long_silence),
    "acknowledgement late": (5, _late_acknowledgement),
    "acknowledgement late, botnode ended": (6, _late_and_killed),
    "acknowledgement lost": (5, _lost_acknowledgement),
    "cut before delivery": (6, _cut_before_delivery),
    "cut after delivery": (6, _cut_after_delivery),
    "answer late": (4, _late_answer),
    "send refused": (4, _refuse_send),
    "customer offline": (4, _customer_offline),
    "message unreadable": (3, _unreadable),
    "sessions forgotten": (1, _forget_sessions),
    "own phone offline": (3, _own_phone_offline),
}
