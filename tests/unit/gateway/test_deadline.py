"""A caller's deadline and a botnode's."""

import pytest

from gateway.deadline import on_the_wire, with_margin


@pytest.mark.parametrize(
    ("remaining_s", "left_s"),
    [(0.1, 0.09), (1.0, 0.94), (5.009, 4.949), (30.1, 29.95), (0.0, 0.0), (-1.0, -1.0)],
)
def test_the_gateway_leaves_its_caller_a_margin(remaining_s: float, left_s: float) -> None:
    assert with_margin(remaining_s) == pytest.approx(left_s)


@pytest.mark.parametrize(
    ("timeout_s", "sent_s"),
    [(29.95, 29.898), (4.949, 4.938), (0.1234, 0.121), (0.001, 0.001), (120.5, 119.998)],
)
def test_a_timeout_is_rounded_down_to_what_can_be_sent(timeout_s: float, sent_s: float) -> None:
    assert on_the_wire(timeout_s) == pytest.approx(sent_s)
