"""Channels are kept while they are of use, and closed when nobody is on them."""

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from far_side import MESH, SECRET, FarSide, botnode_process, eventually
from gateway_harness import GatewayUnderTest

from botmesh.rpc import metadata
from botmesh.v1 import bot_pb2
from gateway.channels import Channels, Link

ADDRESS = "127.0.0.1:9"


@pytest.fixture
async def channels() -> AsyncIterator[Channels]:
    channels = Channels()
    yield channels
    await channels.close()


async def _is_closed(link: Link) -> bool:
    await asyncio.sleep(0)
    return link.channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN


async def test_an_address_has_one_channel(channels: Channels) -> None:
    assert channels.take(ADDRESS) is channels.take(ADDRESS)
    assert channels.take("127.0.0.1:10") is not channels.take(ADDRESS)
    assert len(channels) == 2


async def test_a_retired_channel_is_closed_when_the_last_call_is_over(channels: Channels) -> None:
    link = channels.take(ADDRESS)
    channels.take(ADDRESS)
    channels.retire(ADDRESS)
    assert not await _is_closed(link)
    channels.give_back(link)
    assert not await _is_closed(link)
    channels.give_back(link)
    assert await _is_closed(link)


async def test_an_address_that_comes_back_gets_a_new_channel(channels: Channels) -> None:
    old = channels.take(ADDRESS)
    channels.retire(ADDRESS)
    new = channels.take(ADDRESS)
    assert new is not old
    channels.give_back(old)
    assert await _is_closed(old)
    assert not await _is_closed(new)


async def test_a_sweep_closes_what_nobody_used(channels: Channels) -> None:
    busy, idle = channels.take(ADDRESS), channels.take("127.0.0.1:10")
    channels.give_back(idle)
    channels.sweep()
    assert not await _is_closed(idle)  # it was used since the last sweep
    channels.sweep()
    assert await _is_closed(idle)
    assert not await _is_closed(busy)
    assert len(channels) == 1


async def test_calls_leave_nothing_on_their_channel(mesh: GatewayUnderTest, far: FarSide) -> None:
    link = mesh.gateway.channels.take(far.address)
    await mesh.bot.GetSession(bot_pb2.GetSessionRequest(tenant_id="a"), timeout=5)
    async for _ in mesh.bot.StreamQR(bot_pb2.StreamQRRequest(tenant_id="a"), timeout=5):
        pass
    await eventually(lambda: link.calls == 1)
    await mesh.route("a", None)
    assert not await _is_closed(link)
    mesh.gateway.channels.give_back(link)
    assert await _is_closed(link)


async def test_a_botnode_that_hangs_is_noticed_while_a_call_waits() -> None:
    channels = Channels(keepalive_s=0.5, keepalive_timeout_s=0.5)
    with botnode_process("a", 0, "hang") as (process, port):
        call = channels.take(f"127.0.0.1:{port}").unary.call(
            "/botmesh.v1.BotService/SendMessage",
            b"",
            timeout_s=60,
            metadata=(
                (metadata.SECRET, SECRET),
                (metadata.MESH, MESH),
                (metadata.TENANT_ID, "a"),
            ),
        )
        waiting = asyncio.ensure_future(_code(call))
        await asyncio.to_thread(process.stdout.readline)
        process.send_signal(signal.SIGSTOP)
        assert await asyncio.wait_for(waiting, 10) is grpc.StatusCode.UNAVAILABLE
        await channels.close()


async def _code(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()
