"""Blocking calls whose callers go away."""

import asyncio
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from botnode.threads import MOST_RESTING, Crew, DaemonThread, in_daemon_thread


async def _alone(call: Callable[[], str], undo: Callable[[str], object]) -> str:
    return await in_daemon_thread(call, "test", undo)


async def _in_turn(call: Callable[[], str], undo: Callable[[str], object]) -> str:
    return await DaemonThread("test").run(call, undo)


@pytest.mark.parametrize("run", [_alone, _in_turn])
@pytest.mark.parametrize("faster", [False, True], ids=["the caller first", "the call first"])
async def test_what_a_cancelled_caller_got_is_given_back(
    run: Callable[..., "asyncio.Future[str]"], *, faster: bool
) -> None:
    go_on, called, undone = (threading.Event() for _ in range(3))
    got: list[str] = []

    def call() -> str:
        go_on.wait(5)
        called.set()
        return "opened"

    def undo(value: str) -> None:
        got.append(value)
        undone.set()

    task = asyncio.ensure_future(run(call, undo))
    await asyncio.sleep(0)
    if faster:  # the thread has its outcome, and the loop has not heard of it
        go_on.set()
        assert called.wait(5)
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(undone.wait, 5)
    assert got == ["opened"]


async def test_what_a_caller_gets_is_kept() -> None:
    got: list[str] = []
    assert await _alone(lambda: "opened", got.append) == "opened"
    assert await _in_turn(lambda: "opened", got.append) == "opened"
    assert got == []


class Calls:
    """Makes calls on a crew of its own."""

    def __init__(self) -> None:
        self.crew = Crew()
        self.stuck: SimpleQueue[int] = SimpleQueue()
        self.go_on = threading.Event()

    def which(self) -> int:
        """The thread that makes the call."""
        threads: SimpleQueue[int] = SimpleQueue()
        self.crew.make(lambda: threads.put(threading.get_ident()), "test")
        return threads.get(timeout=5)

    def stick(self) -> None:
        """Make a call that ends only when it is told to."""
        called = threading.Event()

        def call() -> None:
            called.set()
            self.go_on.wait(5)
            self.stuck.put(threading.get_ident())

        self.crew.make(call, "stuck")
        assert called.wait(5)

    def wait_for_resting(self, count: int) -> None:
        deadline = time.monotonic() + 5
        while self.crew.resting != count:
            assert time.monotonic() < deadline
            time.sleep(0.001)


def test_one_call_after_the_other_is_made_on_the_same_thread() -> None:
    calls = Calls()
    first = calls.which()
    calls.wait_for_resting(1)
    assert calls.which() == first


def test_a_stuck_call_holds_up_no_other_and_few_threads_stay() -> None:
    calls = Calls()
    for _ in range(8):
        calls.stick()
    assert calls.which() > 0
    calls.go_on.set()
    assert len({calls.stuck.get(timeout=5) for _ in range(8)}) == 8
    calls.wait_for_resting(MOST_RESTING)


async def test_a_call_that_fails_leaves_its_thread_to_the_next() -> None:
    def fail() -> None:
        raise OSError("no")

    for _ in range(MOST_RESTING + 2):
        with pytest.raises(OSError, match="no"):
            await in_daemon_thread(fail, "test")
    assert await in_daemon_thread(lambda: "made", "test") == "made"


def test_a_forked_process_waits_for_no_thread_of_its_parent() -> None:
    calls = Calls()
    before = calls.which()
    calls.wait_for_resting(1)
    calls.crew.forget()
    assert calls.which() != before


def test_a_process_that_is_to_be_forked_keeps_no_thread() -> None:
    calls = Calls()
    before = set(threading.enumerate())
    calls.which()
    calls.wait_for_resting(1)
    calls.stick()
    ours = set(threading.enumerate()) - before
    calls.crew.dismiss()
    calls.go_on.set()  # the one that rested, and the one that was at work
    for thread in ours:
        thread.join(5)
    assert not [thread for thread in ours if thread.is_alive()]
    assert calls.crew.resting == 0
