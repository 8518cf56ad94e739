"""When a process at rest does what it has to do again and again.

A process that wakes after seconds finds the processor's caches full of others' memory, and that is
most of what it costs. So what has the same period is due at the same moment of a process, and the
processes of a machine wake in groups: what they share is at hand for all but the first of a group.
"""

import math
import os

# Of a machine's processes in a period: few, to wake together; more than one, to leave room between.
GROUPS = 8
# Successive process ids, whatever their distance, are spread evenly by it.
_GOLDEN = (math.sqrt(5) - 1) / 2


def next_beat(now: float, period_s: float) -> float:
    """When it is time again in this process, by the monotonic clock that all processes share.

    Args:
        now: that clock, in seconds.
        period_s: between two times; more than 0.
    """
    shift_s = int(os.getpid() * _GOLDEN % 1 * GROUPS) / GROUPS * period_s
    due = (math.floor((now - shift_s) / period_s) + 1) * period_s + shift_s
    return due if due > now else due + period_s
