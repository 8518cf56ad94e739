"""How a caller's deadline becomes a botnode's."""

import math

# A botnode's deadline lies before the caller's by this share of what is left, and by no more than
# so many seconds, so that its answer, or a typed error in place of it, is back in time also when
# the machine is busy.
MARGIN_S = 0.25
MARGIN_SHARE = 0.15
# What gRPC loses or wins when it makes a timeout of a deadline.
_CONVERSION_S = 0.002


def with_margin(remaining_s: float) -> float:
    """What the gateway may use of the time that its caller has left.

    gRPC sends a timeout with three digits, rounded up: 30 s arrive as 30.1 s. So up to one unit of
    the third digit may not be there.
    """
    if remaining_s <= 0:
        return remaining_s
    return remaining_s - min(MARGIN_S, remaining_s * MARGIN_SHARE) - _unit(remaining_s)


def on_the_wire(timeout_s: float) -> float:
    """A timeout rounded down so that it is not rounded up on its way.

    Otherwise a botnode that answers shortly before its deadline would do so after ours.
    """
    unit = _unit(timeout_s)
    return max(math.floor(timeout_s / unit) * unit - _CONVERSION_S, 0.001)


def _unit(seconds: float) -> float:
    """One unit of the third digit; a millisecond at least."""
    return max(10.0 ** (math.floor(math.log10(seconds)) - 2), 0.001)
