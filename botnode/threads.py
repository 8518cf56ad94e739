"""Blocking calls on threads that never hold up the end of the process."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class DaemonThread:
    """One thread that makes blocking calls, one after the other."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """Make a call, when those before it are done. Cancelling leaves it to itself."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        outcome: Future[T] = Future()
        self._calls.put(partial(_settle, outcome, call))
        return await asyncio.wrap_future(outcome)

    def _work(self) -> None:
        while True:
            self._calls.get()()


async def in_daemon_thread(call: Callable[[], T], name: str) -> T:
    """Run a blocking call on a thread of its own. Cancelling leaves the thread to itself."""
    outcome: Future[T] = Future()
    threading.Thread(target=_settle, args=(outcome, call), name=name, daemon=True).start()
    return await asyncio.wrap_future(outcome)


def _settle(outcome: "Future[T]", call: Callable[[], T]) -> None:
    # Whoever waited may be gone: then nobody wants the outcome.
    with suppress(InvalidStateError):
        try:
            value = call()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            outcome.set_exception(error)
        else:
            outcome.set_result(value)
