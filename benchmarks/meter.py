"""What the processors do while something is measured."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.figure import Load
from benchmarks.processes import cpu_of_all_s, descendants, machine_cpu_s

Parts = Mapping[str, Iterable[int]]


@dataclass(slots=True)
class Span:
    """A stretch of time, once it is over.

    Attributes:
        seconds: how long it was.
        cpu_s: processor time by part.
        load: of the sandbox and of what is not ours.
    """

    seconds: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    load: Load = field(default_factory=lambda: Load(0.0, 0.0))

    def share(self, part: str) -> float:
        """A part's share of one core in per cent."""
        return self.cpu_s.get(part, 0.0) / self.seconds * 100


@contextmanager
def span(parts: Callable[[], Parts]) -> Iterator[Span]:
    """Read the clocks before and after a block.

    Args:
        parts: the processes by part, asked twice; "sandbox" is the stand-in for WhatsApp.
    """
    taken = Span()
    started, before, machine, ours = time.monotonic(), _cpu(parts()), machine_cpu_s(), _ours_s()
    yield taken
    taken.seconds = time.monotonic() - started
    after = _cpu(parts())
    taken.cpu_s = {part: max(0.0, now - before.get(part, 0.0)) for part, now in after.items()}
    others = (machine_cpu_s() - machine) - (_ours_s() - ours)
    taken.load = Load(
        sandbox=taken.cpu_s.get("sandbox", 0.0) / taken.seconds,
        others=max(0.0, others / taken.seconds),
    )


def _cpu(parts: Parts) -> dict[str, float]:
    return {part: cpu_of_all_s(pids) for part, pids in parts.items()}


def _ours_s() -> float:
    """This process and all that it has started, the dead too."""
    return cpu_of_all_s([os.getpid(), *descendants(os.getpid())])
