"""The host at work: its parts, put together, from the registry to the botnodes."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import structlog

from botmesh.rpc.datadir import DataDir
from botmesh.rpc.lifecycle import StopSignal
from botnode.host.gate import StartGate
from botnode.host.health import GrpcProbe
from botnode.host.host import Host
from botnode.host.log_out import log_out
from botnode.host.reports import Reports
from botnode.host.runfile import RunFiles
from botnode.host.settings import HostSettings
from botnode.host.spawner import Spawner
from botnode.host.supervisor import Services
from botnode.host.timing import Timing
from registry.database import Database
from registry.discovery.embedded import EmbeddedRegistration, EmbeddedWithdrawal
from registry.discovery.port import Withdrawal
from registry.feed import TenantFeed
from registry.service import Tenants

log = structlog.get_logger(__name__)


async def run(
    settings: HostSettings, stop: StopSignal, data_dir: DataDir, spawner: Spawner, timing: Timing
) -> None:
    """Follow the registry with a spawner that was started, until told to stop.

    Raises:
        ConfigError: the registry is not this mesh's, or unusable.
        StartError: it does not answer.
    """
    database = await asyncio.to_thread(
        Database.open, settings.database_url or data_dir.registry_url, settings.mesh
    )
    try:
        async with _announced(settings) as announced:
            services = _services(settings, data_dir, database, announced, spawner, timing=timing)
            log.info("host_started", host_id=data_dir.host_id, mesh=data_dir.mesh)
            await Host(TenantFeed(database), services).run(stop)
    finally:
        database.close()


@contextlib.asynccontextmanager
async def _announced(settings: HostSettings) -> AsyncIterator[Sequence[Withdrawal]]:
    """Where botnodes announce themselves, beside the registry."""
    if settings.discovery == "embedded":
        yield ()
        return
    # A mesh on one machine does without Consul's client.
    from registry.discovery.consul import ConsulDiscovery, ConsulSettings  # noqa: PLC0415 - 10 MB

    consul = ConsulDiscovery(ConsulSettings.load(), settings.mesh)
    try:
        yield (consul.withdrawal(),)
    finally:
        await consul.close()


class _Everywhere:
    """Takes a dead process out of every place where it stands."""

    def __init__(self, *places: Withdrawal) -> None:
        self._places = places

    async def withdraw(self, tenant_id: str, instance: str) -> None:
        """Withdraw it from all places at once."""
        await asyncio.gather(*(place.withdraw(tenant_id, instance) for place in self._places))


def _services(
    settings: HostSettings,
    data_dir: DataDir,
    database: Database,
    announced: Sequence[Withdrawal],
    spawner: Spawner,
    *,
    timing: Timing,
) -> Services:
    slots = settings.parallel_starts or len(os.sched_getaffinity(0))
    tenants = Tenants(database)
    reports = Reports(tenants, data_dir.host_id, retry_s=timing.retry_s)
    return Services(
        data_dir=data_dir,
        host_id=data_dir.host_id,
        version=_version(),
        tenants=tenants,
        reports=reports,
        registration=partial(EmbeddedRegistration, reports),
        withdrawal=_Everywhere(EmbeddedWithdrawal(reports), *announced),
        spawner=spawner,
        gate=StartGate(
            slots, slot_limit_s=timing.start_slot_limit_s, jitter_s=timing.start_jitter_s
        ),
        run_files=RunFiles(data_dir.run),
        probe=GrpcProbe,
        log_out=partial(_log_out, data_dir, timing.log_out_limit_s),
        timing=timing,
    )


async def _log_out(data_dir: DataDir, limit_s: float, tenant_id: str, address: str) -> bool:
    return await log_out(data_dir, tenant_id, address, limit_s)


def _version() -> str:
    try:
        return version("botmesh")
    except PackageNotFoundError:
        return "0"
