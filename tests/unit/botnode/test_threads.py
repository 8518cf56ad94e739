"""Blocking calls whose callers go away."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from botnode.threads import DaemonThread, in_daemon_thread


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
