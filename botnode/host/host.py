"""Runs the botnodes that belong on this machine, as the registry wants it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog

from botmesh.rpc.lifecycle import EX_FAILED, StopSignal, notify_ready
from botnode.host.childlog import keep_trimmed
from botnode.host.leftovers import end_leftovers
from botnode.host.supervisor import Services, Supervisor
from botnode.host.tenant_folder import remove_remains
from registry.feed import FeedChange, TenantFeed
from registry.service import RegistryUnavailableError
from registry.tenant import DesiredState, Tenant

log = structlog.get_logger(__name__)

# What the registry may take to hear the last reports of a host that stops.
LAST_REPORTS_LIMIT_S = 0.5


class Host:
    """Follows the registry, with a supervisor for each tenant whose home is here.

    A tenant that shall run and has no home gets this host as its home.
    """

    def __init__(self, feed: TenantFeed, services: Services) -> None:
        self._feed = feed
        self._services = services
        self._supervisors: dict[str, Supervisor] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._latest: dict[str, Tenant] = {}
        self._closing = False
        self._is_ready = False

    async def run(self, stop: StopSignal) -> None:
        """Run until told to stop; no botnode is left when it returns."""
        services = self._services
        await end_leftovers(services.run_files, services.timing.leftover_limit_s)
        await asyncio.to_thread(remove_remains, services.data_dir)
        side_tasks = [
            asyncio.create_task(services.reports.run(), name="reports"),
            asyncio.create_task(self._follow(), name="feed"),
            asyncio.create_task(
                keep_trimmed(self._log_paths, services.timing.log_check_interval_s), name="logs"
            ),
        ]
        for task in side_tasks:
            task.add_done_callback(lambda task: _stop_when_dead(task, stop))
        try:
            await stop.wait()
        finally:
            await self._close()
            for task in side_tasks:
                task.cancel()
            await asyncio.gather(*side_tasks, return_exceptions=True)
            services.spawner.close()

    async def _close(self) -> None:
        log.info("host_stopping", botnodes=len(self._tasks))
        self._closing = True
        for supervisor in self._supervisors.values():
            supervisor.close()
        if self._tasks:
            limit_s = self._services.timing.close_limit_s + LAST_REPORTS_LIMIT_S
            _, late = await asyncio.wait(self._tasks.values(), timeout=limit_s)
            for task in late:
                log.error("supervisor_late", task=task.get_name())
                task.cancel()
        try:
            async with asyncio.timeout(LAST_REPORTS_LIMIT_S):
                await self._services.reports.flush()
        except TimeoutError:
            log.warning("last_reports_lost")

    async def _follow(self) -> None:
        async for change in self._feed.watch():
            await self._apply(change)
            if not self._is_ready:
                self._is_ready = True
                notify_ready()

    async def _apply(self, change: FeedChange) -> None:
        gone = list(change.deleted)
        if change.is_snapshot:
            here = {tenant.tenant_id for tenant in change.tenants}
            gone += self._supervisors.keys() - here
        for tenant_id in gone:
            self._drop(tenant_id)
        mine = await self._claim([t.tenant_id for t in change.tenants if _needs_home(t)])
        for tenant in change.tenants:
            is_mine = tenant.home == self._services.host_id or tenant.tenant_id in mine
            if is_mine or (tenant.home is None and not _needs_home(tenant)):
                self._supervise(tenant)
            else:
                self._drop(tenant.tenant_id)

    async def _claim(self, tenant_ids: Sequence[str]) -> frozenset[str]:
        services = self._services
        while tenant_ids:
            try:
                return await services.tenants.claim(tenant_ids, services.host_id)
            except RegistryUnavailableError as error:
                log.warning("claim_failed", error=str(error.__cause__ or error))
                await asyncio.sleep(services.timing.retry_s)
        return frozenset()

    def _supervise(self, tenant: Tenant) -> None:
        self._latest[tenant.tenant_id] = tenant
        supervisor = self._supervisors.get(tenant.tenant_id)
        if supervisor is not None:
            supervisor.want(tenant)
        elif not self._closing:
            supervisor = Supervisor(tenant, self._services)
            self._supervisors[tenant.tenant_id] = supervisor
            task = asyncio.create_task(supervisor.run(), name=f"tenant-{tenant.tenant_id}")
            self._tasks[tenant.tenant_id] = task
            task.add_done_callback(lambda _: self._finished(tenant.tenant_id))

    def _drop(self, tenant_id: str) -> None:
        """Stop looking after a tenant that is gone, or another host's."""
        self._latest.pop(tenant_id, None)
        if (supervisor := self._supervisors.get(tenant_id)) is not None:
            supervisor.close()

    def _finished(self, tenant_id: str) -> None:
        del self._supervisors[tenant_id], self._tasks[tenant_id]
        latest = self._latest.pop(tenant_id, None)
        # A tenant of the same id may have been created, or have come home, meanwhile.
        if latest is not None and latest.desired_state is not DesiredState.DELETED:
            self._supervise(latest)

    def _log_paths(self) -> list[Path]:
        """All logs of this machine: those of the gateway and the host itself lie there, too."""
        return list(self._services.data_dir.logs.glob("*.log"))


def _needs_home(tenant: Tenant) -> bool:
    return tenant.home is None and tenant.desired_state is not DesiredState.STOPPED


def _stop_when_dead(task: "asyncio.Task[None]", stop: StopSignal) -> None:
    """A host that no longer follows or reports is of no use: it ends, to be started again."""
    if not task.cancelled():
        log.error("host_task_died", task=task.get_name(), exc_info=task.exception())
        stop.set(EX_FAILED)
