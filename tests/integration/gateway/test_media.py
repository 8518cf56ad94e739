"""Media through the gateway: client streams as they come, downloads over a restart."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
from far_side import FarSide, eventually, shutting_down
from gateway_harness import GatewayUnderTest

from botmesh.errors import MeshError, Reason, from_rpc_error
from botmesh.rpc import metadata
from botmesh.v1 import media_pb2, media_pb2_grpc
from gateway import uploads

StartFar = Callable[..., Awaitable[FarSide]]
START = media_pb2.UploadMediaRequest(
    tenant_id="a", start=media_pb2.UploadStart(size_bytes=6, sha256=bytes(32))
)
ANSWER = media_pb2.UploadMediaResponse(media=media_pb2.StoredMedia(media_id="m"))
# Far more than gRPC keeps on the way from the caller through the gateway to a botnode.
MANY = 200
PIECE = 262_144


def _data(data: bytes) -> media_pb2.UploadMediaRequest:
    return media_pb2.UploadMediaRequest(data=data)


class Taker:
    """A botnode's UploadMedia."""

    def __init__(self, far: FarSide) -> None:
        self.got: list[bytes] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.error: Exception | None = None
        self.ended = False
        far.script["UploadMedia"] = self.take

    async def take(self, requests: Any, context: Any) -> bytes:
        async for request in requests:
            self.got.append(request)
            await self.may_go_on.wait()
            if self.error:
                raise self.error
        self.ended = True
        return ANSWER.SerializeToString()


@pytest.fixture
def taker(far: FarSide) -> Taker:
    return Taker(far)


async def _error(call: Any) -> MeshError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.wait_for(call, 20)
    error = from_rpc_error(caught.value)
    assert error is not None, caught.value
    return error


async def test_each_message_goes_on_as_it_came(
    mesh: GatewayUnderTest, far: FarSide, taker: Taker
) -> None:
    call = mesh.media.UploadMedia(timeout=20)
    sent = [START, _data(b"abc"), _data(b"def")]
    for count, request in enumerate(sent, 1):
        await call.write(request)
        await eventually(lambda count=count: len(taker.got) == count)
    await call.done_writing()
    assert await call == ANSWER
    assert taker.got == [request.SerializeToString() for request in sent]
    assert far.seen[0].metadata[metadata.TENANT_ID] == "a"


async def test_a_botnode_that_takes_its_time_holds_the_caller_back(
    mesh: GatewayUnderTest, taker: Taker
) -> None:
    taker.may_go_on.clear()
    taken = 0

    async def requests() -> AsyncIterator[media_pb2.UploadMediaRequest]:
        nonlocal taken
        yield START
        for _ in range(MANY):
            taken += 1
            yield _data(bytes(PIECE))

    call = mesh.media.UploadMedia(requests(), timeout=60)
    await eventually(lambda: taken > 1)
    before = -1
    while taken != before:
        before = taken
        await asyncio.sleep(0.3)  # nothing tells that nothing happens
    assert taken < MANY / 2
    taker.may_go_on.set()
    assert await call == ANSWER
    assert len(taker.got) == MANY + 1


async def test_a_botnodes_error_passes_through(mesh: GatewayUnderTest, taker: Taker) -> None:
    taker.error = MeshError(
        Reason.MEDIA_OFFSET_WRONG, "goes on at 7", metadata={"stored_bytes": "7"}
    )
    call = mesh.media.UploadMedia(timeout=20)  # the caller stays, and sends nothing more
    await call.write(START)
    error = await _error(call)
    assert (error.reason, error.metadata) == (Reason.MEDIA_OFFSET_WRONG, {"stored_bytes": "7"})
    taker.error = shutting_down()
    assert (await _error(mesh.media.UploadMedia(iter([START])))).reason is Reason.SHUTTING_DOWN
    assert len(taker.got) == 2  # none of them was made again


async def test_a_stream_that_never_says_for_whom_it_is_ends(
    mesh: GatewayUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "FIRST_MESSAGE_S", 0.05)
    call = mesh.media.UploadMedia(timeout=20)  # the caller stays, and sends nothing
    error = await _error(call)
    assert error.reason is Reason.INVALID_REQUEST
    assert [violation.field for violation in error.violations] == ["tenant_id"]


async def test_an_early_answer_ends_the_stream(
    mesh: GatewayUnderTest, far: FarSide, taker: Taker
) -> None:
    async def answer_at_once(requests: Any, context: Any) -> bytes:
        return ANSWER.SerializeToString()

    far.script["UploadMedia"] = answer_at_once

    def requests() -> Iterator[media_pb2.UploadMediaRequest]:
        yield START
        while not answered.is_set():
            yield _data(b"x" * PIECE)

    def upload() -> media_pb2.UploadMediaResponse:
        # Not grpc.aio, which puts an error of its own in the place of an early answer.
        with grpc.insecure_channel(f"127.0.0.1:{mesh.port}") as channel:
            stub: Any = media_pb2_grpc.MediaServiceStub(channel)
            try:
                return stub.UploadMedia(requests(), timeout=20)
            finally:
                answered.set()

    answered = threading.Event()
    for answer in (ANSWER, None) * 5:
        answered.clear()
        if answer is not None:
            assert await asyncio.to_thread(upload) == answer
            continue
        taker.error = MeshError(Reason.MEDIA_OFFSET_WRONG, "goes on elsewhere")
        far.script["UploadMedia"] = taker.take
        with pytest.raises(grpc.RpcError) as caught:
            await asyncio.to_thread(upload)
        error = from_rpc_error(caught.value)
        assert error is not None
        assert error.reason is Reason.MEDIA_OFFSET_WRONG
        far.script["UploadMedia"] = answer_at_once


