"""``python -m botnode.inspection``: one request on standard input, one answer on output."""

import contextlib
import ctypes
import errno
import math
import os
import resource
import signal
import sys
from pathlib import Path

from botnode.inspection import bounds, protocol
from botnode.inspection.protocol import Refusal, RefusedError

MOST_MEMORY_BYTES = 768 * 1024 * 1024
MOST_REQUEST_BYTES = 65_536
MOST_FILES = 64
PR_SET_PDEATHSIG = 1
NICER = 5
OOM_SCORE = Path("/proc/self/oom_score_adj")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})


def main() -> None:
    """Answer one request."""
    _die_with_parent()
    request = protocol.decode_request(sys.stdin.buffer.readline(MOST_REQUEST_BYTES))
    if os.getppid() != request.asked_by:
        return  # it died before it was watched
    sys.stdout.buffer.write(_answer(request))
    sys.stdout.buffer.flush()


def _answer(request: protocol.Request) -> bytes:
    try:
        _bound(request.limit_s)
        from botnode.inspection.look import look  # noqa: PLC0415 - in bounds, and with an answer

        return protocol.encode_findings(look(request))
    except RefusedError as error:
        return protocol.encode_refusal(error)
    except MemoryError:
        text = "needs more memory to look at than there is for it"
        return protocol.encode_refusal(RefusedError(Refusal.INVALID, text))
    except OSError as error:
        if error.errno in _FULL:
            return protocol.encode_refusal(RefusedError(Refusal.DISK, os.strerror(error.errno)))
        return protocol.encode_fault(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is an answer
        return protocol.encode_fault(error)


def _die_with_parent() -> None:
    """See prctl(2). Of a parent that died before, nothing is told."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _bound(limit_s: float) -> None:
    """Limits that are inherited: the memory's is this process's own, ffmpeg has another."""
    bounds.lower(resource.RLIMIT_AS, MOST_MEMORY_BYTES, hard=resource.RLIM_INFINITY)
    seconds = math.ceil(limit_s) * 2  # ffmpeg works with two threads
    bounds.lower(resource.RLIMIT_CPU, seconds, hard=seconds + 1)
    bounds.lower(resource.RLIMIT_CORE, 0)
    bounds.lower(resource.RLIMIT_NOFILE, MOST_FILES)
    # Whatever is short, the messages that others send come first. Where the machine does not let us
    # say so, as with a /proc that is only read, the media is looked at all the same.
    with contextlib.suppress(OSError):
        os.nice(NICER)
    with contextlib.suppress(OSError):
        OOM_SCORE.write_text("1000")


if __name__ == "__main__":
    main()
