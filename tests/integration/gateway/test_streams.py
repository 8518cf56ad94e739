"""Streams over a restart of their botnode."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import far_side
import grpc
import grpc.aio
import pytest
from event_log import EventLog
from far_side import FarSide, eventually
from gateway_harness import GatewayUnderTest
from google.protobuf.empty_pb2 import Empty

from botmesh.errors import MeshError, Reason, from_rpc_error
from botmesh.rpc import metadata
from botmesh.v1 import bot_pb2, event_pb2, session_pb2, tenant_pb2

StartFar = Callable[..., Awaitable[FarSide]]
WATCHING = bot_pb2.StreamQRRequest(tenant_id="a")


def _qr(
    *steps: bot_pb2.StreamQRResponse,
    then: BaseException | None = None,
    when: asyncio.Event | None = None,
) -> Any:
    """A StreamQR that shows these steps, then fails or hangs."""

    async def serve(request: bytes, context: Any) -> AsyncIterator[bytes]:
        for step in steps:
            yield step.SerializeToString()
        if when is not None:
            await when.wait()
        if then is not None:
            raise then
        await asyncio.Event().wait()

    return serve


def _code(text: str) -> bot_pb2.StreamQRResponse:
    return bot_pb2.StreamQRResponse(code=session_pb2.QRCode(code=text))


PAIRED = bot_pb2.StreamQRResponse(paired=session_pb2.Paired(jid="1@s.whatsapp.net"))


async def _next(stream: Any) -> Any:
    return await asyncio.wait_for(stream.read(), 10)


async def _drained(stream: Any) -> None:
    while await _next(stream) is not grpc.aio.EOF:
        pass


async def _ended(stream: Any) -> MeshError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _drained(stream)
    error = from_rpc_error(caught.value)
    assert error is not None, caught.value
    return error


async def _next_event(stream: Any) -> int:
    while True:
        item = await _next(stream)
        if item.HasField("event"):
            return int(item.event.cursor.sequence)


@pytest.fixture
def log(far: FarSide) -> EventLog:
    log = EventLog(head=5)
    far.script["StreamEvents"] = log.serve
    return log


async def _restart(mesh: GatewayUnderTest, far: FarSide, start_far: StartFar, log: Any) -> FarSide:
    """What a host does: the process goes, its route with it, another comes on another port."""
    await far.stop()
    await mesh.route("a", None)
    again = await start_far("a")
    again.script.update(log)
    await mesh.route("a", again.address)
    return again


async def test_pairing_passes_through_to_its_end(mesh: GatewayUnderTest, far: FarSide) -> None:
    stream = mesh.bot.StreamQR(WATCHING, timeout=20)
    assert [step async for step in stream] == [
        bot_pb2.StreamQRResponse(paired=session_pb2.Paired(jid="a"))
    ]


async def test_pairing_goes_on_at_a_renewed_botnode_without_repeating_the_code(
    mesh: GatewayUnderTest, far: FarSide, start_far: StartFar
) -> None:
    far.script["StreamQR"] = _qr(_code("1"), _code("2"))
    stream = mesh.bot.StreamQR(WATCHING, timeout=30)
    assert [(await _next(stream)).code.code for _ in "12"] == ["1", "2"]
    again = await _restart(mesh, far, start_far, {"StreamQR": _qr(_code("2"), _code("3"), PAIRED)})
    assert (await _next(stream)).code.code == "3"
    assert await _next(stream) == PAIRED
    assert again.seen[0].attempt != "1"
    assert again.seen[0].request == WATCHING.SerializeToString()


@pytest.mark.parametrize(
    "reason", [Reason.PAIRING_TIMED_OUT, Reason.CLIENT_OUTDATED, Reason.SESSION_DISCONNECTED]
)
async def test_a_streams_own_end_is_passed_on_to_all(
    mesh: GatewayUnderTest, far: FarSide, reason: Reason
) -> None:
    end = asyncio.Event()
    far.script["StreamQR"] = _qr(_code("1"), then=MeshError(reason, "so it is"), when=end)
    streams = [mesh.bot.StreamQR(WATCHING, timeout=20) for _ in range(3)]
    for stream in streams:
        await _next(stream)
    end.set()
    assert [(await _ended(stream)).reason for stream in streams] == [reason] * 3
    assert len(far.seen) == 1


async def test_who_comes_while_the_botnode_is_away_gets_no_code_of_its(
    mesh: GatewayUnderTest, far: FarSide, start_far: StartFar
) -> None:
    far.script["StreamQR"] = _qr(_code("1"))
    early = mesh.bot.StreamQR(WATCHING, timeout=30)
    assert (await _next(early)).code.code == "1"
    late = mesh.bot.StreamQR(WATCHING, timeout=30)
    assert (await _next(late)).code.code == "1"
    await far.stop()
    await mesh.route("a", None)
    later = mesh.bot.StreamQR(WATCHING, timeout=30)
    await eventually(lambda: len(mesh.gateway._drain._streams) == 3)
    again = await start_far("a")
    again.script["StreamQR"] = _qr(_code("2"), PAIRED)
    await mesh.route("a", again.address)
    for stream in (early, late, later):
        assert (await _next(stream)).code.code == "2"
        assert await _next(stream) == PAIRED
    assert (len(far.seen), len(again.seen)) == (1, 1)


async def test_watchers_end_each_by_himself(mesh: GatewayUnderTest, far: FarSide) -> None:
    far.script["StreamQR"] = _qr(_code("1"))
    streams = [mesh.bot.StreamQR(WATCHING) for _ in range(3)]
    hurried = mesh.bot.StreamQR(WATCHING, timeout=0.2)
    for stream in (*streams, hurried):
        await _next(stream)
    assert len(far.seen) == 1
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _next(hurried)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    gone, *staying = streams
    gone.cancel()
    await eventually(lambda: len(mesh.gateway._drain._streams) == 2)
    assert not far.cancelled
    for stream in staying:
        stream.cancel()
    await eventually(lambda: far.cancelled == ["StreamQR"], within_s=2)
    assert mesh.gateway.channels.take(far.address).calls == 1


@pytest.mark.parametrize("reason", [Reason.TENANT_STOPPED, Reason.SHUTTING_DOWN])
async def test_what_ends_a_pairing_ends_it_for_all(
    mesh: GatewayUnderTest, far: FarSide, reason: Reason
) -> None:
    far.script["StreamQR"] = _qr(_code("1"))
    streams = [mesh.bot.StreamQR(WATCHING, timeout=20) for _ in range(5)]
    for stream in streams:
        await _next(stream)
    if reason is Reason.TENANT_STOPPED:
        await mesh.tenants.stop("a")
        await far.stop()
        await mesh.route("a", None)
    else:
        mesh.gateway._drain.end_streams()
    assert [(await _ended(stream)).reason for stream in streams] == [reason] * 5


async def test_events_go_on_without_a_gap_or_a_repeat(
    mesh: GatewayUnderTest, far: FarSide, log: EventLog, start_far: StartFar
) -> None:
    request = bot_pb2.StreamEventsRequest(tenant_id="a", oldest=Empty())
    stream = mesh.bot.StreamEvents(request)
    assert (await _next(stream)).head.sequence == 5
    assert [await _next_event(stream) for _ in range(5)] == [1, 2, 3, 4, 5]
    for head in (6, 7, 8):
        far = await _restart(mesh, far, start_far, {"StreamEvents": log.serve})
        await log.grow()
        assert await _next_event(stream) == head
    assert [asked.WhichOneof("start") for asked in log.asked] == ["oldest"] + ["after"] * 3
    assert {asked.tenant_id for asked in log.asked} == {"a"}


async def test_events_from_now_on_miss_nothing_while_the_botnode_is_away(
    mesh: GatewayUnderTest, far: FarSide, log: EventLog, start_far: StartFar
) -> None:
    stream = mesh.bot.StreamEvents(bot_pb2.StreamEventsRequest(tenant_id="a"))
    assert (await _next(stream)).head.sequence == 5
    await far.stop()
    await log.grow(3)  # written before anybody listens again
    await _restart(mesh, far, start_far, {"StreamEvents": log.serve})
    assert [await _next_event(stream) for _ in range(3)] == [6, 7, 8]


async def test_events_resume_on_the_same_port_without_a_word_from_the_registry(
    mesh: GatewayUnderTest, far: FarSide, log: EventLog, start_far: StartFar
) -> None:
    stream = mesh.bot.StreamEvents(bot_pb2.StreamEventsRequest(tenant_id="a"))
    await _next(stream)
    await far.stop()
    again = await start_far("a", port=far.port)
    again.script["StreamEvents"] = log.serve
    await log.grow()
    assert await _next_event(stream) == 6


async def test_a_changed_log_ends_the_stream(
    mesh: GatewayUnderTest, far: FarSide, log: EventLog
) -> None:
    cursor = event_pb2.EventCursor(log_id="another", sequence=1)
    stream = mesh.bot.StreamEvents(bot_pb2.StreamEventsRequest(tenant_id="a", after=cursor))
    assert (await _ended(stream)).reason is Reason.EVENT_LOG_CHANGED


async def test_a_stream_ends_when_its_tenant_is_stopped(
    mesh: GatewayUnderTest, far: FarSide, log: EventLog
) -> None:
    stream = mesh.bot.StreamEvents(bot_pb2.StreamEventsRequest(tenant_id="a"))
    await _next(stream)
    await mesh.tenant.StopTenant(tenant_pb2.StopTenantRequest(tenant_id="a"))
    await far.stop()
    assert (await _ended(stream)).reason is Reason.TENANT_STOPPED


async def test_a_botnode_that_stops_hands_its_streams_over(
    mesh: GatewayUnderTest, far: FarSide, start_far: StartFar
) -> None:
    far.script["StreamQR"] = _qr(_code("1"), then=far_side.shutting_down(30))
    stream = mesh.bot.StreamQR(WATCHING, timeout=30)
    assert (await _next(stream)).code.code == "1"
    await eventually(lambda: "a" in mesh.gateway.resolver._stale)
    again = await start_far("a")
    again.script["StreamQR"] = _qr(_code("2"))
    await mesh.route("a", again.address)
    assert (await _next(stream)).code.code == "2"
    assert len(far.seen) == 1  # not asked again while it stops


async def test_a_stream_waits_for_its_botnode_inside_the_deadline(mesh: GatewayUnderTest) -> None:
    await mesh.add("a")
    stream = mesh.bot.StreamQR(WATCHING, timeout=0.5)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _next(stream)
    assert caught.value.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    )


async def test_an_unknown_tenant_has_no_stream(mesh: GatewayUnderTest) -> None:
    stream = mesh.bot.StreamQR(bot_pb2.StreamQRRequest(tenant_id="nobody"))
    assert (await _ended(stream)).reason is Reason.TENANT_NOT_FOUND


async def test_a_watcher_who_leaves_is_gone_at_the_botnode_at_once(
    mesh: GatewayUnderTest, far: FarSide, log: EventLog
) -> None:
    stream = mesh.bot.StreamEvents(bot_pb2.StreamEventsRequest(tenant_id="a"))
    await _next(stream)
    stream.cancel()
    await eventually(lambda: far.cancelled == ["StreamEvents"], within_s=2)
    await eventually(lambda: not mesh.gateway._drain._streams, within_s=2)
    assert mesh.gateway.channels.take(far.address).calls == 1


async def test_a_watcher_who_leaves_while_there_is_no_botnode(
    mesh: GatewayUnderTest, far: FarSide, log: EventLog
) -> None:
    stream = mesh.bot.StreamEvents(bot_pb2.StreamEventsRequest(tenant_id="a"))
    await _next(stream)
    await far.stop()
    await mesh.route("a", None)
    await eventually(lambda: "a" in mesh.gateway.resolver._waiting)
    stream.cancel()
    await eventually(lambda: not mesh.gateway.resolver._waiting, within_s=2)


async def test_two_hundred_watchers_over_a_restart(
    mesh: GatewayUnderTest, far: FarSide, start_far: StartFar
) -> None:
    far.script["StreamQR"] = _qr(_code("1"))
    streams = [mesh.bot.StreamQR(WATCHING, timeout=60) for _ in range(200)]
    first = await asyncio.gather(*(_next(stream) for stream in streams))
    assert {step.code.code for step in first} == {"1"}
    again = await _restart(mesh, far, start_far, {"StreamQR": _qr(_code("2"), PAIRED)})
    second = await asyncio.gather(*(_next(stream) for stream in streams))
    assert {step.code.code for step in second} == {"2"}
    last = await asyncio.gather(*(_next(stream) for stream in streams))
    assert all(step == PAIRED for step in last)
    assert len(again.seen) == 1
    assert {seen.metadata[metadata.TENANT_ID] for seen in again.seen} == {"a"}
