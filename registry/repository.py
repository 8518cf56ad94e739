"""Reading and writing tenants within one transaction. Writes are flushed; the caller commits."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from botmesh.errors import MeshError, Reason
from registry.models import TENANT_COLUMNS, RegistryRow, TenantRow, TombstoneRow, tenant_of
from registry.pacing import Pacing
from registry.tenant import DesiredState, ObservedState, Tenant


class TenantRepository:
    """The tenants, within the transaction of one session.

    A transaction that changes anything takes the next number of the one counter, and its rows
    carry it. Writers queue up behind the counter's row, from `lock` until they commit: so numbers
    become visible in their order, and what a writer read is still so when it writes.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._taken: int | None = None

    def lock(self) -> None:
        """Wait until no other writer runs; none will until the commit."""
        self._session.execute(select(RegistryRow.id).with_for_update())

    def _next_seq(self) -> int:
        if self._taken is None:
            raised = RegistryRow.updated_seq + 1
            self._session.execute(update(RegistryRow).values(updated_seq=raised))
            self._taken = self.seq()
        return self._taken

    def seq(self) -> int:
        """The number of the last change."""
        return self._session.scalars(select(RegistryRow.updated_seq)).one()

    def find(self, tenant_id: str) -> TenantRow | None:
        """The tenant's row, or None."""
        return self._session.get(TenantRow, tenant_id)

    def get(self, tenant_id: str) -> TenantRow:
        """The tenant's row.

        Raises:
            MeshError: TENANT_NOT_FOUND.
        """
        row = self.find(tenant_id)
        if row is None:
            raise tenant_not_found(tenant_id)
        return row

    def named(self, tenant_ids: Iterable[str]) -> Mapping[str, TenantRow]:
        """The rows of those of these tenants that there are, by id."""
        query = select(TenantRow).where(TenantRow.tenant_id.in_(sorted(tenant_ids)))
        return {row.tenant_id: row for row in self._session.scalars(query)}

    def page(self, after: str, limit: int) -> Sequence[Tenant]:
        """At most `limit` tenants with ids after `after`, in the order of their ids."""
        query = select(*TENANT_COLUMNS).where(TenantRow.tenant_id > after)
        return self._read(query.order_by(TenantRow.tenant_id).limit(limit))

    def all(self) -> Sequence[Tenant]:
        """Every tenant, in the order of the last changes."""
        return self._read(select(*TENANT_COLUMNS).order_by(TenantRow.updated_seq))

    def changed_since(self, seq: int) -> Sequence[Tenant]:
        """Tenants changed after that number, in the order of their changes."""
        query = select(*TENANT_COLUMNS).where(TenantRow.updated_seq > seq)
        return self._read(query.order_by(TenantRow.updated_seq))

    def _read(self, query: Select[Any]) -> Sequence[Tenant]:
        return [tenant_of(row) for row in self._session.execute(query)]

    def deleted_since(self, seq: int) -> Sequence[str]:
        """Ids of tenants that went after that number, in the order they went."""
        query = select(TombstoneRow.tenant_id).where(TombstoneRow.updated_seq > seq)
        return self._session.scalars(query.order_by(TombstoneRow.updated_seq)).all()

    def ports(self) -> Sequence[int]:
        """The tenants' ports, ascending."""
        return self._session.scalars(select(TenantRow.bot_port).order_by(TenantRow.bot_port)).all()

    def check_port_free(self, port: int) -> None:
        """Raise PORT_TAKEN when a tenant has that port."""
        holder = self._session.scalars(
            select(TenantRow.tenant_id).where(TenantRow.bot_port == port)
        ).one_or_none()
        if holder is not None:
            text = f"port {port} is tenant {holder}'s"
            metadata = {"bot_port": str(port), "tenant_id": holder}
            raise MeshError(Reason.PORT_TAKEN, text, metadata=metadata)

    def add(
        self,
        tenant_id: str,
        name: str,
        *,
        bot_port: int,
        desired_state: DesiredState,
        now: datetime,
        pacing: Pacing | None = None,
        proxy_url: str = "",
    ) -> TenantRow:
        """Add a tenant that no host has seen yet."""
        self._session.execute(delete(TombstoneRow).where(TombstoneRow.tenant_id == tenant_id))
        row = TenantRow(
            tenant_id=tenant_id,
            name=name,
            bot_port=bot_port,
            desired_state=desired_state,
            desired_generation=1,
            delete_data=False,
            observed_state=ObservedState.UNOBSERVED,
            observed_generation=0,
            epoch=0,
            restarts=0,
            proxy_url=proxy_url or None,
            updated_seq=self._next_seq(),
            create_time=now,
            update_time=now,
        )
        row.set_pacing(pacing or Pacing())
        self._session.add(row)
        self._session.flush()
        return row

    def touch(self, row: TenantRow, now: datetime) -> None:
        """Mark a row that was changed and write it."""
        self.touch_all([row], now)

    def touch_all(self, rows: Iterable[TenantRow], now: datetime) -> None:
        """Mark rows that were changed and write them together."""
        for row in rows:
            row.updated_seq = self._next_seq()
            row.update_time = now
        self._session.flush()

    def remove(self, row: TenantRow, now: datetime) -> None:
        """Remove a tenant, leaving a tombstone."""
        self._session.add(
            TombstoneRow(tenant_id=row.tenant_id, updated_seq=self._next_seq(), delete_time=now)
        )
        self._session.delete(row)
        self._session.flush()


def tenant_not_found(tenant_id: str) -> MeshError:
    """The error for a tenant that is not there."""
    text = f"there is no tenant {tenant_id}"
    return MeshError(Reason.TENANT_NOT_FOUND, text, metadata={"tenant_id": tenant_id})
