"""Whether the disk takes what is written."""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botnode import disk_errors
from botnode import storage as storage_module
from botnode.storage import Storage, StorageLimits

MIB = 1024 * 1024
LIMITS = StorageLimits(
    reserve_bytes=16 * MIB, reserve_part=0.05, check_s=0.01, probe_s=0.01, probe_bytes=4096
)


class Disk:
    """What statvfs says, and whether files can be written."""

    def __init__(self, size: int = 1000 * MIB) -> None:
        self.size = size
        self.free = size
        self.error: int | None = None
        self.probes = 0

    def statvfs(self, _: Path) -> Any:
        return SimpleNamespace(f_blocks=self.size, f_frsize=1, f_bavail=self.free)

    def write(self, fd: int, data: bytes) -> int:
        self.probes += 1
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        return self.real_write(fd, data)

    real_write: Callable[[int, bytes], int] = staticmethod(os.write)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    real = SimpleNamespace(**{name: getattr(os, name) for name in dir(os)})
    monkeypatch.setattr(storage_module, "os", real)
    real.statvfs, real.write = disk.statvfs, disk.write
    return disk


class World:
    """A storage at work, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self.touched = 0
        self.storage = Storage(folder, self.touch, LIMITS)
        self.storage.observe(self.told.put_nowait)
        self.task = asyncio.create_task(self.storage.run())

    async def touch(self) -> None:
        self.touched += 1

    async def next(self) -> str:
        async with asyncio.timeout(5):
            return await self.told.get()


@pytest.fixture
async def world(tmp_path: Path, disk: Disk) -> Any:
    world = World(tmp_path)
    yield world
    world.task.cancel()
    await asyncio.gather(world.task, return_exceptions=True)


async def test_the_last_of_the_room_is_kept(world: World, disk: Disk, tmp_path: Path) -> None:
    await asyncio.sleep(0)
    assert world.storage.error == ""
    disk.free = 16 * MIB - 1
    assert await world.next() == disk_errors.FULL
    assert not world.storage.failing  # nothing failed so far
    disk.free = 23 * MIB  # not to and fro for every byte
    await asyncio.sleep(0.05)
    assert world.told.empty()
    disk.free = 24 * MIB
    assert await world.next() == ""
    assert (world.touched, world.storage.error) == (1, "")
    assert not (tmp_path / "probe").exists()


async def test_a_write_that_failed(world: World, disk: Disk) -> None:
    disk.error = errno.EIO
    world.storage.failed("the disk fails (I/O error)")
    world.storage.failed("the disk fails (I/O error)")
    assert world.storage.failing
    assert "I/O error" in await world.next()
    disk.error = errno.EROFS
    assert "read-only" in await world.next()
    disk.error = errno.ENOSYS  # whatever it is
    assert "takes nothing" in await world.next()
    assert world.touched == 0
    disk.error = None
    assert await world.next() == ""
    assert world.touched == 1
    assert not world.storage.failing
    # And all anew.
    world.storage.failed("the disk is full")
    assert await world.next() == "the disk is full"
    assert await world.next() == ""


async def test_the_database_has_to_take_something_too(
    world: World, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    may, touching = asyncio.Event(), asyncio.Event()

    async def touch() -> None:
        touching.set()
        await may.wait()

    monkeypatch.setattr(world.storage, "_touch", touch)
    world.storage.failed("the disk is full")
    assert await world.next() == "the disk is full"
    await touching.wait()
    assert world.told.empty()
    assert world.storage.error
    may.set()
    assert await world.next() == ""


async def test_a_well_disk_is_only_looked_at(world: World, disk: Disk) -> None:
    await asyncio.sleep(0.05)
    assert disk.probes == 0


@pytest.mark.parametrize(
    ("size", "free", "full"),
    [
        (64 * MIB, 4 * MIB, False),  # of a small disk a part has to be free
        (64 * MIB, 3 * MIB, True),
        (0, 0, False),  # a file system that does not know
    ],
)
async def test_small_disks(tmp_path: Path, disk: Disk, size: int, free: int, *, full: bool) -> None:
    disk.size, disk.free = size, free
    storage = Storage(tmp_path, asyncio.Event().wait, LIMITS)
    storage.check()
    assert bool(storage.error) is full


async def test_a_folder_that_is_gone_is_another_s_matter(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "gone", asyncio.Event().wait, LIMITS)
    storage.check()
    assert storage.error == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Error decrypting message 3A: failed to store session: database or disk is full",
            disk_errors.FULL,
        ),
        ("failed to save: disk I/O error: input/output error", "the disk fails (I/O error)"),
        ("attempt to write a readonly database", "the disk is read-only"),
        ("database is locked", None),
        ("websocket disconnected", None),
    ],
)
def test_what_the_library_logs(text: str, words: str | None) -> None:
    assert disk_errors.of_text(text) == words


async def test_media_leaves_more_free_than_a_session_needs(disk: Disk, tmp_path: Path) -> None:
    async def touch() -> None:
        pass

    disk.size = 100_000 * MIB
    storage = Storage(tmp_path, touch)
    disk.free = 300 * MIB
    assert storage.media_room_bytes() == 44 * MIB
    assert storage.lacks_room_for(44 * MIB) == ""
    assert storage.lacks_room_for(44 * MIB + 1) == storage_module.NO_ROOM
    disk.free -= 44 * MIB
    storage.check()
    assert storage.error == ""
    disk.size = 100 * MIB  # a small one
    assert storage.media_room_bytes() == disk.free - 10 * MIB
    disk.size = 0  # one that does not say
    assert storage.lacks_room_for(2**50) == ""
