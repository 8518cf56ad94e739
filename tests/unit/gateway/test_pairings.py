"""Who shares a stream of pairing, and how it ends."""

import asyncio
import math
from collections.abc import Callable

import pytest

from botmesh.errors import MeshError, Reason
from botmesh.v1 import bot_pb2, session_pb2
from gateway.call import Call, Method
from gateway.events import Write
from gateway.pairing_feed import PairingFeed
from gateway.pairings import PairingForwarder
from gateway.policy import POLICIES

METHOD = Method("StreamQR", "", bot_pb2.StreamQRRequest, POLICIES["StreamQR"])


class Botnode:
    """Streams of one botnode, as `Follow` has them."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.open = 0
        self._streams: list[tuple[Write, Callable[[], None], asyncio.Future[bool]]] = []

    async def show(self, text: str) -> None:
        code = bot_pb2.StreamQRResponse(code=session_pb2.QRCode(code=text))
        for write, _, _ in self._streams:
            await write(code.SerializeToString())

    def end(self, error: Exception | None = None) -> None:
        for _, lose, ended in self._streams:
            if error is None:
                ended.set_result(False)
            else:
                lose()
                ended.set_exception(error)

    async def follow(
        self, call: Call, resumption: PairingFeed, write: Write, *, lose: Callable[[], None]
    ) -> bool:
        assert resumption.request() == call.request
        self.calls.append(call)
        self.open += 1
        stream = (write, lose, asyncio.get_running_loop().create_future())
        self._streams.append(stream)
        try:
            return await stream[2]
        finally:
            self._streams.remove(stream)
            self.open -= 1


class Caller:
    """One call. While `reads` is not set, its caller takes nothing more."""

    def __init__(
        self, forwarder: PairingForwarder, tenant_id: str = "a", request: bytes = b""
    ) -> None:
        self.codes: list[str] = []
        self.reads = asyncio.Event()
        self.reads.set()
        call = Call(METHOD, tenant_id, "", request, 12.0)
        self.task = asyncio.ensure_future(forwarder.forward(call, self._write))

    async def _write(self, response: bytes) -> None:
        self.codes.append(bot_pb2.StreamQRResponse.FromString(response).code.code)
        await self.reads.wait()

    async def end(self) -> BaseException | None:
        async with asyncio.timeout(2):
            return (await asyncio.gather(self.task, return_exceptions=True))[0]


async def settled() -> None:
    """All that can go on has gone on."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
async def botnode() -> Botnode:
    return Botnode()


@pytest.fixture
def forwarder(botnode: Botnode) -> PairingForwarder:
    return PairingForwarder(botnode.follow)


def is_empty(forwarder: PairingForwarder) -> bool:
    return not forwarder._feeds and not forwarder._tasks


async def test_all_share_one_stream_without_a_deadline(
    botnode: Botnode, forwarder: PairingForwarder
) -> None:
    callers = [Caller(forwarder) for _ in range(20)]
    await settled()
    await botnode.show("1")
    await settled()
    late = Caller(forwarder)
    await settled()
    await botnode.show("2")
    await settled()
    assert [caller.codes for caller in (*callers, late)] == [["1", "2"]] * 21
    assert [call.expires for call in botnode.calls] == [math.inf]
    botnode.end()
    assert [await caller.end() for caller in (*callers, late)] == [None] * 21
    assert is_empty(forwarder)


async def test_those_share_whose_requests_are_the_same(
    botnode: Botnode, forwarder: PairingForwarder
) -> None:
    callers = [
        Caller(forwarder, tenant, request) for tenant in "ab" for request in (b"", b"", b"more")
    ]
    await settled()
    assert [(call.tenant_id, call.request) for call in botnode.calls] == [
        ("a", b""),
        ("a", b"more"),
        ("b", b""),
        ("b", b"more"),
    ]
    for caller in callers:
        caller.task.cancel()
        await caller.end()
    assert is_empty(forwarder)


async def test_the_last_one_who_leaves_ends_the_stream(
    botnode: Botnode, forwarder: PairingForwarder
) -> None:
    first, second = Caller(forwarder), Caller(forwarder)
    await settled()
    first.task.cancel()
    await first.end()
    await botnode.show("1")
    await settled()
    assert (second.codes, botnode.open) == (["1"], 1)
    second.task.cancel()
    await second.end()
    assert is_empty(forwarder)
    await settled()
    assert botnode.open == 0


async def test_who_does_not_read_holds_nobody_up(
    botnode: Botnode, forwarder: PairingForwarder
) -> None:
    slow, quick = Caller(forwarder), Caller(forwarder)
    slow.reads.clear()
    for text in "12345":
        await settled()
        await botnode.show(text)
    await settled()
    assert (slow.codes, quick.codes) == (["1"], [*"12345"])
    botnode.end()
    assert await quick.end() is None
    again = Caller(forwarder)
    await settled()
    assert (again.task.done(), botnode.open) == (False, 1)  # what he holds has ended for others
    slow.reads.set()
    assert await slow.end() is None
    assert slow.codes == ["1", "5"]
    again.task.cancel()
    await again.end()
    assert is_empty(forwarder)


@pytest.mark.parametrize(
    "error", [MeshError(Reason.PAIRING_TIMED_OUT, "nobody scanned"), ValueError("a fault of ours")]
)
async def test_an_error_ends_all(
    botnode: Botnode, forwarder: PairingForwarder, error: Exception
) -> None:
    callers = [Caller(forwarder) for _ in range(3)]
    await settled()
    botnode.end(error)
    assert [await caller.end() for caller in callers] == [error] * 3
    assert is_empty(forwarder)
    again = Caller(forwarder)
    await settled()
    assert (len(botnode.calls), again.task.done()) == (2, False)
    again.task.cancel()
    await again.end()


async def test_who_comes_while_others_wait_for_a_botnode_has_a_stream_of_his_own(
    botnode: Botnode, forwarder: PairingForwarder, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = Caller(forwarder)
    await settled()
    monkeypatch.setattr(PairingFeed, "is_open", False)
    late = Caller(forwarder)
    await settled()
    assert botnode.open == 2
    early.task.cancel()
    await early.end()
    monkeypatch.setattr(PairingFeed, "is_open", True)
    later = Caller(forwarder)
    await settled()
    await botnode.show("1")
    await settled()
    assert (late.codes, later.codes, botnode.open) == (["1"], ["1"], 1)
    for caller in (late, later):
        caller.task.cancel()
        await caller.end()
    assert is_empty(forwarder)
