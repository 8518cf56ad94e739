"""Makes all objects of a process immortal: whoever refers to one writes nothing into it.

To refer to an object is to count the reference, in the object: reading is a write, and makes the
page a forked process's own. What is immortal is not counted (PEP 683, since CPython 3.12; sharing
memory with forked processes is what it was made for). Python says so of its own constants alone;
for all others, the mark of what is immortal is put where the count is.

Extensions that were built for older Pythons as well (abi3; protobuf's is one) count everything, as
the PEP foresees. What they refer to has no mark from then on, but a count that is never used up.
"""

import ctypes
import gc
import sys
from collections.abc import Sequence
from types import CodeType

_LEAST_VERSION = (3, 12)
# What immortal objects have in CPython 3.14, and in 3.12 and 3.13 (Include/refcount.h, object.h).
_MARKS = (3 << 30, (1 << 32) - 1)

# All memory of the process, by the address: an object's count is at its beginning.
_BITS = 47
_WIDTH = 2
_memory = memoryview((ctypes.c_uint32 * (1 << _BITS - _WIDTH)).from_address(0)).cast("B").cast("I")


def immortalize() -> int:
    """Make immortal what there is; return how many objects that were.

    None of them is ever freed again. Where Python has no immortal objects, or has them in another
    way than is known here, nothing is done.
    """
    mark = _mark()
    made = 0
    things = gc.get_objects() if mark else []
    while things:
        for thing in things:
            place = id(thing) >> _WIDTH
            if _memory[place] != mark:
                _memory[place] = mark
                made += 1
        # What the collector tracks has the mark now; on with what that alone refers to.
        things = [part for part in _parts(things) if _memory[id(part) >> _WIDTH] != mark]
    return made


def _parts(things: Sequence[object]) -> list[object]:
    """What they refer to: more than the collector is told, which looks for cycles only."""
    parts = gc.get_referents(*things)
    for thing in things:
        if type(thing) is dict:
            parts += thing
        elif type(thing) is CodeType:
            parts += (thing.co_consts, thing.co_names, *thing.co_varnames)
            parts += (*thing.co_freevars, *thing.co_cellvars, thing.co_filename, thing.co_name)
            parts += (thing.co_qualname, thing.co_linetable, thing.co_exceptiontable)
    return parts


def _mark() -> int:
    """What immortal objects have instead of a count; 0 where it was not found, and proven."""
    if sys.implementation.name != "cpython" or sys.version_info < _LEAST_VERSION or sys.abiflags:
        return 0
    if sys.maxsize < 1 << _BITS or sys.byteorder != "little":
        return 0
    return next((mark for mark in _MARKS if _is_kept(mark)), 0)


def _is_kept(mark: int) -> bool:
    """Whether it remains as it is while references come and go; a count must be where it should."""
    probe = object()
    place = id(probe) >> _WIDTH
    if _memory[place] != sys.getrefcount(probe) - 1:  # one is its argument's
        return False
    _memory[place] = mark
    several = [probe] * 3
    kept = _memory[place] == mark
    several.clear()
    return kept and _memory[place] == mark
