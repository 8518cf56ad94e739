"""What `botmesh up` starts and starts again."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from botmesh.up.child import Child, Program

# As sd_notify does it: it waits until it is heard.
TELLS = """
import os, socket
address = "\\0" + os.environ["NOTIFY_SOCKET"][1:]
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", address)
"""
STARTS_ONE = """
import asyncio, sys
from pathlib import Path
from botmesh.up.child import Child, Program

async def main():
    argv = ("sleep", "60")
    program = Program(name="p", argv=argv, env={}, log_path=Path(sys.argv[1]), dies_with_us=True)
    child = Child(program, print)
    await child.start()
    while "sleep" not in Path(f"/proc/{child.pid}/comm").read_text():
        await asyncio.sleep(0.01)
    print(child.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
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


async def test_one_that_knows_nothing_of_us_dies_with_us(tmp_path: Path) -> None:
    ours = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTS_ONE, str(tmp_path / "log"), stdout=asyncio.subprocess.PIPE
    )
    assert ours.stdout is not None
    line = await asyncio.wait_for(ours.stdout.readline(), LIMIT_S)
    (theirs,) = psutil.Process(ours.pid).children()
    assert (theirs.pid, theirs.name()) == (int(line), "sleep")
    ours.kill()
    await ours.wait()
    await asyncio.to_thread(theirs.wait, LIMIT_S)
