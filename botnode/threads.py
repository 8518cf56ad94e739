"""Blocking calls on threads that never hold up the end of the process."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def in_daemon_thread(call: Callable[[], T], name: str) -> T:
    """Run a blocking call on a thread of its own. Cancelling leaves the thread to itself."""
    outcome: Future[T] = Future()

    def run() -> None:
        # Whoever waited may be gone: then nobody wants the outcome.
        with suppress(InvalidStateError):
            try:
                value = call()
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
                outcome.set_exception(error)
            else:
                outcome.set_result(value)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await asyncio.wrap_future(outcome)
