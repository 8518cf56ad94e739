"""Botnodes for the gateway to call: real servers whose answers a test writes."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from botmesh.errors import MeshError, Reason
from botmesh.rpc import metadata
from botmesh.rpc.interceptors import ErrorInterceptor, SecretInterceptor
from botmesh.rpc.server import bind, create_server
from botmesh.v1 import bot_pb2, message_pb2, session_pb2

MESH = "test"
ROOT = Path(__file__).resolve().parents[3]
SECRET = "the mesh's secret"

SERVICE = bot_pb2.DESCRIPTOR.services_by_name["BotService"]
UNARY = [method.name for method in SERVICE.methods if not method.server_streaming]
STREAMS = [method.name for method in SERVICE.methods if method.server_streaming]

Unary = Callable[[bytes, Any], Awaitable[bytes]]
Stream = Callable[[bytes, Any], AsyncIterator[bytes]]


@dataclass(frozen=True)
class Seen:
    """One attempt as it arrived."""

    method: str
    request: bytes
    metadata: dict[str, str]
    remaining_s: float | None

    @property
    def request_id(self) -> str | None:
        return self.metadata.get(metadata.REQUEST_ID)

    @property
    def attempt(self) -> str | None:
        return self.metadata.get(metadata.ATTEMPT)


@dataclass
class FarSide:
    """A botnode of one tenant. `script` holds what a method answers instead of the usual."""

    tenant_id: str
    secret: str = SECRET
    mesh: str = MESH
    port: int = 0
    script: dict[str, Unary | Stream] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> "FarSide":
        self.server = create_server([ErrorInterceptor(), SecretInterceptor(self.secret)])
        unary = {name: self._unary(name) for name in UNARY}
        streams = {name: self._stream(name) for name in STREAMS}
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(handler) for name, handler in unary.items()
        } | {
            name: grpc.unary_stream_rpc_method_handler(handler) for name, handler in streams.items()
        }
        generic = grpc.method_handlers_generic_handler("botmesh.v1.BotService", handlers)
        media = {
            "UploadMedia": grpc.stream_unary_rpc_method_handler(self._unary("UploadMedia")),
            "DownloadMedia": grpc.unary_stream_rpc_method_handler(self._stream("DownloadMedia")),
        }
        groups = {"CreateGroup": grpc.unary_unary_rpc_method_handler(self._unary("CreateGroup"))}
        self.server.add_generic_rpc_handlers(
            (
                generic,
                grpc.method_handlers_generic_handler("botmesh.v1.MediaService", media),
                grpc.method_handlers_generic_handler("botmesh.v1.GroupService", groups),
            )
        )
        self.port = bind(self.server, "127.0.0.1", self.port)
        await self.server.start()
        return self

    async def stop(self, grace: float | None = None) -> None:
        await self.server.stop(grace)

    def answers(self, method: str, *answers: bytes | MeshError) -> None:
        """Give these answers one after the other, then the usual ones."""
        left = list(answers)

        async def answer(request: bytes, context: Any) -> bytes:
            if not left:
                return await getattr(self, f"usual_{method}")(request, context)
            given = left.pop(0)
            if isinstance(given, MeshError):
                raise given
            return given

        self.script[method] = answer

    async def usual_GetSession(self, request: bytes, context: Any) -> bytes:
        session = session_pb2.Session(
            tenant_id=self.tenant_id,
            state=session_pb2.SESSION_STATE_CONNECTED,
            instance=f"on-{self.port}",
        )
        return bot_pb2.GetSessionResponse(session=session).SerializeToString()

    async def usual_LogOut(self, request: bytes, context: Any) -> bytes:
        return bot_pb2.LogOutResponse().SerializeToString()

    async def usual_RequestPairingCode(self, request: bytes, context: Any) -> bytes:
        return bot_pb2.RequestPairingCodeResponse(code="ABCD-EFGH").SerializeToString()

    async def usual_GetMessage(self, request: bytes, context: Any) -> bytes:
        return bot_pb2.GetMessageResponse().SerializeToString()

    async def usual_ListMessages(self, request: bytes, context: Any) -> bytes:
        return bot_pb2.ListMessagesResponse().SerializeToString()

    async def usual_CancelMessage(self, request: bytes, context: Any) -> bytes:
        return bot_pb2.CancelMessageResponse().SerializeToString()

    async def usual_SendMessage(self, request: bytes, context: Any) -> bytes:
        message = message_pb2.Message(
            tenant_id=self.tenant_id,
            request_id=self.seen[-1].request_id or "",
            state=message_pb2.MESSAGE_STATE_SENT,
        )
        return bot_pb2.SendMessageResponse(message=message).SerializeToString()

    async def usual_StreamQR(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield bot_pb2.StreamQRResponse(
            paired=session_pb2.Paired(jid=self.tenant_id)
        ).SerializeToString()

    async def usual_StreamEvents(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield bot_pb2.StreamEventsResponse().SerializeToString()
        await asyncio.Event().wait()

    def _unary(self, name: str) -> Unary:
        async def handler(request: bytes, context: Any) -> bytes:
            self._receive(name, request, context)
            answer = self.script.get(name) or getattr(self, f"usual_{name}")
            try:
                return await answer(request, context)
            except asyncio.CancelledError:
                self.cancelled.append(name)
                raise

        return handler

    def _stream(self, name: str) -> Stream:
        async def handler(request: bytes, context: Any) -> AsyncIterator[bytes]:
            self._receive(name, request, context)
            answer = self.script.get(name) or getattr(self, f"usual_{name}")
            try:
                async for response in answer(request, context):
                    yield response
            except asyncio.CancelledError:
                self.cancelled.append(name)
                raise

        return handler

    def _receive(self, name: str, request: bytes, context: Any) -> None:
        given = {key: str(value) for key, value in context.invocation_metadata()}
        if (given[metadata.TENANT_ID], given[metadata.MESH]) != (self.tenant_id, self.mesh):
            raise MeshError(Reason.WRONG_BOTNODE, f"this is {self.tenant_id} of {self.mesh}")
        self.seen.append(Seen(name, request, given, context.time_remaining()))


def shutting_down(retry_after_s: float = 0.05) -> MeshError:
    return MeshError(Reason.SHUTTING_DOWN, "stopping", retry_after=timedelta(seconds=retry_after_s))


async def eventually(condition: Callable[[], object], within_s: float = 5.0) -> None:
    """Return as soon as a condition holds."""
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        await asyncio.sleep(0.005)


@contextmanager
def botnode_process(tenant_id: str, port: int = 0, *flags: str) -> Iterator[Any]:
    """A botnode in a process of its own, and its port."""
    process = subprocess.Popen(
        [sys.executable, __file__, tenant_id, str(port), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def _serve_until_killed(tenant_id: str, port: int) -> None:
    """A botnode in a process of its own whose SendMessage takes for ever; tells what it gets."""

    async def hang(request: bytes, context: Any) -> bytes:
        print("got", flush=True)
        await asyncio.Event().wait()
        return b""

    far = FarSide(tenant_id, port=port)
    if len(sys.argv) > 3 and sys.argv[3] == "hang":
        far.script["SendMessage"] = hang
    await far.start()
    print(far.port, flush=True)
    await far.server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_serve_until_killed(sys.argv[1], int(sys.argv[2])))
