"""The composition root: one tenant's process from its folder to its last log line."""

import asyncio
import os
from functools import partial

import grpc.aio
import structlog
from grpc_health.v1 import health_pb2

from botmesh.rpc.datadir import DataDir
from botmesh.rpc.interceptors import ErrorInterceptor, SecretInterceptor
from botmesh.rpc.lifecycle import (
    EX_CONFIG,
    EX_FAILED,
    EX_RENEW,
    ConfigError,
    StopSignal,
    arm_watchdog,
    notify_ready,
    watch_liveness,
)
from botmesh.rpc.server import (
    Health,
    PortTakenError,
    add_health_and_reflection,
    bind,
    create_server,
)
from botnode import trust
from botnode.clock import now
from botnode.folder import TenantFolder, check_account
from botnode.identity import Identity, new_instance
from botnode.lease import FolderLease
from botnode.line import Process
from botnode.media_transfer import MediaMover
from botnode.ownership import Owned, take
from botnode.presence import InConsul, Presence, Unannounced
from botnode.services import SERVICES, Services
from botnode.session import Session, SessionMachine
from botnode.settings import BotnodeSettings
from botnode.states import SessionState
from botnode.status import StatusPipe
from botnode.storage import STORAGE_SERVICE
from botnode.tenant import MediaWays, Tenant
from botnode.threads import in_daemon_thread
from botnode.waiting import unless_stopped
from botnode.whatsapp import NeonizeWhatsApp
from registry.discovery.port import ALIVE_SERVICE

log = structlog.get_logger(__name__)

# How long a stop waits for the send that the library has in hand.
DRAIN_S = 3.0
# A free lease in Consul is had within this; who waits longer says so.
LEASE_PATIENCE_S = 1.0
SERVER_GRACE_S = 0.5
# A process that lost its tenant is in its successor's way as long as it lives.
LOST_LIMIT_S = 3.0


