"""What is broken on purpose."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from botmesh.sandbox import v1 as sandbox
from tests.chaos.hand import Hand

# A host kills a botnode that does not answer for 10 s.
LONG_PAUSE_S = (11.0, 16.0)
SHORT_PAUSE_S = (0.2, 5.0)
QUESTIONS = (
    sandbox.QueryKind.QUERY_KIND_LID,
    sandbox.QueryKind.QUERY_KIND_DEVICES,
    sandbox.QueryKind.QUERY_KIND_PRE_KEYS,
)

# Breaks one thing, and says what it did.
Act = Callable[[Hand], Awaitable[str]]


# -- the botnodes


async def _kill_botnode(it: Hand) -> str:
    return await it.signal_botnode(signal.SIGKILL)


async def _stop_botnode(it: Hand) -> str:
    return await it.signal_botnode(signal.SIGTERM)


async def _kill_in_a_send(it: Hand) -> str:
    aimed = await it.in_the_middle("SENDING")
    return f"{await it.signal_botnode(signal.SIGKILL)}{', aimed' if aimed else ''}"


async def _stop_in_a_send(it: Hand) -> str:
    aimed = await it.in_the_middle("SENDING")
    return f"{await it.signal_botnode(signal.SIGTERM)}{', aimed' if aimed else ''}"


async def _pause_botnode(it: Hand) -> str:
    return await it.pause(it.botnode_pid(), it.luck.uniform(*SHORT_PAUSE_S))


async def _hang_botnode(it: Hand) -> str:
    return await it.pause(it.botnode_pid(), it.luck.uniform(*LONG_PAUSE_S))


# -- the other parts


async def _kill_host(it: Hand) -> str:
    return await it.signal_part("host", signal.SIGKILL)


async def _stop_host(it: Hand) -> str:
    return await it.signal_part("host", signal.SIGTERM)


async def _pause_host(it: Hand) -> str:
    it.target = "host"
    return await it.pause(it.world.parts["host"].pid, it.luck.uniform(*SHORT_PAUSE_S))


async def _kill_forkserver(it: Hand) -> str:
    it.target = "host"
    return await it.signal_forkserver(signal.SIGKILL)


async def _hang_forkserver(it: Hand) -> str:
    it.target = "host"
    return await it.signal_forkserver(signal.SIGSTOP)  # whoever wants a botnode of it kills it


async def _kill_gateway(it: Hand) -> str:
    return await it.signal_part(it.luck.choice(("gateway-a", "gateway-b")), signal.SIGKILL)


async def _stop_gateway(it: Hand) -> str:
    return await it.signal_part(it.luck.choice(("gateway-a", "gateway-b")), signal.SIGTERM)


async def _pause_gateway(it: Hand) -> str:
    it.target = it.luck.choice(("gateway-a", "gateway-b"))
    return await it.pause(it.world.parts[it.target].pid, it.luck.uniform(*SHORT_PAUSE_S))


async def _kill_consul(it: Hand) -> str:
    return await it.signal_part("consul", signal.SIGKILL)


async def _pause_consul(it: Hand) -> str:
    it.target = "consul"
    return await it.pause(it.world.parts["consul"].pid, it.luck.uniform(*SHORT_PAUSE_S))


async def _kill_whatsapp(it: Hand) -> str:
    # What the sandbox acknowledged it has committed; its faults are forgotten.
    return await it.signal_part("sandbox", signal.SIGKILL)


# -- the line to WhatsApp


async def _cut_line(it: Hand) -> str:
    return await it.cut_line()


async def _cut_in_a_send(it: Hand) -> str:
    aimed = await it.in_the_middle("SENDING")
    return f"{await it.cut_line()}{', aimed' if aimed else ''}"


async def _cut_all(it: Hand) -> str:
    done = await it.world.phones.DropConnections(sandbox.DropConnectionsRequest(), timeout=5)
    return f"{done.dropped} lines"


async def _refuse_connections(it: Hand) -> str:
    refuse = it.fault(
        seconds=it.luck.uniform(0.5, 6.0), refuse_connections=sandbox.RefuseConnections()
    )
    words, _ = await asyncio.gather(refuse, _cut_line(it))
    return words


async def _silence(it: Hand) -> str:
    seconds = it.luck.uniform(0.5, 8.0)
    return await it.fault(seconds=seconds, phone=it.phone(), silence=sandbox.Silence())


async def _long_silence(it: Hand) -> str:
    seconds = it.luck.uniform(20.0, 50.0)
    return await it.fault(seconds=seconds, phone=it.phone(), silence=sandbox.Silence())


async def _late_acknowledgement(it: Hand) -> str:
    hold = sandbox.HoldAcknowledgement(delay=timedelta(seconds=it.luck.uniform(0.2, 6.0)))
    times = it.luck.randint(1, 3)
    return await it.fault(times=times, phone=it.phone(), hold_acknowledgement=hold)


async def _late_and_killed(it: Hand) -> str:
    """A botnode dies while it waits for WhatsApp's word."""
    hold = sandbox.HoldAcknowledgement(delay=timedelta(seconds=4))
    words = await it.fault(times=1, phone=it.phone(), hold_acknowledgement=hold)
    await asyncio.sleep(it.luck.uniform(0.2, 3.0))
    end = it.luck.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
    return f"{words}; {end.name} for {await it.signal_botnode(end)}"


