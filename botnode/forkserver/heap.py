"""The heaps of a process that others are forked from: C's, and Python's for small objects.

What a forked process allocates lies where something was freed before: here a hole, there a hole,
and each makes a page its own. Without holes it takes new memory, all of it side by side.
"""

import ctypes
import os
import sys
from collections.abc import Callable

# Sizes of what holes are filled with, largest first: all that `malloc` keeps a list of its own for,
# and above that each half of the one before; larger allocations are no part of the heap.
_SIZES = (*(1 << power for power in range(16, 10, -1)), *range(1032, 23, -16))

# Of Python's heap (Objects/obmalloc.c): small objects, by their size in steps, lie in pools.
_SMALL, _STEP, _POOL = 512, 16, 16 * 1024
_LONGEST = _POOL // _STEP
# Holes of one size are seldom more than this. It ends the search where it does not see the end
# itself: where pools look otherwise, and at times for 32 bytes, which its own numbers have.
_MOST_SMALL = 256 * 1024


def fill_holes() -> int:
    """Take what is free in the heaps, for good; return how many bytes that was.

    Whole free pages are given back first, and taken without being written to. Without glibc and
    CPython's own heap, which this is about, nothing is done.
    """
    return _fill_pools() + _fill_heap()


def _fill_heap() -> int:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "malloc_trim"):
        return 0
    take = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(("malloc", libc))
    give_back = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(("free", libc))
    end_of_heap = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_ssize_t)(("sbrk", libc))
    libc.malloc_trim(0)
    end: int = end_of_heap(0)
    filled = 0
    for size in _SIZES:
        # From the end on there is what was not part of the heap before: no hole is left.
        while (place := take(size)) is not None and place < end:
            filled += size
        give_back(place)
    return filled


def _fill_pools() -> int:
    if sys.implementation.name != "cpython" or "PYTHONMALLOC" in os.environ or sys.flags.dev_mode:
        return 0
    take = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(
        ("PyObject_Malloc", ctypes.pythonapi)
    )
    give_back = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(("PyObject_Free", ctypes.pythonapi))
    return sum(_fill_pools_of(size, take, give_back) for size in range(_SMALL, 0, -_STEP))


def _fill_pools_of(
    size: int, take: Callable[[int], int], give_back: Callable[[int], object]
) -> int:
    """Fill the pools for one size: one that is wholly free is begun when no other is left.

    Such a one gives its places in their order, but for those that this code itself gets.
    """
    length = filled = 0
    run = [0] * _LONGEST
    while not length or run[length - 1] - run[0] < _POOL - 6 * size - _STEP:
        place = take(size)
        if length and not run[length - 1] < place <= run[length - 1] + 4 * size:
            filled += length * size
            run, length = [0] * _LONGEST, 0  # as long as it gets: one that grows takes places, too
            if filled >= _MOST_SMALL:
                break
        run[length] = place
        length += 1
    for place in run[:length]:
        give_back(place)
    return filled
