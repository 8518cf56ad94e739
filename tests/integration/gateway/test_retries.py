"""What the gateway tries again, what it hands on, and what it says when it cannot tell."""

import asyncio
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import far_side
import grpc
import grpc.aio
import pytest
from far_side import FarSide, botnode_process, eventually
from gateway_harness import GatewayUnderTest

from botmesh.errors import DETAILS_KEY, MeshError, Reason, from_rpc_error
from botmesh.rpc import metadata
from botmesh.rpc.status import PUSHBACK_KEY, to_rpc_status
from botmesh.v1 import bot_pb2, message_pb2

StartFar = Callable[..., Awaitable[FarSide]]
ASKING = bot_pb2.GetSessionRequest(tenant_id="a")
# What a retried reason looks like at the far side.
PASSING = {
    Reason.BOTNODE_UNAVAILABLE: MeshError(Reason.BOTNODE_UNAVAILABLE, "not yet"),
    Reason.SHUTTING_DOWN: far_side.shutting_down(),
    Reason.WRONG_BOTNODE: MeshError(Reason.WRONG_BOTNODE, "not me"),
}


def _sending(**fields: str) -> bot_pb2.SendMessageRequest:
    content = message_pb2.MessageContent(text=message_pb2.TextContent(body="hello"))
    return bot_pb2.SendMessageRequest(tenant_id="a", to="+5215512345678", content=content, **fields)


