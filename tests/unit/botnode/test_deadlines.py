"""How long a call may take."""

from typing import Any

import pytest

from botnode.deadlines import patience_s, wait_s


class Context:
    """A call with so much time left."""

    def __init__(self, left_s: float | None) -> None:
        self.left_s = left_s

    def time_remaining(self) -> float | None:
        return self.left_s


@pytest.mark.parametrize("left_s", [1.0, 20.0, 70.0, 3600.0])
def test_a_caller_is_waited_for_until_shortly_before_its_deadline(left_s: float) -> None:
    context: Any = Context(left_s)
    assert left_s - 10.25 <= patience_s(context, 30.0) <= left_s - 0.05
    assert patience_s(context, 30.0) > left_s * 0.85 or left_s <= 1.0


def test_who_sets_no_deadline_waits_as_the_method_says() -> None:
    context: Any = Context(None)
    assert patience_s(context, 30.0) == wait_s(context, 30.0) == 30.0


def test_a_question_takes_no_longer_than_its_limit() -> None:
    late: Any = Context(70.0)
    soon: Any = Context(5.0)
    over: Any = Context(0.0)
    assert wait_s(late, 20.0) == 20.0
    assert wait_s(soon, 20.0) < 5.0
    assert wait_s(over, 20.0) == 0.0
