"""When a process at rest wakes."""

import pytest

from botnode import rhythm
from botnode.rhythm import GROUPS, next_beat

PERIOD_S = 4.0


def test_it_is_soon_and_regular() -> None:
    now = 1234.567
    for _ in range(10):
        due = next_beat(now, PERIOD_S)
        assert 0 < due - now <= PERIOD_S
        following = next_beat(due, PERIOD_S)
        assert following - due == pytest.approx(PERIOD_S)
        now = following + 0.001  # it wakes a little late, and does not drift


def test_all_that_a_process_does_in_one_period_falls_together() -> None:
    assert next_beat(100.1, PERIOD_S) == next_beat(100.2, PERIOD_S)


def test_processes_wake_in_a_few_groups_of_one_size(monkeypatch: pytest.MonkeyPatch) -> None:
    groups: dict[float, int] = {}
    pids = iter(range(30_000, 30_400, 2))
    monkeypatch.setattr(rhythm.os, "getpid", lambda: next(pids))
    for _ in range(200):
        due = next_beat(1000.0, PERIOD_S)
        groups[due] = groups.get(due, 0) + 1
    assert len(groups) == GROUPS
    assert max(groups.values()) <= 2 * min(groups.values())
    assert all(1000.0 < due <= 1000.0 + PERIOD_S for due in groups)


def test_the_moment_itself_is_over() -> None:
    due = next_beat(5000.0, 0.1)
    assert next_beat(due, 0.1) > due
