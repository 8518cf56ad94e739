"""What a process can be for the kernel, see prctl(2)."""

import ctypes
import os

_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def set_name(name: str) -> None:
    """How lists of processes call this one; the kernel keeps 15 bytes of it."""
    _prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()))


def become_subreaper() -> None:
    """Be the parent of all descendants whose own parent ends.

    Raises:
        OSError: the kernel refuses.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, argument: "ctypes.c_char_p | int") -> None:
    if _libc.prctl(option, argument, 0, 0, 0):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
