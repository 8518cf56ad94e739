"""Runs subjects one after the other; what fails does not keep the rest."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.subject import Subject
from benchmarks.table import number
from benchmarks.world import World


@dataclass(slots=True)
class Run:
    """What came of a run."""

    figures: list[Figure] = field(default_factory=list)
    seconds: float = 0.0


async def run(subjects: Sequence[Subject], folder: Path, say: Callable[[str], None]) -> Run:
    """Measure all of them.

    Args:
        subjects: in their order.
        folder: where the tenants are, or are made.
        say: told, in words, what goes on.
    """
    done = Run()
    began = time.monotonic()
    world = World(folder, say)
    try:
        most = max((subject.tenants for subject in subjects), default=0)
        await world.prepare(most)
        for subject in subjects:
            say(f"{subject.name}, {time.monotonic() - began:.0f} s after the start")
            done.figures += await measured(subject, world, say)
    finally:
        await world.stop()
    done.seconds = time.monotonic() - began
    return done


async def measured(subject: Subject, world: World, say: Callable[[str], None]) -> list[Figure]:
    """A subject's figures; the last one says why where it broke off."""
    found: list[Figure] = []
    try:
        async with aclosing(subject.measure(world)) as figures:
            async for figure in figures:
                found.append(figure)
                shown = "" if figure.value is None else f"{number(figure.value)} {figure.unit}"
                say(f"  {figure.name}: {shown or figure.note}")
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - said in the table, and the exit status is 1
        why = " ".join(_innermost(error).split())
        found.append(Figure.failed(subject.name, "broke off", why))
        say(f"  {subject.name} broke off: {why}")
        await world.stop()  # what is left of it is not what the next one wants
    return found


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
