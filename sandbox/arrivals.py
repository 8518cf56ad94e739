"""Waiting for messages to come into chats."""

from __future__ import annotations

import asyncio
import time

from sandbox.state.messages import Message, Messages


class Arrivals:
    """Wakes those who wait when a message comes into any chat."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._next = asyncio.Event()

    def announce(self, _message: Message) -> None:
        """A message has come."""
        self._next.set()
        self._next = asyncio.Event()

    async def wait(
        self, number: str, after: int, *, count: int, limit: int, seconds: float
    ) -> list[Message]:
        """A phone's messages, once there are as many as asked for or the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            coming = self._next
            found = self._messages.after(number, after, limit)
            left = deadline - time.monotonic()
            if len(found) >= count or left <= 0:
                return found
            try:
                async with asyncio.timeout(left):
                    await coming.wait()
            except TimeoutError:
                continue

    @property
    def coming(self) -> asyncio.Event:
        """Set by the next arrival; take it before looking, so that none is missed."""
        return self._next
