"""The gateway put together: tables, channels, servicers, server; and how it starts and stops."""

import asyncio
import contextlib
import gc
import ipaddress
from collections.abc import AsyncIterator

import grpc.aio
import structlog

from botmesh.rpc.datadir import DataDir
from botmesh.rpc.interceptors import ErrorInterceptor
from botmesh.rpc.lifecycle import StopSignal, notify_ready, watch_liveness
from botmesh.rpc.server import Health, add_health_and_reflection, bind, create_server
from botmesh.v1 import tenant_pb2, tenant_pb2_grpc
from gateway import bot_servicer
from gateway.bot_servicer import BotServicer
from gateway.channels import Channels
from gateway.credentials import Credentials
from gateway.drain import Drain
from gateway.forwarder import Forwarder
from gateway.resolver import Resolver
from gateway.settings import GatewaySettings
from gateway.streams import StreamForwarder
from gateway.tenant_servicer import TenantServicer
from gateway.uploads import UploadForwarder
from registry.database import Database
from registry.discovery.embedded import EmbeddedRouteWatch
from registry.discovery.port import RouteWatch
from registry.feed import TenantFeed
from registry.service import Tenants

log = structlog.get_logger(__name__)

TENANT_SERVICE = tenant_pb2.DESCRIPTOR.services_by_name["TenantService"].full_name
SERVICES = (*(service.full_name for service in bot_servicer.SERVICES), TENANT_SERVICE)
# Tables and dashboards ask these every second.
WATCHED = frozenset(f"/{TENANT_SERVICE}/{method}" for method in ("GetTenant", "ListTenants"))
SWEEP_INTERVAL_S = 300.0
# What is left of a call after its end was asked for: sending the answer.
LAST_WORDS_S = 0.5


class Gateway:
    """The gateway of one mesh."""

    def __init__(
        self,
        *,
        mesh: str,
        secret: str,
        tenants: Tenants,
        feed: TenantFeed,
        routes: RouteWatch,
        grace_s: float,
    ) -> None:
        self._feed = feed
        self._routes = routes
        self._grace_s = grace_s
        self._drain = Drain()
        self.channels = Channels()
        self.resolver = Resolver(on_address_gone=self.channels.retire)
        credentials = Credentials(mesh=mesh, secret=secret)
        self._bot = BotServicer(
            Forwarder(self.resolver, self.channels, credentials),
            StreamForwarder(self.resolver, self.channels, credentials),
            UploadForwarder(self.resolver, self.channels, credentials),
            self._drain,
            mesh=mesh,
        )
        self._tenant = TenantServicer(tenants, self.resolver)

    @contextlib.asynccontextmanager
    async def serving(self, server: grpc.aio.Server) -> AsyncIterator[None]:
        """Serve on a server that is bound already. An error in a watch ends the block."""
        server.add_generic_rpc_handlers(self._bot.handlers())
        tenant_pb2_grpc.add_TenantServiceServicer_to_server(self._tenant, server)
        health = await add_health_and_reflection(server, SERVICES)
        await server.start()
        # From here on health tells the rest: whether the tables have been read.
        notify_ready()
        try:
            async with asyncio.TaskGroup() as tasks:
                sides = [
                    tasks.create_task(self.resolver.follow_tenants(self._feed)),
                    tasks.create_task(self.resolver.follow_routes(self._routes)),
                    tasks.create_task(self._report_ready(health)),
                    tasks.create_task(self._sweep()),
                ]
                try:
                    yield
                finally:
                    await health.set(serving=False)
                    await self._stop(server)
                    for side in sides:
                        side.cancel()
        finally:
            await self.channels.close()

    async def _report_ready(self, health: Health) -> None:
        await self.resolver.ready.wait()
        await health.set(serving=True)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            self.channels.sweep()

    async def _stop(self, server: grpc.aio.Server) -> None:
        # The server goes on meanwhile: a call that comes now gets a typed answer.
        self._drain.close()
        self.resolver.close()
        self._drain.end_streams()
        await self._drain.wait(self._grace_s)
        self._drain.end_all()
        await self._drain.wait(LAST_WORDS_S)
        await server.stop(LAST_WORDS_S)


async def run(settings: GatewaySettings, stop: StopSignal) -> None:
    """Run the gateway until it is told to stop.

    Raises:
        StartError: the port is taken, or the registry does not answer.
        ConfigError: the data directory or the registry is not this mesh's.
    """
    if settings.liveness_fd is not None:
        watch_liveness(settings.liveness_fd, stop)
    # Callers are not asked who they are; the place to ask is an interceptor after this one.
    server = create_server([ErrorInterceptor(quiet=WATCHED)])
    port = bind(server, settings.gateway_host, settings.gateway_port)
    data_dir = DataDir.open(settings.data_dir, settings.mesh)
    database = await asyncio.to_thread(
        Database.open, settings.database_url or data_dir.registry_url, settings.mesh
    )
    with contextlib.closing(database):
        async with _routes(settings, database) as routes:
            gateway = Gateway(
                mesh=settings.mesh,
                secret=data_dir.secret,
                tenants=Tenants(database, sandbox=data_dir.is_sandbox),
                feed=TenantFeed(database),
                routes=routes,
                grace_s=settings.gateway_grace_s,
            )
            async with gateway.serving(server):
                _tell_where(settings.gateway_host, port)
                _spare_collections()
                await stop.wait()
                log.info("gateway_stopping")
    log.info("gateway_stopped")


@contextlib.asynccontextmanager
async def _routes(settings: GatewaySettings, database: Database) -> AsyncIterator[RouteWatch]:
    """The watch on the discovery that the settings name."""
    if settings.discovery == "embedded":
        yield EmbeddedRouteWatch(TenantFeed(database))
        return
    # A mesh on one machine does without Consul's client.
    from registry.discovery.consul import ConsulDiscovery, ConsulSettings  # noqa: PLC0415 - 10 MB

    consul = ConsulDiscovery(ConsulSettings.load(), settings.mesh)
    log.info("discovery_consul", url=consul.url)
    try:
        yield consul.routes()
    finally:
        await consul.close()


def _spare_collections() -> None:
    """Keep the garbage collector from what is loaded by now, which stays.

    A full collection looks at all of it, a hundred thousand objects, while nobody is answered: it
    took 60 to 170 ms, every 3,000 calls.
    """
    gc.collect()
    gc.freeze()


def _tell_where(host: str, port: int) -> None:
    log.info("gateway_listening", host=host, port=port)
    if not _is_loopback(host):
        log.warning(
            "gateway_open_to_the_network",
            host=host,
            advice="anyone who reaches this port can use every tenant: callers are not checked "
            "yet; keep it on loopback or behind something that checks them",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