async def _lost_acknowledgement(it: Hand) -> str:
    """It comes never; mostly the line is cut before the library gives up after 75 s."""
    lost = sandbox.HoldAcknowledgement()
    words = await it.fault(times=1, phone=it.phone(), hold_acknowledgement=lost)
    if it.lasting and it.luck.random() < 0.3:
        return words
    await asyncio.sleep(it.luck.uniform(1.0, 6.0))
    return f"{words}, then {await it.cut_line()}"


async def _cut_before_delivery(it: Hand) -> str:
    cut = sandbox.CutLine(at=sandbox.CutPlace.CUT_PLACE_BEFORE_DELIVERY)
    return await it.fault(times=it.luck.randint(1, 2), phone=it.phone(), cut_line=cut)


async def _cut_after_delivery(it: Hand) -> str:
    cut = sandbox.CutLine(at=sandbox.CutPlace.CUT_PLACE_AFTER_DELIVERY)
    return await it.fault(times=it.luck.randint(1, 2), phone=it.phone(), cut_line=cut)


async def _late_answer(it: Hand) -> str:
    """A question that comes before a message is answered late; or the botnode dies over it."""
    kind = it.luck.choice(QUESTIONS)
    hold = sandbox.HoldQuery(kind=kind, delay=timedelta(seconds=it.luck.uniform(0.5, 5.0)))
    words = await it.fault(times=1, phone=it.phone(), hold_query=hold)
    words = f"{words}: {sandbox.QueryKind.Name(kind)}"
    if it.luck.random() < 0.5:
        return words
    await asyncio.sleep(it.luck.uniform(0.2, 3.0))
    return f"{words}; SIGKILL for {await it.signal_botnode(signal.SIGKILL)}"


async def _refuse_send(it: Hand) -> str:
    code = it.luck.choice((429, 429, 463, 479))
    refuse = sandbox.RefuseSend(code=code)
    words = await it.fault(times=it.luck.randint(1, 3), phone=it.phone(), refuse_send=refuse)
    return f"{words} with {code}"


# -- the phones


async def _customer_offline(it: Hand) -> str:
    it.target = it.luck.choice(it.world.customers)
    return await _offline(it, it.target)


async def _own_phone_offline(it: Hand) -> str:
    return await _offline(it, it.phone())


async def _unreadable(it: Hand) -> str:
    it.target = it.luck.choice(it.world.customers)
    fault = sandbox.Fault(recipient=it.target, times=it.luck.randint(1, 2))
    fault.undecryptable.CopyFrom(sandbox.Undecryptable())
    await it.world.phones.SetFault(sandbox.SetFaultRequest(fault=fault), timeout=5)
    return f"{fault.times} times"


async def _forget_sessions(it: Hand) -> str:
    it.target = it.luck.choice(it.world.customers)
    request = sandbox.ForgetSessionsRequest(phone=it.target)
    done = await it.world.phones.ForgetSessions(request, timeout=5)
    return f"{done.forgotten} sessions"


async def _offline(it: Hand, phone: str) -> str:
    away = sandbox.SetPhoneRequest(phone=phone, online=False)
    await it.world.phones.SetPhone(away, timeout=5)
    await asyncio.sleep(it.luck.uniform(0.5, 8.0))
    back = sandbox.SetPhoneRequest(phone=phone, online=True)
    await it.world.phones.SetPhone(back, timeout=5)
    return "and back"


LASTING = frozenset({"botnode hung", "long silence"})
OF_CONSUL = frozenset({"consul killed", "consul paused"})
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
    "forkserver killed": (2, _kill_forkserver),
    "forkserver hung": (1, _hang_forkserver),
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
