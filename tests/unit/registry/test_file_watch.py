"""Learning that a file was written."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.file_watch import FileWatch

LONG_S = 10.0


def _write(path: Path) -> None:
    path.write_bytes(b"one")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "registry.db").touch()
    return tmp_path / "registry.db"


@pytest.fixture
def watch(path: Path) -> Iterator[FileWatch]:
    watch = FileWatch(path)
    yield watch
    watch.close()


async def test_a_write_is_told_once(watch: FileWatch, path: Path) -> None:
    _write(path)
    assert await watch.written(LONG_S)
    assert not await watch.written(0.0)


async def test_who_waits_already_is_told(watch: FileWatch, path: Path) -> None:
    waiting = asyncio.create_task(watch.written(LONG_S))
    await asyncio.sleep(0)
    _write(path.with_name("registry.db-wal"))
    assert await waiting


async def test_what_is_written_beside_it_is_not_told(watch: FileWatch, path: Path) -> None:
    _write(path.with_name("mesh.json"))
    assert not await watch.written(0.01)


async def test_a_wait_that_is_given_up_leaves_the_loop_as_it_was(
    watch: FileWatch, path: Path
) -> None:
    waiting = asyncio.create_task(watch.written(LONG_S))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    _write(path)
    assert await watch.written(LONG_S)


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileWatch(tmp_path / "away" / "registry.db")