class Botnode:
    """One tenant's process."""

    def __init__(self, settings: BotnodeSettings, stop: StopSignal, version: str) -> None:
        self._settings = settings
        self._stop = stop
        self._identity = Identity(
            tenant_id=settings.tenant_id,
            tenant_name=settings.tenant_name or settings.tenant_id,
            mesh=settings.mesh,
            instance=new_instance(),
            version=version,
            start_time=now(),
        )
        self._status = StatusPipe(settings.status_fd, self._identity)
        self._machine = SessionMachine()
        self._machine.observe(self._status.session)
        self._services = Services(self._identity, self._machine)
        self._unlinked = False
        self._is_lost = False
        self._telling: set[asyncio.Task[None]] = set()
        self._presence = self._make_presence()
        self._machine.observe(self._presence.session)

    async def run(self) -> None:
        """Serve until the stop signal.

        Raises:
            ConfigError: the folder or the environment must be mended.
            StartError: the port is taken.
        """
        os.umask(0o077)
        if self._settings.liveness_fd is not None:
            watch_liveness(self._settings.liveness_fd, self._stop)
        data_dir, folder = self._open_folder()
        lease = FolderLease(folder.path)
        server, health, address = await self._listen(data_dir)
        tenant: Tenant | None = None
        try:
            if await self._acquire(lease, address):
                tenant = await self._open_tenant(folder, lease, sandbox=data_dir.is_sandbox)
                self._services.serve(tenant)
                self._status.ready(address, tenant.epoch)
                await self._presence.announce(tenant.epoch)
                notify_ready()
                log.info("botnode_ready", address=address, epoch=tenant.epoch)
                await self._go_online(tenant)
                await self._stop.wait()
        finally:
            hung_up = await self._shut_down(server, health, tenant)
            # The lease on the folder stays with the process: the kernel frees it when it is dead.
            if hung_up:
                await self._presence.release()
            # Else WhatsApp may have us online still: Consul frees its lock when the check fails.

    # -- the start

    def _open_folder(self) -> tuple[DataDir, TenantFolder]:
        settings = self._settings
        sandbox = settings.root_key is not None
        data_dir = DataDir.open(settings.data_dir, settings.mesh, sandbox=sandbox)
        folder = TenantFolder(data_dir.tenant(settings.tenant_id))
        folder.create()
        return data_dir, folder

    async def _listen(self, data_dir: DataDir) -> tuple[grpc.aio.Server, Health, str]:
        server = create_server([ErrorInterceptor(), SecretInterceptor(data_dir.secret)])
        self._services.add_to(server)
        health = await add_health_and_reflection(server, SERVICES)
        # Answers until the process ends: whoever watches the process itself asks for this name.
        await health.servicer.set(ALIVE_SERVICE, health_pb2.HealthCheckResponse.SERVING)
        await self._show_storage(health, self._machine.current)
        self._machine.observe(partial(self._note_storage, health))
        port = self._bind(server)
        await server.start()
        await health.set(serving=True)
        host = self._settings.host
        return server, health, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _note_storage(self, health: Health, session: Session) -> None:
        task = asyncio.get_running_loop().create_task(self._show_storage(health, session))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _show_storage(self, health: Health, session: Session) -> None:
        status = health_pb2.HealthCheckResponse
        shown = status.NOT_SERVING if session.storage_full else status.SERVING
        await health.servicer.set(STORAGE_SERVICE, shown)

    def _bind(self, server: grpc.aio.Server) -> int:
        try:
            return bind(server, self._settings.host, self._settings.port)
        except PortTakenError:
            if self._settings.status_fd is None:
                raise
            # A host learns the address from us: the port that it names is a wish.
            log.warning("preferred_port_taken", port=self._settings.port)
            return bind(server, self._settings.host, 0)

    async def _acquire(self, lease: FolderLease, address: str) -> bool:
        """Wait for the lease; False if the process shall stop before."""
        if not lease.try_acquire():
            self._say_waiting(address, "another process holds this tenant")
            if not await unless_stopped(self._stop, lease.acquire()):
                return False
        if self._settings.discovery != "embedded":
            # A host withdraws what a process left in discovery only if it knows the process.
            self._status.ready(address, epoch=0)
        everywhere = asyncio.ensure_future(self._presence.acquire(address))
        try:
            await asyncio.wait({everywhere}, timeout=LEASE_PATIENCE_S)
            if not everywhere.done():
                why = await self._presence.why_waiting()
                self._say_waiting(address, why)
            return await unless_stopped(self._stop, everywhere)
        finally:
            everywhere.cancel()

    def _say_waiting(self, address: str, why: str) -> None:
        self._machine.move(SessionState.WAITING_FOR_LEASE, why)
        self._status.ready(address, epoch=0)

    async def _open_tenant(
        self, folder: TenantFolder, lease: FolderLease, *, sandbox: bool
    ) -> Tenant:
        owned = self._take(folder, lease, sandbox=sandbox)
        tenant = Tenant(
            self._identity,
            self._machine,
            folder,
            owned,
            pace=self._settings.pace,
            make_whatsapp=lambda inbox, loop: NeonizeWhatsApp(
                folder.session_name, inbox, loop, proxy_url=self._settings.proxy_url
            ),
            process=Process(
                confirm_lease=partial(self._confirm, lease),
                renew=lambda: self._stop.set(EX_RENEW),
                fail=self._fail,
                crash=lambda: self._stop.set(EX_FAILED),
                lose=self._lost,
            ),
            media=MediaWays(
                make_transfer=lambda questions: MediaMover(questions, self._settings.media_proxy),
                keeping=self._settings.keeping,
                limit=self._settings.fetch_limit,
                storage=self._settings.storage_limits,
            ),
        )
        await tenant.open()
        return tenant

    def _take(self, folder: TenantFolder, lease: FolderLease, *, sandbox: bool) -> Owned:
        settings = self._settings
        session = folder.read_session()
        if not folder.node_db.exists():
            check_account(session, None, settings.expect_account, re_pair=settings.re_pair)
        owned = take(folder.node_db, self._identity, sandbox=sandbox, lease=lease.mark())
        check_account(session, owned.account, None, re_pair=settings.re_pair)
        # The library deleted the account, and the process ended before that was written down.
        self._unlinked = session.account is None and owned.account is not None
        self._machine.adopt(session.account)
        return owned

    async def _go_online(self, tenant: Tenant) -> None:
        """Let the session live, unless the process shall stop, or has lost its lease, by now."""
        if not self._stop.is_set():
            await self._load_library(tenant)
        if not self._stop.is_set():
            tenant.start(unlinked=self._unlinked)

    async def _load_library(self, tenant: Tenant) -> None:
        """Load the library while calls are answered already; from here on Go runs."""
        whatsapp = tenant.whatsapp
        assert isinstance(whatsapp, NeonizeWhatsApp)  # noqa: S101 - made above
        self._check_trust()
        library = await in_daemon_thread(whatsapp.load, "neonize-load")
        if (key := self._settings.root_key) is not None:
            try:
                trust.replace_root_key(key, library.library_file)
            except trust.TrustError as error:
                raise ConfigError(f"BOTMESH_SANDBOX_ROOT_KEY: {error}") from error

    def _check_trust(self) -> None:
        if self._settings.root_key is None:
            return
        try:
            # That the folder is a sandbox's was checked when it was taken.
            trust.check_sandbox(
                mesh_is_sandbox=True,
                proxy=self._settings.https_proxy,
                folder_is_sandbox=True,
                tenant_proxy=self._settings.proxy_url,
            )
        except trust.TrustError as error:
            raise ConfigError(f"BOTMESH_SANDBOX_ROOT_KEY is set, but {error}") from error

    async def _confirm(self, lease: FolderLease) -> bool:
        return lease.is_held() and await self._presence.confirm()

    def _make_presence(self) -> Presence:
        if self._settings.discovery == "embedded":
            return Unannounced()
        # A mesh on one machine does without Consul's client.
        from registry.discovery.consul import ConsulDiscovery, ConsulSettings  # noqa: PLC0415 - 10 MB

        return InConsul(
            ConsulDiscovery(ConsulSettings.load(), self._settings.mesh),
            self._identity,
            hosted=self._settings.status_fd is not None,
            lost=self._lost,
        )

    def _lost(self, why: str) -> None:
        """Another process has the tenant: be gone at once."""
        if not self._is_lost:
            self._is_lost = True
            log.error("tenant_lost", error=why)
            arm_watchdog(LOST_LIMIT_S)
            self._stop.set(EX_FAILED)

    def _fail(self, why: str) -> None:
        log.error("botnode_failed", error=why)
        self._stop.set(EX_CONFIG)

    # -- the end

    async def _shut_down(
        self, server: grpc.aio.Server, health: Health, tenant: Tenant | None
    ) -> bool:
        """Stop in reverse order; False if the library may still be online."""
        await health.set(serving=False)
        if self._is_lost and tenant is not None:
            await tenant.leave_whatsapp()  # before all else: the successor is thrown out by us
        await self._presence.withdraw()
        self._status.stopping()
        self._services.stop()
        hung_up = tenant is None or await tenant.stop(0.0 if self._is_lost else DRAIN_S)
        await server.stop(SERVER_GRACE_S)
        log.info("botnode_stopped")
        return hung_up
