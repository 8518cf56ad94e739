"""Blocking calls on threads that never hold up the end of the process."""

import asyncio
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import TypeAlias, TypeVar

T = TypeVar("T")
_Calls: TypeAlias = "SimpleQueue[Callable[[], None] | None]"


class DaemonThread:
    """One thread that makes blocking calls, one after the other, as long as somebody has it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: _Calls = SimpleQueue()
        self._thread: threading.Thread | None = None
        weakref.finalize(self, self._calls.put, None)

    async def run(self, call: Callable[[], T], undo: Callable[[T], object] | None = None) -> T:
        """Make a call, when those before it are done. Cancelling leaves it to itself.

        Args:
            call: blocks.
            undo: gives back what the call got if nobody waits for it any more.
        """
        if self._thread is None:
            self._thread = threading.Thread(
                target=_work, args=(self._calls,), name=self._name, daemon=True
            )
            self._thread.start()
        outcome: Future[T] = Future()
        self._calls.put(partial(_settle, outcome, call, undo))
        return await _outcome(outcome, undo)


def _work(calls: _Calls) -> None:
    while (call := calls.get()) is not None:
        call()
        del call  # whatever it holds


async def in_daemon_thread(
    call: Callable[[], T], name: str, undo: Callable[[T], object] | None = None
) -> T:
    """Run a blocking call on a thread of its own. Cancelling leaves the thread to itself.

    Args:
        call: blocks.
        name: the thread's.
        undo: gives back what the call got if nobody waits for it any more.
    """
    outcome: Future[T] = Future()
    threading.Thread(target=_settle, args=(outcome, call, undo), name=name, daemon=True).start()
    return await _outcome(outcome, undo)


async def _outcome(outcome: "Future[T]", undo: Callable[[T], object] | None) -> T:
    try:
        return await asyncio.wrap_future(outcome)
    except asyncio.CancelledError:
        # Either the thread finds it cancelled, or it was faster and what it got is here.
        if undo is not None and not outcome.cancel() and outcome.exception() is None:
            undo(outcome.result())
        raise


def _settle(
    outcome: "Future[T]", call: Callable[[], T], undo: Callable[[T], object] | None
) -> None:
    # Whoever waited may be gone: then nobody wants the outcome.
    try:
        value = call()
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
        with suppress(InvalidStateError):
            outcome.set_exception(error)
        return
    try:
        outcome.set_result(value)
    except InvalidStateError:
        if undo is not None:
            undo(value)
