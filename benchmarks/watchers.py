"""Consumers of streams, a thousand at a time."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import grpc.aio
from google.protobuf.message import Message

from benchmarks.mesh import BenchError

OPEN_LIMIT_S = 90.0
ARRIVE_LIMIT_S = 30.0
AT_ONCE = 50
_OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))


class Watchers:
    """Streams that are read as they come: the time and the bytes of each item are kept.

    Args:
        method: the full name, as "/botmesh.v1.BotService/StreamEvents".
        metadata: sent with each.
    """

    def __init__(self, method: str, metadata: Sequence[tuple[str, str]] = ()) -> None:
        self._method = method
        self._metadata = tuple(metadata)
        self._stack = AsyncExitStack()
        self._readers: list[asyncio.Task[None]] = []
        self._begun = 0
        self._more = asyncio.Event()
        # Wall time in seconds, for it is compared with a botnode's.
        self.items: list[tuple[float, bytes]] = []

    async def open(self, addresses: Sequence[str], requests: Sequence[Message]) -> None:
        """Open a stream for each request, in turns at these; return when each has its first item.

        A connection is made for each address that is named, so that one may be named twice.
        """
        calls: list[Any] = []
        for address in addresses:
            channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
            calls.append(
                (await self._stack.enter_async_context(channel)).unary_stream(self._method)
            )
        limit = asyncio.Semaphore(AT_ONCE)
        wanted = self._begun + len(requests)
        for number, request in enumerate(requests):
            call = calls[number % len(calls)]
            reader = self._read(call, request.SerializeToString(), limit)
            self._readers.append(asyncio.create_task(reader))
        await self._until(lambda: self._begun >= wanted, OPEN_LIMIT_S, "streams were opened")

    async def until(self, count: int) -> None:
        """Wait for so many items."""
        await self._until(lambda: len(self.items) >= count, ARRIVE_LIMIT_S, "items came")

    async def _until(self, holds: Any, limit_s: float, what: str) -> None:
        deadline = time.monotonic() + limit_s
        while not holds():
            if broken := next((t for t in self._readers if t.done()), None):
                broken.result()
                raise BenchError("a stream ended")
            if time.monotonic() > deadline:
                raise BenchError(f"not all {what}: {self._begun} streams, {len(self.items)} items")
            await asyncio.sleep(0.02)

    async def _read(self, method: Any, request: bytes, limit: asyncio.Semaphore) -> None:
        async with limit:  # a thousand at once would time each other out
            call = method(request, metadata=self._metadata)
            first = await call.read()
            self._begun += 1
        self.items.append((time.time(), first))
        try:
            while (item := await call.read()) is not grpc.aio.EOF:
                self.items.append((time.time(), item))
        finally:
            call.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        await self._stack.aclose()
