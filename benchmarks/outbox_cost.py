"""What storing first costs a send: a botnode with its outbox against its bare WhatsApp adapter.

Three ways to send the same texts, in turns within one run, on a sandbox:

    adapter        threads call the adapter in a process of its own, nothing is stored
    adapter+gRPC   the same process, called through a minimal gRPC server
    botnode        `python -m botnode`: each message and each change of it is on disk first

For 1 and 10 tenants, with 1, 8 and 64 callers in all. A caller sends one text after the other to a
recipient of its own, a contact that has written back. The callers are spread over the tenants;
where they are fewer, they move on until each tenant had its turn. Prints the ratios, the figures
with the processor time of every part, and the disk's own fdatasync beside them; then looks whether
the phones have received each accepted message exactly once.

    python -m benchmarks.outbox_cost [--sends 192] [--rounds 3] [--data-dir FOLDER]
"""

import argparse
import asyncio
import itertools
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from benchmarks.calls import quantile
from benchmarks.disk import Disk
from benchmarks.processes import Processors
from benchmarks.send_ways import Mesh, Way, recipient, ways
from benchmarks.sends import Job, Outcome
from benchmarks.straight_sender import MOST_CALLERS

TENANTS = (1, 10)
CALLERS = (1, 8, MOST_CALLERS)
TEXT_CHARACTERS = 120
WARM_UP_AT_ONCE = 8

# Callers and the tenants that they send from, at the same time.
Stage = list[tuple[int, int]]


@dataclass(slots=True)
class Tally:
    """What one way of sending did with one number of tenants and callers, over all rounds."""

    latencies_s: list[float] = field(default_factory=list)
    spent_s: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, outcomes: list[Outcome]) -> None:
        """One stage, from its first send to its last answer."""
        self.latencies_s += [outcome.ended_s - outcome.begun_s for outcome in outcomes]
        begun_s = min(outcome.begun_s for outcome in outcomes)
        self.spent_s += max(outcome.ended_s for outcome in outcomes) - begun_s

    def figures(self) -> tuple[float, float, float]:
        """p50 and p99 in milliseconds, sends per second."""
        return *quantiles_ms(self.latencies_s), len(self.latencies_s) / self.spent_s

    def cpu_ms(self, part: str) -> float:
        """Milliseconds of processor time for each send."""
        return self.cpu_s[part] / len(self.latencies_s) * 1000


