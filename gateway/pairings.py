"""StreamQR: all who watch a tenant's pairing share one stream of its botnode."""

import asyncio
import dataclasses
import math
from collections.abc import Callable
from typing import Protocol

from gateway.call import Call
from gateway.events import Write
from gateway.pairing_feed import PairingFeed, Watcher


class Follow(Protocol):
    """A stream of a tenant's botnodes, one after the other; `lose` is called between them."""

    async def __call__(
        self, call: Call, resumption: PairingFeed, write: Write, *, lose: Callable[[], None]
    ) -> bool:
        """Return at the stream's end."""


class PairingForwarder:
    """Forwards StreamQR.

    A pairing has nothing of a watcher's own: what there is to see is the same for all, and who
    comes late gets the newest. So the first watcher opens the stream, and the last one who leaves
    ends it. Each keeps his own deadline and his own pace.
    """

    def __init__(self, follow: Follow) -> None:
        self._follow = follow
        self._feeds: dict[tuple[str, bytes], PairingFeed] = {}
        self._tasks: dict[PairingFeed, asyncio.Task[None]] = {}

    async def forward(self, call: Call, write: Write) -> None:
        """Hand on the steps of pairing, over restarts of the botnode too.

        Raises:
            ForwardedError: the botnode's own error.
            MeshError: what the gateway has to say itself.
        """
        feed = self._find(call)
        watcher = Watcher(feed)
        try:
            while (response := await watcher.next()) is not None:
                await write(response)
        finally:
            feed.leave()
            if not feed.watchers:
                self._end(call, feed)
        if feed.error is not None:
            raise feed.error.with_traceback(None)

    def _find(self, call: Call) -> PairingFeed:
        """The feed to watch; those share one whose requests are the same to the last byte."""
        key = (call.tenant_id, call.request)
        feed = self._feeds.get(key)
        if feed is None or not feed.is_open:
            feed = self._feeds[key] = PairingFeed(call.request)
            task = asyncio.get_running_loop().create_task(self._fill(feed, call))
            self._tasks[feed] = task
        return feed

    async def _fill(self, feed: PairingFeed, call: Call) -> None:
        """Show a feed what the tenant's botnodes show."""
        shared = dataclasses.replace(call, expires=math.inf)
        error: Exception | None = None
        try:
            await self._follow(shared, feed, feed.add, lose=feed.lose)
        except Exception as ended:  # noqa: BLE001 - it is each watcher's
            error = ended
        self._tasks.pop(feed, None)
        self._forget(call, feed)
        feed.end(error)

    def _end(self, call: Call, feed: PairingFeed) -> None:
        """Nobody watches it any more."""
        self._forget(call, feed)
        task = self._tasks.pop(feed, None)
        if task is not None:
            task.cancel()

    def _forget(self, call: Call, feed: PairingFeed) -> None:
        """Nobody finds it any more."""
        key = (call.tenant_id, call.request)
        if self._feeds.get(key) is feed:
            del self._feeds[key]
