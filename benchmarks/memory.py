"""What a tenant costs in memory."""

import asyncio
import sys
from collections.abc import AsyncGenerator

import grpc.aio

from benchmarks import processes
from benchmarks.figure import Figure, Target
from benchmarks.mesh import CALL_S, CONNECTED, Manner, Mesh, eventually
from benchmarks.meter import span
from benchmarks.processes import memory_mb
from benchmarks.subject import Subject
from benchmarks.traffic import Traffic
from benchmarks.world import World, phone, tenant_id
from botmesh.v1 import BotServiceStub, GetSessionRequest
from sandbox.addresses import Addresses

NAME = "memory"
FEW, HALF, ALL = 20, 50, 100
SETTLE_S = 8.0
BUSY = 5
MESSAGES = 200
START_S = 30.0
AROUND = ("fork parent", "host", "gateway", "botmesh up", "Consul", "sandbox")


async def measure(world: World) -> AsyncGenerator[Figure, None]:
    """Tenants in a mesh, and one on its own."""
    mesh, _ = await world.mesh(HALF)
    yield await _per_tenant(mesh, Target(18))
    await mesh.grow([tenant_id(number) for number in range(ALL)])
    yield await _per_tenant(mesh, Target(16), "ambition: 12")
    yield await _after_traffic(mesh)
    mesh, _ = await world.mesh(FEW, Manner(spawn="exec"))
    yield await _per_tenant(mesh, None, "for comparison: each its own program")
    async with world.sandbox(1) as whatsapp:
        yield await _alone(world, whatsapp)


async def _per_tenant(mesh: Mesh, target: Target | None, note: str = "") -> Figure:
    with span(mesh.parts) as taken:
        await asyncio.sleep(SETTLE_S)
    parts = {name: memory_mb(pids) for name, pids in mesh.parts().items()}
    count = len(mesh.botnodes())
    if count != len(mesh.tenant_ids):
        return Figure.failed(NAME, "PSS per tenant", f"{count} of {len(mesh.tenant_ids)} run")
    around = ", ".join(f"{name} {parts[name]:.0f}" for name in AROUND if parts.get(name))
    told = f"{mesh.spawned_by()}; botnodes alone {parts['botnodes'] / count:.1f}; beside: {around}"
    return Figure(
        NAME,
        f"PSS per tenant, {count} tenants ({mesh.spawned_by()})",
        (parts["botnodes"] + parts["fork parent"]) / count,
        "MB",
        target,
        load=taken.load,
        note="; ".join(filter(None, (told, note))),
    )


async def _after_traffic(mesh: Mesh) -> Figure:
    busy = mesh.tenant_ids[:BUSY]
    before = memory_mb(mesh.botnodes()[name] for name in busy) / BUSY
    with span(mesh.parts) as taken:
        async with asyncio.TaskGroup() as tasks:
            for number, name in enumerate(busy):
                traffic = Traffic(mesh, name, phone(number))
                tasks.create_task(traffic.exchange(MESSAGES))
    await asyncio.sleep(SETTLE_S)
    botnodes = mesh.botnodes()
    after = memory_mb(botnodes[name] for name in busy) / BUSY
    shared = memory_mb(mesh.parts()["fork parent"]) / len(botnodes)
    return Figure(
        NAME,
        f"PSS per tenant after {MESSAGES} sends and {MESSAGES} received each",
        after + shared,
        "MB",
        Target(22),
        load=taken.load,
        note=f"{BUSY} tenants of {len(botnodes)} had the traffic, within {taken.seconds:.0f} s; "
        f"each grew by {after - before:.1f}; parent's share {shared:.1f}; pacing off",
    )


async def _alone(world: World, whatsapp: Addresses) -> Figure:
    tenant, port = tenant_id(0), processes.free_port()
    environment = {
        **whatsapp.environment(),
        "TENANT_ID": tenant,
        "BOT_API_PORT": str(port),
        "BOTMESH_MESH": world.name,
        "BOTMESH_DATA_DIR": str(world.data),
    }
    with processes.running_program(sys.executable, "-m", "botnode", **environment) as process:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = BotServiceStub(channel)
            secret = (("botmesh-secret", (world.data / "mesh.secret").read_text().strip()),)

            async def connected() -> bool:
                request = GetSessionRequest(tenant_id=tenant)
                answer = await stub.GetSession(
                    request, metadata=secret, timeout=CALL_S, wait_for_ready=True
                )
                return answer.session.state == CONNECTED

            await eventually(connected, "a botnode on its own, connected", START_S)
            await asyncio.sleep(SETTLE_S)
            pids = [process.pid, *processes.descendants(process.pid)]
            return Figure(
                NAME,
                "python -m botnode on its own, connected",
                memory_mb(pids),
                "MB",
                Target(65),
                note=f"PSS; RSS {processes.rss_mb(process.pid):.0f}; no other botnode runs",
            )


SUBJECT = Subject(NAME, ALL, measure)