def quantiles_ms(seconds: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    return quantile(seconds, 50) * 1000, quantile(seconds, 99) * 1000


def stages(tenants: int, callers: int) -> list[Stage]:
    """Who sends from where, stage after stage, so that each tenant has its turn."""
    return [
        [(caller, (caller + stage * callers) % tenants) for caller in range(callers)]
        for stage in range(-(-tenants // callers))
    ]


class Bench:
    """One run: what was sent, and how long it took."""

    def __init__(self, sending: list[Way], processors: Processors, disk: Disk) -> None:
        self._ways = sending
        self._processors = processors
        self._disk = disk
        self._serial = itertools.count(1)
        self.tallies: dict[tuple[int, int, str], Tally] = defaultdict(Tally)
        self.accepted: dict[str, int] = {}
        self.errors: Counter[str] = Counter()
        self.others = 0.0

    async def run(self, sends: int, rounds: int) -> None:
        """All ways in turns, another one first in each round."""
        started, others_s = time.monotonic(), self._processors.others()
        for turn, tenants, callers in product(range(rounds), TENANTS, CALLERS):
            for place in range(len(self._ways)):
                way = self._ways[(turn + place) % len(self._ways)]
                await self._measure(way, tenants, callers, sends)
                self._disk.measure()
        others_s = self._processors.others() - others_s
        self.others = others_s / (time.monotonic() - started)

    async def _measure(self, way: Way, tenants: int, callers: int, sends: int) -> None:
        tally = self.tallies[tenants, callers, way.name]
        before = self._processors.now()
        plan = stages(tenants, callers)
        for stage in plan:
            tally.add(await self._send(way, stage, max(1, sends // callers // len(plan))))
        await self._processors.rest()  # so that each way pays for its receipts itself
        for part, now_s in self._processors.now().items():
            tally.cpu_s[part] += now_s - before[part]

    async def _send(self, way: Way, stage: Stage, each: int) -> list[Outcome]:
        jobs = []
        for caller, tenant in stage:
            texts = [f"{next(self._serial):08d}".ljust(TEXT_CHARACTERS, ".") for _ in range(each)]
            jobs.append(Job(tenant, recipient(caller), texts))
            self.accepted.update(dict.fromkeys(texts, caller))
        outcomes = await way.send(jobs)
        for outcome in outcomes:
            if outcome.error:
                self.errors[outcome.error] += 1
                del self.accepted[outcome.text]
        return outcomes

    async def warm_up(self, mesh: Mesh) -> None:
        """Make every recipient a contact, one that has written back, of both accounts."""
        plans = itertools.chain.from_iterable(stages(t, c) for t, c in product(TENANTS, CALLERS))
        pairs = sorted(set(itertools.chain.from_iterable(plans)))
        for _ in range(2):
            for at in range(0, len(pairs), WARM_UP_AT_ONCE):
                for way in self._ways[1:]:  # the first shares its accounts with the second
                    await self._send(way, pairs[at : at + WARM_UP_AT_ONCE], 1)
            for caller, tenant in pairs:
                await asyncio.to_thread(mesh.write_back, caller, tenant)
            await self._processors.rest()

    def astray(self, mesh: Mesh) -> list[str]:
        """The accepted texts that their recipient has not received exactly once."""
        found = {caller: Counter(mesh.received(caller)) for caller in range(max(CALLERS))}
        return [text for text, caller in self.accepted.items() if found[caller][text] != 1]

    # -- the tables

    def print(self) -> None:
        """What was measured."""
        print("\nbotnode as a multiple of     adapter                    adapter+gRPC")
        print("tenants  callers        p50    p99  sends/s        p50    p99  sends/s")
        for tenants, callers in product(TENANTS, CALLERS):
            mine = self.tallies[tenants, callers, self._ways[-1].name].figures()
            print(f"{tenants:7}  {callers:7}", end="   ")
            for way in self._ways[:-1]:
                theirs = self.tallies[tenants, callers, way.name].figures()
                p50, p99, rate = (a / b for a, b in zip(mine, theirs, strict=True))
                print(f"  {p50:6.2f} {p99:6.2f}  {rate:7.2f}", end="  ")
            print()
        print("\n                                                    processor ms per send")
        print(
            "tenants  callers  way            p50 ms   p99 ms  sends/s   sandbox  sender  callers"
        )
        for tenants, callers in product(TENANTS, CALLERS):
            for way in self._ways:
                self._print_row(tenants, callers, way)
        p50, p99 = quantiles_ms(self._disk.syncs_s)
        print("\nfdatasync of 4 KiB beside the tenants' folders, between the runs:", end=" ")
        print(f"p50 {p50:.2f} ms, p99 {p99:.2f} ms")
        print(f"Other processes took {self.others:.2f} of the machine's {os.cpu_count()} cores.")

    def _print_row(self, tenants: int, callers: int, way: Way) -> None:
        tally = self.tallies[tenants, callers, way.name]
        p50, p99, rate = tally.figures()
        cpu = [tally.cpu_ms(part) for part in ("sandbox", way.part, "callers")]
        print(
            f"{tenants:7}  {callers:7}  {way.name:12}  {p50:7.1f}  {p99:7.1f}  {rate:7.0f}"
            f"  {cpu[0]:7.1f}  {cpu[1]:7.1f}  {cpu[2]:7.1f}"
        )


async def measure(mesh: Mesh, disk: Disk, sends: int, rounds: int) -> Bench:
    """Warm up, measure and print."""
    bench = Bench(ways(mesh), Processors(mesh.pids()), disk)
    await bench.warm_up(mesh)
    await bench.run(sends, rounds)
    bench.print()
    return bench


def main(sends: int, rounds: int, data_dir: Path | None) -> int:
    """Run it; the exit status."""
    with ExitStack() as processes:
        name = processes.enter_context(tempfile.TemporaryDirectory(dir=data_dir))
        mesh = Mesh(Path(name), max(TENANTS), processes)
        bench = asyncio.run(measure(mesh, Disk(Path(name)), sends, rounds))
        astray = bench.astray(mesh)
    for error, count in bench.errors.most_common():
        print(f"{count} failed: {error}")
    print(
        f"Of {len(bench.accepted)} accepted messages {len(bench.accepted) - len(astray)} were "
        f"received exactly once by their recipient's phone, {len(astray)} were not."
    )
    return 1 if bench.errors or astray else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sends", type=int, default=192, help="sends of a run; at least 1 each")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each way, in turns")
    parser.add_argument("--data-dir", type=Path, help="where the tenants' folders are made")
    arguments = parser.parse_args()
    if min(arguments.sends, arguments.rounds) < 1 or arguments.sends * arguments.rounds == 1:
        parser.error("quantiles need more sends")
    sys.exit(main(arguments.sends, arguments.rounds, arguments.data_dir))