async def _fails(call: Awaitable[object]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def _error(call: Awaitable[object]) -> MeshError:
    error = from_rpc_error(await _fails(call))
    assert error is not None
    return error


@pytest.mark.parametrize("reason", PASSING)
async def test_a_passing_reason_is_tried_again(
    mesh: GatewayUnderTest, far: FarSide, reason: Reason
) -> None:
    far.answers("GetSession", PASSING[reason])
    answer = await mesh.bot.GetSession(ASKING, timeout=20)
    assert answer.session.tenant_id == "a"
    assert [seen.attempt for seen in far.seen] == ["1", "2"]


@pytest.mark.parametrize(
    "reason",
    sorted(set(Reason) - set(PASSING) - {Reason.UNAUTHENTICATED}),
)
async def test_any_other_reason_is_the_answer(
    mesh: GatewayUnderTest, far: FarSide, reason: Reason
) -> None:
    far.answers("SendMessage", MeshError(reason, "so it is"))
    error = await _error(mesh.bot.SendMessage(_sending(), timeout=20))
    assert error.reason is reason
    assert len(far.seen) == 1


async def test_details_pass_byte_for_byte(mesh: GatewayUnderTest, far: FarSide) -> None:
    said = MeshError(
        Reason.RATE_LIMITED,
        "slowly, ¡despacio!",
        metadata={"message_id": "42"},
        retry_after=timedelta(seconds=7),
    )
    status = to_rpc_status(said)
    # A detail that nobody here knows, after the ones of ours.
    details = dict(status.trailing_metadata)[DETAILS_KEY] + b"\x1a\x09\x0a\x03x/y\x12\x02hi"

    async def answer(request: bytes, context: Any) -> bytes:
        await context.abort(
            status.code, status.details, ((DETAILS_KEY, details), (PUSHBACK_KEY, "7000"))
        )
        return b""

    far.script["SendMessage"] = answer
    error = await _fails(mesh.bot.SendMessage(_sending(), timeout=20))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.details() == said.message
    assert dict(error.trailing_metadata() or ()) == {DETAILS_KEY: details, PUSHBACK_KEY: "7000"}


async def test_a_reason_of_a_newer_botnode_passes(mesh: GatewayUnderTest, far: FarSide) -> None:
    status = to_rpc_status(MeshError(Reason.QUEUE_FULL, "later"))
    details = dict(status.trailing_metadata)[DETAILS_KEY].replace(b"QUEUE_FULL", b"MOON_PHASE")

    async def answer(request: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "later", ((DETAILS_KEY, details),))
        return b""

    far.script["GetSession"] = answer
    error = await _fails(mesh.bot.GetSession(ASKING, timeout=20))
    assert dict(error.trailing_metadata() or ())[DETAILS_KEY] == details
    assert len(far.seen) == 1


async def test_the_request_is_not_touched(mesh: GatewayUnderTest, far: FarSide) -> None:
    # Known fields in an odd order, with one that no contract has yet.
    raw = b"\x1a\x02+1" + b"\xfa\x7e\x03new" + b"\x0a\x01a"
    send = mesh.channel.unary_unary("/botmesh.v1.BotService/SendMessage")
    answer = await send(raw, timeout=20)
    assert far.seen[0].request == raw
    assert answer == await far.usual_SendMessage(raw, None)


async def test_what_goes_with_a_call(mesh: GatewayUnderTest, far: FarSide) -> None:
    await mesh.bot.GetSession(
        ASKING, timeout=20, metadata=((metadata.ATTEMPT, "9"), ("authorization", "mine"))
    )
    given = far.seen[0].metadata
    assert given[metadata.SECRET] == far_side.SECRET
    assert given[metadata.MESH] == far_side.MESH
    assert given[metadata.TENANT_ID] == "a"
    assert given[metadata.ATTEMPT] == "1"
    assert metadata.REQUEST_ID not in given
    assert "authorization" not in given


async def test_a_send_without_a_request_id_gets_one_for_all_its_attempts(
    mesh: GatewayUnderTest, far: FarSide
) -> None:
    for _ in range(2):
        far.answers("SendMessage", PASSING[Reason.BOTNODE_UNAVAILABLE], far_side.shutting_down())
        await mesh.bot.SendMessage(_sending(), timeout=20)
    first, second = far.seen[:3], far.seen[3:]
    assert (
        len({seen.request_id for seen in first}) == len({seen.request_id for seen in second}) == 1
    )
    assert str(uuid.UUID(first[0].request_id)) == first[0].request_id
    assert first[0].request_id != second[0].request_id


@pytest.mark.parametrize("where", ["body", "metadata", "both"])
async def test_a_callers_request_id_is_kept(
    mesh: GatewayUnderTest, far: FarSide, where: str
) -> None:
    request_id = str(uuid.uuid4())
    far.answers("SendMessage", PASSING[Reason.BOTNODE_UNAVAILABLE])
    await mesh.bot.SendMessage(
        _sending(request_id="" if where == "metadata" else request_id),
        metadata=() if where == "body" else ((metadata.REQUEST_ID, request_id),),
        timeout=20,
    )
    assert [seen.request_id for seen in far.seen] == [request_id, request_id]


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [
        (metadata.TENANT_ID, "b", "tenant_id"),
        (metadata.REQUEST_ID, "0bd0ea9a-4a3e-4ae4-8a3c-5f2b6f6a0a0a", "request_id"),
        (metadata.MESH, "other", metadata.MESH),
    ],
)
async def test_metadata_must_agree_with_the_body(
    mesh: GatewayUnderTest, far: FarSide, key: str, value: str, field: str
) -> None:
    request = _sending(request_id=str(uuid.uuid4()))
    error = await _error(mesh.bot.SendMessage(request, metadata=((key, value),), timeout=5))
    assert error.reason is Reason.INVALID_REQUEST
    assert [violation.field for violation in error.violations] == [field]
    assert far.seen == []


async def test_a_tenant_may_be_named_in_metadata_alone(
    mesh: GatewayUnderTest, far: FarSide
) -> None:
    await mesh.bot.GetSession(
        bot_pb2.GetSessionRequest(), metadata=((metadata.TENANT_ID, "a"),), timeout=5
    )
    assert far.seen[0].metadata[metadata.TENANT_ID] == "a"


async def test_a_request_id_is_a_uuid(mesh: GatewayUnderTest, far: FarSide) -> None:
    error = await _error(mesh.bot.SendMessage(_sending(request_id="one"), timeout=5))
    assert [violation.field for violation in error.violations] == ["request_id"]


