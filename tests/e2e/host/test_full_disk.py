"""A whole data directory on a full disk: registry, logs, marks, and the tenants' folders."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from registry.tenant import ObservedState
from sandbox.launch import RunningSandbox
from tests.e2e.botnode.node import eventually
from tests.e2e.botnode.small_disk import SmallDisk
from tests.e2e.host.hosted import Hosted, is_alive, is_connected

pytestmark = pytest.mark.e2e

MIB = 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(tmp_path / "data", 48 * MIB)
    yield disk
    disk.unmount()


@pytest.fixture
def hosted(disk: SmallDisk, running_sandbox: RunningSandbox) -> Iterator[Hosted]:
    hosted = Hosted(disk.path, running_sandbox)
    try:
        yield hosted
    finally:
        hosted.close()


async def test_a_host_and_its_botnodes_outlive_a_full_disk(hosted: Hosted, disk: SmallDisk) -> None:
    for tenant_id in ("uno", "dos"):
        await hosted.tenants.create(tenant_id)
    hosted.start_host()
    uno, dos = hosted.pair("uno", "+5215544000001"), hosted.pair("dos", "+5215544000002")
    disk.fill()
    for log in (disk.path / "host.log", *hosted.data_dir.logs.glob("*.log")):
        disk.fill_up(log)
    os.kill(dos.pid or 0, signal.SIGKILL)
    tried: set[int] = set()
    # It is started again and again; nothing of that can be written down.
    eventually(lambda: len(_others(hosted, tried, {uno.pid, dos.pid})) >= 2, 60)
    assert is_alive(hosted.host.pid)
    assert is_alive(uno.pid)
    disk.make_room()
    again = hosted.until("dos", lambda t: is_connected(t) and t.pid != dos.pid, 60)
    assert again.observed_state is ObservedState.RUNNING
    assert hosted.until("uno", is_connected).pid == uno.pid
    assert hosted.stop_host() == 0
    assert "Traceback" not in hosted.log()


def _others(hosted: Hosted, seen: set[int], known: set[int | None]) -> set[int]:
    """The host's children that were seen so far, but for those that are known."""
    seen |= {child.pid for child in psutil.Process(hosted.host.pid).children()} - known
    return seen
