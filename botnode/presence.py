"""The process in discovery, and its right to the tenant across machines.

On one machine the lock on the tenant's folder is all the right there is. With Consul a lock there
is needed as well, and the process announces itself.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import structlog

from botnode.identity import Identity
from botnode.session import Session
from registry.discovery.port import Announcement

if TYPE_CHECKING:
    from registry.discovery.consul import ConsulDiscovery
    from registry.discovery.consul_lease import ConsulLease
    from registry.discovery.consul_registration import ConsulRegistration

log = structlog.get_logger(__name__)

# Consul answers within this, or counts as silent.
ANSWER_S = 1.0


class Presence(Protocol):
    """What a botnode needs of discovery."""

    async def acquire(self, address: str) -> None:
        """Wait until no other process of the mesh has the tenant."""
        ...

    async def why_waiting(self) -> str:
        """Why `acquire` takes so long, in words."""
        ...

    async def confirm(self) -> bool:
        """Ask whether this process still has the tenant; what is known, if nobody answers."""
        ...

    async def announce(self, epoch: int) -> None:
        """Be found from now on."""
        ...

    def session(self, session: Session) -> None:
        """Show where the session stands."""
        ...

    async def withdraw(self) -> None:
        """Be found no longer."""
        ...

    async def release(self) -> None:
        """Let the next process have the tenant. Only once this one is off WhatsApp for sure."""
        ...


class Unannounced:
    """A host, or the tenant's port in the registry, tells where the process is."""

    async def acquire(self, address: str) -> None:
        """Nobody else has the tenant: the folder's lock says so."""

    async def why_waiting(self) -> str:
        """It does not take long."""
        return ""

    async def confirm(self) -> bool:
        """The folder's lock is all there is."""
        return True

    async def announce(self, epoch: int) -> None:
        """Somebody else does it."""

    def session(self, session: Session) -> None:
        """The host is told by its pipe."""

    async def withdraw(self) -> None:
        """There is nothing to take back."""

    async def release(self) -> None:
        """There is nothing to give back."""


class InConsul:
    """A service, two checks and a lock in Consul.

    Args:
        discovery: the mesh in Consul; closed with `release`.
        identity: who this process is.
        hosted: a host watches it, too.
        lost: called when another process has taken the tenant.
    """

    def __init__(
        self,
        discovery: "ConsulDiscovery",
        identity: Identity,
        *,
        hosted: bool,
        lost: Callable[[str], None],
    ) -> None:
        self._discovery = discovery
        self._identity = identity
        self._hosted = hosted
        self._lost = lost
        self._lease: ConsulLease | None = None
        self._registration: ConsulRegistration | None = None
        self._address = ""
        self._news = asyncio.Event()
        self._shown: Session | None = None
        self._task: asyncio.Task[None] | None = None

    async def acquire(self, address: str) -> None:
        """Take the tenant's lock in Consul. Waits for the holder, and for Consul."""
        from registry.discovery.consul import Botnode  # noqa: PLC0415 - only with Consul

        self._address = address
        identity = self._identity
        botnode = Botnode(
            mesh=identity.mesh,
            tenant_id=identity.tenant_id,
            tenant_name=identity.tenant_name,
            instance=identity.instance,
            address=address,
            version=identity.version,
            host=socket.gethostname(),
        )
        self._lease, self._registration = self._discovery.own(botnode, hosted=self._hosted)
        self._lease.on_lost(self._lost)
        await self._lease.acquire()

    async def why_waiting(self) -> str:
        """Whether it is Consul that does not answer, or the lock that is not given."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                if await self._discovery.answers():
                    return "Consul does not give this tenant's lock: another process may hold it"
        return f"Consul does not answer at {self._discovery.url}"

    async def confirm(self) -> bool:
        """Ask Consul who has the lock."""
        return self._lease is not None and await self._lease.confirm()

    async def announce(self, epoch: int) -> None:
        """Enter the routing tables of all gateways."""
        assert self._registration is not None  # noqa: S101 - acquired before
        session = self._shown
        identity = self._identity
        await self._registration.register(
            Announcement(
                tenant_id=identity.tenant_id,
                tenant_name=identity.tenant_name,
                address=self._address,
                instance=identity.instance,
                epoch=epoch,
                version=identity.version,
                state=session.state.value if session else "STARTING",
                number=_number(session),
            )
        )
        self._task = asyncio.create_task(self._tell(), name="presence")

    def session(self, session: Session) -> None:
        """Have Consul show the session; of several changes in a row the last one counts."""
        self._shown = session
        self._news.set()

    async def withdraw(self) -> None:
        """Leave the routing tables; the lock stays."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._registration is not None:
            await self._registration.deregister()

    async def release(self) -> None:
        """Give the lock back and leave Consul."""
        if self._lease is not None:
            await self._lease.release()
        await self._discovery.close()

    async def _tell(self) -> None:
        assert self._registration is not None  # noqa: S101 - announced before
        while True:
            await self._news.wait()
            self._news.clear()
            session = self._shown
            if session is None:
                continue
            try:
                await self._registration.update(
                    state=session.state.value,
                    number=_number(session),
                    error=session.storage_error or session.last_error,
                )
            except Exception:
                log.exception("session_not_shown", state=session.state)  # the next one may be


def _number(session: Session | None) -> str | None:
    return session.account.phone_number if session and session.account else None
