"""The calls that a gateway has under way, and how they end when it stops."""

import asyncio

from gateway.resolver import shutting_down

_Task = asyncio.Task[object]


class Drain:
    """Lets a stopping gateway end its own calls with an answer instead of a broken line.

    A call enters with its task. `end_streams` and `end_all` cancel the tasks that are still there,
    and whoever is cancelled asks `ended` whether that was the reason.
    """

    def __init__(self) -> None:
        self._unary: set[_Task] = set()
        self._streams: set[_Task] = set()
        self._ended: set[_Task] = set()
        self._closed = False

    def enter(self, *, stream: bool = False) -> _Task:
        """Add the running task.

        Raises:
            MeshError: SHUTTING_DOWN once closed.
        """
        if self._closed:
            raise shutting_down()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - servicers run in tasks
        (self._streams if stream else self._unary).add(task)
        return task

    def leave(self, task: _Task) -> None:
        """The call is over."""
        self._unary.discard(task)
        self._streams.discard(task)
        self._ended.discard(task)

    def ended(self, task: _Task) -> bool:
        """Whether the task was cancelled because the gateway stops; then it goes on to answer."""
        if task not in self._ended:
            return False
        task.uncancel()
        return True

    def close(self) -> None:
        """Take no new calls."""
        self._closed = True

    def end_streams(self) -> None:
        """End the streams: none of them would end by itself."""
        self._end(self._streams)

    def end_all(self) -> None:
        """End whatever is left."""
        self._end(self._streams | self._unary)

    async def wait(self, timeout_s: float) -> None:
        """Return when all calls are over, or after some time."""
        if tasks := self._streams | self._unary:
            await asyncio.wait(tasks, timeout=timeout_s)

    def _end(self, tasks: set[_Task]) -> None:
        for task in tasks - self._ended:
            self._ended.add(task)
            task.cancel()
