"""Puts the host together."""

import asyncio
import contextlib
import os
import resource
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import structlog

from botmesh.rpc.datadir import DataDir
from botmesh.rpc.lifecycle import StopSignal, watch_liveness
from botnode.host.environment import common_environment
from botnode.host.exec_spawner import ExecSpawner
from botnode.host.fork_spawner import ForkSpawner
from botnode.host.gate import StartGate
from botnode.host.health import GrpcProbe
from botnode.host.host import Host
from botnode.host.lock import HostLock
from botnode.host.log_out import log_out
from botnode.host.orphans import Orphans
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

BOTNODE = (sys.executable, "-m", "botnode")
FORKSERVER = (sys.executable, "-m", "botnode.forkserver")
# No tenant's id begins so: botnodes have their logs beside it.
FORKSERVER_LOG = "_forkserver.log"

log = structlog.get_logger(__name__)


async def run(
    settings: HostSettings,
    stop: StopSignal,
    *,
    command: Sequence[str] = BOTNODE,
    forkserver: Sequence[str] = FORKSERVER,
    timing: Timing | None = None,
) -> None:
    """Run a host until it is told to stop.

    Args:
        settings: from the environment.
        stop: ends it in an orderly way.
        command: how a botnode is started as a program.
        forkserver: how the process is started that others are forked from.
        timing: other durations than the usual ones.

    Raises:
        ConfigError: the data directory or the registry is not this mesh's, or unusable.
        StartError: another host runs in the data directory, or the registry does not answer.
    """
    if settings.liveness_fd is not None:
        watch_liveness(settings.liveness_fd, stop)
    timing = timing or Timing()
    _allow_open_files()
    data_dir = DataDir.open(settings.data_dir, settings.mesh)
    data_dir.tenants.mkdir(mode=0o700, exist_ok=True)
    lock = HostLock(data_dir.path)
    spawner = _spawner(settings.spawn, data_dir, command, forkserver, timing)
    try:
        spawner.start()
        database = await asyncio.to_thread(
            Database.open, settings.database_url or data_dir.registry_url, settings.mesh
        )
        try:
            async with _announced(settings) as announced:
                services = _services(
                    settings, data_dir, database, announced, spawner, timing=timing
                )
                log.info("host_started", host_id=data_dir.host_id, mesh=data_dir.mesh)
                await Host(TenantFeed(database), services).run(stop)
        finally:
            database.close()
    finally:
        spawner.close()
        lock.release()


def _spawner(
    how: str, data_dir: DataDir, command: Sequence[str], forkserver: Sequence[str], timing: Timing
) -> Spawner:
    environment = common_environment(data_dir, os.environ)
    if how == "exec":
        return ExecSpawner(command, environment)
    orphans = Orphans()
    return ForkSpawner(
        forkserver,
        environment,
        ExecSpawner(command, environment, born=orphans.adopt, reaped=orphans.forget),
        orphans,
        data_dir.logs / FORKSERVER_LOG,
        ready_limit_s=timing.forkserver_limit_s,
        fork_limit_s=timing.fork_limit_s,
    )


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


def _allow_open_files() -> None:
    """Each botnode costs the host a handful of descriptors; the usual 1024 end at 200 tenants."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _version() -> str:
    try:
        return version("botmesh")
    except PackageNotFoundError:
        return "0"
