"""Botnodes that die and hang, and who takes over."""

import asyncio
import signal
import time

import pytest
from consul_world import World, eventually

from registry.discovery.consul_names import decode_holder
from registry.discovery.consul_registration import ConsulWithdrawal
from registry.discovery.consul_service import EntryTiming

# The next check sees it, a second later at most; the rest is for a busy machine.
DEAD_LIMIT_S = 4.0
HUNG_LIMIT_S = 10.0


async def test_one_that_is_killed_is_out_of_the_table_at_the_next_check(world: World) -> None:
    process = world.process()
    await process.until("registered")
    picture = await world.watch()
    assert picture.instances("shop") == ["proc0001"]
    process.signal(signal.SIGKILL)
    await eventually(lambda: not picture.instances("shop"))
    assert time.monotonic() - process.killed_at < DEAD_LIMIT_S
    # The next one has the lease a second later: a lost lock has a delay.
    successor = world.process(epoch=2)
    await successor.until("registered")
    await eventually(lambda: picture.instances("shop") == ["proc0002"])


async def test_one_that_hangs_is_out_of_the_table_and_comes_back(world: World) -> None:
    process = world.process()
    await process.until("registered")
    picture = await world.watch()
    process.signal(signal.SIGSTOP)
    await eventually(lambda: not picture.instances("shop"))
    assert time.monotonic() - process.killed_at < HUNG_LIMIT_S
    process.signal(signal.SIGCONT)
    await eventually(lambda: picture.instances("shop") == ["proc0001"], 5)
    assert picture.routes["shop"][0].epoch == 1
    assert not process.said("lost")


async def test_one_that_hung_while_another_took_over_ends(world: World) -> None:
    first = world.process(epoch=1)
    await first.until("registered")
    picture = await world.watch()
    first.signal(signal.SIGSTOP)
    second = world.process(epoch=2)
    await second.until("registered")
    await eventually(lambda: picture.instances("shop") == ["proc0002"])
    first.signal(signal.SIGCONT)
    await first.until("lost")
    assert await first.end() == 3
    assert picture.instances("shop") == ["proc0002"]
    assert list(world.agent.services()) == ["botnode-m-shop-proc0002"]
    assert not second.said("lost")


@pytest.mark.parametrize("asks", [False, True])
async def test_a_lease_that_another_took_while_it_was_mended_is_lost(
    world: World, *, asks: bool
) -> None:
    slow = EntryTiming(repair_jitter_s=2.5)
    first = await (await world.member(timing=slow)).join(epoch=1)
    first.entry._rand = lambda: 1.0
    second = await world.member()
    waiting = asyncio.create_task(second.join(epoch=2))
    await eventually(lambda: len(world.agent.services()) == 2)
    sessions = {s["Name"]: s["ID"] for s in world.agent.call("GET", "/v1/session/list")}
    world.agent.call("PUT", f"/v1/session/destroy/{sessions[first.entry.names.service_id]}")
    await waiting
    assert first.lease.is_held(), "it does not know yet"
    # Asked, it knows at once; left alone, it learns it when it mends its lease.
    if asks:
        assert not await first.lease.confirm()
    await eventually(lambda: first.lost)
    assert not first.lease.is_held()
    await eventually(lambda: list(world.agent.services()) == [second.entry.names.service_id])
    assert second.lease.is_held()


async def test_what_the_host_says_of_a_dead_one_counts_at_once(world: World) -> None:
    first = world.process(hosted=True)
    await first.until("registered")
    picture = await world.watch()
    second = world.process(epoch=2, hosted=True)
    await eventually(
        lambda: any(
            service["Meta"]["state"] == "WAITING_FOR_LEASE"
            for service in world.agent.services().values()
        )
    )
    first.signal(signal.SIGKILL)
    withdrawal = ConsulWithdrawal(world.client(), "m")
    await withdrawal.withdraw("shop", "proc0001")
    await eventually(lambda: picture.instances("shop") != ["proc0001"])
    await second.until("leased")
    # Not even the delay of a lost lock.
    assert time.monotonic() - first.killed_at < 0.9
    await second.until("registered")
    assert list(world.agent.services()) == ["botnode-m-shop-proc0002"]
    # A late word about the dead one changes nothing.
    await withdrawal.withdraw("shop", "proc0001")
    await eventually(lambda: picture.instances("shop") == ["proc0002"])
    await withdrawal.close()


async def test_a_withdrawal_waits_for_consul_but_not_its_caller(world: World) -> None:
    member = await (await world.member()).join()
    await member.entry._end_tasks()
    withdrawal = ConsulWithdrawal(world.client(), "m")
    world.agent.pause()
    before = time.monotonic()
    await withdrawal.withdraw("shop", member.botnode.instance)
    assert time.monotonic() - before < 2.5
    world.agent.go_on()
    await eventually(lambda: world.agent.keys() == {})
    await withdrawal.close()


async def test_sigterm_leaves_nothing(world: World) -> None:
    process = world.process()
    await process.until("registered")
    process.signal(signal.SIGTERM)
    assert await process.end() == 0
    assert world.agent.keys() == {}
    assert world.agent.services() == {}


async def test_of_many_who_want_one_tenant_one_has_it(world: World) -> None:
    members = [await world.member() for _ in range(8)]
    taken: list[str] = []

    async def take(number: int) -> None:
        await members[number].lease.acquire()
        taken.append(members[number].botnode.instance)

    tasks = [asyncio.create_task(take(number)) for number in range(8)]
    for count in range(1, 9):
        await eventually(lambda count=count: len(taken) == count)
        held = [member for member in members if member.lease.is_held()]
        assert [member.botnode.instance for member in held] == taken[-1:]
        value = world.agent.call("GET", "/v1/kv/botmesh/m/leases/shop?raw")
        assert decode_holder(str(value).replace("'", '"').encode()).instance == taken[-1]
        await held[0].leave()
    await asyncio.gather(*tasks)
    assert not any(member.lost for member in members)
