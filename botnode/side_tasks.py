"""Work that goes on beside its owner: held until it is done, and its failure told."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog

from botmesh.errors import MeshError

log = structlog.get_logger(__name__)

T = TypeVar("T")


class SideTasks:
    """The tasks of one owner."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Begin with it. An error that a caller is to have is left to whoever waits."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, MeshError):
            log.error("side_task_failed", exc_info=error)
