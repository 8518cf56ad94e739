"""A tenant's lease as a lock in Consul."""

from collections.abc import Callable

from registry.discovery.consul_entry import ConsulEntry


class ConsulLease:
    """The adapter of `registry.leases.Lease`; `release` also ends the entry that it belongs to."""

    def __init__(self, entry: ConsulEntry) -> None:
        self._entry = entry

    async def acquire(self) -> None:
        """Wait until no other process has the tenant, and take it. Waits for Consul, too.

        The botnode's server must answer already, its health service for `ALIVE_SERVICE` too.
        """
        self._entry.want_lease()
        await self._entry.until_leased()

    def is_held(self) -> bool:
        """Whether this process has it, as far as it knows."""
        return self._entry.is_leased

    async def confirm(self) -> bool:
        """Ask Consul; what is known, if it does not answer within seconds."""
        return await self._entry.confirm()

    def on_lost(self, tell: Callable[[str], None]) -> None:
        """Have a function called, once, when another process has the lease."""
        self._entry.on_lost(tell)

    async def release(self) -> None:
        """Give it back, and take this process out of Consul."""
        await self._entry.remove()
