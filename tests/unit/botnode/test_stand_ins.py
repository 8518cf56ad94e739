"""A stand-in is in a module's place for the time of an import, and loads it when it is used."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from botnode import stand_ins

LIBRARY = """
import heavy
from heavy import Thing, inner
def ask(): return heavy.answer()
"""
HEIRS = """
import heavy
class Heir(heavy.Thing): pass
"""
HEAVY = """
class Thing: pass
class inner:
    Deep = Thing
def answer(): return 42
"""


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("library", LIBRARY), ("heirs", HEIRS), ("heavy", HEAVY)):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)


def load(name: str) -> Any:
    return importlib.import_module(name)


def test_what_is_imported_meanwhile_loads_the_module_on_first_use() -> None:
    with stand_ins.of("heavy"):
        library = load("library")
    assert "heavy" not in sys.modules
    assert library.ask() == 42
    real = load("heavy")
    assert library.heavy.Thing is real.Thing
    assert isinstance(library.Thing(), real.Thing)
    assert isinstance(library.inner.Deep(), real.Thing)


def test_who_imports_the_module_later_gets_the_real_one() -> None:
    with stand_ins.of("heavy"):
        load("library")
    assert load("heavy").answer() == 42


def test_what_is_used_by_the_import_itself_is_loaded_at_once() -> None:
    with stand_ins.of("heavy"):
        heir = load("heirs").Heir()
        assert isinstance(heir, load("heavy").Thing)
    assert isinstance(heir, load("heavy").Thing)


def test_a_module_that_is_loaded_keeps_its_place() -> None:
    real = load("heavy")
    with stand_ins.of("heavy"):
        library = load("library")
    assert library.heavy is real
    assert library.Thing is real.Thing


def test_nothing_is_left_in_place_by_an_import_that_fails() -> None:
    with pytest.raises(ZeroDivisionError), stand_ins.of("heavy"):
        raise ZeroDivisionError
    assert "heavy" not in sys.modules
