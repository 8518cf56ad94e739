"""What `botmesh up` starts and starts again."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from botmesh.up.child import Child, Program

# As sd_notify does it: it waits until it is heard.
TELLS = """
import os, socket
address = "\\0" + os.environ["NOTIFY_SOCKET"][1:]
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", address)
"""
LIMIT_S = 20.0
# As many signs wait unread, before the next one is held up.
MOST_UNREAD = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[Child]:
    program = Program(
        name="program",
        argv=(sys.executable, "-c", TELLS),
        env={"PATH": os.environ["PATH"]},
        log_path=tmp_path / "log",
    )
    child = Child(program, print)
    yield child
    await child.stop()


async def test_one_that_is_started_over_and_over_gets_ready_every_time(child: Child) -> None:
    await child.start()
    for _ in range(MOST_UNREAD + 5):
        assert await child.until(child._process_end(), LIMIT_S) == 0
        await child._spawn()
    await child.until_ready(LIMIT_S)
