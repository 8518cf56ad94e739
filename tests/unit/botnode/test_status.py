"""What a botnode tells its host."""

import asyncio
import fcntl
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from botnode import status
from botnode.host.health import TOGETHER
from botnode.host.status import ALIVE, LineBuffer
from botnode.host.timing import Timing
from botnode.identity import Identity
from botnode.status import StatusPipe

IDENTITY = Identity(
    tenant_id="shop",
    tenant_name="Shop",
    mesh="test",
    instance="abcd1234",
    version="1.0",
    start_time=datetime(2026, 1, 1, tzinfo=UTC),
)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def _events(reading: int) -> list[str]:
    try:
        found = os.read(reading, 1 << 20)
    except BlockingIOError:
        return []
    return [json.loads(line)["event"] for line in found.splitlines()]


async def test_it_shows_that_it_lives_again_and_again(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "BEAT_S", 0.001)
    reading, writing = pipe
    told = StatusPipe(writing, IDENTITY)
    told.ready("127.0.0.1:1", 1)
    told.ready("127.0.0.1:1", 2)
    seen = _events(reading)
    assert seen == ["ready", "alive", "ready"]
    async with asyncio.timeout(2):
        while seen.count("alive") < 4:
            await asyncio.sleep(0.001)
            seen += _events(reading)


async def test_a_host_knows_its_sign_of_life(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    StatusPipe(writing, IDENTITY).ready("127.0.0.1:1", 1)
    assert LineBuffer().feed(os.read(reading, 1024))[1:] == [ALIVE]


def test_who_beats_is_not_asked_and_who_hangs_is_found_within_ten_seconds() -> None:
    timing = Timing()
    assert timing.ping_interval_s > status.BEAT_S
    silence_s = timing.ping_interval_s * (1 + 1 / TOGETHER)
    assert silence_s + 2 * timing.ping_timeout_s < 10


async def test_a_host_that_does_not_read_holds_nothing_up(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "BEAT_S", 0.001)
    reading, writing = pipe
    told = StatusPipe(writing, IDENTITY)
    size = fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)
    assert os.write(writing, b"x" * size) == size
    told.ready("127.0.0.1:1", 1)
    assert os.read(reading, size) == b"x" * size
    async with asyncio.timeout(2):
        while not (seen := _events(reading)):  # noqa: ASYNC110 - a pipe has no event
            await asyncio.sleep(0.001)
    assert set(seen) == {"alive"}
