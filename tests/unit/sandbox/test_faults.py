"""Faults bite where and as often as they were told to."""

import asyncio

import pytest

from sandbox import fault_conversion, faults
from sandbox.faults import (
    Behaviour,
    CutLine,
    Deaf,
    Faults,
    Garble,
    HalfOpen,
    HoldAck,
    HoldQuery,
    Part,
    Question,
    Refusal,
    RefuseActivation,
    RefuseConnections,
    RefuseLogin,
    SendError,
    ShortQr,
    Silence,
    Undecryptable,
)


def test_without_faults_nothing_bites() -> None:
    assert Faults().bite(SendError, "521", "522") is None


def test_a_fault_bites_as_often_as_told() -> None:
    standing = Faults()
    standing.set(SendError(429), times=2)
    assert [standing.bite(SendError) for _ in range(3)] == [SendError(429), SendError(429), None]
    assert standing.all() == []


def test_a_fault_is_for_its_number_and_recipient() -> None:
    standing = Faults()
    standing.set(SendError(463), number="521", recipient="522")
    assert standing.bite(SendError, "521", "523") is None
    assert standing.bite(SendError, "524", "522") is None
    assert standing.bite(SendError, "521", "522") == SendError(463)
    assert [fault.bitten for fault in standing.all()] == [1]


def test_a_fault_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(faults.time, "monotonic", lambda: now[0])
    standing = Faults()
    standing.set(RefuseConnections(), seconds=5)
    now[0] = 104.9
    assert standing.bite(RefuseConnections)
    now[0] = 105.0
    assert standing.bite(RefuseConnections) is None


def test_faults_of_other_kinds_do_not_interfere() -> None:
    standing = Faults()
    standing.set(HoldAck(None))
    assert standing.bite(SendError) is None
    assert standing.bite(HoldAck) == HoldAck(None)


def test_one_or_all_can_be_cleared() -> None:
    standing = Faults()
    first = standing.set(SendError(429))
    standing.set(SendError(463))
    assert standing.clear(first.id) == 1
    assert standing.clear(first.id) == 0
    assert standing.bite(SendError) == SendError(463)
    assert standing.clear() == 1
    assert standing.bite(SendError) is None


def test_one_of_several_recipients_is_enough() -> None:
    standing = Faults()
    standing.set(Undecryptable(), recipient="522")
    assert standing.bite(Undecryptable, "521", {"523", "524"}) is None
    assert standing.bite(Undecryptable, "521", {"523", "522"}) == Undecryptable()


def test_what_is_held_goes_when_the_fault_is_cleared() -> None:
    standing = Faults()
    fault = standing.set(HoldQuery(Question.DEVICES), times=1)
    done: list[int] = []
    caught = standing.caught(lambda found: isinstance(found, HoldQuery))
    assert caught is fault
    fault.held.append(lambda: done.append(1))
    assert standing.caught(lambda found: isinstance(found, HoldQuery)) is None
    assert standing.all() == [fault]
    assert done == []
    assert standing.clear(fault.id) == 1
    assert done == [1]
    assert standing.all() == []
    assert standing.get(fault.id) is fault


async def test_a_fault_can_be_waited_for() -> None:
    standing = Faults()
    fault = standing.set(SendError(429))
    await standing.wait(fault, 1, 0.01)
    assert fault.bitten == 0
    waiting = asyncio.ensure_future(standing.wait(fault, 2, 30))
    for bites in (1, 2):
        await asyncio.sleep(0)
        assert not waiting.done()
        standing.bite(SendError)
        assert fault.bitten == bites
    await asyncio.wait_for(waiting, 30)
    await standing.wait(fault, 2, 0)


@pytest.mark.parametrize(
    "behaviour",
    [
        RefuseConnections(),
        RefuseLogin(Refusal.BANNED, 101, 60),
        SendError(463),
        HoldAck(None),
        HoldAck(1.5),
        ShortQr(2, 3.0),
        Silence(),
        HalfOpen(),
        Deaf(),
        RefuseActivation(),
        HoldQuery(Question.GROUP),
        HoldQuery(Question.LID, 0.5),
        CutLine(delivered=False),
        CutLine(delivered=True),
        Undecryptable(),
        Garble(Part.SENDER_KEY),
        Garble(Part.BODY, hidden=True),
    ],
)
def test_every_behaviour_survives_the_control_api(behaviour: Behaviour) -> None:
    fault = Faults().set(behaviour, number="521", recipient="120363@g.us", seconds=2)
    shown = fault_conversion.fault(fault)
    assert fault_conversion.behaviour(shown) == behaviour
    assert (shown.phone, shown.recipient) == ("+521", "120363@g.us")
    assert shown.duration.ToMilliseconds() == 2000
