"""What a benchmark is about, and how it is run."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from benchmarks.figure import Figure
from benchmarks.world import World


@dataclass(frozen=True, slots=True)
class Subject:
    """One part of the suite.

    Attributes:
        name: as it is chosen on the command line.
        tenants: how many paired tenants it needs.
        measure: measures, figure by figure; what it raises fails the subject, not the run.
        in_suite: run where nothing is chosen.
    """

    name: str
    tenants: int
    measure: Callable[[World], AsyncGenerator[Figure, None]]
    in_suite: bool = True
