"""Discovery for a host: its tenants' rows as ever, and its dead botnodes out of Consul at once."""

from registry.discovery.port import Announcement, Registration, Withdrawal


class HostRegistration:
    """Passes everything on to the row's registration; at the end it withdraws the process as well.

    A botnode makes its own entry in Consul, and takes it out when it is stopped. One that died
    cannot: the host, which sees that first, does it on its behalf.
    """

    def __init__(self, row: Registration, withdrawal: Withdrawal) -> None:
        self._row = row
        self._withdrawal = withdrawal
        self._announced: Announcement | None = None

    async def register(self, announcement: Announcement) -> None:
        """Write the row; remember who is to be withdrawn."""
        self._announced = announcement
        await self._row.register(announcement)

    async def update(self, *, state: str, number: str | None) -> None:
        """Write the session into the row."""
        await self._row.update(state=state, number=number)

    async def deregister(self) -> None:
        """The process ended: clear the row, and take out what it left in Consul."""
        announced, self._announced = self._announced, None
        await self._row.deregister()
        if announced is not None:
            await self._withdrawal.withdraw(announced.tenant_id, announced.instance)


class HostWithdrawal:
    """Withdraws an instance from several places."""

    def __init__(self, *places: Withdrawal) -> None:
        self._places = places

    async def withdraw(self, tenant_id: str, instance: str) -> None:
        """Remove that one instance everywhere. Idempotent."""
        for place in self._places:
            await place.withdraw(tenant_id, instance)
