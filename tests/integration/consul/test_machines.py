"""Several machines: a server, and a client agent on each of two others."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from consul_agent import ConsulAgent
from consul_world import Member, World, eventually

# How fast agents notice that one of them is gone; the usual settings take several seconds more.
FAST_GOSSIP = {
    "gossip_lan": {
        "probe_interval": "200ms",
        "probe_timeout": "150ms",
        "gossip_interval": "50ms",
        "suspicion_mult": 3,
    }
}


@pytest.fixture
def machines(
    start_consul: Callable[..., ConsulAgent], world_around: Callable[[ConsulAgent], World]
) -> list[World]:
    """The server's world, and those of two machines with client agents."""
    server = start_consul(node="server")
    lan = f"127.0.0.1:{server.ports['serf_lan']}"
    clients: list[Any] = [
        start_consul(node=f"machine-{n}", joins=lan, config=FAST_GOSSIP) for n in (1, 2)
    ]
    return [world_around(agent) for agent in (server, *clients)]


async def second_waits(world: World) -> tuple[Member, "asyncio.Task[Member]"]:
    """A botnode on another machine that wants the same tenant."""
    member = await world.member()
    waiting = asyncio.create_task(member.join(epoch=2))
    await eventually(
        lambda: any(
            service["Meta"]["state"] == "WAITING_FOR_LEASE"
            for service in world.agent.services().values()
        )
    )
    return member, waiting


async def test_one_tenant_is_held_on_one_machine(machines: list[World]) -> None:
    server, here, there = machines
    picture = await server.watch()
    first = await (await here.member()).join(epoch=1)
    assert picture.instances("shop") or await eventually(lambda: picture.instances("shop"))
    second, waiting = await second_waits(there)
    assert not second.lease.is_held()
    assert {entry["Node"]["Node"] for entry in server.agent.entries()} == {"machine-1", "machine-2"}
    await first.leave()
    await waiting
    await eventually(lambda: picture.instances("shop") == [second.botnode.instance])


async def test_a_machine_that_is_cut_off_hands_over_and_gives_way(machines: list[World]) -> None:
    server, here, there = machines
    picture = await server.watch()
    first = await (await here.member()).join(epoch=1)
    second, waiting = await second_waits(there)
    # Its botnode lives on, and so does its WhatsApp: only its agent is out of reach.
    here.agent.pause()
    cut_at = time.monotonic()
    await eventually(lambda: picture.instances("shop") != [first.botnode.instance])
    await waiting
    await eventually(lambda: picture.instances("shop") == [second.botnode.instance])
    assert time.monotonic() - cut_at < 15
    assert first.lease.is_held(), "an agent that does not answer takes nothing from anybody"
    here.agent.go_on()
    await eventually(lambda: first.lost)
    assert first.lost == [f"instance {second.botnode.instance} on here has the lease"]
    assert not first.lease.is_held()
    assert picture.instances("shop") == [second.botnode.instance]
    assert second.lease.is_held()
    await eventually(lambda: here.agent.services() == {})


async def test_an_agent_that_is_restarted_elsewhere_takes_nothing(machines: list[World]) -> None:
    server, here, _ = machines
    picture = await server.watch()
    first = await (await here.member()).join(epoch=5)
    await eventually(lambda: picture.instances("shop"))
    here.agent.kill()
    here.agent.start()
    await eventually(lambda: here.agent.services() and all(server.agent.keys().values()))
    await eventually(lambda: picture.instances("shop") == [first.botnode.instance])
    assert picture.routes["shop"][0].epoch == 5
    assert first.lease.is_held()
    assert not first.lost
