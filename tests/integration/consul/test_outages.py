"""Consul away, back with its data, back empty, hanging."""

import asyncio
import time
from collections.abc import Callable

import pytest
from consul_agent import ConsulAgent
from consul_world import World, eventually
from structlog.testing import capture_logs
from structlog.typing import EventDict

TENANTS = 20
# What a gateway waits for the last botnode; see GRACE_S in consul_watch.
BACK_LIMIT_S = 12.0


@pytest.mark.parametrize("keeps_data", [False, True], ids=["empty", "with its data"])
async def test_all_come_back_spread_out_and_nobody_is_given_up(
    start_consul: Callable[..., ConsulAgent],
    world_around: Callable[[ConsulAgent], World],
    *,
    keeps_data: bool,
) -> None:
    world = world_around(start_consul(keeps_data=keeps_data))
    client = world.client()
    members = [await world.member(f"shop-{n}", client=client) for n in range(TENANTS)]
    await asyncio.gather(*(member.join(epoch=3) for member in members))
    picture = await world.watch()
    await eventually(lambda: len(picture.routes) == TENANTS)
    before = dict(picture.routes)

    world.agent.kill()
    await asyncio.sleep(1)  # what happens in a second without Consul is the test: nothing
    assert picture.routes == before
    assert all(member.lease.is_held() for member in members)

    world.agent.start()
    back_at = time.monotonic()
    made: dict[str, float] = {}

    def all_are_back() -> bool:
        holding = [key for key, session in world.agent.keys().items() if session]
        for key in holding:
            made.setdefault(key, time.monotonic() - back_at)
        # An agent that kept its data has the old sessions too, some of them not for long: all its
        # checks are critical again until they have run.
        checks = world.agent.call("GET", "/v1/agent/checks").values()
        passing = [check for check in checks if check["Status"] == "passing"]
        return len(holding) == len(passing) == 2 * TENANTS

    await eventually(all_are_back, BACK_LIMIT_S)
    if not keeps_data:
        assert max(made.values()) - min(made.values()) > 1.5, "they came back in one wave"
    assert len(world.agent.call("GET", "/v1/session/list")) == TENANTS
    assert len(world.agent.services()) == TENANTS
    assert picture.losses == []
    assert picture.routes == before  # the epochs too
    assert all(member.lease.is_held() and not member.lost for member in members)
    assert picture.snapshots == 2


def _is_watch_away(line: EventDict) -> bool:
    return line["event"] == "consul_away" and "tenant_id" not in line


async def test_after_the_grace_who_is_not_back_is_gone(
    world: World,
) -> None:
    alive, dead = await world.member("alive"), await world.member("dead")
    await alive.join()
    await dead.join()
    picture = await world.watch(grace_s=7.0)
    assert picture.routes.keys() == {"alive", "dead"}
    with capture_logs() as lines:
        world.agent.kill()
        await dead.entry._end_tasks()
        # The watch rests between two questions, and may ask nothing while the agent is away.
        await eventually(lambda: any(_is_watch_away(line) for line in lines))
    world.agent.start()
    await eventually(lambda: picture.snapshots == 2)
    assert picture.routes.keys() == {"alive", "dead"}
    await eventually(lambda: picture.routes.keys() == {"alive"})
    assert picture.losses == ["dead"]


async def test_an_agent_that_hangs_takes_nothing_from_anybody(world: World) -> None:
    member = await (await world.member()).join()
    picture = await world.watch()
    world.agent.pause()
    before = time.monotonic()
    await member.registration.update(state="RECONNECTING", number=None, error="the line was lost")
    assert await member.lease.confirm()
    assert time.monotonic() - before < 5
    world.agent.go_on()
    await eventually(
        lambda: [s["Meta"]["state"] for s in world.agent.services().values()] == ["RECONNECTING"]
    )
    await eventually(lambda: picture.instances("shop") and all(world.agent.keys().values()))
    assert not member.lost


async def test_a_botnode_that_starts_without_consul_waits_for_it(
    start_consul: Callable[..., ConsulAgent],
    world_around: Callable[[ConsulAgent], World],
) -> None:
    agent = start_consul()
    agent.kill()
    world = world_around(agent)
    member = await world.member()
    joining = asyncio.create_task(member.join())
    picture = world.watch_unstarted()
    await asyncio.sleep(0.5)  # nothing must happen
    assert not member.lease.is_held()
    assert picture.snapshots == 0
    agent.start()
    await joining
    await eventually(lambda: picture.instances("shop"))


async def test_an_end_without_consul_is_quick(world: World) -> None:
    member = await (await world.member()).join()
    world.agent.pause()
    before = time.monotonic()
    await member.leave()
    assert time.monotonic() - before < 6
    world.agent.go_on()


async def test_a_session_that_was_destroyed_is_made_again(world: World) -> None:
    member = await (await world.member()).join(epoch=4)
    picture = await world.watch()
    (session,) = world.agent.call("GET", "/v1/session/list")
    world.agent.call("PUT", f"/v1/session/destroy/{session['ID']}")
    await eventually(lambda: not picture.instances("shop"))
    assert member.lease.is_held()
    await eventually(lambda: picture.instances("shop"), 5)
    assert picture.routes["shop"][0].epoch == 4
    assert not member.lost


async def test_a_key_that_was_deleted_is_made_again(world: World) -> None:
    member = await (await world.member()).join()
    world.agent.call("DELETE", "/v1/kv/botmesh/m/leases/shop")
    await eventually(lambda: world.agent.keys().get("botmesh/m/leases/shop"))
    await eventually(lambda: len(world.agent.keys()) == 2)
    assert member.lease.is_held()
    assert not member.lost
