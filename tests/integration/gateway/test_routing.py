"""Whose botnode a call reaches, and what happens while there is none."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import grpc
import grpc.aio
import pytest
from far_side import FarSide, eventually
from gateway_harness import HOST, GatewayUnderTest

from botmesh.errors import MeshError, Reason, from_rpc_error
from botmesh.rpc.server import bind, create_server
from botmesh.v1 import bot_pb2, tenant_pb2
from gateway.app import Gateway
from registry.observation import Observation, Observed
from registry.tenant import ObservedState

StartFar = Callable[..., Awaitable[FarSide]]


def _asking(tenant_id: str) -> bot_pb2.GetSessionRequest:
    return bot_pb2.GetSessionRequest(tenant_id=tenant_id)


async def _error(call: Awaitable[object]) -> MeshError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    error = from_rpc_error(caught.value)
    assert error is not None, caught.value
    return error


async def test_each_tenant_has_its_own_botnode(mesh: GatewayUnderTest, start_far: StartFar) -> None:
    await mesh.add("a", "b")
    fars = {tenant_id: await start_far(tenant_id) for tenant_id in ("a", "b")}
    for tenant_id, far in fars.items():
        await mesh.route(tenant_id, far.address)
    for tenant_id in ("a", "b", "a"):
        answer = await mesh.bot.GetSession(_asking(tenant_id), timeout=5)
        assert answer.session.tenant_id == tenant_id
        assert answer.session.instance == f"on-{fars[tenant_id].port}"
    assert len(fars["a"].seen) == 2
    assert len(fars["b"].seen) == 1


async def test_a_tenant_that_nobody_made(mesh: GatewayUnderTest) -> None:
    started = time.monotonic()
    error = await _error(mesh.bot.GetSession(_asking("nobody"), timeout=30))
    assert error.reason is Reason.TENANT_NOT_FOUND
    assert error.metadata == {"tenant_id": "nobody"}
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("tenant_id", ["", "A", "-a", "a" * 64, "../a"])
async def test_what_cannot_be_a_tenant(mesh: GatewayUnderTest, tenant_id: str) -> None:
    error = await _error(mesh.bot.GetSession(_asking(tenant_id), timeout=5))
    assert error.reason is Reason.INVALID_REQUEST
    assert [violation.field for violation in error.violations] == ["tenant_id"]


async def test_a_stopped_tenant(mesh: GatewayUnderTest, far: FarSide) -> None:
    await mesh.tenant.StopTenant(tenant_pb2.StopTenantRequest(tenant_id="a"))
    error = await _error(mesh.bot.GetSession(_asking("a"), timeout=30))
    assert error.reason is Reason.TENANT_STOPPED
    await mesh.tenant.StartTenant(tenant_pb2.StartTenantRequest(tenant_id="a"))
    await mesh.bot.GetSession(_asking("a"), timeout=5)


async def test_a_stop_by_another_gateway_is_seen_too(mesh: GatewayUnderTest, far: FarSide) -> None:
    await mesh.tenants.stop("a")
    await eventually(lambda: mesh.gateway.resolver._tenants["a"].desired == "STOPPED")
    error = await _error(mesh.bot.GetSession(_asking("a"), timeout=30))
    assert error.reason is Reason.TENANT_STOPPED


async def test_a_call_waits_for_the_botnode(mesh: GatewayUnderTest, start_far: StartFar) -> None:
    await mesh.add("a")
    call = asyncio.ensure_future(mesh.bot.GetSession(_asking("a"), timeout=20))
    await eventually(lambda: "a" in mesh.gateway.resolver._waiting)
    far = await start_far("a")
    await mesh.route("a", far.address)
    assert (await call).session.tenant_id == "a"


async def test_a_call_does_not_wait_longer_than_its_caller(mesh: GatewayUnderTest) -> None:
    await mesh.add("a")
    started = time.monotonic()
    error = await _error(mesh.bot.GetSession(_asking("a"), timeout=1))
    assert error.reason is Reason.BOTNODE_UNAVAILABLE
    assert error.retry_after is not None
    assert 0.5 < time.monotonic() - started < 1


async def test_a_botnode_that_cannot_start_is_told_of_at_once(mesh: GatewayUnderTest) -> None:
    await mesh.add("a")
    resolver = mesh.gateway.resolver
    changes = Observed(
        observed_state=ObservedState.FAILED, observed_generation=1, last_exit="exit 78"
    )
    await mesh.tenants.observe(HOST, [Observation("a", changes)])
    await eventually(lambda: resolver._tenants["a"].broken)
    error = await _error(mesh.bot.GetSession(_asking("a"), timeout=30))
    assert error.reason is Reason.BOTNODE_UNAVAILABLE
    assert error.metadata["last_exit"] == "exit 78"


async def test_a_tenant_just_created_can_be_called(
    mesh: GatewayUnderTest, start_far: StartFar
) -> None:
    far = await start_far("new")
    await mesh.tenant.CreateTenant(
        tenant_pb2.CreateTenantRequest(tenant_id="new", bot_port=far.port)
    )
    # Nobody waited for the feed, and no host took it: the botnode was started by hand.
    answer = await mesh.bot.GetSession(_asking("new"), timeout=5)
    assert answer.session.tenant_id == "new"


async def test_before_the_registry_was_read_calls_wait(
    make_gateway: Callable[[], Gateway], mesh: GatewayUnderTest, far: FarSide
) -> None:
    gateway = make_gateway()
    begin = asyncio.Event()
    follow = gateway.resolver.follow_tenants

    async def follow_later(feed: object) -> None:
        await begin.wait()
        await follow(feed)

    gateway.resolver.follow_tenants = follow_later
    server = create_server([])
    port = bind(server, "127.0.0.1", 0)
    async with gateway.serving(server), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        other = GatewayUnderTest(gateway, mesh.tenants, port, channel)
        call = asyncio.ensure_future(other.bot.GetSession(_asking("a"), timeout=20))
        await eventually(lambda: "a" in gateway.resolver._waiting)
        begin.set()
        assert (await call).session.tenant_id == "a"


async def test_swapped_ports_never_reach_the_wrong_tenant(
    mesh: GatewayUnderTest, start_far: StartFar
) -> None:
    await mesh.add("a", "b")
    far_a, far_b = await start_far("a"), await start_far("b")
    await mesh.route("a", far_b.address)
    await mesh.route("b", far_a.address)
    calls = {
        tenant_id: asyncio.ensure_future(
            mesh.bot.SendMessage(
                bot_pb2.SendMessageRequest(tenant_id=tenant_id, to="+5215512345678"), timeout=20
            )
        )
        for tenant_id in ("a", "b")
    }
    await eventually(lambda: {"a", "b"} <= mesh.gateway.resolver._stale.keys())
    await mesh.route("a", far_a.address)
    await mesh.route("b", far_b.address)
    for tenant_id, call in calls.items():
        assert (await call).message.tenant_id == tenant_id
    for far in (far_a, far_b):
        requests = [bot_pb2.SendMessageRequest.FromString(seen.request) for seen in far.seen]
        assert [request.tenant_id for request in requests] == [far.tenant_id]
        assert [seen.attempt for seen in far.seen] == ["2"]


async def test_ports_that_stay_swapped_end_as_unavailable(
    mesh: GatewayUnderTest, start_far: StartFar
) -> None:
    await mesh.add("a", "b")
    far_b = await start_far("b")
    await mesh.route("a", far_b.address)
    error = await _error(mesh.bot.GetSession(_asking("a"), timeout=0.5))
    assert error.reason is Reason.BOTNODE_UNAVAILABLE
    assert far_b.seen == []


async def test_another_mesh_on_the_port(mesh: GatewayUnderTest, start_far: StartFar) -> None:
    await mesh.add("a")
    stranger = await start_far("a", mesh="other", secret="another secret")
    await mesh.route("a", stranger.address)
    call = asyncio.ensure_future(mesh.bot.GetSession(_asking("a"), timeout=20))
    await eventually(lambda: "a" in mesh.gateway.resolver._stale)
    own = await start_far("a")
    await mesh.route("a", own.address)
    assert (await call).session.instance == f"on-{own.port}"
    assert stranger.seen == []


async def test_a_server_that_is_no_botnode_on_the_port(
    mesh: GatewayUnderTest, start_far: StartFar
) -> None:
    await mesh.add("a")
    server = create_server([])
    port = bind(server, "127.0.0.1", 0)
    await server.start()
    await mesh.route("a", f"127.0.0.1:{port}")
    call = asyncio.ensure_future(mesh.bot.GetSession(_asking("a"), timeout=20))
    await eventually(lambda: "a" in mesh.gateway.resolver._stale)
    own = await start_far("a")
    await mesh.route("a", own.address)
    assert (await call).session.instance == f"on-{own.port}"
    await server.stop(None)


async def test_a_listener_that_says_nothing_on_the_port(
    mesh: GatewayUnderTest, start_far: StartFar
) -> None:
    await mesh.add("a")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        await mesh.route("a", f"127.0.0.1:{silent.getsockname()[1]}")
        call = asyncio.ensure_future(mesh.bot.GetSession(_asking("a"), timeout=20))
        own = await start_far("a")
        await mesh.route("a", own.address)
        assert (await call).session.instance == f"on-{own.port}"


async def test_a_botnode_that_moves_is_followed_while_calls_run(
    mesh: GatewayUnderTest, far: FarSide, start_far: StartFar
) -> None:
    going, finish = asyncio.Event(), asyncio.Event()

    async def slow(request: bytes, context: object) -> bytes:
        going.set()
        await finish.wait()
        return await far.usual_GetSession(request, context)

    far.script["GetSession"] = slow
    slow_call = asyncio.ensure_future(mesh.bot.GetSession(_asking("a"), timeout=20))
    await going.wait()
    other = await start_far("a")
    await mesh.route("a", other.address)
    assert (await mesh.bot.GetSession(_asking("a"), timeout=5)).session.instance == (
        f"on-{other.port}"
    )
    finish.set()
    # The route is gone, the call on its channel is not.
    assert (await slow_call).session.instance == f"on-{far.port}"
    await eventually(lambda: len(mesh.gateway.channels) == 1)


async def test_a_botnode_that_comes_back_on_its_port_is_found_at_once(
    mesh: GatewayUnderTest, far: FarSide, start_far: StartFar
) -> None:
    await mesh.bot.GetSession(_asking("a"), timeout=5)
    await far.stop()
    error = await _error(mesh.bot.GetSession(_asking("a"), timeout=0.5))
    assert error.reason is Reason.BOTNODE_UNAVAILABLE
    call = asyncio.ensure_future(mesh.bot.GetSession(_asking("a"), timeout=20))
    again = await start_far("a", port=far.port)
    started = time.monotonic()
    await call
    assert time.monotonic() - started < 1
    assert len(again.seen) == 1