async def test_a_botnode_that_dies_leaves_a_typed_error(
    mesh: GatewayUnderTest, far: FarSide, taker: Taker
) -> None:
    call = mesh.media.UploadMedia(timeout=20)
    await call.write(START)
    await eventually(lambda: taker.got)
    await far.stop()
    error = await _error(call)
    assert (error.reason, error.retryable) == (Reason.BOTNODE_UNAVAILABLE, True)
    assert "GetMedia" in error.message
    assert error.retry_after is not None


async def test_a_caller_that_leaves_ends_the_botnodes_call(
    mesh: GatewayUnderTest, far: FarSide, taker: Taker
) -> None:
    taker.may_go_on.clear()
    call = mesh.media.UploadMedia()
    await call.write(START)
    await eventually(lambda: taker.got)
    call.cancel()
    await eventually(lambda: far.cancelled == ["UploadMedia"])
    assert not taker.ended


async def test_an_upload_waits_for_its_botnode(mesh: GatewayUnderTest, start_far: StartFar) -> None:
    await mesh.add("a")
    call = asyncio.ensure_future(_ended(mesh.media.UploadMedia(iter([START]), timeout=20)))
    far = await start_far("a")
    taker = Taker(far)
    await mesh.route("a", far.address)
    assert await call == ANSWER
    assert taker.ended


async def _ended(call: Any) -> Any:
    return await call


async def test_what_is_no_upload(mesh: GatewayUnderTest, taker: Taker) -> None:
    error = await _error(mesh.media.UploadMedia(iter([_data(b"without a tenant")])))
    assert error.reason in (Reason.INVALID_REQUEST, Reason.TENANT_NOT_FOUND)
    unknown = media_pb2.UploadMediaRequest(tenant_id="unknown")
    error = await _error(mesh.media.UploadMedia(iter([unknown])))
    assert error.reason is Reason.TENANT_NOT_FOUND
    assert not taker.got


async def test_a_stopping_gateway_ends_uploads(mesh: GatewayUnderTest, taker: Taker) -> None:
    call = mesh.media.UploadMedia()
    await call.write(START)
    await eventually(lambda: taker.got)
    mesh.gateway._drain.end_streams()
    assert (await _error(call)).reason is Reason.SHUTTING_DOWN


async def test_a_download_goes_on_over_a_restart(
    mesh: GatewayUnderTest, far: FarSide, start_far: StartFar
) -> None:
    content = os.urandom(10)
    record = media_pb2.StoredMedia(media_id="m", sha256=bytes(32))
    broken = asyncio.Event()
    offsets = []

    async def serve(raw: bytes, context: Any) -> AsyncIterator[bytes]:
        offset = media_pb2.DownloadMediaRequest.FromString(raw).offset
        offsets.append(offset)
        yield media_pb2.DownloadMediaResponse(media=record).SerializeToString()
        for index in range(offset, 10):
            piece = media_pb2.DownloadMediaResponse(data=content[index : index + 1])
            yield piece.SerializeToString()
            if index == 6 and not broken.is_set():
                await asyncio.Event().wait()

    far.script["DownloadMedia"] = serve
    stream = mesh.media.DownloadMedia(
        media_pb2.DownloadMediaRequest(tenant_id="a", media_id="m", offset=2), timeout=20
    )
    items = aiter(stream)
    got = [await anext(items) for _ in range(6)]
    broken.set()
    await far.stop()
    await mesh.route("a", None)
    again = await start_far("a")
    again.script["DownloadMedia"] = serve
    await mesh.route("a", again.address)
    got += [item async for item in items]
    assert got[0].media == record
    assert b"".join(item.data for item in got[1:]) == content[2:]
    assert offsets == [2, 7]


async def test_an_upload_that_was_turned_away_goes_to_the_right_botnode(
    mesh: GatewayUnderTest, start_far: StartFar
) -> None:
    await mesh.add("a")
    stranger = await start_far("a", secret="another mesh's")
    await mesh.route("a", stranger.address)
    call = mesh.media.UploadMedia(timeout=20)
    sent = [START, _data(b"abc"), _data(b"def")]
    for request in sent[:2]:
        await call.write(request)
    right = await start_far("a")
    taker = Taker(right)
    await mesh.route("a", right.address)
    await call.write(sent[2])
    await call.done_writing()
    assert await call == ANSWER
    assert taker.got == [request.SerializeToString() for request in sent]
    assert right.seen[0].attempt != "1"


async def test_what_is_too_much_to_keep_is_turned_away_for_good(
    mesh: GatewayUnderTest, start_far: StartFar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_KEPT_BYTES", 5)
    await mesh.add("a")
    turned_away = MeshError(Reason.WRONG_BOTNODE, "this is another")
    far = await start_far("a")
    taker = Taker(far)
    taker.may_go_on.clear()
    taker.error = turned_away
    await mesh.route("a", far.address)
    call = mesh.media.UploadMedia(timeout=20)
    await call.write(START)
    await call.write(_data(b"more than is kept"))
    await eventually(lambda: taker.got)
    await asyncio.sleep(0.1)  # for the second message to be on its way
    taker.may_go_on.set()
    assert (await _error(call)).reason is Reason.BOTNODE_UNAVAILABLE
    assert len(taker.got) == 1
