"""What a rehearsed botnode has in place of gRPC's server.

None may run in a process that others are forked from. The servicers are the real ones, and what
stands between them and the wire.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import grpc
import grpc.aio
from google.protobuf.message import Message

from botmesh.rpc import metadata

_Metadata = tuple[tuple[str, str], ...]


@contextlib.contextmanager
def in_place(server: "Server") -> Iterator[None]:
    """Let whoever asks grpc.aio for a server in the block have this one."""
    real = grpc.aio.server
    grpc.aio.server = lambda **_: server  # type: ignore[assignment]  # for the block
    try:
        yield
    finally:
        grpc.aio.server = real


class _Details(NamedTuple):
    method: str
    invocation_metadata: _Metadata


class _Context:
    """As much of a call as a servicer and the interceptors ask for."""

    def __init__(self, given: _Metadata) -> None:
        self._given = given

    def invocation_metadata(self) -> _Metadata:
        return self._given

    def time_remaining(self) -> float:
        return 30.0


class Server:
    """A server that hears calls from its own process."""

    def __init__(self) -> None:
        self._handlers: list[grpc.GenericRpcHandler] = []

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """As grpc.aio's."""
        self._handlers += handlers

    def add_insecure_port(self, _: str) -> int:
        """As grpc.aio's; there is no port."""
        return 1

    async def start(self) -> None:
        """As grpc.aio's."""

    async def stop(self, _: float) -> None:
        """As grpc.aio's."""

    async def call(self, secret: str, method: str, request: Message) -> bytes:
        """Call a method with one request and one answer, which is returned as it would be sent."""
        given = ((metadata.SECRET, secret),)
        details: Any = _Details(method, given)
        found = (handlers.service(details) for handlers in self._handlers)
        handler: Any = next(handler for handler in found if handler is not None)
        answer = await handler.unary_unary(request.SerializeToString(), _Context(given))
        return bytes(handler.response_serializer(answer))
