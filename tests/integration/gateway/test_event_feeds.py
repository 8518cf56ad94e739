"""Many consumers of one tenant: one stream of its botnode, and to each his own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from event_log import EventLog
from far_side import FarSide, eventually
from gateway_harness import GatewayUnderTest
from google.protobuf.empty_pb2 import Empty

from botmesh.errors import MeshError, Reason, from_rpc_error
from botmesh.v1 import bot_pb2, bot_pb2_grpc, event_pb2
from gateway import event_feed
from gateway.events import EventForwarder

StartFar = Callable[..., Awaitable[FarSide]]
LATEST = bot_pb2.StreamEventsRequest(tenant_id="a")
OLDEST = bot_pb2.StreamEventsRequest(tenant_id="a", oldest=Empty())


async def _next(stream: Any) -> Any:
    return await asyncio.wait_for(stream.read(), 10)


async def _events(stream: Any, count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        item = await _next(stream)
        if item.HasField("event"):
            found.append(item.event.cursor.sequence)
    return found


async def _reason(stream: Any) -> Reason:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _events(stream, 1_000)
    error = from_rpc_error(caught.value)
    assert isinstance(error, MeshError)
    return error.reason


@pytest.fixture
def log(far: FarSide) -> EventLog:
    log = EventLog(head=5)
    far.script["StreamEvents"] = log.serve
    return log


@pytest.fixture
def forwarder(mesh: GatewayUnderTest) -> EventForwarder:
    return mesh.gateway._bot._streams._events


async def _shared(
    mesh: GatewayUnderTest, log: EventLog, count: int, *requests: bot_pb2.StreamEventsRequest
) -> list[Any]:
    """Consumers who have all come to share one stream; the log's next event is theirs."""
    streams = [mesh.bot.StreamEvents(LATEST) for _ in range(count - len(requests))]
    streams += [mesh.bot.StreamEvents(request) for request in requests]
    for stream in streams:
        await _next(stream)
    await log.grow()
    for stream in streams:
        while (await _next(stream)).event.cursor.sequence != log.head:
            pass
    await eventually(lambda: log.open == 1)
    return streams


async def test_consumers_share_a_stream_once_they_have_caught_up(
    mesh: GatewayUnderTest, log: EventLog
) -> None:
    streams = await _shared(mesh, log, 20, OLDEST)
    await log.grow(3)
    assert [await _events(stream, 3) for stream in streams] == [[7, 8, 9]] * 20
    assert log.open == 1
    late = mesh.bot.StreamEvents(OLDEST)
    assert await _events(late, 9) == list(range(1, 10))
    await eventually(lambda: log.open == 1)
    await log.grow()
    assert [await _events(stream, 1) for stream in (late, *streams)] == [[10]] * 21


async def test_one_consumer_keeps_his_own_stream(
    mesh: GatewayUnderTest, log: EventLog, forwarder: EventForwarder
) -> None:
    stream = mesh.bot.StreamEvents(LATEST)
    await _next(stream)
    await log.grow(2)
    assert await _events(stream, 2) == [6, 7]
    assert (len(log.asked), forwarder._feeds) == (1, {})


async def test_all_go_on_over_a_restart_with_one_request(
    mesh: GatewayUnderTest, far: FarSide, log: EventLog, start_far: StartFar
) -> None:
    streams = await _shared(mesh, log, 20)
    asked = len(log.asked)
    await far.stop()
    await mesh.route("a", None)
    await log.grow(2)
    again = await start_far("a")
    again.script["StreamEvents"] = log.serve
    await mesh.route("a", again.address)
    assert [await _events(stream, 2) for stream in streams] == [[7, 8]] * 20
    assert [request.after.sequence for request in log.asked[asked:]] == [6]


async def test_who_does_not_read_holds_nobody_up_and_misses_nothing(
    mesh: GatewayUnderTest, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_feed, "MOST_EVENTS", 4)
    options = [("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{mesh.port}", options=options) as channel:
        slow = bot_pb2_grpc.BotServiceStub(channel).StreamEvents(LATEST)
        await _next(slow)
        await _leave_behind(slow, await _shared(mesh, log, 4), log)


async def _leave_behind(slow: Any, others: list[Any], log: EventLog) -> None:
    assert await _events(slow, 1) == [6]
    log.body = "x" * 50_000
    for _ in range(30):  # more than any window holds
        await log.grow()
        for stream in others:
            assert await _events(stream, 1) == [log.head]
    assert log.open == 1
    assert await _events(slow, 30) == list(range(7, 37))
    await log.grow()
    assert [await _events(stream, 1) for stream in (slow, *others)] == [[37]] * 5
    await eventually(lambda: log.open == 1)  # he has caught up


async def test_what_vanished_consumers_held_is_given_back(
    mesh: GatewayUnderTest, far: FarSide, log: EventLog, forwarder: EventForwarder
) -> None:
    streams = await _shared(mesh, log, 20)
    staying = streams.pop()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{mesh.port}") as channel:
        path = "/botmesh.v1.BotService/StreamEvents"
        gone = [channel.unary_stream(path)(OLDEST.SerializeToString()) for _ in range(20)]
        await asyncio.gather(*(_next(stream) for stream in gone))
    for stream in streams:
        stream.cancel()
    await eventually(lambda: len(mesh.gateway._drain._streams) == 1)
    await log.grow()
    assert await _events(staying, 1) == [7]
    (feed,) = forwarder._feeds.values()
    assert (feed.readers, feed._events, forwarder._calls["a"]) == (1, {}, 1)
    staying.cancel()
    await eventually(lambda: not (forwarder._feeds or forwarder._tasks or forwarder._calls))
    await eventually(lambda: not log.open)
    assert mesh.gateway.channels.take(far.address).calls == 1


async def test_a_cursor_is_judged_by_the_botnode_while_others_share(
    mesh: GatewayUnderTest, log: EventLog
) -> None:
    await _shared(mesh, log, 3)
    after = event_pb2.EventCursor(log_id="another", sequence=1)
    wrong = mesh.bot.StreamEvents(bot_pb2.StreamEventsRequest(tenant_id="a", after=after))
    assert await _reason(wrong) is Reason.EVENT_LOG_CHANGED


async def test_an_end_that_is_the_botnodes_own_reaches_all(
    mesh: GatewayUnderTest, far: FarSide, log: EventLog, start_far: StartFar
) -> None:
    streams = await _shared(mesh, log, 5)
    await far.stop()
    again = await start_far("a")
    again.script["StreamEvents"] = EventLog(head=1, log_id="new").serve
    await mesh.route("a", again.address)
    assert [await _reason(stream) for stream in streams] == [Reason.EVENT_LOG_CHANGED] * 5


async def test_a_stopped_tenant_ends_all_streams(
    mesh: GatewayUnderTest, far: FarSide, log: EventLog
) -> None:
    streams = await _shared(mesh, log, 5)
    await mesh.tenants.stop("a")
    await far.stop()
    await mesh.route("a", None)
    assert [await _reason(stream) for stream in streams] == [Reason.TENANT_STOPPED] * 5


async def test_a_stopping_gateway_ends_all_streams(mesh: GatewayUnderTest, log: EventLog) -> None:
    streams = await _shared(mesh, log, 5)
    mesh.gateway._drain.end_streams()
    assert [await _reason(stream) for stream in streams] == [Reason.SHUTTING_DOWN] * 5
