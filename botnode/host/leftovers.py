"""Ends what a host that died left running.

Its botnodes' liveness pipe told them to stop already; here is made sure of it before new ones are
started, with SIGTERM, a short wait, and SIGKILL.
"""

import asyncio
import contextlib
import os
import signal

import structlog

from botnode.host.runfile import RunFiles, RunMark

log = structlog.get_logger(__name__)


async def end_leftovers(files: RunFiles, limit_s: float) -> None:
    """End every marked process that still runs, all at the same time, and remove the marks."""
    marks = await asyncio.to_thread(files.read)
    async with asyncio.TaskGroup() as tasks:
        for tenant_id, mark in marks.items():
            if mark is None:
                log.warning("run_file_unreadable", tenant_id=tenant_id)
            else:
                tasks.create_task(_end(tenant_id, mark, limit_s))
    for tenant_id in marks:
        files.remove(tenant_id)


async def _end(tenant_id: str, mark: RunMark, limit_s: float) -> None:
    try:
        # First the handle, then the check: the id cannot become another process's in between.
        pidfd = os.pidfd_open(mark.pid)
    except OSError:
        return
    try:
        if not mark.is_running():
            return
        log.info("leftover_found", tenant_id=tenant_id, pid=mark.pid)
        _send(pidfd, signal.SIGTERM)
        if not await _ends_within(pidfd, limit_s):
            log.warning("leftover_killed", tenant_id=tenant_id, pid=mark.pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(mark.pid, signal.SIGKILL)
            _send(pidfd, signal.SIGKILL)
            await _ends_within(pidfd, limit_s)
    finally:
        os.close(pidfd)


def _send(pidfd: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, number)


async def _ends_within(pidfd: int, limit_s: float) -> bool:
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def note() -> None:
        loop.remove_reader(pidfd)
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(pidfd, note)
    try:
        async with asyncio.timeout(limit_s):
            await ended
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(pidfd)
    return True
