"""How long starting and stopping take."""

import asyncio
import os
import signal
import statistics
import time
from collections.abc import AsyncGenerator

import grpc.aio

from benchmarks.figure import Figure, Sense, Target
from benchmarks.mesh import CONNECTED, BenchError, Mesh, Started
from benchmarks.meter import span
from benchmarks.subject import Subject
from benchmarks.world import World, customer, phone, tenant_id
from botmesh.sandbox import v1 as phones
from botmesh.v1 import (
    BotServiceStub,
    CreateTenantRequest,
    DeleteTenantRequest,
    GetSessionRequest,
    MessageContent,
    SendMessageRequest,
    StartTenantRequest,
    StreamQRRequest,
    StreamQRResponse,
    TextContent,
)

NAME = "start"
ALL = 100
FIRST_CODES = 11
KILLS = 15
LIMIT_S = 30.0
HELD_S = 60


async def measure(world: World) -> AsyncGenerator[Figure, None]:
    """A whole mesh, one tenant more, one process again, and the end of all."""
    mesh, started = await world.mesh(ALL, fresh=True)
    for figure in _whole(mesh, started):
        yield figure
    yield await _first_codes(mesh)
    yield await _kills(mesh)
    yield await _stop(world, mesh)


def _whole(mesh: Mesh, started: Started) -> list[Figure]:
    taken = started.taken
    count = len(mesh.tenant_ids)
    slowest = max(started.latencies_s)
    shares = sorted(taken.cpu_s.items(), key=lambda one: -one[1])
    seconds = ", ".join(f"{part} {cpu_s:.1f}" for part, cpu_s in shares)
    return [
        Figure(
            NAME,
            f"botmesh up with {count} paired tenants: all CONNECTED",
            started.connected_s,
            "s",
            Target(8, Sense.BELOW),
            load=taken.load,
            note=f"{mesh.spawned_by()}; seconds of a processor: {seconds}",
        ),
        Figure(
            NAME,
            "the gateway's first answer meanwhile",
            started.answered_s,
            "s",
            Target(1),
            note=f"from the command; then {len(started.latencies_s)} lists of all tenants, "
            f"p50 {statistics.median(started.latencies_s) * 1000:.0f} ms, slowest "
            f"{slowest * 1000:.0f} ms",
        ),
    ]


async def _first_codes(mesh: Mesh) -> Figure:
    with span(mesh.parts) as taken:
        took = [await _first_code(mesh, f"new-{number:02}") for number in range(FIRST_CODES)]
    return Figure(
        NAME,
        "StartTenant to the first QR code, p50",
        statistics.median(took),
        "s",
        Target(1, Sense.BELOW),
        count=len(took),
        load=taken.load,
        note=f"through the gateway, beside {len(mesh.tenant_ids)} connected tenants; "
        f"worst {max(took):.2f}",
    )


async def _first_code(mesh: Mesh, tenant: str) -> float:
    request = CreateTenantRequest(tenant_id=tenant, stopped=True)
    await mesh.tenants.CreateTenant(request, timeout=LIMIT_S)
    began = time.monotonic()
    await mesh.tenants.StartTenant(StartTenantRequest(tenant_id=tenant), timeout=LIMIT_S)
    steps = mesh.bots.StreamQR(StreamQRRequest(tenant_id=tenant), timeout=LIMIT_S)
    step = await steps.read()
    took = time.monotonic() - began
    if not isinstance(step, StreamQRResponse) or not step.HasField("code"):
        raise BenchError(f"the first pairing step is no code: {step}")
    steps.cancel()
    delete = DeleteTenantRequest(tenant_id=tenant, delete_data=True)
    await mesh.tenants.DeleteTenant(delete, timeout=LIMIT_S)
    return took


async def _kills(mesh: Mesh) -> Figure:
    with span(mesh.parts) as taken:
        took = [await _killed(mesh, tenant) for tenant in mesh.tenant_ids[:KILLS]]
    return Figure(
        NAME,
        "kill -9 of a botnode to CONNECTED again, p50",
        statistics.median(took),
        "s",
        Target(0.5, Sense.BELOW),
        count=len(took),
        load=taken.load,
        note=f"asked of the new process through the gateway; worst {max(took):.2f}",
    )


async def _killed(mesh: Mesh, tenant: str) -> float:
    before = (await mesh.session(tenant)).instance
    began = time.monotonic()
    os.kill(mesh.botnodes()[tenant], signal.SIGKILL)
    while time.monotonic() - began < LIMIT_S:
        try:
            request = GetSessionRequest(tenant_id=tenant)
            session = (await mesh.bots.GetSession(request, timeout=LIMIT_S)).session
        except grpc.aio.AioRpcError:
            pass
        else:
            if session.instance != before and session.state == CONNECTED:
                return time.monotonic() - began
        await asyncio.sleep(0.005)
    raise BenchError(f"{tenant} did not come back within {LIMIT_S:.0f} s of its death")


async def _stop(world: World, mesh: Mesh) -> Figure:
    """Stop it while WhatsApp does not acknowledge one tenant's send."""
    hold = phones.HoldAcknowledgement()
    hold.delay.FromSeconds(HELD_S)
    fault = phones.Fault(phone=phone(0), hold_acknowledgement=hold)
    set_fault = phones.SetFaultRequest(fault=fault)
    held = (await mesh.phones.SetFault(set_fault, timeout=LIMIT_S)).fault
    request = SendMessageRequest(
        tenant_id=tenant_id(0),
        to=customer(0),
        content=MessageContent(text=TextContent(body="held")),
    )
    count = len(mesh.tenant_ids)
    async with grpc.aio.insecure_channel(mesh.address) as channel:  # one that the stop leaves open
        stub = BotServiceStub(channel)
        stuck = asyncio.ensure_future(stub.SendMessage(request, timeout=HELD_S))
        acted = phones.WaitFaultRequest(fault_id=held.fault_id)
        await mesh.phones.WaitFault(acted, timeout=LIMIT_S)
        took = await world.stop()
        await asyncio.gather(stuck, return_exceptions=True)
    return Figure(
        NAME,
        f"stop of all {count} tenants",
        took,
        "s",
        Target(5, Sense.BELOW),
        note="SIGTERM to the end of botmesh up, with one send that WhatsApp does not acknowledge",
    )


SUBJECT = Subject(NAME, ALL, measure)
