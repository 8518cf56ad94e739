"""Blocking calls on threads that never hold up the end of the process."""

import asyncio
import os
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
_NamedCall: TypeAlias = tuple[str, Callable[[], None]]

# Threads that are kept when they have nothing to do.
MOST_RESTING = 2


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


class Crew:
    """Threads that serve one call after the other; a call never waits for another one's end.

    A new thread costs some 100 microseconds and, in C's and in Go's allocator, memory that is not
    given back: so a few stay, and the one that rested last goes first, for its memory is in use.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._most = MOST_RESTING
        self._resting: list[SimpleQueue[_NamedCall | None]] = []

    def make(self, call: Callable[[], None], name: str) -> None:
        """Make a call on a thread that has nothing else to do."""
        with self._lock:
            calls = self._resting.pop() if self._resting else None
        if calls is not None:
            calls.put((name, call))
            return
        calls = SimpleQueue()
        calls.put((name, call))
        threading.Thread(target=self._work, args=(calls,), name=name, daemon=True).start()

    @property
    def resting(self) -> int:
        """How many threads have nothing to do."""
        return len(self._resting)

    def dismiss(self) -> None:
        """Let the threads end, and keep none in this process: it is to be forked."""
        with self._lock:
            self._most = 0
            resting, self._resting = self._resting, []
        for calls in resting:
            calls.put(None)

    def forget(self) -> None:
        """Begin anew: in a forked process there are none of these threads."""
        self._lock = threading.Lock()
        self._most = MOST_RESTING
        self._resting = []

    def _work(self, calls: "SimpleQueue[_NamedCall | None]") -> None:
        thread = threading.current_thread()
        while (call := calls.get()) is not None:
            _make_as(thread, *call)
            del call  # whatever it holds
            with self._lock:
                if len(self._resting) >= self._most:
                    return
                self._resting.append(calls)


def _make_as(thread: threading.Thread, name: str, call: Callable[[], None]) -> None:
    thread.name = name
    call()
    thread.name = "resting"


crew = Crew()
os.register_at_fork(after_in_child=crew.forget)


async def in_daemon_thread(
    call: Callable[[], T], name: str, undo: Callable[[T], object] | None = None
) -> T:
    """Run a blocking call on a thread that does nothing else meanwhile.

    Cancelling leaves the thread to itself.

    Args:
        call: blocks.
        name: the thread's as long as it makes the call.
        undo: gives back what the call got if nobody waits for it any more.
    """
    outcome: Future[T] = Future()
    crew.make(partial(_settle, outcome, call, undo), name)
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
