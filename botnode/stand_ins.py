"""Stand-ins for modules that a library imports and that are not needed where it is used here."""

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any


@contextlib.contextmanager
def of(*names: str) -> Iterator[None]:
    """Have stand-ins in the place of modules, where those are not loaded yet.

    What is imported meanwhile keeps what it got: a stand-in, or names of it, which load the real
    module when they are first called, looked into or inherited from. Who imports the module later
    gets the real one.
    """
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update((name, _StandIn(name)) for name in absent)
    try:
        yield
    finally:
        for name in absent:
            _take_away(name)


def _take_away(name: str) -> None:
    if isinstance(sys.modules.get(name), _StandIn):
        del sys.modules[name]


def _load(name: str) -> ModuleType:
    _take_away(name)
    return importlib.import_module(name)


class _StandIn(ModuleType):
    """A module that is loaded on first use."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:  # an import that takes what it may use one day
            return _Later(self.__name__, (name,))
        return getattr(_load(self.__name__), name)


class _Later:
    """A name of a module that is loaded on first use."""

    def __init__(self, module: str, path: tuple[str, ...]) -> None:
        self._module = module
        self._path = path

    def _find(self) -> Any:
        found: Any = _load(self._module)
        for name in self._path:
            if isinstance(found, ModuleType) and not hasattr(found, name):
                found = importlib.import_module(f"{found.__name__}.{name}")
            else:
                found = getattr(found, name)
        return found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Later(self._module, (*self._path, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._find()(*args, **kwargs)

    def __mro_entries__(self, _: tuple[object, ...]) -> tuple[Any]:
        return (self._find(),)

    def __or__(self, other: Any) -> Any:  # annotations such as Image.Image | None
        return Any

    __ror__ = __or__
