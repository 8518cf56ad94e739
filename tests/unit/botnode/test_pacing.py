"""How fast an account may send, without a clock and without a store."""

from random import Random

import pytest

from botmesh.errors import Reason
from botnode.pacing import DAY_MS, MINUTE_MS, OPEN, Limit, Pace, Usage, decide, met

NOW = 1_800_000_000_000
HOUR_MS = 60 * MINUTE_MS
PACE = Pace(30, 50, 500, 1500, MINUTE_MS, 6 * HOUR_MS)


def test_nothing_used_up_holds_nothing() -> None:
    assert decide(PACE, Usage(), NOW) == OPEN
    assert OPEN.next_ms(NOW) is None


def test_a_used_up_minute_holds_everything_until_its_first_message_is_a_minute_old() -> None:
    gate = decide(PACE, Usage(minute_ms=NOW - 20_000, queue_ms=NOW - 50_000), NOW)
    assert (gate.now_ms, gate.queue_ms) == (NOW + 40_000, NOW + 40_000)
    assert gate.new_chats_reason is None
    assert gate.next_ms(NOW) == NOW + 40_000


def test_what_waits_leaves_a_part_of_the_minute_to_what_does_not() -> None:
    gate = decide(PACE, Usage(queue_ms=NOW - 50_000), NOW)
    assert (gate.now_ms, gate.queue_ms) == (0, NOW + 10_000)
    assert PACE.share_per_minute == 24
    assert [Pace(n).share_per_minute for n in (0, 1, 2, 4, 5, 10)] == [0, 1, 1, 3, 4, 8]


def test_used_up_chats_hold_new_ones_alone() -> None:
    gate = decide(PACE, Usage(day_ms=NOW - HOUR_MS), NOW)
    assert (gate.now_ms, gate.queue_ms) == (0, 0)
    assert gate.new_chats_ms == NOW - HOUR_MS + DAY_MS
    assert gate.new_chats_reason is Reason.RATE_LIMITED


def test_whatsapps_429_stops_all_and_its_463_new_chats() -> None:
    stopped = decide(PACE, Usage(rate=Limit(NOW + 5000, 1)), NOW)
    assert (stopped.now_ms, stopped.queue_ms, stopped.new_chats_ms) == (NOW + 5000,) * 3
    assert stopped.new_chats_reason is Reason.RATE_LIMITED
    locked = decide(PACE, Usage(reach_out=Limit(NOW + HOUR_MS, 1)), NOW)
    assert (locked.now_ms, locked.queue_ms) == (0, 0)
    assert (locked.new_chats_ms, locked.new_chats_reason) == (
        NOW + HOUR_MS,
        Reason.REACH_OUT_LOCKED,
    )


@pytest.mark.parametrize(
    ("reason", "pauses"),
    [
        (Reason.RATE_LIMITED, [m * MINUTE_MS for m in (1, 2, 4, 8, 15, 15)]),
        (Reason.REACH_OUT_LOCKED, [h * HOUR_MS for h in (6, 12, 24, 48, 48)]),
    ],
)
def test_a_limit_that_is_met_again_lasts_longer(reason: Reason, pauses: list[int]) -> None:
    limit, now, found = Limit(), NOW, []
    for _ in pauses:
        limit = met(PACE, limit, reason, now)
        found.append(limit.until_ms - now)
        assert met(PACE, limit, reason, now + 1) == limit  # what was on its way proves nothing
        now = limit.until_ms
    assert found == pauses
    assert met(Pace(), Limit(), reason, NOW) == Limit()


def test_a_clock_that_was_set_back_holds_nothing_for_long() -> None:
    gate = decide(PACE, Usage(rate=Limit(NOW + 10**12, 1)), NOW)
    assert gate.now_ms == NOW + 15 * MINUTE_MS


def test_pauses_are_drawn_between_the_two() -> None:
    luck = Random(1)
    drawn = [PACE.draw_pause_ms(luck) for _ in range(500)]
    assert 500 <= min(drawn) < 550
    assert 1450 < max(drawn) <= 1500
    assert len(set(drawn)) > 200
