"""The interceptors on a real server, called over a real channel."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import LogCapture

from botmesh.errors import MeshError, Reason, from_rpc_error
from botmesh.rpc import metadata
from botmesh.rpc.interceptors import ErrorInterceptor, SecretInterceptor
from botmesh.rpc.server import PortTakenError, add_health_and_reflection, bind, create_server
from botmesh.v1 import (
    BotServiceServicer,
    BotServiceStub,
    Event,
    GetSessionRequest,
    GetSessionResponse,
    MessageContent,
    ReceivedMessage,
    StreamEventsRequest,
    StreamEventsResponse,
    StreamQRRequest,
    StreamQRResponse,
    TextContent,
    add_BotServiceServicer_to_server,
)

SECRET = "s3cret"
KNOWN = ((metadata.SECRET, SECRET),)
LARGE = Event(
    message_received=ReceivedMessage(content=MessageContent(text=TextContent(body="x" * 10_000)))
)


class Servicer(BotServiceServicer):
    async def GetSession(self, request: GetSessionRequest, context: Any) -> GetSessionResponse:
        if request.tenant_id == "crash":
            raise RuntimeError("a secret that must not leave the process")
        if request.tenant_id == "typed":
            raise MeshError(
                Reason.SESSION_DISCONNECTED, "no line", retry_after=timedelta(seconds=2)
            )
        return GetSessionResponse()

    async def StreamQR(
        self, request: StreamQRRequest, context: Any
    ) -> AsyncIterator[StreamQRResponse]:
        yield StreamQRResponse()
        raise MeshError(Reason.PAIRING_TIMED_OUT, "nobody scanned")

    async def StreamEvents(  # type: ignore[override]  # gRPC's other way: it writes
        self, request: StreamEventsRequest, context: Any
    ) -> None:
        await context.write(StreamEventsResponse())
        if request.tenant_id != "endless":
            raise MeshError(Reason.EVENT_LOG_CHANGED, "another log")
        while True:
            await context.write(StreamEventsResponse(event=LARGE))


@pytest.fixture
def lines() -> LogCapture:
    capture = LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    return capture


@pytest.fixture
async def channel(lines: LogCapture) -> AsyncIterator[grpc.aio.Channel]:
    server = create_server([ErrorInterceptor(), SecretInterceptor(SECRET)])
    add_BotServiceServicer_to_server(Servicer(), server)
    health = await add_health_and_reflection(server, ["botmesh.v1.BotService"])
    port = bind(server, "127.0.0.1", 0)
    await server.start()
    await health.set(serving=True)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def _fails(call: Any) -> tuple[grpc.aio.AioRpcError, MeshError | None]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value, from_rpc_error(caught.value)


async def test_a_typed_error_arrives_typed(channel: grpc.aio.Channel) -> None:
    stub = BotServiceStub(channel)
    raw, error = await _fails(stub.GetSession(GetSessionRequest(tenant_id="typed"), metadata=KNOWN))
    assert raw.code() is grpc.StatusCode.UNAVAILABLE
    assert error is not None
    assert error.reason is Reason.SESSION_DISCONNECTED
    assert error.retry_after == timedelta(seconds=2)
    assert dict(raw.trailing_metadata() or ())["grpc-retry-pushback-ms"] == "2000"


async def test_a_crash_tells_the_caller_nothing_and_the_log_everything(
    channel: grpc.aio.Channel, lines: LogCapture
) -> None:
    stub = BotServiceStub(channel)
    raw, error = await _fails(stub.GetSession(GetSessionRequest(tenant_id="crash"), metadata=KNOWN))
    assert (raw.code(), raw.details()) == (grpc.StatusCode.INTERNAL, "internal error")
    assert error is not None
    assert error.reason is Reason.INTERNAL
    crash = next(line for line in lines.entries if line["event"] == "rpc_crashed")
    assert "must not leave" in str(crash["exc_info"])


async def test_an_error_ends_a_stream_after_its_items(channel: grpc.aio.Channel) -> None:
    call = BotServiceStub(channel).StreamQR(StreamQRRequest(), metadata=KNOWN)
    assert await call.read() == StreamQRResponse()
    _, error = await _fails(call.read())
    assert error is not None
    assert error.reason is Reason.PAIRING_TIMED_OUT


async def test_an_error_ends_a_stream_that_writes(
    channel: grpc.aio.Channel, lines: LogCapture
) -> None:
    request = StreamEventsRequest(tenant_id="shop")
    call = BotServiceStub(channel).StreamEvents(request, metadata=KNOWN)
    assert await call.read() == StreamEventsResponse()
    _, error = await _fails(call.read())
    assert error is not None
    assert error.reason is Reason.EVENT_LOG_CHANGED
    (line,) = lines.entries
    assert (line["code"], line["reason"], line["tenant_id"]) == (
        "FAILED_PRECONDITION",
        "EVENT_LOG_CHANGED",
        "shop",
    )


async def test_a_stream_ends_with_its_caller(channel: grpc.aio.Channel, lines: LogCapture) -> None:
    call = BotServiceStub(channel).StreamEvents(
        StreamEventsRequest(tenant_id="endless"), metadata=KNOWN
    )
    for _ in range(3):
        await call.read()
    call.cancel()
    async with asyncio.timeout(5):
        while not lines.entries:  # noqa: ASYNC110 - a log is no event
            await asyncio.sleep(0.005)
    assert [(line["event"], line["code"]) for line in lines.entries] == [
        ("rpc_finished", "CANCELLED")
    ]


async def test_bytes_that_are_no_message_are_an_invalid_request(channel: grpc.aio.Channel) -> None:
    call = channel.unary_unary("/botmesh.v1.BotService/GetSession")
    _, error = await _fails(call(b"\xff\xff\xff", metadata=KNOWN))
    assert error is not None
    assert error.reason is Reason.INVALID_REQUEST


@pytest.mark.parametrize("sent", [(), ((metadata.SECRET, "wrong"),), ((metadata.SECRET, ""),)])
async def test_without_the_secret_nothing_is_answered(
    channel: grpc.aio.Channel, sent: tuple[tuple[str, str], ...]
) -> None:
    stub = BotServiceStub(channel)
    for call in (stub.GetSession(GetSessionRequest(), metadata=sent),):
        _, error = await _fails(call)
        assert error is not None
        assert error.reason is Reason.UNAUTHENTICATED
    stream = stub.StreamQR(StreamQRRequest(), metadata=sent)
    _, error = await _fails(stream.read())
    assert error is not None
    assert error.reason is Reason.UNAUTHENTICATED


async def test_the_secret_is_asked_for_at_every_call(channel: grpc.aio.Channel) -> None:
    stub = BotServiceStub(channel)
    assert await stub.GetSession(GetSessionRequest(), metadata=KNOWN) == GetSessionResponse()
    _, error = await _fails(stub.GetSession(GetSessionRequest()))
    assert error is not None
    assert error.reason is Reason.UNAUTHENTICATED


async def test_health_is_open(channel: grpc.aio.Channel) -> None:
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_one_line_is_written_per_call(channel: grpc.aio.Channel, lines: LogCapture) -> None:
    await BotServiceStub(channel).GetSession(
        GetSessionRequest(tenant_id="norte"),
        metadata=(*KNOWN, (metadata.REQUEST_ID, "r-1"), (metadata.ATTEMPT, "2")),
    )
    (line,) = [entry for entry in lines.entries if entry["event"] == "rpc_finished"]
    assert line["tenant_id"] == "norte"
    assert (line["request_id"], line["attempt"], line["code"]) == ("r-1", "2", "OK")
    assert SECRET not in str(line)


async def test_what_is_asked_all_the_time_is_told_only_when_it_fails(lines: LogCapture) -> None:
    method = "/botmesh.v1.BotService/GetSession"
    server = create_server([ErrorInterceptor(quiet={method})])
    add_BotServiceServicer_to_server(Servicer(), server)
    port = bind(server, "127.0.0.1", 0)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = BotServiceStub(channel)
        await stub.GetSession(GetSessionRequest(tenant_id="norte"))
        await _fails(stub.GetSession(GetSessionRequest(tenant_id="typed")))
    await server.stop(None)
    levels = [e["log_level"] for e in lines.entries if e["event"] == "rpc_finished"]
    assert levels == ["debug", "info"]


async def test_a_method_nobody_wrote_is_unimplemented(channel: grpc.aio.Channel) -> None:
    call = channel.unary_unary("/botmesh.v1.BotService/Nothing")
    raw, _ = await _fails(call(b"", metadata=KNOWN))
    assert raw.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_taken_port_is_named() -> None:
    first, second = create_server([]), create_server([])
    port = bind(first, "127.0.0.1", 0)
    with pytest.raises(PortTakenError, match=f"127.0.0.1:{port}"):
        bind(second, "127.0.0.1", port)
    await first.stop(None)
    await second.stop(None)


async def test_one_call_is_waited_for_however_many_methods_there_are(
    channel: grpc.aio.Channel,
) -> None:
    await BotServiceStub(channel).GetSession(GetSessionRequest(), metadata=KNOWN)
    coroutines = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]
    assert [name for name in coroutines if "._request_" in name] == ["AioServer._request_call"]
