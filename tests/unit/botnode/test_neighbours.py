import subprocess
import sys

from botnode.forkserver.neighbours import Calls

# In a process of its own, where no others' holes are.
_CROWD = """
import types
from botnode.forkserver import heap
from botnode.forkserver.neighbours import Calls

PAGE = 4096
SIZE = 500
SOURCE = '''
def idle_{0}(one, two=2):
    "Not called."
    return [one, two, {0}]

def busy_{0}(one, *more, two={0}, **others):
    "Called."
    inner = lambda: (one, two, more, others)
    return inner()
'''

module = types.ModuleType("crowd")
exec("".join(SOURCE.format(number) for number in range(SIZE)), vars(module))

def call_all():
    return [getattr(module, f"busy_{number}")(number, 7, other=8) for number in range(SIZE)]

def pages():
    return len({id(getattr(module, f"busy_{number}")) // PAGE for number in range(SIZE)})

before, spread = call_all(), pages()
calls = Calls()
with calls.noted():
    call_all()
heap.fill_holes()
calls.bring_together()
print(spread, pages(), int(call_all() == before))
"""


def test_what_is_called_lies_together_and_does_the_same() -> None:
    said = subprocess.run([sys.executable, "-c", _CROWD], capture_output=True, check=True).stdout
    spread, together, same = map(int, said.split())
    assert together < 0.6 * spread
    assert same


class _Base:
    def greet(self, name: str, *, mark: str = "!") -> str:
        """Greet."""
        return f"hello {name}{mark}"


class _Derived(_Base):
    def greet(self, name: str, *, mark: str = "?") -> str:
        return super().greet(name, mark=mark)


def _shared() -> str:
    return "shared"


_HOLDER = [_shared]


def test_a_function_that_is_made_anew_is_the_same_but_for_its_place() -> None:
    old = _Base.greet.__name__, _Base.greet.__doc__, _Base.greet.__annotations__
    identity, code = id(_Base.greet), _Base.greet.__code__
    calls = Calls()
    with calls.noted():
        _Derived().greet("you")
    calls.bring_together()
    assert id(_Base.greet) != identity
    assert _Base.greet.__code__ is not code
    assert _Base.greet.__code__ == code
    assert (_Base.greet.__name__, _Base.greet.__doc__, _Base.greet.__annotations__) == old
    assert _Base.greet.__qualname__ == "_Base.greet"
    assert _Base.greet.__module__ == __name__
    assert _Derived().greet("you") == "hello you?"


def test_a_function_that_somebody_else_has_stays_the_one_that_it_is() -> None:
    code = _shared.__code__
    calls = Calls()
    with calls.noted():
        _shared()
    calls.bring_together()
    assert _HOLDER[0] is _shared
    assert _shared.__code__ is not code
    assert _shared() == "shared"


def test_what_was_not_called_can_be_added_by_its_file() -> None:
    identity = id(_Derived.greet)
    calls = Calls()
    calls.add({__file__})
    calls.bring_together()
    assert id(_Derived.greet) != identity
