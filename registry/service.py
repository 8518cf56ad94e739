"""What can be done with tenants: the gateway's verbs and the host's reports.

Each method is one transaction on a thread of its own, so it may be awaited on an event loop.
"""

import asyncio
import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError

from botmesh.errors import MeshError, Reason, invalid
from botmesh.rpc.names import check_tenant_id
from botmesh.rpc.proxy_url import check_proxy_url, is_on_loopback
from registry.database import Database
from registry.models import TenantRow
from registry.observation import Observation, apply
from registry.pacing import Pacing, check_pacing
from registry.ports import check_port, first_free_port
from registry.repository import TenantRepository
from registry.tenant import DesiredState, ObservedState, Tenant, TenantPage

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
MAX_NAME_LENGTH = 200

log = structlog.get_logger(__name__)

_T = TypeVar("_T")
_Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Tenants:
    """The tenants of one mesh.

    The gateway writes the desired side (create, update, delete, start, stop, restart) and returns
    at once; a host reads it from the `TenantFeed`, brings it about and writes the observed side
    (claim, observe, remove). A raised `desired_generation` with RUNNING means a fresh process.
    """

    def __init__(
        self, database: Database, *, clock: _Clock = _utc_now, sandbox: bool = False
    ) -> None:
        """Make it; a sandbox's tenants must not get out through a proxy elsewhere."""
        self._database = database
        self._clock = clock
        self._sandbox = sandbox

    def check_proxy(self, url: str) -> str:
        """Return a proxy's address, or the empty one of none; raise INVALID_REQUEST otherwise."""
        if url:
            check_proxy_url(url)
            if self._sandbox and not is_on_loopback(url):
                raise invalid("proxy_url", "must be on this machine's loopback in a sandbox")
        return url

    # -- the desired side ------------------------------------------------------------------------

    async def create(
        self,
        tenant_id: str = "",
        name: str = "",
        *,
        bot_port: int = 0,
        running: bool = True,
        pacing: Pacing | None = None,
        proxy_url: str = "",
    ) -> Tenant:
        """Add a tenant.

        An empty id is made from the name, an empty name is the id; a port of 0 is given out.

        Raises:
            MeshError: INVALID_REQUEST, TENANT_EXISTS, PORT_TAKEN.
        """
        name = check_name(name or tenant_id)
        tenant_id = check_tenant_id(tenant_id or slug(name))
        if bot_port:
            check_port(bot_port)
        pacing = check_pacing(pacing or Pacing())
        self.check_proxy(proxy_url)
        state = DesiredState.RUNNING if running else DesiredState.STOPPED

        def work(tenants: TenantRepository) -> TenantRow:
            if (row := tenants.find(tenant_id)) is not None:
                raise _tenant_exists(row)
            if bot_port:
                tenants.check_port_free(bot_port)
            port = bot_port or first_free_port(tenants.ports())
            return tenants.add(
                tenant_id,
                name,
                bot_port=port,
                desired_state=state,
                now=self._clock(),
                pacing=pacing,
                proxy_url=proxy_url,
            )

        return await self._write(work)

    async def get(self, tenant_id: str) -> Tenant:
        """One tenant.

        Raises:
            MeshError: INVALID_REQUEST, TENANT_NOT_FOUND.
        """
        check_tenant_id(tenant_id)
        return await self._read(lambda tenants: tenants.get(tenant_id).to_tenant())

    async def list(self, *, page_size: int = 0, page_token: str = "") -> TenantPage:
        """One page of tenants in the order of their ids: 100 when 0, at most 1000.

        Raises:
            MeshError: INVALID_REQUEST for a negative size or a token that no page gave.
        """
        if page_size < 0:
            raise invalid("page_size", "must not be negative")
        limit = min(page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        after = _decode_token(page_token)

        def work(tenants: TenantRepository) -> TenantPage:
            found = tenants.page(after, limit + 1)
            page = list(found[:limit])
            token = _encode_token(page[-1].tenant_id) if len(found) > limit else ""
            return TenantPage(page, token)

        return await self._read(work)

    async def update(
        self,
        tenant_id: str,
        *,
        name: str | None = None,
        bot_port: int | None = None,
        pacing: Pacing | None = None,
        proxy_url: str | None = None,
    ) -> Tenant:
        """Change some of it, or nothing.

        A running botnode keeps its name and port until its next start; another pace or proxy
        starts it anew. An empty proxy is none.

        Raises:
            MeshError: INVALID_REQUEST, TENANT_NOT_FOUND, PORT_TAKEN.
        """
        if name is not None:
            name = check_name(name)
        if bot_port is not None:
            check_port(bot_port)
        if pacing is not None:
            check_pacing(pacing)
        self.check_proxy(proxy_url or "")

        def change(row: TenantRow, tenants: TenantRepository) -> None:
            if name is not None:
                row.name = name
            if bot_port is not None and bot_port != row.bot_port:
                tenants.check_port_free(bot_port)
                row.bot_port = bot_port
            if _set_anew(row, pacing, proxy_url) and row.desired_state == DesiredState.RUNNING:
                _want(row, DesiredState.RUNNING)

        return await self._change(tenant_id, change)

    async def start(self, tenant_id: str) -> Tenant:
        """Want it running.

        One that is wanted running already is left alone, except that one that failed, or waits
        for its next try, is tried again at once.

        Raises:
            MeshError: INVALID_REQUEST, TENANT_NOT_FOUND (also while it is being deleted).
        """

        def change(row: TenantRow, _: TenantRepository) -> None:
            waiting = row.observed_state in (ObservedState.FAILED, ObservedState.BACKING_OFF)
            if row.desired_state != DesiredState.RUNNING or waiting:
                _want(row, DesiredState.RUNNING)

        return await self._change(tenant_id, change)

    async def stop(self, tenant_id: str) -> Tenant:
        """Want it stopped.

        Raises:
            MeshError: INVALID_REQUEST, TENANT_NOT_FOUND (also while it is being deleted).
        """

        def change(row: TenantRow, _: TenantRepository) -> None:
            if row.desired_state != DesiredState.STOPPED:
                _want(row, DesiredState.STOPPED)

        return await self._change(tenant_id, change)

    async def restart(self, tenant_id: str) -> Tenant:
        """Want a fresh process, also of a tenant that was stopped. Each call restarts once more.

        Raises:
            MeshError: INVALID_REQUEST, TENANT_NOT_FOUND (also while it is being deleted).
        """
        return await self._change(tenant_id, lambda row, _: _want(row, DesiredState.RUNNING))

    async def delete(self, tenant_id: str, *, delete_data: bool = False) -> Tenant:
        """Want it gone; the host stops it and calls `remove`.

        Once asked for, the removal of its data stays asked for.

        Raises:
            MeshError: INVALID_REQUEST, TENANT_NOT_FOUND.
        """

        def change(row: TenantRow, _: TenantRepository) -> None:
            row.delete_data = row.delete_data or delete_data
            if row.desired_state != DesiredState.DELETED:
                _want(row, DesiredState.DELETED)
                row.observed_state = ObservedState.DELETING

        return await self._change(tenant_id, change, deleting=True)

    # -- the observed side -----------------------------------------------------------------------

    async def claim(self, tenant_ids: Sequence[str], host_id: str) -> frozenset[str]:
        """Make this host the home of those tenants that have none.

        Returns those whose home it is now, of the ones named.
        """

        def work(tenants: TenantRepository) -> frozenset[str]:
            mine = set()
            for tenant_id in tenant_ids:
                row = tenants.find(tenant_id)
                if row is not None and row.home is None:
                    row.home = host_id
                    tenants.touch(row, self._clock())
                if row is not None and row.home == host_id:
                    mine.add(tenant_id)
            return frozenset(mine)

        return await self._transaction(work)

    async def observe(self, host_id: str, observations: Sequence[Observation]) -> None:
        """Enter what a host saw, in that order, in one transaction.

        A tenant without a home may be observed too: that it does not run, as wanted. Ignored for
        tenants that are gone or have another home, and where `observation.apply` says so.
        """

        def work(tenants: TenantRepository) -> None:
            rows = tenants.named({observation.tenant_id for observation in observations})
            changed: dict[str, TenantRow] = {}
            for observation in observations:
                row = rows.get(observation.tenant_id)
                if row is not None and row.home in (None, host_id) and apply(observation, row):
                    changed[row.tenant_id] = row
            if changed:
                tenants.touch_all(changed.values(), self._clock())

        await self._transaction(work)

    async def remove(self, tenant_id: str, host_id: str) -> bool:
        """Remove a tenant that is wanted DELETED and whose home this host is.

        Returns False when that is not so, or it is gone already. Its port is free from here on.
        """

        def work(tenants: TenantRepository) -> bool:
            row = tenants.find(tenant_id)
            if row is None or row.home != host_id or row.desired_state != DesiredState.DELETED:
                return False
            tenants.remove(row, self._clock())
            return True

        return await self._transaction(work)

    # --------------------------------------------------------------------------------------------

    async def _change(
        self,
        tenant_id: str,
        change: Callable[[TenantRow, TenantRepository], None],
        *,
        deleting: bool = False,
    ) -> Tenant:
        check_tenant_id(tenant_id)

        def work(tenants: TenantRepository) -> TenantRow:
            row = tenants.get(tenant_id)
            if row.desired_state == DesiredState.DELETED and not deleting:
                text = f"tenant {tenant_id} is being deleted"
                metadata = {"tenant_id": tenant_id}
                raise MeshError(Reason.TENANT_NOT_FOUND, text, metadata=metadata)
            before = row.to_tenant()
            change(row, tenants)
            if row.to_tenant() != before:
                tenants.touch(row, self._clock())
            return row

        return await self._write(work)

    async def _write(self, work: Callable[[TenantRepository], TenantRow]) -> Tenant:
        return await self._transaction(lambda tenants: work(tenants).to_tenant())

    async def _transaction(self, work: Callable[[TenantRepository], _T]) -> _T:
        def run() -> _T:
            with self._database.writing() as session:
                tenants = TenantRepository(session)
                tenants.lock()
                return work(tenants)

        return await _explained(run)

    async def _read(self, work: Callable[[TenantRepository], _T]) -> _T:
        def run() -> _T:
            with self._database.reading() as session:
                return work(TenantRepository(session))

        return await _explained(run)


async def _explained(run: Callable[[], _T]) -> _T:
    try:
        return await asyncio.to_thread(run)
    except DBAPIError as error:
        log.warning("registry_failed", error=str(error.orig))
        raise RegistryUnavailableError from error


class RegistryUnavailableError(MeshError):
    """The database does not answer, or cannot take a write now; nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            Reason.REGISTRY_UNAVAILABLE,
            "the registry's database cannot be used now",
            retry_after=timedelta(seconds=1),
        )


def check_name(name: str, field: str = "name") -> str:
    """Return a tenant's name without space around it; raise INVALID_REQUEST if it cannot be one.

    It travels in environments and stands in tables, so control characters are refused.
    """
    name = name.strip()
    if not name:
        raise invalid(field, "is required")
    if len(name) > MAX_NAME_LENGTH:
        raise invalid(field, f"must be at most {MAX_NAME_LENGTH} characters")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise invalid(field, "must not contain control characters")
    return name


def slug(name: str) -> str:
    """An id made from a name: "Café Ñandú 2" becomes "cafe-nandu-2". May be empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].rstrip("-")


def _set_anew(row: TenantRow, pacing: Pacing | None, proxy_url: str | None) -> bool:
    """Set what a botnode is told at its start, as far as given; whether that changed it."""
    before = row.pacing(), row.proxy_url
    if pacing is not None:
        row.set_pacing(pacing)
    if proxy_url is not None:
        row.proxy_url = proxy_url or None
    return (row.pacing(), row.proxy_url) != before


def _want(row: TenantRow, state: DesiredState) -> None:
    row.desired_state = state
    row.desired_generation += 1


def _tenant_exists(row: TenantRow) -> MeshError:
    deleted = row.desired_state == DesiredState.DELETED
    text = f"tenant {row.tenant_id} " + ("is still being deleted" if deleted else "exists already")
    return MeshError(Reason.TENANT_EXISTS, text, metadata={"tenant_id": row.tenant_id})


def _encode_token(tenant_id: str) -> str:
    return base64.urlsafe_b64encode(tenant_id.encode()).decode().rstrip("=")


def _decode_token(token: str) -> str:
    if not token:
        return ""
    try:
        padded = token + "=" * (-len(token) % 4)
        return check_tenant_id(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
    except (binascii.Error, UnicodeError, MeshError) as error:
        raise invalid("page_token", "is no token of a page before") from error
