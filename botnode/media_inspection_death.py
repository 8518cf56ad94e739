"""What it means that the process that looks at media ended without an answer.

The media is to blame where the same look would end the same way on any machine; whatever else it
was may not be there the next time.
"""

import errno
import os
import signal
from enum import Enum, auto
from pathlib import Path

from botnode.inspection.protocol import ENOUGH_OF_LIMIT

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Of /proc/<pid>/stat, counted behind the name: utime, stime, and those of what it waited for.
_TIMES = slice(11, 15)
# What a machine says that has no processes, memory or files left.
_SHORT = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


class Blame(Enum):
    """Whose fault it is."""

    MEDIA = auto()
    MACHINE = auto()
    """It has not enough of something now."""
    PROGRAM = auto()


class DiedError(Exception):
    """The process gave no answer; the text says what became of it."""

    def __init__(self, text: str, blame: Blame = Blame.MEDIA) -> None:
        super().__init__(text)
        self.blame = blame


def obituary(code: int) -> DiedError:
    """Why a process ended that nobody here ended.

    Args:
        code: as `subprocess` has it; negative for a signal.
    """
    if code == -signal.SIGXCPU:
        return DiedError("it takes too long")
    if code == -signal.SIGKILL:  # the kernel does that where memory is short: oom_score_adj
        return DiedError("its process was killed", Blame.MACHINE)
    if code >= 0:
        return DiedError(f"its process ended with status {code}", Blame.PROGRAM)
    return DiedError("it is damaged, or needs more memory than there is for it")


def overdue(pid: int, limit_s: float) -> DiedError:
    """Why a process has no answer yet.

    Args:
        pid: its id; it must not be reaped.
        limit_s: how long it may look.
    """
    text = f"it takes longer than {limit_s:.0f} seconds"
    worked = _processor_s(pid) >= limit_s * ENOUGH_OF_LIMIT
    return DiedError(text, Blame.MEDIA if worked else Blame.MACHINE)


def is_short(error: OSError) -> bool:
    """Whether a process could not start because the machine lacks something now."""
    return error.errno in _SHORT


def _processor_s(pid: int) -> float:
    """How long processors worked for a process; 0 where nobody tells."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    return sum(int(ticks) for ticks in told.rpartition(")")[2].split()[_TIMES]) / _TICKS_PER_S
