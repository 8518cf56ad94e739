"""Puts the functions that a botnode calls next to each other.

Calling a function counts references to it and to its code, and that is a write: its pages become
the forked process's own. By themselves functions lie where they were imported, the few that are
called among the many that are not.
"""

import gc
import sys
import threading
import weakref
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, TypeAlias

_Place: TypeAlias = tuple[ModuleType | type, str]

# References to a function: a variable's here, and one of `getrefcount`'s.
_OURS = 2


class Calls:
    """Notes what code runs, in all threads that are started meanwhile and in this one."""

    def __init__(self) -> None:
        self._codes: dict[int, CodeType] = {}

    @contextmanager
    def noted(self) -> Iterator[None]:
        """For the length of the block."""
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            self._codes[id(frame.f_code)] = frame.f_code

    def add(self, files: Collection[str]) -> None:
        """Count all functions of these modules' files among those that were called."""
        for thing in gc.get_objects():
            if type(thing) is FunctionType and thing.__code__.co_filename in files:
                self._add(thing.__code__)

    def _add(self, code: CodeType) -> None:
        self._codes[id(code)] = code
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._add(constant)

    def bring_together(self) -> None:
        """Make anew what was called, in that order: what is made together lies together."""
        fresh = self._renew_codes()
        # The old ones stay until all are made: else the next would lie where one was.
        old = [_renew_function(places) for places in _places(fresh.values())]
        old.clear()

    def _renew_codes(self) -> dict[int, CodeType]:
        functions: dict[int, list[FunctionType]] = {}
        for thing in gc.get_objects():
            if type(thing) is FunctionType and id(thing.__code__) in self._codes:
                functions.setdefault(id(thing.__code__), []).append(thing)
        fresh: dict[int, CodeType] = {}
        for code in self._codes.values():
            for function in functions.get(id(code), ()):
                function.__code__ = self._renew(code, fresh)
        return fresh

    def _renew(self, code: CodeType, fresh: dict[int, CodeType]) -> CodeType:
        known = fresh.get(id(code))
        if known is None:
            constants = tuple(
                self._renew(constant, fresh) if id(constant) in self._codes else constant
                for constant in code.co_consts
            )
            known = fresh[id(code)] = code.replace(co_consts=constants)
        return known


def _places(codes: Collection[CodeType]) -> list[list[_Place]]:
    """Where modules and classes have the functions of these codes, in the order of the codes."""
    order = {id(code): number for number, code in enumerate(codes)}
    found: dict[int, tuple[int, list[_Place]]] = {}
    for owner in gc.get_objects():
        if not isinstance(owner, ModuleType | type):
            continue
        for name, value in vars(owner).items():
            if (
                type(value) is FunctionType
                and (number := order.get(id(value.__code__))) is not None
            ):
                found.setdefault(id(value), (number, []))[1].append((owner, name))
    return [places for _, places in sorted(found.values(), key=lambda one: one[0])]


def _renew_function(places: list[_Place]) -> FunctionType:
    owner, name = places[0]
    function: FunctionType = vars(owner)[name]
    # Whoever else has it would have another one than they.
    others = sys.getrefcount(function) - len(places) - _OURS
    if others or weakref.getweakrefcount(function):
        return function
    copy = _copy(function)
    for owner, name in places:
        if isinstance(owner, type):
            type.__setattr__(owner, name, copy)
        else:
            vars(owner)[name] = copy
    return function


def _copy(function: FunctionType) -> FunctionType:
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__qualname__ = function.__qualname__
    copy.__module__ = function.__module__
    copy.__doc__ = function.__doc__
    copy.__annotations__ = function.__annotations__
    copy.__dict__.update(function.__dict__)
    return copy