async def test_bytes_that_are_no_request(mesh: GatewayUnderTest, far: FarSide) -> None:
    for name in far_side.UNARY:
        call = mesh.channel.unary_unary(f"/botmesh.v1.BotService/{name}")
        assert (await _error(call(b"\xff\xff\xff", timeout=5))).reason is Reason.INVALID_REQUEST
    for name in far_side.STREAMS:
        stream = mesh.channel.unary_stream(f"/botmesh.v1.BotService/{name}")
        error = await _error(stream(b"\xff\xff\xff", timeout=5).read())
        assert error.reason is Reason.INVALID_REQUEST
    assert far.seen == []


async def test_the_botnode_has_a_little_less_time_than_the_caller(
    mesh: GatewayUnderTest, far: FarSide
) -> None:
    await mesh.bot.GetSession(ASKING, timeout=5)
    await mesh.bot.GetSession(ASKING)
    given, default = (seen.remaining_s for seen in far.seen)
    assert given is not None
    assert 4 < given < 4.96
    assert default is not None
    assert 14 < default <= 15.1


async def test_a_deadline_covers_all_attempts(mesh: GatewayUnderTest, far: FarSide) -> None:
    far.answers("GetSession", *[PASSING[Reason.BOTNODE_UNAVAILABLE]] * 1000)
    started = time.monotonic()
    error = await _error(mesh.bot.GetSession(ASKING, timeout=1.5))
    assert error.reason is Reason.BOTNODE_UNAVAILABLE
    assert time.monotonic() - started < 1.5
    assert len(far.seen) > 2
    first, *_, last = (seen.remaining_s or 0.0 for seen in far.seen)
    assert last < first / 2


@pytest.mark.parametrize(
    ("method", "request_", "reason"),
    [
        ("GetSession", ASKING, Reason.BOTNODE_UNAVAILABLE),
        ("SendMessage", _sending(), Reason.SEND_OUTCOME_UNKNOWN),
    ],
)
async def test_a_botnode_that_does_not_answer_in_time(
    mesh: GatewayUnderTest, far: FarSide, method: str, request_: Any, reason: Reason
) -> None:
    async def never(request: bytes, context: Any) -> bytes:
        await asyncio.Event().wait()
        return b""

    far.script[method] = never
    error = await _error(getattr(mesh.bot, method)(request_, timeout=1))
    assert error.reason is reason
    assert len(far.seen) == 1
    assert error.metadata.get("request_id") == far.seen[0].request_id


async def test_cancelling_reaches_the_botnode_at_once(mesh: GatewayUnderTest, far: FarSide) -> None:
    going = asyncio.Event()

    async def never(request: bytes, context: Any) -> bytes:
        going.set()
        await asyncio.Event().wait()
        return b""

    far.script["SendMessage"] = never
    call = mesh.bot.SendMessage(_sending(), timeout=30)
    waiting = asyncio.ensure_future(call)
    await going.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await eventually(lambda: far.cancelled == ["SendMessage"], within_s=2)
    assert len(far.seen) == 1


@pytest.mark.parametrize("method", far_side.UNARY)
async def test_an_attempt_that_broke_off_is_made_again_inside_the_deadline(
    mesh: GatewayUnderTest, far: FarSide, method: str
) -> None:
    broken = 2

    async def break_off(request: bytes, context: Any) -> bytes:
        nonlocal broken
        if broken:
            broken -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return bytes(await getattr(far, f"usual_{method}")(request, context))

    far.script[method] = break_off
    call = mesh.channel.unary_unary(f"/botmesh.v1.BotService/{method}")
    await call(b"\x0a\x01a", timeout=20)  # every request begins with its tenant_id
    assert [seen.attempt for seen in far.seen] == ["1", "2", "3"]
    ids = {seen.request_id for seen in far.seen}
    assert len(ids) == 1
    assert (ids == {None}) == (method != "SendMessage")


async def test_a_killed_botnodes_send_is_repeated_under_the_same_id(
    mesh: GatewayUnderTest, start_far: StartFar
) -> None:
    await mesh.add("a")
    with botnode_process("a", 0, "hang") as (process, port):
        await mesh.route("a", f"127.0.0.1:{port}")
        call = asyncio.ensure_future(mesh.bot.SendMessage(_sending(), timeout=30))
        await asyncio.to_thread(process.stdout.readline)  # it has the request
        process.kill()
        killed = time.monotonic()
        process.wait()
        again = await start_far("a")
        await mesh.route("a", again.address)
        answer = await call
        assert time.monotonic() - killed < 2
    assert answer.message.request_id == again.seen[0].request_id
    assert again.seen[0].attempt != "1"


