"""Server streams that go on over a restart of their botnode."""

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

import grpc.aio

from botmesh.errors import MeshError, Reason
from botmesh.v1 import media_pb2
from gateway.call import Call
from gateway.channels import Channels
from gateway.course import Course
from gateway.credentials import Credentials
from gateway.events import EventForwarder, Write
from gateway.forwarder import Luck, Sleep
from gateway.pairings import PairingForwarder
from gateway.resolver import Resolver
from registry.discovery.port import Route

Responses: TypeAlias = "grpc.aio.UnaryStreamCall[bytes, bytes]"


class Resumption(Protocol):
    """What one stream has to remember to go on at another botnode process."""

    def request(self) -> bytes:
        """What to ask the next botnode."""
        ...

    def is_news(self, response: bytes) -> bool:
        """Whether the caller shall get this response; it is remembered."""
        ...


class Again:
    """Asks the same again and passes everything on."""

    def __init__(self, request: bytes) -> None:
        self._request = request

    def request(self) -> bytes:
        """The caller's request."""
        return self._request

    def is_news(self, response: bytes) -> bool:  # noqa: ARG002 - the port's
        """Everything is."""
        return True


class Download:
    """DownloadMedia: goes on behind the last byte that was passed on."""

    def __init__(self, request: bytes) -> None:
        self._request = media_pb2.DownloadMediaRequest.FromString(request)
        self._sha256: bytes | None = None

    def request(self) -> bytes:
        """The caller's request, moved to where the stream stands."""
        return self._request.SerializeToString()

    def is_news(self, response: bytes) -> bool:
        """All but the record that the next botnode begins with."""
        item = media_pb2.DownloadMediaResponse.FromString(response)
        if item.HasField("data"):
            self._request.offset += len(item.data)
            return True
        if self._sha256 is None:
            self._sha256 = item.media.sha256
            return True
        if item.media.sha256 != self._sha256:
            raise MeshError(
                Reason.MEDIA_NOT_FOUND,
                "the media was deleted, and its id given to other media, during the download",
                metadata={"media_id": item.media.media_id},
            )
        return False


RESUMPTIONS: Mapping[str, Callable[[bytes], Resumption]] = MappingProxyType(
    {"DownloadMedia": Download}
)


class StreamForwarder:
    """Forwards server streams. `luck` gives a random number from 0 to 1."""

    def __init__(
        self,
        resolver: Resolver,
        channels: Channels,
        credentials: Credentials,
        *,
        luck: Luck = random.random,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._resolver = resolver
        self._channels = channels
        self._credentials = credentials
        self._luck = luck
        self._sleep = sleep
        self._events = EventForwarder(self.follow, luck=luck, sleep=sleep)
        self._pairings = PairingForwarder(self.follow)
        # Their callers share streams.
        self._shared = {
            "StreamEvents": self._events.forward,
            "StreamQR": self._pairings.forward,
        }

    async def forward(self, call: Call, write: Write) -> None:
        """Hand on the botnode's responses, and its successors' after it, as they come.

        Args:
            call: the caller's.
            write: sends the caller one response; returns when there is room for another.

        Raises:
            ForwardedError: the botnode's own error.
            MeshError: what the gateway has to say itself.
        """
        shared = self._shared.get(call.method.name)
        if shared is not None:
            await shared(call, write)
        else:
            await self.follow(call, RESUMPTIONS.get(call.method.name, Again)(call.request), write)

    async def follow(
        self,
        call: Call,
        resumption: Resumption,
        write: Write,
        is_enough: Callable[[], bool] = lambda: False,
        lose: Callable[[], None] = lambda: None,
    ) -> bool:
        """The same from where a stream stands. True if it was enough, False if the stream ended.

        `is_enough` is asked after each response, `lose` is called when a botnode is lost.
        """
        course = Course(call, self._luck)
        patience = _Patience(call)
        attempt = 1
        while True:
            try:
                route = await self._resolver.wait(call.tenant_id, patience.until())
                async with self._open(call, route, resumption.request(), attempt) as responses:
                    while (response := await _read(responses)) is not None:
                        course.start_over()
                        patience.start_over()
                        if resumption.is_news(response):
                            await write(response)
                        if is_enough():
                            return True
            except grpc.aio.AioRpcError as error:
                lose()
                failure = course.note(error, route.address)
                decision = course.decide(patience.until() - time.monotonic())
                if decision is None:
                    raise course.verdict(error) from None
                if failure.stale:
                    self._resolver.mark_stale(route, failure.retry_after_s)
            else:
                return False
            attempt += 1
            await self._sleep(decision.pause_s)

    @asynccontextmanager
    async def _open(
        self, call: Call, route: Route, request: bytes, attempt: int
    ) -> AsyncIterator[Responses]:
        remaining_s = call.remaining_s()
        link = self._channels.take(route.address)
        responses = link.stream(call.method.path)(
            request,
            timeout=None if math.isinf(remaining_s) else max(remaining_s, 0.0),
            metadata=self._credentials.metadata(call, attempt),
        )
        try:
            yield responses
        finally:
            responses.cancel()
            self._channels.give_back(link)


async def _read(responses: Responses) -> bytes | None:
    """The next response, None at the end."""
    response: Any = await responses.read()
    return None if response is grpc.aio.EOF else response


class _Patience:
    """Until when a stream may go without a botnode: some time from when it lost the last one."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._until: float | None = None

    def until(self) -> float:
        """A time of the monotonic clock."""
        if self._until is None:
            limit = time.monotonic() + self._call.method.policy.timeout_s
            self._until = min(self._call.expires, limit)
        return self._until

    def start_over(self) -> None:
        """There is a botnode again."""
        self._until = None
