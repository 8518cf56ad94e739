"""The meeting place of a pairing's watchers."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest

from botmesh.errors import MeshError, Reason
from botnode import pairing
from botnode.clock import now
from botnode.pairing import (
    AccountPaired,
    CodeShown,
    PairingHub,
    PasskeyAsked,
    Step,
    TryFailed,
    draw,
)
from botnode.phone_codes import PhoneCode
from botnode.ports import Account

LIFE = timedelta(seconds=20)
NUMBER = "+5215512345678"
ACCOUNT = Account("5215512345678:1@s.whatsapp.net")


@pytest.fixture(autouse=True)
def plain_pictures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    drawn: list[str] = []

    def picture(code: str) -> bytes:
        drawn.append(code)
        return code.encode()

    monkeypatch.setattr(pairing, "draw", picture)
    return drawn


async def first(steps: AsyncGenerator[Step, None]) -> Step:
    async with asyncio.timeout(1):
        return await anext(steps)


def code_of(step: Step) -> str:
    assert isinstance(step, CodeShown)
    return step.code


async def test_every_watcher_sees_each_code_once(plain_pictures: list[str]) -> None:
    hub = PairingHub()
    one, two = hub.watch(), hub.watch()
    waiting = [asyncio.ensure_future(anext(one)), asyncio.ensure_future(anext(two))]
    await asyncio.sleep(0)
    assert hub.watching
    hub.show("A", LIFE)
    assert [code_of(await step) for step in waiting] == ["A", "A"]
    hub.show("B", LIFE)
    assert [code_of(await first(steps)) for steps in (one, two)] == ["B", "B"]
    assert plain_pictures == ["A", "B"]  # drawn once per code, not per watcher


async def test_a_late_watcher_gets_the_code_on_show() -> None:
    hub = PairingHub()
    hub.fail(Reason.PAIRING_FAILED, "an old failure")
    hub.show("A", LIFE)
    assert code_of(await first(hub.watch())) == "A"


async def test_a_slow_watcher_misses_codes_that_are_void() -> None:
    hub = PairingHub()
    steps = hub.watch()
    hub.show("A", LIFE)
    assert code_of(await first(steps)) == "A"
    hub.show("B", LIFE)
    hub.show("C", LIFE)
    assert code_of(await first(steps)) == "C"


async def test_a_failure_is_told_and_the_stream_goes_on() -> None:
    hub = PairingHub()
    steps = hub.watch()
    hub.show("A", LIFE)
    await first(steps)
    hub.fail(Reason.PAIRING_FAILED, "no")
    assert await first(steps) == TryFailed(Reason.PAIRING_FAILED, "no")
    hub.show("B", LIFE)
    assert code_of(await first(steps)) == "B"


async def test_paired_ends_all() -> None:
    hub = PairingHub()
    one, two = hub.watch(), hub.watch()
    hub.show("A", LIFE)
    await first(one)
    await first(two)
    hub.finish(ACCOUNT)
    for steps in (one, two):
        assert await first(steps) == AccountPaired(ACCOUNT)
        with pytest.raises(StopAsyncIteration):
            await anext(steps)
    assert not hub.watching
    assert not hub.pending


async def test_an_error_ends_all() -> None:
    hub = PairingHub()
    steps = hub.watch()
    hub.show("A", LIFE)
    await first(steps)
    hub.finish(MeshError(Reason.CLIENT_OUTDATED, "old"))
    with pytest.raises(MeshError) as error:
        await anext(steps)
    assert error.value.reason is Reason.CLIENT_OUTDATED


async def test_nobody_scans_for_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "PAIRING_LIMIT", timedelta(seconds=0.05))
    hub = PairingHub()
    steps = hub.watch()
    hub.show("A", LIFE)
    await first(steps)
    with pytest.raises(MeshError) as error:
        await first(steps)
    assert error.value.reason is Reason.PAIRING_TIMED_OUT
    assert not hub.watching
    assert code_of(await first(hub.watch())) == "A"  # whoever comes next has the whole time


async def test_the_time_goes_on_over_a_renewal(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = PairingHub()
    hub.resume(now() - timedelta(minutes=30) + timedelta(seconds=0.05))
    steps = hub.watch()
    since = hub.pairing_since()
    assert since is None  # nobody watches yet: a generator begins with its first step
    with pytest.raises(MeshError) as error:
        await first(steps)
    assert error.value.reason is Reason.PAIRING_TIMED_OUT


async def test_a_pairing_that_was_left_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "FORGET_AFTER", timedelta(0))
    hub = PairingHub()
    hub.resume(now() - timedelta(minutes=29, seconds=59))
    await asyncio.sleep(0.01)
    steps = hub.watch()
    hub.show("A", LIFE)
    await first(steps)
    since = hub.pairing_since()
    assert since is not None
    assert now() - since < timedelta(seconds=5)


async def test_leaving_is_seen() -> None:
    hub = PairingHub()
    steps = hub.watch()
    hub.show("A", LIFE)
    await first(steps)
    await steps.aclose()
    assert not hub.watching
    waiting = asyncio.ensure_future(hub.wait_until_wanted())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_a_phone_code_stands_beside_the_code_on_show() -> None:
    hub = PairingHub()
    steps = hub.watch()
    hub.show("A", LIFE)
    await first(steps)
    dies_at = asyncio.get_running_loop().time() + 100
    hub.show_phone_code(NUMBER, "ABCD-EFGH", dies_at)
    given = await first(steps)
    assert isinstance(given, PhoneCode)
    assert (given.number, given.code, given.dies_at) == (NUMBER, "ABCD-EFGH", dies_at)
    hub.show("B", LIFE)
    assert code_of(await first(steps)) == "B"
    late = hub.watch()
    assert {type(await first(late)) for _ in range(2)} == {CodeShown, PhoneCode}


async def test_a_phone_code_that_dies_early_is_told() -> None:
    hub = PairingHub()
    steps = hub.watch()
    hub.show_phone_code(NUMBER, "ABCD-EFGH", asyncio.get_running_loop().time() + 100)
    await first(steps)
    hub.end_round()
    step = await first(steps)
    assert isinstance(step, TryFailed)
    assert "void" in step.message
    assert hub.phone_codes.current is None


async def test_a_phone_code_that_dies_in_its_time_is_not_told() -> None:
    hub = PairingHub()
    steps = hub.watch()
    hub.show_phone_code(NUMBER, "ABCD-EFGH", asyncio.get_running_loop().time() + 1)
    await first(steps)
    hub.end_round()
    hub.show("A", LIFE)
    assert code_of(await first(steps)) == "A"


async def test_a_passkey_voids_the_codes_and_fails_who_waits() -> None:
    hub = PairingHub()
    steps = hub.watch()
    hub.show("A", LIFE)
    await first(steps)
    asking = asyncio.ensure_future(hub.phone_codes.request(NUMBER))
    await asyncio.sleep(0)
    hub.ask_passkey("a passkey, please")
    assert await first(steps) == PasskeyAsked("a passkey, please")
    with pytest.raises(MeshError) as error:
        await asking
    assert error.value.reason is Reason.PASSKEY_REQUIRED
    hub.show("B", LIFE)
    assert code_of(await first(steps)) == "B"


async def test_waiting_for_a_phone_code_is_being_wanted() -> None:
    hub = PairingHub()
    assert not hub.wanted
    asking = asyncio.ensure_future(hub.phone_codes.request(NUMBER))
    async with asyncio.timeout(1):
        await hub.wait_until_wanted()
    assert hub.wanted
    assert not hub.watching
    asking.cancel()
    await asyncio.wait({asking})
    assert not hub.wanted


async def test_whoever_waits_for_a_phone_code_hears_of_the_account() -> None:
    hub = PairingHub()
    asking = asyncio.ensure_future(hub.phone_codes.request(NUMBER))
    await asyncio.sleep(0)
    hub.finish(ACCOUNT)
    with pytest.raises(MeshError) as error:
        await asking
    assert error.value.reason is Reason.SESSION_ALREADY_PAIRED


def test_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    picture = draw("https://wa.me/settings/linked_devices#2@" + "A" * 200)
    assert picture.startswith(b"\x89PNG")
