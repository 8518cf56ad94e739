"""Faults bite where and as often as they were told to."""

import pytest

from sandbox import faults
from sandbox.faults import Faults, HoldAck, RefuseConnections, SendError


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
