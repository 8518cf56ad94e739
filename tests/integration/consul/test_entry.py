"""What a botnode has in Consul while it lives."""

import asyncio
import time

from consul_world import World, eventually

from registry.discovery.consul_service import EntryTiming


async def test_everything_carries_the_mesh_and_the_instance(world: World) -> None:
    member = await (await world.member(name="Café Ñandú")).join(epoch=7)
    tail = f"m-shop-{member.botnode.instance}"
    (entry,) = await eventually(world.agent.entries)
    service = entry["Service"]
    assert service["ID"] == f"botnode-{tail}"
    assert service["Service"] == "botnode"
    assert f"{service['Address']}:{service['Port']}" == member.botnode.address
    assert service["Tags"] == ["shop", "CONNECTED"]
    since = service["Meta"].pop("since")
    assert since.endswith(" UTC")
    assert service["Meta"] == {
        "mesh": "m",
        "tenant_id": "shop",
        "tenant_name": "Café Ñandú",
        "instance": member.botnode.instance,
        "epoch": "7",
        "version": "1.2.3",
        "host": "here",
        "state": "CONNECTED",
        "number": "+5215512345678",
    }
    checks = {check["CheckID"]: check for check in entry["Checks"]}
    assert checks.keys() == {"serfHealth", f"lease-{tail}", f"whatsapp-{tail}"}
    assert checks[f"lease-{tail}"]["Status"] == "passing"
    (session,) = world.agent.call("GET", "/v1/session/list")
    assert session["Name"] == f"botnode-{tail}"
    assert session["LockDelay"] == 1_000_000_000
    assert session["Behavior"] == "release"
    bound = {*(session["NodeChecks"] or ()), *(session["Checks"] or ())}
    assert bound == {"serfHealth", f"lease-{tail}"}
    assert world.agent.keys() == {
        "botmesh/m/leases/shop": session["ID"],
        f"botmesh/m/routes/shop/{member.botnode.instance}": session["ID"],
    }


async def test_a_clean_end_leaves_nothing(world: World) -> None:
    member = await (await world.member()).join()
    await member.registration.deregister()
    assert list(world.agent.keys()) == ["botmesh/m/leases/shop"]
    assert member.lease.is_held()
    await member.lease.release()
    await member.lease.release()
    assert not member.lease.is_held()
    assert world.agent.keys() == {}
    assert world.agent.services() == {}
    assert world.agent.call("GET", "/v1/session/list") == []
    await eventually(lambda: not world.agent.entries())


async def test_a_second_one_waits_and_says_for_whom(world: World) -> None:
    first = await (await world.member()).join()
    second = await world.member()
    waiting = asyncio.create_task(second.lease.acquire())

    def meta(instance: str) -> dict[str, str]:
        metas = [service["Meta"] for service in world.agent.services().values()]
        return next((m for m in metas if m["instance"] == instance), {})

    await eventually(
        lambda: (
            meta(second.botnode.instance).get("state") == "WAITING_FOR_LEASE"
            and meta(second.botnode.instance).get("error")
            == f"{first.botnode.instance} on here holds the lease"
        )
    )
    assert not second.lease.is_held()
    picture = await world.watch()
    assert picture.instances("shop") == [first.botnode.instance]
    await first.leave()
    freed_at = time.monotonic()
    await waiting
    # Given back, not lost: nobody waits for the lock's delay of a second.
    assert time.monotonic() - freed_at < 0.7
    await second.join(epoch=2)
    assert meta(second.botnode.instance)["state"] == "CONNECTED"
    assert not first.lost


