"""Whether a busy tenant's process grows: as many messages as a day has, without its pauses."""

import asyncio
import statistics
from collections.abc import AsyncIterator
from functools import partial

from benchmarks.figure import Figure, Target
from benchmarks.meter import span
from benchmarks.processes import pss_mb
from benchmarks.subject import Subject
from benchmarks.traffic import Traffic
from benchmarks.world import World, phone, tenant_id

NAME = "growth"
DAY = 100_000
SLICE = 2_000
WARM_UP = 400
STEPS = 8
SETTLE_S = 3.0
LIMIT_MB = 10.0


async def measure(world: World, count: int) -> AsyncIterator[Figure]:
    """Send and receive so many, and look at the memory now and then."""
    mesh, _ = await world.mesh(2)
    tenant = tenant_id(1)
    traffic = Traffic(mesh, tenant, phone(1))
    await traffic.exchange(WARM_UP)
    await asyncio.sleep(SETTLE_S)
    pid = mesh.botnodes()[tenant]
    seen = [(0, pss_mb(pid))]
    with span(mesh.parts) as taken:
        for _ in range(STEPS):
            await traffic.exchange(count // STEPS)
            seen.append((seen[-1][0] + count // STEPS, pss_mb(pid)))
    await asyncio.sleep(SETTLE_S)
    seen[-1] = (seen[-1][0], pss_mb(pid))
    done, grown = seen[-1][0], seen[-1][1] - seen[0][1]
    slope = statistics.linear_regression(*zip(*seen, strict=True)).slope
    is_whole = count >= DAY
    course = " ".join(f"{size:.1f}" for _, size in seen)
    yield Figure(
        NAME,
        f"a botnode's growth over {done:,} sends and {done:,} received",
        grown,
        "MB",
        Target(LIMIT_MB) if is_whole else None,
        count=done,
        load=taken.load,
        note=f"{seen[0][1]:.1f} MB before; course: {course}; "
        f"{done / taken.seconds:.0f} a second each way; pacing off",
    )
    if not is_whole:
        yield Figure(
            NAME,
            f"the same, drawn out to {DAY:,} by its slope",
            slope * DAY,
            "MB",
            Target(LIMIT_MB),
            count=done,
            note=f"a slice of {done:,}, after {WARM_UP} to warm up, of which a straight line was "
            "made: caches that fill count as growth; `make bench-growth` sends all",
        )


SUBJECT = Subject(NAME, 2, partial(measure, count=SLICE))
WHOLE = Subject("growth-whole", 2, partial(measure, count=DAY), in_suite=False)
