"""Waiting for something to happen."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class News:
    """Wakes those who wait when something new is there to see."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def announce(self, _what: object = None) -> None:
        """Something is new."""
        self._next.set()
        self._next = asyncio.Event()

    @property
    def coming(self) -> asyncio.Event:
        """Set by what is new next; take it before looking, so that none is missed."""
        return self._next

    async def wait(self, look: Callable[[], list[T]], *, count: int, seconds: float) -> list[T]:
        """What a look finds, once there is as much as asked for or the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            coming = self._next
            found = look()
            left = deadline - time.monotonic()
            if len(found) >= count or left <= 0:
                return found
            try:
                async with asyncio.timeout(left):
                    await coming.wait()
            except TimeoutError:
                continue
