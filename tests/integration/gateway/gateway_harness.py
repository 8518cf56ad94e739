"""A gateway to test, and the pen of the host that would run its tenants."""

from dataclasses import dataclass

import grpc.aio
from far_side import eventually

from botmesh.v1 import bot_pb2_grpc, media_pb2_grpc, tenant_pb2_grpc
from gateway.app import Gateway
from registry.observation import Observation, Observed
from registry.service import Tenants

HOST = "host-1"


@dataclass
class GatewayUnderTest:
    """The gateway, stubs on it, and the host's pen for the registry."""

    gateway: Gateway
    tenants: Tenants
    port: int
    channel: grpc.aio.Channel

    def __post_init__(self) -> None:
        self.bot = bot_pb2_grpc.BotServiceStub(self.channel)
        self.media = media_pb2_grpc.MediaServiceStub(self.channel)
        self.tenant = tenant_pb2_grpc.TenantServiceStub(self.channel)
        self._epoch = 0

    async def add(self, *tenant_ids: str) -> None:
        """Tenants that run on a host and have no botnode yet."""
        for tenant_id in tenant_ids:
            await self.tenants.create(tenant_id)
        await self.tenants.claim(tenant_ids, HOST)
        await eventually(lambda: set(tenant_ids) <= self.gateway.resolver._tenants.keys())
        await eventually(lambda: not set(tenant_ids) & self.gateway.resolver._routes.keys())

    async def route(self, tenant_id: str, address: str | None, *, seen: bool = True) -> None:
        """What the host writes when a botnode process answers, or (None) has ended."""
        self._epoch += 1
        instance = f"i{self._epoch}" if address else None
        changes = Observed(address=address, instance=instance)
        if address:
            changes["epoch"] = self._epoch
        await self.tenants.observe(HOST, [Observation(tenant_id, changes)])
        routes = self.gateway.resolver._routes
        if seen and address:
            await eventually(
                lambda: (route := routes.get(tenant_id)) and route.instance == instance
            )
        elif seen:
            await eventually(lambda: tenant_id not in routes)
