"""Unlinks a tenant's account before the tenant is removed."""

import grpc
import grpc.aio
import structlog

from botmesh.rpc import metadata
from botmesh.rpc.datadir import DataDir

log = structlog.get_logger(__name__)


async def log_out(data_dir: DataDir, tenant_id: str, address: str, limit_s: float) -> bool:
    """Ask a botnode to log its account out; tell whether it did.

    Best effort: a phone that cannot be told goes on showing a linked device that is dead.
    """
    from botmesh.v1 import bot_pb2, bot_pb2_grpc  # noqa: PLC0415 - deletes are rare

    options = (("grpc.enable_http_proxy", 0),)
    keys = (
        (metadata.SECRET, data_dir.secret),
        (metadata.MESH, data_dir.mesh),
        (metadata.TENANT_ID, tenant_id),
    )
    try:
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            request = bot_pb2.LogOutRequest(tenant_id=tenant_id, force=True)
            stub = bot_pb2_grpc.BotServiceStub(channel)
            await stub.LogOut(request, metadata=keys, timeout=limit_s)
    except grpc.aio.AioRpcError as error:
        log.warning("log_out_failed", tenant_id=tenant_id, code=error.code().name)
        return False
    return True
