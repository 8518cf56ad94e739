"""The desk at which phone codes are asked for."""

import asyncio
from datetime import timedelta

import pytest

from botmesh.errors import MeshError, Reason
from botnode import phone_codes
from botnode.phone_codes import PhoneCode, PhoneCodes, rate_limited

NUMBER = "+5215512345678"
OTHER = "+5215598765432"


@pytest.fixture
def desk() -> PhoneCodes:
    return PhoneCodes(lambda: None)


def later(seconds: float = 100) -> float:
    return asyncio.get_running_loop().time() + seconds


async def asking(desk: PhoneCodes, number: str = NUMBER) -> "asyncio.Task[PhoneCode]":
    task = asyncio.create_task(desk.request(number))
    await asyncio.sleep(0)
    return task


async def reason_of(task: "asyncio.Task[PhoneCode]") -> Reason:
    with pytest.raises(MeshError) as error:
        await task
    assert isinstance(error.value.reason, Reason)
    return error.value.reason


async def test_all_who_ask_for_one_number_get_one_code(desk: PhoneCodes) -> None:
    tasks = [await asking(desk), await asking(desk)]
    assert await desk.next_number() == NUMBER
    desk.give(NUMBER, "ABCD-EFGH", later())
    assert {(await task).code for task in tasks} == {"ABCD-EFGH"}
    assert not desk.wanted
    again = await desk.request(NUMBER)
    assert again.code == "ABCD-EFGH"
    assert not desk.wanted


async def test_a_code_that_is_dead_is_not_given_again(desk: PhoneCodes) -> None:
    desk.give(NUMBER, "ABCD-EFGH", later(-1))
    assert desk.current is None
    task = await asking(desk)
    assert desk.wanted
    desk.give(NUMBER, "JKLM-NPQR", later())
    assert (await task).code == "JKLM-NPQR"


async def test_a_void_code_is_not_given_again(desk: PhoneCodes) -> None:
    desk.give(NUMBER, "ABCD-EFGH", later())
    desk.void()
    task = await asking(desk)
    assert desk.wanted
    task.cancel()


async def test_another_number_gets_a_code_of_its_own(desk: PhoneCodes) -> None:
    desk.give(NUMBER, "ABCD-EFGH", later())
    task = await asking(desk, OTHER)
    assert await desk.next_number() == OTHER
    desk.give(OTHER, "JKLM-NPQR", later())
    assert (await task).number == OTHER
    assert desk.current is not None
    assert desk.current.number == OTHER


async def test_the_number_asked_for_last_counts(desk: PhoneCodes) -> None:
    first = await asking(desk, NUMBER)
    second = await asking(desk, OTHER)
    assert await reason_of(first) is Reason.PAIRING_FAILED
    desk.give(NUMBER, "ABCD-EFGH", later())  # was under way
    assert not second.done()
    assert await desk.next_number() == OTHER
    desk.give(OTHER, "JKLM-NPQR", later())
    assert (await second).code == "JKLM-NPQR"


async def test_nobody_waits_any_more(desk: PhoneCodes) -> None:
    tasks = [await asking(desk), await asking(desk)]
    tasks[0].cancel()
    await asyncio.wait({tasks[0]})
    assert desk.wanted
    tasks[1].cancel()
    await asyncio.wait({tasks[1]})
    assert not desk.wanted
    desk.give(NUMBER, "ABCD-EFGH", later())  # it came all the same: whoever asks again gets it
    assert (await desk.request(NUMBER)).code == "ABCD-EFGH"


async def test_a_limit_is_kept_without_asking_again(
    desk: PhoneCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_codes, "RATE_LIMIT_REST", timedelta(seconds=0.05))
    task = await asking(desk)
    desk.refuse(NUMBER, rate_limited(phone_codes.RATE_LIMIT_REST))
    assert await reason_of(task) is Reason.RATE_LIMITED
    with pytest.raises(MeshError) as error:
        await desk.request(NUMBER)
    assert error.value.reason is Reason.RATE_LIMITED
    assert error.value.retry_after is not None
    assert timedelta(0) < error.value.retry_after <= timedelta(seconds=0.05)
    assert not desk.wanted
    other = await asking(desk, OTHER)
    assert desk.wanted
    other.cancel()
    await asyncio.sleep(0.06)
    again = await asking(desk)
    assert not again.done()
    again.cancel()


async def test_a_refusal_is_only_for_its_number(desk: PhoneCodes) -> None:
    task = await asking(desk, OTHER)
    desk.refuse(NUMBER, MeshError(Reason.PAIRING_REFUSED, "no"))
    assert not task.done()
    desk.refuse(OTHER, MeshError(Reason.PAIRING_REFUSED, "no"))
    assert await reason_of(task) is Reason.PAIRING_REFUSED
