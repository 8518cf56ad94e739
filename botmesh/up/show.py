"""Shows a mesh while it runs, as its gateway tells of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from botmesh.up import examples, guide
from botmesh.up.settings import UpSettings
from botmesh.up.view import View
from botmesh.v1 import ListTenantsRequest, Tenant, TenantServiceStub

if TYPE_CHECKING:
    from botmesh.v1.tenant_pb2_grpc import TenantServiceAsyncStub

# Between two looks at the tenants: while they change, and once they have stood still for a while.
ASK_S = 0.5
CALM_ASK_S = 5.0
CALM_AFTER = 20
MOST_SHOWN = 1000


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
