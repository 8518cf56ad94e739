"""Discovery on one machine, without an agent: a tenant's row is its entry.

The host writes the row on its botnodes' behalf: address, instance and epoch when one answers,
nothing when it ended. Whether an address is alive the caller's own channel tells; there are no
heartbeats and no expiry.

A botnode that something else than a host runs (a shell, PM2, systemd) writes no row: its route is
127.0.0.1 and its tenant's `bot_port`. That holds for a tenant that is wanted RUNNING and that no
host runs: none ever took it, or the one that did stopped in good order and says so (STOPPED,
though RUNNING is wanted). While a host runs it, it has the address that the host reports, or none.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from registry.discovery.port import Announcement, Route, RouteChange, Snapshot
from registry.feed import TenantFeed
from registry.observation import Observation, Observed, session_columns
from registry.tenant import DesiredState, ObservedState, Tenant


class ObservationSink(Protocol):
    """Where observations of this host's tenants go, in order."""

    async def observe(self, observation: Observation) -> None:
        """Takes one observation; it may enter the row a little later."""
        ...


class EmbeddedRegistration:
    """The entry of one botnode process in its tenant's row."""

    def __init__(self, sink: ObservationSink) -> None:
        self._sink = sink
        self._announced: Announcement | None = None

    async def register(self, announcement: Announcement) -> None:
        """Write address, instance, epoch and session into the row."""
        self._announced = announcement
        changes = Observed(
            address=announcement.address, instance=announcement.instance, epoch=announcement.epoch
        )
        changes.update(session_columns(announcement.state, announcement.number))
        await self._sink.observe(Observation(announcement.tenant_id, changes))

    async def update(self, *, state: str, number: str | None) -> None:
        """Write the session into the row, while it is this process's."""
        if (announced := self._announced) is not None:
            changes = session_columns(state, number)
            observation = Observation(announced.tenant_id, changes, announced.instance)
            await self._sink.observe(observation)

    async def deregister(self) -> None:
        """Take address and session out of the row, while it is this process's."""
        announced, self._announced = self._announced, None
        if announced is not None:
            await EmbeddedWithdrawal(self._sink).withdraw(announced.tenant_id, announced.instance)


class EmbeddedWithdrawal:
    """Takes a dead process's address out of its tenant's row."""

    def __init__(self, sink: ObservationSink) -> None:
        self._sink = sink

    async def withdraw(self, tenant_id: str, instance: str) -> None:
        """Clear the row if it still names that instance. The last epoch stays for people."""
        changes = Observed(address=None, instance=None, session_state=None)
        await self._sink.observe(Observation(tenant_id, changes, instance))


class EmbeddedRouteWatch:
    """The routes in the tenants' rows."""

    def __init__(self, feed: TenantFeed) -> None:
        self._feed = feed

    async def watch(self) -> AsyncIterator[Snapshot | RouteChange]:
        """Yields a Snapshot, then a RouteChange for each tenant whose routes changed."""
        known: dict[str, Sequence[Route]] = {}
        async for change in self._feed.watch():
            found = {tenant.tenant_id: routes_of(tenant) for tenant in change.tenants}
            if change.is_snapshot:
                known = {tenant_id: routes for tenant_id, routes in found.items() if routes}
                yield Snapshot(dict(known))
                continue
            found.update(dict.fromkeys(change.deleted, ()))
            for tenant_id, routes in found.items():
                if known.get(tenant_id, ()) != routes:
                    known[tenant_id] = routes
                    if not routes:
                        del known[tenant_id]
                    yield RouteChange(tenant_id, routes)


def routes_of(tenant: Tenant) -> Sequence[Route]:
    """The routes that a tenant's row tells of: one or none."""
    if tenant.address is not None:
        return (Route(tenant.tenant_id, tenant.address, tenant.instance or "", tenant.epoch),)
    is_hosted = tenant.home is not None and tenant.observed_state is not ObservedState.STOPPED
    if tenant.desired_state is DesiredState.RUNNING and not is_hosted:
        return (Route(tenant.tenant_id, f"127.0.0.1:{tenant.bot_port}", "", 0),)
    return ()
