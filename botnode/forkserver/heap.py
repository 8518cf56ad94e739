"""The C heap of a process that others are forked from.

What a forked process allocates lies where something was freed before: here a hole, there a hole,
and each makes a page its own. Without holes it takes new memory, all of it side by side.
"""

import ctypes

# Sizes of what holes are filled with, largest first: all that `malloc` keeps a list of its own for,
# and above that each half of the one before; larger allocations are no part of the heap.
_SIZES = (*(1 << power for power in range(16, 10, -1)), *range(1032, 23, -16))


def fill_holes() -> int:
    """Take what is free in the heap, for good; return how many bytes that was.

    Whole free pages are given back first, and taken without being written to. Without glibc, whose
    heap this is about, nothing is done.
    """
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
