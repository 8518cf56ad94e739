"""Unary calls without a task of their own end as grpc.aio's own do."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from gateway.unary import UnaryMethods

SERVICE = "test.Service"
METADATA = (("key", "value"),)


class Server:
    """Answers, fails with all that a status can carry, says nothing, or never answers."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.heard: list[tuple[bytes, dict[str, Any]]] = []

    async def answer(self, request: bytes, context: Any) -> bytes:
        self.heard.append((request, dict(context.invocation_metadata())))
        return b"answer to " + request

    async def silence(self, _request: bytes, _context: Any) -> bytes:
        return b""

    async def fail(self, _request: bytes, context: Any) -> None:
        await context.send_initial_metadata((("first", "1"),))
        trailers = (("plain", "text"), ("details-bin", b"\x00\xff"))
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough for today", trailers)

    async def hang(self, _request: bytes, _context: Any) -> None:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()

    def handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                name: grpc.unary_unary_rpc_method_handler(getattr(self, name))
                for name in ("answer", "silence", "fail", "hang")
            },
        )


@pytest.fixture
def far() -> Server:
    return Server()


@pytest.fixture
async def channel(far: Server) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((far.handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def _call(channel: grpc.aio.Channel, name: str, *, timeout_s: float = 5) -> bytes:
    path = f"/{SERVICE}/{name}"
    return await UnaryMethods(channel).call(path, b"it", timeout_s=timeout_s, metadata=METADATA)


async def _usual(channel: grpc.aio.Channel, name: str, *, timeout_s: float = 5) -> Any:
    return await channel.unary_unary(f"/{SERVICE}/{name}")(
        b"it", timeout=timeout_s, metadata=METADATA
    )


async def test_an_answer_comes_as_it_is(channel: grpc.aio.Channel, far: Server) -> None:
    assert await _call(channel, "answer") == await _usual(channel, "answer") == b"answer to it"
    assert far.heard[0] == far.heard[1]
    assert far.heard[0][1]["key"] == "value"
    assert await _call(channel, "silence") == b""


@pytest.mark.parametrize(
    ("name", "timeout_s", "code"),
    [
        ("fail", 5, grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("hang", 0.05, grpc.StatusCode.DEADLINE_EXCEEDED),
        ("missing", 5, grpc.StatusCode.UNIMPLEMENTED),
    ],
)
async def test_an_error_has_all_that_it_carries(
    channel: grpc.aio.Channel, name: str, timeout_s: float, code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as ours:
        await _call(channel, name, timeout_s=timeout_s)
    with pytest.raises(grpc.aio.AioRpcError) as usual:
        await _usual(channel, name, timeout_s=timeout_s)
    assert ours.value.code() is code
    assert _told(ours.value) == _told(usual.value)


def _told(error: grpc.aio.AioRpcError) -> tuple[object, ...]:
    return (
        error.code(),
        error.details(),
        tuple(error.initial_metadata()),
        tuple(error.trailing_metadata()),
    )


async def test_nobody_there_is_an_error_too() -> None:
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _call(channel, "answer")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "failed to connect to all addresses" in str(caught.value.details())


async def test_whoever_is_cancelled_cancels_the_other_end(
    channel: grpc.aio.Channel, far: Server
) -> None:
    waiting = asyncio.ensure_future(_call(channel, "hang"))
    await far.began.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(5):
        await far.cancelled.wait()


async def test_calls_under_way_can_be_cancelled(channel: grpc.aio.Channel, far: Server) -> None:
    methods = UnaryMethods(channel)
    path = f"/{SERVICE}/hang"
    waiting = asyncio.ensure_future(methods.call(path, b"", timeout_s=5, metadata=()))
    await far.began.wait()
    methods.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(5):
        await far.cancelled.wait()
