"""How long a call may take so that its answer is there before its caller's deadline."""

import time
from typing import Any

import grpc.aio

# An answer goes out this long before the caller's deadline: a part of the time, within bounds; on a
# machine with much to do it takes a while to get there.
ANSWER_BEFORE_S = 0.05
ANSWER_BEFORE_MOST_S = 0.25
ANSWER_BEFORE_PART = 0.1


def patience_s(context: grpc.aio.ServicerContext[Any, Any], without_s: float) -> float:
    """How long a caller waits for an answer, in seconds; `without_s` if it set no deadline."""
    left = context.time_remaining()
    if left is None:
        return without_s
    margin = max(ANSWER_BEFORE_S, min(ANSWER_BEFORE_MOST_S, left * ANSWER_BEFORE_PART))
    return max(0.0, left - margin - _rounding_s(left))


def wait_s(context: grpc.aio.ServicerContext[Any, Any], most_s: float) -> float:
    """How long to wait for what a caller wants, in seconds: that much at most."""
    return min(most_s, patience_s(context, most_s))


class TimeLeft:
    """The time that all questions of one call have together."""

    def __init__(self, context: grpc.aio.ServicerContext[Any, Any], most_s: float) -> None:
        self._until = time.monotonic() + wait_s(context, most_s)

    def at_most_s(self, most_s: float) -> float:
        """How long the next question may take, in seconds: that much at most; 0 for no more."""
        return min(most_s, max(0.0, self._until - time.monotonic()))


def _rounding_s(left_s: float) -> float:
    """How much later than the caller's deadline the one that arrived here may be, at most.

    gRPC's core rounds a timeout up to the next milliseconds below a second, 10 ms below ten
    seconds, and so on (its src/core/lib/transport/timeout_encoding.cc).
    """
    step_s = 0.001
    while left_s > step_s * 1000:
        step_s *= 10
    return step_s
