"""The tenants that a new sandbox starts with."""

from pathlib import Path

import grpc
import grpc.aio

from botmesh.errors import Reason, from_rpc_error
from botmesh.v1 import CreateTenantRequest, TenantServiceStub

EXAMPLES = {"mundo-apple": "Mundo Apple", "apple-store-norte": "Apple Store Norte"}
MARK = "examples-created"
TIMEOUT_S = 10.0


async def create_once(channel: grpc.aio.Channel, folder: Path) -> None:
    """Create the example tenants, unless it was done in this data directory before."""
    mark = folder / MARK
    if mark.exists():
        return
    stub = TenantServiceStub(channel)
    for tenant_id, name in EXAMPLES.items():
        try:
            request = CreateTenantRequest(tenant_id=tenant_id, name=name)
            await stub.CreateTenant(request, timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            known = from_rpc_error(error)
            if known is None or known.reason is not Reason.TENANT_EXISTS:
                raise
    mark.touch(mode=0o600)
