"""A backend service that has nothing but the wheel: calls the gateway, decodes a typed error."""

import sys

import grpc

from botmesh.errors import from_rpc_error
from botmesh.v1 import (
    BotServiceStub,
    CreateTenantRequest,
    MessageContent,
    SendMessageRequest,
    TenantServiceStub,
    TextContent,
)

with grpc.insecure_channel(sys.argv[1]) as channel:
    created = TenantServiceStub(channel).CreateTenant(
        CreateTenantRequest(name="Tienda Sur", stopped=True)
    )
    print(created.tenant.tenant_id, created.tenant.bot_port)
    request = SendMessageRequest(
        tenant_id="nobody",
        to="+5215512345678",
        content=MessageContent(text=TextContent(body="Hola")),
    )
    try:
        BotServiceStub(channel).SendMessage(request, timeout=5)
    except grpc.RpcError as error:
        known = from_rpc_error(error)
        assert known is not None
        print(known.reason, error.code().name, known.retryable)
