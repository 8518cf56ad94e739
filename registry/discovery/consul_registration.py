"""A botnode's entry among those that can be called; and taking out what a dead one left."""

import asyncio
import socket

import structlog

from registry.discovery.consul_backoff import Backoff
from registry.discovery.consul_client import ConsulClient, ConsulUnavailableError
from registry.discovery.consul_entry import ConsulEntry
from registry.discovery.consul_names import EntryNames, decode_holder
from registry.discovery.consul_service import Botnode, EntryTiming
from registry.discovery.port import Announcement, Route

# How long a withdrawal may keep its caller; what is not done then is done later.
WITHDRAW_LIMIT_S = 2.0

log = structlog.get_logger(__name__)


class ConsulRegistration:
    """The adapter of `Registration`.

    With the entry whose lease the process holds, the route lives as long as the lease does. Without
    one, the registration makes an entry that has no lease.
    """

    def __init__(
        self,
        client: ConsulClient,
        mesh: str,
        entry: ConsulEntry | None = None,
        timing: EntryTiming | None = None,
    ) -> None:
        self._client = client
        self._mesh = mesh
        self._timing = timing
        self._entry = entry
        self._is_own = entry is None
        self._registered = False

    async def register(self, announcement: Announcement) -> None:
        """Make the entry. If Consul is away, that happens when it is back."""
        if self._entry is None:
            self._entry = ConsulEntry(
                self._client, botnode_of(announcement, self._mesh), self._timing
            )
        self._registered = True
        self._entry.set_status(announcement.state, announcement.number)
        await self._entry.want_route(
            Route(
                announcement.tenant_id,
                announcement.address,
                announcement.instance,
                announcement.epoch,
            )
        )

    async def update(self, *, state: str, number: str | None, error: str = "") -> None:
        """Change what the entry says of the session; `error` is why, in words, for people."""
        if self._registered and self._entry is not None:
            self.tell(state=state, number=number, error=error)
            await self._entry.settle()

    def tell(self, *, state: str, number: str | None, error: str = "") -> None:
        """As `update`, without waiting for Consul: for who cannot wait, at every change."""
        if self._registered and self._entry is not None:
            self._entry.set_status(state, number, error)

    async def deregister(self) -> None:
        """Take the route out. A lease stays held, and is seen to be, until it is released."""
        if not self._registered or self._entry is None:
            return
        self._registered = False
        if self._is_own:
            await self._entry.remove()
        else:
            self._entry.set_status("STOPPED", None)
            await self._entry.want_route(None)


class ConsulWithdrawal:
    """The adapter of `Withdrawal`, for the host: its processes are on this machine's agent."""

    def __init__(self, client: ConsulClient, mesh: str) -> None:
        self._client = client
        self._mesh = mesh
        self._late: set[asyncio.Task[None]] = set()

    async def withdraw(self, tenant_id: str, instance: str) -> None:
        """Remove an instance's route, lease and service. The lease is free at once, without delay.

        Returns after seconds at most; if Consul is away, it is done when it is back.
        """
        names = EntryNames(self._mesh, tenant_id, instance)
        task = asyncio.create_task(self._until_done(names), name="consul-withdrawal")
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        await asyncio.wait({task}, timeout=WITHDRAW_LIMIT_S)

    async def close(self) -> None:
        """Give up what could not be done yet: the check's failure does the same, later."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _until_done(self, names: EntryNames) -> None:
        backoff = Backoff()
        told = False
        while True:
            try:
                await self._withdraw(names)
            except ConsulUnavailableError as error:
                if not told:
                    log.warning("withdrawal_waits", tenant_id=names.tenant_id, error=str(error))
                told = True
                await asyncio.sleep(backoff.next_s())
            else:
                return

    async def _withdraw(self, names: EntryNames) -> None:
        await self._client.delete(names.route_key)
        _, key = await self._client.key(names.lease_key)
        if key is not None and decode_holder(key.value).instance == names.instance:
            # Its session would free it as well, but with the delay of a lock that was lost.
            await self._client.delete(names.lease_key, unless_newer_than=key.modify_index)
        await self._client.deregister_service(names.service_id)


def botnode_of(announcement: Announcement, mesh: str) -> Botnode:
    """The process that an announcement is about, on this machine."""
    return Botnode(
        mesh=mesh,
        tenant_id=announcement.tenant_id,
        tenant_name=announcement.tenant_name,
        instance=announcement.instance,
        address=announcement.address,
        version=announcement.version,
        host=socket.gethostname(),
    )
