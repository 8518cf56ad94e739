"""What a forked process does before it is a botnode: lets go of what is the forkserver's."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from botmesh.rpc.lifecycle import EX_FAILED, EX_OK
from botnode import prctl
from botnode.forkserver.orders import LEAVE, Order

Program = Callable[[], object]


def become(order: Order, descriptors: list[int], liveness_fd: int, program: Program) -> NoReturn:
    """Become the botnode of an order, and end with it.

    Nothing may come back from here into the forkserver's code. Python itself gives its generators
    of random numbers new seeds after a fork; the others that a botnode uses ask the kernel.

    Args:
        order: who it is.
        descriptors: its log, its status pipe, and the pipe that brings its host's leave.
        liveness_fd: ends with the host.
        program: what it runs.
    """
    status: object = EX_FAILED
    try:
        log, status_fd, leave = descriptors
        os.setsid()
        _redirect(log)
        if os.read(leave, len(LEAVE)) != LEAVE:
            os._exit(EX_OK)
        os.close(leave)
        prctl.set_name(order.name)
        _reset_signals()
        os.environ |= order.environment
        os.environ["BOTMESH_LIVENESS_FD"] = str(liveness_fd)
        os.environ["BOTMESH_STATUS_FD"] = str(status_fd)
        status = program()
    except SystemExit as ended:
        status = ended.code
    except BaseException:  # noqa: BLE001 - the last to hear of it; Python would print it, too
        traceback.print_exc()
    finally:
        _flush()
        os._exit(status if isinstance(status, int) else EX_OK if status is None else EX_FAILED)


def _redirect(log: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(log)


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # a full disk
            continue
