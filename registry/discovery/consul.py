"""Discovery, leases and health in Consul, put together for one process."""

from registry.discovery.consul_client import ConsulClient, ConsulUnavailableError
from registry.discovery.consul_entry import ConsulEntry
from registry.discovery.consul_lease import ConsulLease
from registry.discovery.consul_registration import ConsulRegistration, ConsulWithdrawal
from registry.discovery.consul_service import HOSTED, Botnode, EntryTiming
from registry.discovery.consul_settings import ConsulSettings
from registry.discovery.consul_watch import ConsulRouteWatch

__all__ = ["Botnode", "ConsulDiscovery", "ConsulSettings"]


class ConsulDiscovery:
    """One mesh in Consul, as one process sees it. Close it after everything that it made."""

    def __init__(self, settings: ConsulSettings, mesh: str) -> None:
        self._client = ConsulClient(settings)
        self._mesh = mesh
        self._withdrawals: list[ConsulWithdrawal] = []

    @property
    def url(self) -> str:
        """Where the agent answers; Consul's UI is at `/ui` below it."""
        return self._client.url

    def routes(self) -> ConsulRouteWatch:
        """For a gateway: where all botnodes are."""
        return ConsulRouteWatch(self._client, self._mesh)

    def own(self, botnode: Botnode, *, hosted: bool) -> tuple[ConsulLease, ConsulRegistration]:
        """For a botnode: its tenant's lease, and its entry while it holds it.

        Args:
            botnode: this process.
            hosted: a host watches it, so that Consul need not look every second.
        """
        entry = ConsulEntry(self._client, botnode, HOSTED if hosted else EntryTiming())
        return ConsulLease(entry), ConsulRegistration(self._client, self._mesh, entry)

    def withdrawal(self) -> ConsulWithdrawal:
        """For a host: takes out what its dead botnodes left."""
        withdrawal = ConsulWithdrawal(self._client, self._mesh)
        self._withdrawals.append(withdrawal)
        return withdrawal

    async def answers(self) -> bool:
        """Whether the agent answers now."""
        try:
            await self._client.leader()
        except ConsulUnavailableError:
            return False
        return True

    async def close(self) -> None:
        """Close the connections."""
        for withdrawal in self._withdrawals:
            await withdrawal.close()
        await self._client.close()
