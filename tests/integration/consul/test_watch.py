"""What a gateway sees."""

import json
import time

from consul_world import World, eventually
from structlog.testing import LogCapture

from registry.discovery.port import Route


async def test_a_change_is_seen_within_a_tenth_of_a_second(world: World) -> None:
    picture = await world.watch()
    session = world.agent.call("PUT", "/v1/session/create", {})["ID"]
    for number in range(20):
        value = {"address": f"127.0.0.1:{3001 + number}", "epoch": number}
        path = f"/v1/kv/botmesh/m/routes/shop/one?acquire={session}"
        assert world.agent.call("PUT", path, value)
        known_at = time.monotonic()
        route = Route("shop", value["address"], "one", number)
        await eventually(lambda route=route: picture.routes.get("shop") == (route,))
        assert time.monotonic() - known_at < 0.1


async def test_garbage_is_skipped_and_logged_once_each(world: World, logged: LogCapture) -> None:
    session = world.agent.call("PUT", "/v1/session/create", {})["ID"]
    good = {"address": "127.0.0.1:3001", "epoch": 1}
    garbage: dict[str, object] = {
        "shop/no-object": 5,
        "shop/no-address": {"epoch": 1},
        "shop/address-of-another-type": {"address": 5, "epoch": 1},
        "shop/no-port": {"address": "127.0.0.1", "epoch": 1},
        "shop/port-too-high": {"address": "127.0.0.1:70000", "epoch": 1},
        "shop/port-in-other-digits": {"address": "127.0.0.1:٣٠٠١", "epoch": 1},
        "shop/epoch-of-another-type": {"address": "127.0.0.1:3001", "epoch": "1"},
        "shop/epoch-true": {"address": "127.0.0.1:3001", "epoch": True},
        "shop/epoch-negative": {"address": "127.0.0.1:3001", "epoch": -1},
        "shop/deeper/key": good,
        "Not%20A%20Tenant/one": good,
        "shop": good,
    }
    for path, value in garbage.items():
        url = f"/v1/kv/botmesh/m/routes/{path}?acquire={session}"
        assert world.agent.call("PUT", url, value)
    picture = await world.watch()
    assert picture.routes == {}
    url = f"/v1/kv/botmesh/m/routes/shop/good?acquire={session}"
    assert world.agent.call("PUT", url, good | {"later": "fields"})
    await eventually(lambda: picture.instances("shop") == ["good"])
    # Written again: still garbage, not told again.
    for path, value in garbage.items():
        world.agent.call("PUT", f"/v1/kv/botmesh/m/routes/{path}?acquire={session}", value)
    world.agent.call("DELETE", "/v1/kv/botmesh/m/routes/shop/good")
    await eventually(lambda: not picture.routes)
    skipped = [entry["key"] for entry in logged.entries if entry["event"] == "route_skipped"]
    assert len(skipped) == len(garbage) == len(set(skipped))


async def test_foreign_services_of_the_name_mean_nothing(world: World, logged: LogCapture) -> None:
    foreign = [
        {"ID": "x1", "Name": "botnode", "Port": 1},
        {"ID": "x2", "Name": "botnode", "Tags": ["shop"], "Meta": {"mesh": "m", "epoch": "x"}},
        {"ID": "botnode-m-shop-x3", "Name": "botnode", "Meta": {"tenant_id": "shop"}},
    ]
    for service in foreign:
        world.agent.call("PUT", "/v1/agent/service/register", service)
    picture = await world.watch()
    member = await (await world.member()).join()
    await eventually(lambda: picture.instances("shop") == [member.botnode.instance])
    await member.leave()
    assert world.agent.services().keys() == {"x1", "x2", "botnode-m-shop-x3"}
    assert [entry for entry in logged.entries if entry["log_level"] == "warning"] == []


async def test_meshes_on_one_agent_do_not_see_each_other(world: World) -> None:
    ours, theirs = await world.member("shop"), await world.member("shop", mesh="m-2")
    await ours.join(epoch=1)
    await theirs.join(epoch=9)
    assert (await world.watch("m")).instances("shop") == [ours.botnode.instance]
    assert (await world.watch("m-2")).instances("shop") == [theirs.botnode.instance]
    assert (await world.watch("m-")).routes == {}
    await theirs.leave()
    assert ours.lease.is_held()
    assert await ours.lease.confirm()


async def test_a_key_that_nobody_holds_is_no_route(world: World) -> None:
    value = {"address": "127.0.0.1:3001", "epoch": 1}
    world.agent.call("PUT", "/v1/kv/botmesh/m/routes/shop/dead", value)
    picture = await world.watch()
    assert picture.routes == {}
    session = world.agent.call("PUT", "/v1/session/create", {"LockDelay": "0s"})["ID"]
    world.agent.call("PUT", f"/v1/kv/botmesh/m/routes/shop/dead?acquire={session}", value)
    await eventually(lambda: picture.instances("shop") == ["dead"])
    world.agent.call("PUT", f"/v1/session/destroy/{session}")
    await eventually(lambda: not picture.routes)
    stored = world.agent.call("GET", "/v1/kv/botmesh/m/routes/shop/dead?raw")
    assert stored == json.loads(json.dumps(value))
