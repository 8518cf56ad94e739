"""Readers of one stream who wait for what comes next, woken a few at a time."""

import asyncio
from collections import deque

# How many readers are woken in one turn of the loop; the calls of other tenants wait no longer.
AT_ONCE = 16


class Waiting:
    """Who waits; its length is how many there are."""

    __slots__ = ("_called", "_waiters")

    def __init__(self) -> None:
        self._waiters: dict[asyncio.Future[None], None] = {}
        self._called: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return len(self._waiters) + len(self._called)

    async def wait(self) -> None:
        """Return when there is something new; who came first goes first."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = None
        try:
            await waiter
        finally:
            # Who leaves is not kept until there is something new.
            self._waiters.pop(waiter, None)

    def tell(self) -> None:
        """Wake all who wait now."""
        under_way = bool(self._called)
        self._called.extend(self._waiters)
        self._waiters.clear()
        if not under_way:
            self._wake()

    def _wake(self) -> None:
        for _ in range(min(len(self._called), AT_ONCE)):
            waiter = self._called.popleft()
            if not waiter.done():
                waiter.set_result(None)
        if self._called:
            asyncio.get_running_loop().call_soon(self._wake)
