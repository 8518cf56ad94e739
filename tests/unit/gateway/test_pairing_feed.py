"""One botnode's pairing for many watchers: each sees each thing once, and the newest of it."""

import asyncio
from datetime import timedelta

import pytest

from botmesh.errors import MeshError, Reason
from botmesh.v1 import bot_pb2, session_pb2
from gateway.pairing_feed import JOIN_S, PAIRING_LIMIT_S, PairingFeed, Watcher


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def code(text: str, lives_s: float | None = None) -> bytes:
    shown = session_pb2.QRCode(code=text, png=b"picture")
    if lives_s is not None:
        shown.expires_in.FromTimedelta(timedelta(seconds=lives_s))
    return bot_pb2.StreamQRResponse(code=shown).SerializeToString()


def phone_code(text: str) -> bytes:
    shown = session_pb2.PhoneCode(code=text)
    return bot_pb2.StreamQRResponse(phone_code=shown).SerializeToString()


def failed(message: str) -> bytes:
    failure = session_pb2.PairingFailed(reason="X", message=message)
    return bot_pb2.StreamQRResponse(failed=failure).SerializeToString()


PASSKEY = bot_pb2.StreamQRResponse(
    passkey_required=session_pb2.PasskeyRequired()
).SerializeToString()
PAIRED = bot_pb2.StreamQRResponse(paired=session_pb2.Paired(jid="1")).SerializeToString()
# What a later version of the contract may say.
UNKNOWN = b"\x9a\x01\x03new"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def feed(clock: Clock) -> PairingFeed:
    return PairingFeed(b"request", clock)


async def show(feed: PairingFeed, *steps: bytes) -> None:
    for step in steps:
        await feed.add(step)


async def sees(watcher: Watcher) -> list[bytes]:
    """What there is for a watcher before he has to wait."""
    steps = []
    while True:
        waiting = asyncio.ensure_future(watcher.next())
        await asyncio.sleep(0)
        if not waiting.done():
            waiting.cancel()
            await asyncio.sleep(0)
            return steps
        step = waiting.result()
        if step is None:
            return steps
        steps.append(step)


async def test_each_watcher_sees_each_step_once(feed: PairingFeed) -> None:
    watchers = [Watcher(feed), Watcher(feed)]
    for step in (code("1"), phone_code("A"), code("2"), failed("no"), PASSKEY, code("3"), UNKNOWN):
        await show(feed, step)
        assert [await sees(watcher) for watcher in watchers] == [[step]] * 2
    await show(feed, PAIRED)
    feed.end(None)
    assert [await sees(watcher) for watcher in watchers] == [[PAIRED]] * 2


async def test_who_waits_is_told(feed: PairingFeed) -> None:
    waiting = [asyncio.ensure_future(Watcher(feed).next()) for _ in range(40)]
    await asyncio.sleep(0)
    await show(feed, code("1"))
    async with asyncio.timeout(2):
        assert await asyncio.gather(*waiting) == [code("1")] * 40


async def test_who_has_left_is_not_kept(feed: PairingFeed) -> None:
    waiting = [asyncio.ensure_future(Watcher(feed).next()) for _ in range(40)]
    await asyncio.sleep(0)
    for watcher in waiting:
        watcher.cancel()
    await asyncio.wait(waiting)
    assert not feed._waiting


async def test_who_is_slow_sees_the_newest_of_each_thing(feed: PairingFeed) -> None:
    slow = Watcher(feed)
    await show(feed, *(code(str(number)) for number in range(1000)), phone_code("A"))
    assert await sees(slow) == [code("999"), phone_code("A")]
    await show(feed, phone_code("B"), failed("1"), failed("2"), code("1000"))
    assert await sees(slow) == [failed("2"), code("1000")]  # the phone code is void
    assert len(feed._on_show) == 2


async def test_who_comes_late_sees_what_is_on_show(feed: PairingFeed, clock: Clock) -> None:
    await show(feed, failed("before"))
    assert await sees(Watcher(feed)) == [failed("before")]
    await show(feed, code("1"), phone_code("A"), UNKNOWN)
    clock.time += 1
    assert await sees(Watcher(feed)) == [code("1"), phone_code("A")]
    await show(feed, code("2"))
    assert await sees(Watcher(feed)) == [phone_code("A"), code("2")]
    await show(feed, PASSKEY)
    assert await sees(Watcher(feed)) == [PASSKEY]


async def test_who_comes_late_is_told_how_long_a_code_still_lives(
    feed: PairingFeed, clock: Clock
) -> None:
    present = Watcher(feed)
    await show(feed, code("1", 60))
    assert await sees(Watcher(feed)) == [code("1", 60)]
    clock.time += 20.5
    assert await sees(Watcher(feed)) == [code("1", 39.5)]
    clock.time += 39.5
    assert not await sees(Watcher(feed))  # the next one is about to come
    assert await sees(present) == [code("1", 0)]


async def test_a_code_that_is_told_again_is_news_for_those_who_have_come_since(
    feed: PairingFeed,
) -> None:
    present = Watcher(feed)
    await show(feed, code("1"), phone_code("A"))
    await sees(present)
    feed.lose()
    late = Watcher(feed)
    assert not await sees(late)
    await show(feed, code("1"), phone_code("A"))
    assert not await sees(present)
    assert await sees(late) == [code("1"), phone_code("A")]
    await show(feed, code("2"), code("1"))
    assert await sees(present) == await sees(late) == [code("1")]


async def test_after_a_failure_every_code_is_news(feed: PairingFeed) -> None:
    present = Watcher(feed)
    await show(feed, code("1"))
    await sees(present)
    await show(feed, failed("no"), code("1"))
    assert await sees(present) == [failed("no"), code("1")]
    assert await sees(Watcher(feed)) == [code("1")]


async def test_who_comes_while_there_is_no_botnode_waits_his_own_time(
    feed: PairingFeed, clock: Clock
) -> None:
    clock.time += JOIN_S - 0.1
    assert feed.is_open
    clock.time += 0.1
    assert not feed.is_open
    await show(feed, code("1"))
    clock.time += 1000
    assert feed.is_open
    for _ in range(2):  # attempt after attempt
        feed.lose()
        assert feed.is_open
        clock.time += JOIN_S / 2
    assert not feed.is_open


def test_a_pairing_is_not_resumed_for_ever(feed: PairingFeed, clock: Clock) -> None:
    clock.time += 100
    Watcher(feed)
    clock.time += PAIRING_LIMIT_S - 1
    assert feed.request() == b"request"
    clock.time += 1
    with pytest.raises(MeshError) as caught:
        feed.request()
    assert caught.value.reason is Reason.PAIRING_TIMED_OUT
