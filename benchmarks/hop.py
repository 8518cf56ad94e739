"""What the gateway's hop costs a call, beside the same call without it and by other ways."""

import os
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from benchmarks.calls import Tally, calls
from benchmarks.figure import Figure, Load, Sense, Target
from benchmarks.meter import span
from benchmarks.processes import cpu_s
from benchmarks.subject import Subject
from benchmarks.ways import Way, Ways, all_ways
from benchmarks.world import World

NAME = "hop"
ROUNDS = 10
# How many callers at the same time, and how many calls they make in a round.
CALLS = {1: 200, 8: 400, 64: 640}
ALONE, SOME, MANY = CALLS
WARM_UP = 300
P50_TIMES, RATE_TIMES, CPU_US = 2.0, 0.5, 450.0

EXPRESS = "Express and axios to bot"

Tallies = dict[tuple[str, int], Tally]


async def measure(world: World) -> AsyncGenerator[Figure, None]:
    """All ways in turns, another one first in each round."""
    mesh, _ = await world.mesh(1)
    async with all_ways(mesh, world.data.parent) as ways:
        parts = {"sandbox": [mesh.part("sandbox")], "caller": [os.getpid()]}
        with span(lambda: parts) as taken:
            tallies = await _in_turns(ways.found)
    for figure in _figures(tallies, ways, taken.load):
        yield figure


async def _in_turns(ways: list[Way]) -> Tallies:
    tallies: Tallies = defaultdict(Tally)
    for way in ways:
        await calls(way.call, SOME, WARM_UP, Tally())
    for turn in range(ROUNDS):
        first = turn % len(ways)
        for callers, count in CALLS.items():
            for way in [*ways[first:], *ways[:first]]:
                tally = tallies[way.name, callers]
                before = sum(map(cpu_s, way.pids))
                await calls(way.call, callers, count, tally)
                tally.cpu_s += sum(map(cpu_s, way.pids)) - before
    return tallies


def _figures(tallies: Tallies, ways: Ways, load: Load) -> list[Figure]:
    table = _Lines(tallies, load)
    found: list[Figure] = []
    request = "SendMessage, answered at once"
    found += table.hop("gateway to stub", "stub", request)
    request = "GetSession of a real botnode, padded to SendMessage's size"
    found += table.hop("gateway to botnode", "botnode", request)
    if "Express" in ways.missing:
        found.append(Figure.skipped(NAME, "the old design", ways.missing["Express"]))
    else:
        said = f"Express gateway, axios, Express bot ({ways.versions['Express']})"
        found += table.against("gateway to stub", EXPRESS, said)
        found.append(table.reference(EXPRESS, "Express bot"))
    if "nginx" in ways.missing:
        found.append(Figure.skipped(NAME, "nginx grpc_pass", ways.missing["nginx"]))
    else:
        found.append(table.reference("nginx to stub", "stub", ways.versions["nginx"]))
    return found


@dataclass(frozen=True, slots=True)
class _Lines:
    tallies: Tallies
    load: Load

    def hop(self, way: str, direct: str, request: str) -> list[Figure]:
        """What the gateway makes of a call."""
        cpu = max(self.tallies[way, callers].cpu_us for callers in CALLS)
        course = ", ".join(f"{self.tallies[way, n].cpu_us:.0f} with {n}" for n in CALLS)
        times = Target(P50_TIMES, of_ratio=True)
        at_least = Target(RATE_TIMES, Sense.AT_LEAST, of_ratio=True)
        alone = self._line("p50", ALONE, way, direct, times)
        return [
            alone.with_note(f"{request}; ambition: 1.25"),
            self._line("p50", SOME, way, direct, times),
            self._line("p99", ALONE, way, direct),
            self._line("rate", MANY, way, direct, at_least),
            Figure(
                NAME,
                f"{way}: the gateway's processor time of a call",
                cpu,
                "us",
                Target(CPU_US, Sense.BELOW),
                load=self.load,
                note=f"callers: {course}",
            ),
        ]

    def against(self, way: str, other: str, said: str) -> list[Figure]:
        """The gateway against another design's, which must lose everywhere."""
        less = Target(1, Sense.BELOW, of_ratio=True)
        more = Target(1, Sense.AT_LEAST, of_ratio=True)
        return [
            self._line("p50", ALONE, way, other, less).with_note(said),
            self._line("p50", SOME, way, other, less),
            self._line("p99", ALONE, way, other, less),
            self._line("p99", SOME, way, other, less),
            self._line("rate", MANY, way, other, more),
        ]

    def reference(self, way: str, direct: str, said: str = "") -> Figure:
        """What another proxy makes of a call; nothing that we promise."""
        alone, many = self.tallies[way, ALONE], self.tallies[way, MANY]
        rate = many.rate / self.tallies[direct, MANY].rate
        told = f"p99 {alone.p99_us:,.0f} us; {MANY} callers: {many.rate:,.0f} a second, "
        told += f"{rate:.2f} x {direct}, {many.cpu_us:.0f} us of processor time"
        return self._line("p50", ALONE, way, direct).with_note(
            "; ".join(filter(None, (said, told)))
        )

    def _line(
        self, what: str, callers: int, way: str, other: str, target: Target | None = None
    ) -> Figure:
        """One measure of a way beside the same of another one."""
        words, unit, read = _MEASURES[what]
        mine = self.tallies[way, callers]
        return Figure(
            NAME,
            f"{way}: {words}, {_callers(callers)}",
            read(mine),
            unit,
            target,
            read(self.tallies[other, callers]),
            other,
            count=mine.count,
            load=self.load,
        )


_MEASURES: dict[str, tuple[str, str, Callable[[Tally], float]]] = {
    "p50": ("p50", "us", lambda tally: tally.p50_us),
    "p99": ("p99", "us", lambda tally: tally.p99_us),
    "rate": ("calls a second", "/s", lambda tally: tally.rate),
}


def _callers(count: int) -> str:
    return f"{count} caller{'s' if count > 1 else ''}"


SUBJECT = Subject(NAME, 1, measure)
