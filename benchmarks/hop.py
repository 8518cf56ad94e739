"""What the gateway's hop costs a call, beside the same call without it and by other ways."""

import os
from collections import defaultdict
from collections.abc import AsyncIterator

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

Tallies = dict[tuple[str, int], Tally]


async def measure(world: World) -> AsyncIterator[Figure]:
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
        found += table.against("gateway to stub", "Express gateway to bot", "Express", said)
        found.append(table.reference("Express gateway to bot", "Express bot"))
    if "nginx" in ways.missing:
        found.append(Figure.skipped(NAME, "nginx grpc_pass", ways.missing["nginx"]))
    else:
        found.append(table.reference("nginx to stub", "stub", ways.versions["nginx"]))
    return found


class _Lines:
    def __init__(self, tallies: Tallies, load: Load) -> None:
        self._tallies = tallies
        self._load = load

    def hop(self, way: str, direct: str, request: str) -> list[Figure]:
        """What the gateway makes of a call."""
        cpu = max(self._tallies[way, callers].cpu_us for callers in CALLS)
        course = ", ".join(f"{self._tallies[way, n].cpu_us:.0f} with {n}" for n in CALLS)
        limit = Target(P50_TIMES, of_ratio=True)
        return [
            self._p50(way, direct, ALONE, limit, f"{request}; ambition: 1.25"),
            self._p50(way, direct, SOME, limit),
            self._p99(way, direct, ALONE, None),
            self._rate(way, direct, Target(RATE_TIMES, Sense.AT_LEAST, of_ratio=True)),
            Figure(
                NAME,
                f"{way}: the gateway's processor time of a call",
                cpu,
                "us",
                Target(CPU_US, Sense.BELOW),
                load=self._load,
                note=f"callers: {course}",
            ),
        ]

    def against(self, way: str, other: str, short: str, said: str) -> list[Figure]:
        """The gateway against another design's."""
        less = Target(1, Sense.BELOW, of_ratio=True)
        more = Target(1, Sense.AT_LEAST, of_ratio=True)
        found = [self._p50(way, other, ALONE, less, said, short)]
        for callers in (ALONE, SOME):
            found.append(self._p99(way, other, callers, less, short))
        found.insert(1, self._p50(way, other, SOME, less, "", short))
        return [*found, self._rate(way, other, more, short)]

    def reference(self, way: str, direct: str, said: str = "") -> Figure:
        """What another proxy makes of a call; nothing that we promise."""
        alone, many = self._tallies[way, ALONE], self._tallies[way, MANY]
        rate = many.rate / self._tallies[direct, MANY].rate
        told = f"p99 {alone.p99_us:,.0f} us; {MANY} callers: {many.rate:,.0f} a second, "
        told += f"{rate:.2f} x {direct}, {many.cpu_us:.0f} us of processor time"
        return self._p50(way, direct, ALONE, None, "; ".join(filter(None, (said, told))))

    def _p50(
        self,
        way: str,
        other: str,
        callers: int,
        target: Target | None,
        note: str = "",
        short: str = "",
    ) -> Figure:
        mine, theirs = self._tallies[way, callers], self._tallies[other, callers]
        return self._line(
            f"{way}: p50, {_callers(callers)}", mine, mine.p50_us, theirs.p50_us, "us", target,
            short or other, note,
        )  # fmt: skip # one value beside the other

    def _p99(
        self, way: str, other: str, callers: int, target: Target | None, short: str = ""
    ) -> Figure:
        mine, theirs = self._tallies[way, callers], self._tallies[other, callers]
        return self._line(
            f"{way}: p99, {_callers(callers)}", mine, mine.p99_us, theirs.p99_us, "us", target,
            short or other,
        )  # fmt: skip # one value beside the other

    def _rate(self, way: str, other: str, target: Target | None, short: str = "") -> Figure:
        mine, theirs = self._tallies[way, MANY], self._tallies[other, MANY]
        return self._line(
            f"{way}: calls a second, {_callers(MANY)}", mine, mine.rate, theirs.rate, "/s",
            target, short or other,
        )  # fmt: skip # one value beside the other

    def _line(
        self,
        name: str,
        tally: Tally,
        value: float,
        reference: float,
        unit: str,
        target: Target | None,
        against: str,
        note: str = "",
    ) -> Figure:
        return Figure(
            NAME,
            name,
            value,
            unit,
            target,
            reference,
            against,
            count=tally.count,
            load=self._load,
            note=note,
        )


def _callers(count: int) -> str:
    return f"{count} caller{'s' if count > 1 else ''}"


SUBJECT = Subject(NAME, 1, measure)
