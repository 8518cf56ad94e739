"""What connected tenants take of a processor while nothing happens."""

import asyncio
from collections.abc import AsyncGenerator

from benchmarks.figure import Figure, Sense, Target
from benchmarks.mesh import Manner, Mesh
from benchmarks.meter import Span, span
from benchmarks.subject import Subject
from benchmarks.world import World, has_consul

NAME = "idle"
ALL = 100
SETTLE_S = 20.0
WINDOW_S = 60.0
LIMIT_PERCENT = 10.0
# Everything but the sandbox, which in earnest is WhatsApp.
PARTS = ("botnodes", "fork parent", "host", "gateway", "botmesh up", "Consul")


async def measure(world: World) -> AsyncGenerator[Figure, None]:
    """A minute in which nobody calls, with either discovery."""
    mesh, _ = await world.mesh(ALL)
    yield await _minute(mesh)
    if not has_consul():
        yield Figure.skipped(NAME, "with Consul", "no consul binary: run .ci/consul")
        return
    mesh, _ = await world.mesh(ALL, Manner(discovery="consul"))
    yield await _minute(mesh)


async def _minute(mesh: Mesh) -> Figure:
    await asyncio.sleep(SETTLE_S)
    with span(mesh.parts) as taken:
        await asyncio.sleep(WINDOW_S)
    return Figure(
        NAME,
        f"{len(mesh.tenant_ids)} idle tenants, {mesh.manner.discovery}: all of the mesh",
        sum(map(taken.share, PARTS)),
        "% of a core",
        Target(LIMIT_PERCENT, Sense.BELOW),
        load=taken.load,
        note=f"{mesh.spawned_by()}; {_by_part(taken)}; sandbox apart {taken.share('sandbox'):.2f}; "
        f"over {taken.seconds:.0f} s",
    )


def _by_part(taken: Span) -> str:
    return ", ".join(f"{part} {taken.share(part):.2f}" for part in PARTS if part in taken.cpu_s)


SUBJECT = Subject(NAME, ALL, measure)
