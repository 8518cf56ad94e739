"""A caller's deadline and a botnode's."""

import math

import pytest

from gateway.deadline import on_the_wire, with_margin


@pytest.mark.parametrize(
    ("remaining_s", "left_s"),
    [(0.1, 0.084), (1.0, 0.84), (5.009, 4.749), (30.1, 29.75), (0.0, 0.0), (-1.0, -1.0)],
)
def test_the_gateway_leaves_its_caller_a_margin(remaining_s: float, left_s: float) -> None:
    assert with_margin(remaining_s) == pytest.approx(left_s)


@pytest.mark.parametrize(
    ("timeout_s", "sent_s"),
    [(29.95, 29.898), (4.949, 4.938), (0.1234, 0.121), (0.001, 0.001), (120.5, 119.998)],
)
def test_a_timeout_is_rounded_down_to_what_can_be_sent(timeout_s: float, sent_s: float) -> None:
    assert on_the_wire(timeout_s) == pytest.approx(sent_s)


def _arrives(timeout_s: float) -> float:
    """A timeout as gRPC sends it: three digits, rounded up."""
    unit = max(10.0 ** (math.floor(math.log10(timeout_s)) - 2), 0.001)
    return math.ceil(timeout_s / unit - 1e-9) * unit


@pytest.mark.parametrize("deadline_s", [0.1, 0.3, 0.999, 1.0, 2.0, 9.99, 10.05, 30.0, 99.9, 3600.0])
def test_an_answer_shortly_before_the_botnodes_deadline_is_in_time_for_everybody(
    deadline_s: float,
) -> None:
    ours = on_the_wire(with_margin(_arrives(deadline_s)))
    theirs = _arrives(ours)
    answered = theirs - min(0.05, theirs)
    way_back = min(0.04, deadline_s / 10)
    assert answered + way_back <= ours
    assert answered + way_back <= deadline_s - way_back