async def test_a_killed_botnodes_send_without_a_successor_is_unknown(
    mesh: GatewayUnderTest,
) -> None:
    await mesh.add("a")
    request_id = str(uuid.uuid4())
    with botnode_process("a", 0, "hang") as (process, port):
        await mesh.route("a", f"127.0.0.1:{port}")
        call = asyncio.ensure_future(
            _error(mesh.bot.SendMessage(_sending(request_id=request_id), timeout=2))
        )
        await asyncio.to_thread(process.stdout.readline)
        process.kill()
        error = await call
    assert error.reason is Reason.SEND_OUTCOME_UNKNOWN
    assert error.metadata == {"tenant_id": "a", "request_id": request_id}


async def test_a_tenant_stopped_during_its_send_does_not_make_the_send_undone(
    mesh: GatewayUnderTest,
) -> None:
    await mesh.add("a")
    with botnode_process("a", 0, "hang") as (process, port):
        await mesh.route("a", f"127.0.0.1:{port}")
        call = asyncio.ensure_future(_error(mesh.bot.SendMessage(_sending(), timeout=20)))
        await asyncio.to_thread(process.stdout.readline)
        await mesh.tenants.stop("a")
        process.kill()
        error = await call
    assert error.reason is Reason.SEND_OUTCOME_UNKNOWN


async def test_a_send_that_reached_nobody_says_so(mesh: GatewayUnderTest, far: FarSide) -> None:
    await far.stop()
    error = await _error(mesh.bot.SendMessage(_sending(), timeout=0.5))
    assert error.reason is Reason.BOTNODE_UNAVAILABLE


async def test_a_send_that_waited_for_a_connection_in_vain_says_so(mesh: GatewayUnderTest) -> None:
    await mesh.add("a")
    # Somebody who takes connections and never says a word: a stopped process does that.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        await mesh.route("a", f"127.0.0.1:{silent.getsockname()[1]}")
        error = await _error(mesh.bot.SendMessage(_sending(), timeout=0.5))
    assert error.reason is Reason.BOTNODE_UNAVAILABLE
    assert error.metadata == {"tenant_id": "a"}


async def test_a_killed_botnodes_question_is_asked_again_on_the_same_port(
    mesh: GatewayUnderTest, start_far: StartFar
) -> None:
    await mesh.add("a")
    with botnode_process("a") as (process, port):
        await mesh.route("a", f"127.0.0.1:{port}")
        await mesh.bot.GetSession(ASKING, timeout=20)
        process.kill()
        process.wait()
        call = asyncio.ensure_future(mesh.bot.GetSession(ASKING, timeout=20))
        await start_far("a", port=port)
        await call  # nobody told the registry


async def test_a_request_that_kills_botnodes_stops_at_some(
    mesh: GatewayUnderTest, far: FarSide
) -> None:
    async def break_off(request: bytes, context: Any) -> bytes:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return b""

    far.script["GetSession"] = break_off
    error = await _error(mesh.bot.GetSession(ASKING, timeout=30))
    assert error.reason is Reason.BOTNODE_UNAVAILABLE
    assert len(far.seen) == 4


async def test_other_tenants_notice_nothing(
    mesh: GatewayUnderTest, far: FarSide, start_far: StartFar
) -> None:
    await mesh.add("b")
    far_b = await start_far("b")
    await mesh.route("b", far_b.address)
    await far.stop()
    stuck = [asyncio.ensure_future(_error(mesh.bot.GetSession(ASKING, timeout=1))) for _ in "ab"]
    for _ in range(20):
        await mesh.bot.GetSession(bot_pb2.GetSessionRequest(tenant_id="b"), timeout=2)
    for error in await asyncio.gather(*stuck):
        assert error.reason is Reason.BOTNODE_UNAVAILABLE
    assert {seen.attempt for seen in far_b.seen} == {"1"}
