"""A real gateway before a botnode that answers at once: no WhatsApp, the protocol alone."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc.aio

from benchmarks.processes import free_port, running
from botmesh.v1 import CreateTenantRequest, TenantServiceStub

LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class ProtocolMesh:
    """What runs.

    Attributes:
        tenants: where each tenant's botnode answers, as host:port, by its id.
        address: where the gateway does.
        gateway_pid: its process.
    """

    tenants: dict[str, str]
    address: str
    gateway_pid: int


@asynccontextmanager
async def protocol_mesh(folder: Path, count: int) -> AsyncIterator[ProtocolMesh]:
    """Start both, with so many tenants."""
    async with AsyncExitStack() as stack:
        stub = stack.enter_context(running("benchmarks.stub", str(count)))
        assert stub.stdout is not None
        ports = list(map(int, stub.stdout.readline().split()))
        address = f"127.0.0.1:{free_port()}"
        # As `botmesh up` starts it.
        gateway = stack.enter_context(
            running(
                "gateway",
                BOTMESH_MESH="bench-protocol",
                BOTMESH_DATA_DIR=str(folder),
                BOTMESH_GATEWAY_PORT=address.rpartition(":")[2],
                BOTMESH_DISCOVERY="embedded",
                BOTMESH_LOG_FORMAT="json",
            )
        )
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        tenants = {f"bench-{number}": port for number, port in enumerate(ports)}
        for tenant, port in tenants.items():
            await TenantServiceStub(channel).CreateTenant(
                CreateTenantRequest(tenant_id=tenant, bot_port=port),
                wait_for_ready=True,
                timeout=LIMIT_S,
            )
        where = {tenant: f"127.0.0.1:{port}" for tenant, port in tenants.items()}
        yield ProtocolMesh(where, address, gateway.pid)
