"""What the end of a botnode's process means."""

import signal
from enum import Enum

from botmesh.rpc.lifecycle import EX_CONFIG, EX_RENEW


class Verdict(Enum):
    """What to do about a process that ended."""

    ASKED = "asked"  # it was told to stop
    RENEW = "renew"  # it wants a fresh process: at once, and not a failure
    CONFIG = "config"  # it cannot run until somebody mends something
    FAILED = "failed"  # again, after a pause


def judge(returncode: int, *, asked: bool, was_ready: bool) -> Verdict:
    """The meaning of an exit status (negative: a signal).

    A process that asks for renewal before it ever answered is a failure: it would ask for ever.
    So is a clean exit that nobody asked for.
    """
    if asked:
        return Verdict.ASKED
    if returncode == EX_RENEW and was_ready:
        return Verdict.RENEW
    if returncode == EX_CONFIG:
        return Verdict.CONFIG
    return Verdict.FAILED


def in_words(returncode: int) -> str:
    """How a process ended, for people: "exit 1", "signal 9 (SIGKILL)"."""
    if returncode >= 0:
        return f"exit {returncode}"
    try:
        return f"signal {-returncode} ({signal.Signals(-returncode).name})"
    except ValueError:
        return f"signal {-returncode}"