async def test_a_status_is_seen_at_once_its_words_too(world: World) -> None:
    member = await (await world.member()).join(state="CONNECTING", number=None)
    steps = [
        ("CONNECTED", "+5215512345678", "", "passing"),
        ("RECONNECTING", None, "the line was lost", "warning"),
        ("BANNED", None, "until tomorrow", "warning"),
        ("BANNED", None, "until next week", "warning"),
        ("LOGGED_OUT", None, "removed on the phone", "warning"),
    ]
    for state, number, error, status in steps:
        await member.registration.update(state=state, number=number, error=error)
        told = time.monotonic()

        def shown(status: str = status, state: str = state, error: str = error) -> bool:
            (entry,) = world.agent.entries()
            check = next(c for c in entry["Checks"] if c["CheckID"].startswith("whatsapp-"))
            return (
                check["Status"] == status
                and check["Output"].startswith(f"{state} since 20")
                and check["Output"].endswith(error)
                and entry["Service"]["Meta"]["state"] == state
                and entry["Service"]["Meta"].get("error", "") == error
            )

        await eventually(shown)
        assert time.monotonic() - told < 1
    (entry,) = world.agent.entries()
    assert "number" not in entry["Service"]["Meta"]
    # None of that took the lease or its check.
    assert world.agent.keys()["botmesh/m/leases/shop"]


async def test_a_long_name_and_error_fit_into_meta(world: World) -> None:
    member = await (await world.member(name="Ñ" * 200 + "日" * 200)).join()
    await member.registration.update(state="DEAF", number=None, error="long\n" * 500)
    (service,) = world.agent.services().values()
    assert service["Meta"]["tenant_name"].startswith("ÑÑ")
    assert service["Meta"]["error"].startswith("long long")


async def test_the_beat_keeps_the_check_alive(world: World) -> None:
    timing = EntryTiming(beat_s=0.2, beat_limit_s=1)
    member = await (await world.member(timing=timing)).join()
    waited = time.monotonic() + 2.5

    def critical() -> bool:
        return any(
            check["Status"] == "critical"
            for check in world.agent.call("GET", "/v1/agent/checks").values()
        )

    while time.monotonic() < waited:
        assert not critical()
        await asyncio.sleep(0.05)
    assert member.lease.is_held()
    await member.entry._end_tasks()
    await eventually(critical)


async def test_a_check_that_somebody_removed_comes_back_with_the_beat(world: World) -> None:
    timing = EntryTiming(beat_s=0.3)
    member = await (await world.member(timing=timing)).join()
    (service_id,) = world.agent.services()
    world.agent.call("PUT", f"/v1/agent/service/deregister/{service_id}")
    await eventually(lambda: world.agent.services().keys() == {service_id})
    await eventually(lambda: len(world.agent.keys()) == 2 and all(world.agent.keys().values()))
    assert not member.lost


async def test_what_dead_processes_left_is_swept_by_the_next(world: World) -> None:
    dead = await world.member()
    await dead.join()
    await dead.entry._end_tasks()
    # As if the machine had died: keys stay without a session, the service with a critical check.
    (session,) = world.agent.call("GET", "/v1/session/list")
    world.agent.call("PUT", f"/v1/session/destroy/{session['ID']}")
    (service,) = world.agent.services().values()
    check = f"whatsapp-m-shop-{dead.botnode.instance}"
    world.agent.call("PUT", f"/v1/agent/check/fail/{check}")
    assert set(world.agent.keys().values()) == {None}
    successor = await (await world.member()).join(epoch=2)
    assert [s["ID"] for s in world.agent.services().values()] != [service["ID"]]
    assert list(world.agent.services()) == [successor.entry.names.service_id]
    assert set(world.agent.keys()) == {
        "botmesh/m/leases/shop",
        successor.entry.names.route_key,
    }


async def test_confirm_asks_consul(world: World) -> None:
    member = await (await world.member()).join()
    assert await member.lease.confirm()
    thief = world.agent.call("PUT", "/v1/session/create", {"LockDelay": "0s"})["ID"]
    key = member.entry.names.lease_key
    # In one step, as another holder would be there: the watch has no time to see the gap.
    await member.entry._end_tasks()
    world.agent.call("DELETE", f"/v1/kv/{key}")
    assert world.agent.call(
        "PUT", f"/v1/kv/{key}?acquire={thief}", {"instance": "thief", "host": "there"}
    )
    assert member.lease.is_held()
    assert not await member.lease.confirm()
    assert not member.lease.is_held()
    assert member.lost == ["instance thief on there has the lease"]


async def test_confirm_without_consul_is_what_was_known(world: World) -> None:
    member = await (await world.member()).join()
    world.agent.kill()
    assert await member.lease.confirm()
    assert member.lease.is_held()
    assert not member.lost
