"""Runs a mesh until it is told to stop, and shows it meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from botmesh import __version__
from botmesh.cli import output
from botmesh.rpc import lifecycle
from botmesh.rpc.datadir import DataDir
from botmesh.rpc.lifecycle import StopSignal
from botmesh.up import examples, guide
from botmesh.up.discovery import Discovery, choose
from botmesh.up.mesh import Mesh
from botmesh.up.settings import UpSettings
from botmesh.up.view import View, view_on
from botmesh.v1 import ListTenantsRequest, Tenant, TenantServiceStub
from registry.discovery.consul_settings import ConsulSettings

if TYPE_CHECKING:
    from botmesh.v1.tenant_pb2_grpc import TenantServiceAsyncStub

# Between two looks at the tenants: while they change, and once they have stood still for a while.
ASK_S = 0.5
CALM_ASK_S = 2.0
CALM_AFTER = 20
# Parts stop one after the other, each within its own limit; this is over all of them.
STOP_LIMIT_S = 30.0
MOST_SHOWN = 1000


def run(settings: UpSettings) -> int:
    """Run the mesh; return the exit status."""
    return lifecycle.run(
        lambda stop: _run(settings, stop), stop_limit_s=STOP_LIMIT_S, complain=_complain
    )


def _complain(error: Exception) -> None:
    output.complaints.print(f"botmesh: {error}", markup=False, soft_wrap=True)


async def _run(settings: UpSettings, stop: StopSignal) -> None:
    data = DataDir.open(settings.data_dir, settings.mesh, sandbox=settings.sandbox)
    output.console.print(_headline(settings), markup=False, highlight=False)
    discovery = await choose(settings.discovery, ConsulSettings.load(), settings.mesh)
    view = view_on(output.console)
    mesh = Mesh(settings, data, discovery, view.say)
    try:
        started = asyncio.ensure_future(mesh.start())
        told = asyncio.ensure_future(stop.wait())
        await asyncio.wait({started, told}, return_when=asyncio.FIRST_COMPLETED)
        if told.done():
            started.cancel()
            await asyncio.wait({started})
        else:
            started.result()
            await show_until(told, settings, _introduction(settings, data, discovery), view)
    finally:
        if stop.is_set():
            view.say("Stopping ...")
        await mesh.stop()
        view.close()


async def show_until(
    told: "asyncio.Future[None]", settings: UpSettings, introduction: list[str], view: View
) -> None:
    """Show the tenants, each time that they changed, until `told` is done."""
    async with _channel(settings.gateway_address) as channel:
        if settings.sandbox:
            await examples.create_once(channel, settings.data_dir)
        for line in introduction:
            view.say(line)
        stub = TenantServiceStub(channel)
        shown: list[Tenant] | None = None
        proposed = False
        unchanged = 0
        while not told.done():
            tenants = await _tenants(stub)
            unchanged = unchanged + 1 if tenants is None or tenants == shown else 0
            if tenants is not None and tenants != shown:
                shown = tenants
                view.show(tenants)
            if tenants and not proposed:
                proposed = True
                for line in guide.proposals(settings, _first_example(tenants)):
                    view.say(line)
            await asyncio.wait({told}, timeout=ASK_S if unchanged < CALM_AFTER else CALM_ASK_S)


def _headline(settings: UpSettings) -> str:
    what = "the sandbox WhatsApp" if settings.sandbox else "WhatsApp"
    return f"botmesh {__version__}, mesh '{settings.mesh}', on {what}"


def _introduction(settings: UpSettings, data: DataDir, discovery: Discovery) -> list[str]:
    return [
        f"Discovery: {discovery.headline}",
        f"Gateway:   {settings.gateway_address}",
        f"Data:      {data.path}",
        "Ctrl+C stops everything.",
    ]


def _first_example(tenants: list[Tenant]) -> str:
    ids = [tenant.tenant_id for tenant in tenants]
    return next((name for name in examples.EXAMPLES if name in ids), ids[0])


async def _tenants(stub: "TenantServiceAsyncStub") -> list[Tenant] | None:
    """The tenants; None while the gateway does not answer."""
    try:
        request = ListTenantsRequest(page_size=MOST_SHOWN)
        return list((await stub.ListTenants(request, timeout=2)).tenants)
    except grpc.aio.AioRpcError:
        return None


@asynccontextmanager
async def _channel(address: str) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(
        address, options=[("grpc.enable_http_proxy", 0)]
    ) as channel:
        yield channel
