import ctypes
import subprocess
import sys

# In a process of its own: what is taken is not given back.
_HOLES = """
import ctypes, sys
from botnode.forkserver import heap

libc = ctypes.CDLL(None)
malloc = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(("malloc", libc))
free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(("free", libc))
taken = [malloc(2000) for _ in range(2000)]
for place in taken[::2]:
    free(place)
filled = heap.fill_holes()
holes = set(taken[::2])
print(filled, sum(malloc(2000) in holes for _ in range(1000)), heap.fill_holes())
"""

# The same for small objects of Python's, of each size.
_SMALL_HOLES = """
from botnode.forkserver import heap

heap.fill_holes()
taken = [bytes(size) for size in range(470) for _ in range(60)]
holes = {id(one) for one in taken[::2]}
del taken[::2]
filled = heap.fill_holes()
new = [bytes(size) for size in range(470) for _ in range(20)]
print(filled, sum(id(one) in holes for one in new), heap.fill_holes())
"""


def test_nothing_lies_in_a_hole_that_was_filled() -> None:
    said = subprocess.run([sys.executable, "-c", _HOLES], capture_output=True, check=True).stdout
    filled, in_holes, filled_again = map(int, said.split())
    if hasattr(ctypes.CDLL(None), "malloc_trim"):
        assert filled > 1000 * 1000
        assert in_holes == 0
        assert filled_again < filled // 4
    else:
        assert filled == 0


def test_no_small_object_lies_in_a_hole_that_was_filled() -> None:
    said = subprocess.run(
        [sys.executable, "-c", _SMALL_HOLES], capture_output=True, check=True
    ).stdout
    filled, in_holes, filled_again = map(int, said.split())
    assert filled > 2 * 1000 * 1000
    assert in_holes < 100  # what this code itself allocates leaves a few
    assert filled_again < filled // 4
