"""Whether a busy tenant's process grows: as many messages as a day has, without its pauses."""

import asyncio
import statistics
from collections.abc import AsyncGenerator
from functools import partial

from benchmarks.figure import Figure, Sense, Target
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


async def measure(world: World, count: int) -> AsyncGenerator[Figure, None]:
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
    slope = statistics.linear_regression(*zip(*seen[STEPS // 2 :], strict=True)).slope
    is_whole = count >= DAY
    course = " ".join(f"{size:.1f}" for _, size in seen)
    told = f"slope of its second half {slope * 10_000:+.2f} MB in 10,000"
    if not is_whole:
        told = f"a slice: `make bench-growth` sends {DAY:,} (target: {LIMIT_MB:g} MB); {told}"
    yield Figure(
        NAME,
        f"a botnode's growth over {done:,} sends and {done:,} received",
        grown,
        "MB",
        Target(LIMIT_MB, Sense.BELOW) if is_whole else None,
        load=taken.load,
        note=f"{told}; {mesh.spawned_by()}; {seen[0][1]:.1f} MB before, after {WARM_UP} each way "
        f"to warm up; course {course}; {done / taken.seconds:.0f} a second each way; pacing off",
    )


SUBJECT = Subject(NAME, 2, partial(measure, count=SLICE))
WHOLE = Subject("growth-whole", 2, partial(measure, count=DAY), in_suite=False)
