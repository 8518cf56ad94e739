"""Where each tenant's botnode is: two local tables, fed by watches, read without I/O."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from botmesh.errors import MeshError, Reason
from botmesh.rpc.names import check_tenant_id
from registry.discovery.port import Route, RouteWatch, Snapshot, newest
from registry.feed import TenantFeed
from registry.tenant import DesiredState, ObservedState, Tenant

log = structlog.get_logger(__name__)

# How long a route that led astray is passed over, unless it changes before.
STALE_S = 1.0
LONGEST_STALE_S = 3.0
RETRY_AFTER = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Row:
    """What the gateway has to know of a tenant."""

    desired: DesiredState
    broken: str | None
    seq: int


class Resolver:
    """Finds the botnode of a tenant.

    `find` answers from memory; `wait` is for a tenant that should have a route and has none yet.
    """

    def __init__(
        self,
        *,
        on_address_gone: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tenants: dict[str, _Row] = {}
        self._routes: dict[str, Route] = {}
        self._addresses: Counter[str] = Counter()
        self._stale: dict[str, tuple[Route, float]] = {}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._told_tenants = False
        self._told_routes = False
        self._closed = False
        self._on_address_gone = on_address_gone
        self._clock = clock
        self.ready = asyncio.Event()

    # Feeding the tables.

    def set_tenants(self, tenants: Iterable[Tenant]) -> None:
        """Replace the tenant table by the registry's whole picture."""
        self._tenants = {tenant.tenant_id: _row(tenant) for tenant in tenants}
        self._told_tenants = True
        self._check_ready()
        self._wake_all()

    def set_tenant(self, tenant: Tenant) -> None:
        """Take over one tenant's row, unless a newer one is known."""
        known = self._tenants.get(tenant.tenant_id)
        if known is not None and known.seq > tenant.updated_seq:
            return
        if known is None and tenant.desired_state is DesiredState.DELETED:
            return  # the feed told already that it is gone
        self._tenants[tenant.tenant_id] = _row(tenant)
        self._wake(tenant.tenant_id)

    def drop_tenant(self, tenant_id: str) -> None:
        """Forget a tenant that is gone."""
        if self._tenants.pop(tenant_id, None) is not None:
            self._wake(tenant_id)

    def set_routes(self, routes: Mapping[str, Sequence[Route]]) -> None:
        """Replace the routing table by discovery's whole picture."""
        for tenant_id in self._routes.keys() - routes.keys():
            self.set_route(tenant_id, ())
        for tenant_id, entries in routes.items():
            self.set_route(tenant_id, entries)
        self._told_routes = True
        self._check_ready()
        self._wake_all()

    def set_route(self, tenant_id: str, entries: Sequence[Route]) -> None:
        """Take over one tenant's live entries; the highest epoch among them counts."""
        before, after = self._routes.get(tenant_id), newest(entries)
        if before == after:
            return
        self._stale.pop(tenant_id, None)
        if after is None:
            del self._routes[tenant_id]
        else:
            self._routes[tenant_id] = after
            self._addresses[after.address] += 1
        if before is not None:
            self._leave(before.address)
        self._wake(tenant_id)

    async def follow_tenants(self, feed: TenantFeed) -> None:
        """Feed the tenant table from the registry. Ends only by cancellation."""
        async for change in feed.watch():
            if change.is_snapshot:
                self.set_tenants(change.tenants)
                continue
            for tenant in change.tenants:
                self.set_tenant(tenant)
            for tenant_id in change.deleted:
                self.drop_tenant(tenant_id)

    async def follow_routes(self, source: RouteWatch) -> None:
        """Feed the routing table from discovery. Ends only by cancellation."""
        async for change in source.watch():
            if isinstance(change, Snapshot):
                self.set_routes(change.routes)
            else:
                self.set_route(change.tenant_id, change.routes)

    # Asking.

    def find(self, tenant_id: str) -> Route | None:
        """The tenant's route, or None if it should have one but none is worth trying now.

        Raises:
            MeshError: INVALID_REQUEST, TENANT_NOT_FOUND, TENANT_STOPPED; BOTNODE_UNAVAILABLE when
                the botnode cannot start until somebody mends it.
        """
        row = self._tenants.get(tenant_id)
        route = self._routes.get(tenant_id)
        if row is None or row.desired is not DesiredState.RUNNING or route is None:
            self._refuse(tenant_id, row)
            return None
        return None if self._stale and self._is_stale(route) else route

    async def wait(self, tenant_id: str, until: float) -> Route:
        """The tenant's route, waited for until a time of the clock.

        Raises:
            MeshError: as `find`; BOTNODE_UNAVAILABLE when the time is over, SHUTTING_DOWN when the
                gateway stops meanwhile.
        """
        while True:
            if self._closed:
                raise shutting_down()
            route = self.find(tenant_id)
            if route is not None:
                return route
            now = self._clock()
            if now >= until:
                raise self._unavailable(tenant_id)
            _, stale_until = self._stale.get(tenant_id, (None, until))
            await self._changed(tenant_id, min(until, stale_until) - now)

    def mark_stale(self, route: Route, asked_s: float = 0.0) -> None:
        """Pass a route over until it changes or some time has gone by.

        `asked_s` is how long the botnode asked to be left alone, 0 if it did not.
        """
        if self._routes.get(route.tenant_id) == route:
            for_s = min(asked_s, LONGEST_STALE_S) or STALE_S
            self._stale[route.tenant_id] = (route, self._clock() + for_s)

    def close(self) -> None:
        """Let everybody who waits go, with SHUTTING_DOWN."""
        self._closed = True
        self._wake_all()

    def _refuse(self, tenant_id: str, row: _Row | None) -> None:
        if row is None:
            check_tenant_id(tenant_id)
            if self._told_tenants:
                raise MeshError(
                    Reason.TENANT_NOT_FOUND,
                    f"there is no tenant {tenant_id}",
                    metadata={"tenant_id": tenant_id},
                )
        elif row.desired is DesiredState.DELETED:
            raise MeshError(
                Reason.TENANT_NOT_FOUND,
                f"tenant {tenant_id} is being deleted",
                metadata={"tenant_id": tenant_id},
            )
        elif row.desired is DesiredState.STOPPED:
            raise MeshError(
                Reason.TENANT_STOPPED,
                f"tenant {tenant_id} is stopped",
                metadata={"tenant_id": tenant_id},
            )
        elif row.broken is not None and tenant_id not in self._routes:
            raise MeshError(
                Reason.BOTNODE_UNAVAILABLE,
                f"the botnode of tenant {tenant_id} cannot start: {row.broken}",
                metadata={"tenant_id": tenant_id, "last_exit": row.broken},
                retry_after=RETRY_AFTER,
            )

    def _unavailable(self, tenant_id: str) -> MeshError:
        text = (
            f"no botnode of tenant {tenant_id} is known"
            if self.ready.is_set()
            else "the gateway has not read the registry yet"
        )
        return MeshError(
            Reason.BOTNODE_UNAVAILABLE,
            text,
            metadata={"tenant_id": tenant_id},
            retry_after=RETRY_AFTER,
        )

    def _is_stale(self, route: Route) -> bool:
        marked, until = self._stale.get(route.tenant_id, (None, 0.0))
        if marked != route:
            return False
        if self._clock() < until:
            return True
        del self._stale[route.tenant_id]
        return False

    def _leave(self, address: str) -> None:
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
            self._on_address_gone(address)

    def _check_ready(self) -> None:
        if self._told_tenants and self._told_routes and not self.ready.is_set():
            self.ready.set()
            log.info("routing_ready", tenants=len(self._tenants), routes=len(self._routes))

    async def _changed(self, tenant_id: str, timeout_s: float) -> None:
        future = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(tenant_id, set())
        waiting.add(future)
        try:
            await asyncio.wait((future,), timeout=max(timeout_s, 0.0))
        finally:
            waiting.discard(future)
            if not waiting and self._waiting.get(tenant_id) is waiting:
                del self._waiting[tenant_id]

    def _wake(self, tenant_id: str) -> None:
        for future in self._waiting.get(tenant_id, ()):
            if not future.done():
                future.set_result(None)

    def _wake_all(self) -> None:
        for tenant_id in list(self._waiting):
            self._wake(tenant_id)


def shutting_down() -> MeshError:
    """The gateway is stopping; another one, or this one later, can answer."""
    return MeshError(Reason.SHUTTING_DOWN, "the gateway is stopping", retry_after=RETRY_AFTER)


def _row(tenant: Tenant) -> _Row:
    settled = tenant.observed_generation >= tenant.desired_generation
    broken = None
    if settled and tenant.observed_state is ObservedState.FAILED:
        broken = tenant.last_exit or "unknown"
    return _Row(tenant.desired_state, broken, tenant.updated_seq)
