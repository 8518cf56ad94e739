"""Calls by several callers at the same time, and what they took."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Calls of one way, over all rounds.

    Attributes:
        spent_s: from each round's first call to its last answer.
        cpu_s: processor time that the part in question took meanwhile.
    """

    latencies_s: list[float] = field(default_factory=list)
    spent_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def count(self) -> int:
        """How many calls."""
        return len(self.latencies_s)

    @property
    def p50_us(self) -> float:
        """The median in microseconds."""
        return statistics.median(self.latencies_s) * 1e6

    @property
    def p99_us(self) -> float:
        """The 99th percentile in microseconds."""
        return quantile(self.latencies_s, 99) * 1e6

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.count / self.spent_s

    @property
    def cpu_us(self) -> float:
        """Processor time of a call in microseconds."""
        return self.cpu_s / self.count * 1e6


def quantile(values: list[float], per_cent: int) -> float:
    """A percentile, 1 to 99."""
    return statistics.quantiles(values, n=100)[per_cent - 1]


async def calls(
    call: Callable[[], Awaitable[object]], callers: int, count: int, tally: Tally
) -> None:
    """So many calls, shared by so many callers; each goes on when it has its answer."""

    async def caller() -> None:
        for _ in range(count // callers):
            began = time.perf_counter()
            await call()
            tally.latencies_s.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    tally.spent_s += time.perf_counter() - began
