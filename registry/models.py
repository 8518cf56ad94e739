"""The registry's tables."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Dialect, Integer, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from registry.pacing import Pacing
from registry.tenant import DesiredState, ObservedState, Tenant


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time; SQLite, which knows no zones, keeps it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Refuses a time without a zone: nobody could tell later which one was meant."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Gives the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables; the naming convention lets migrations name every constraint."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def _tenant_id() -> TypeEngine[Any]:
    # Bytewise on PostgreSQL too, so that pages come in the same order everywhere.
    return String(63).with_variant(String(63, collation="C"), "postgresql")


class RegistryRow(Base):
    """The one row about the registry itself: whose it is, and the counter of changes."""

    __tablename__ = "registry"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    mesh: Mapped[str] = mapped_column(String(63))
    updated_seq: Mapped[int] = mapped_column(BigInteger)


class TenantRow(Base):
    """A tenant."""

    __tablename__ = "tenants"

    tenant_id: Mapped[str] = mapped_column(_tenant_id(), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    bot_port: Mapped[int] = mapped_column(Integer, unique=True)
    desired_state: Mapped[str] = mapped_column(String(16))
    desired_generation: Mapped[int] = mapped_column(BigInteger)
    delete_data: Mapped[bool]
    observed_state: Mapped[str] = mapped_column(String(16))
    observed_generation: Mapped[int] = mapped_column(BigInteger)
    account: Mapped[str | None] = mapped_column(String(32))
    session_state: Mapped[str | None] = mapped_column(String(32))
    address: Mapped[str | None] = mapped_column(String(262))
    instance: Mapped[str | None] = mapped_column(String(32))
    epoch: Mapped[int] = mapped_column(BigInteger)
    pid: Mapped[int | None] = mapped_column(Integer)
    restarts: Mapped[int] = mapped_column(Integer)
    last_exit: Mapped[str | None] = mapped_column(String(200))
    home: Mapped[str | None] = mapped_column(String(64))
    messages_per_minute: Mapped[int | None] = mapped_column(Integer)
    new_chats_per_day: Mapped[int | None] = mapped_column(Integer)
    least_pause_ms: Mapped[int | None] = mapped_column(Integer)
    most_pause_ms: Mapped[int | None] = mapped_column(Integer)
    proxy_url: Mapped[str | None] = mapped_column(String(2000))
    updated_seq: Mapped[int] = mapped_column(BigInteger, index=True)
    create_time: Mapped[datetime] = mapped_column(UtcDateTime)
    update_time: Mapped[datetime] = mapped_column(UtcDateTime)

    def to_tenant(self) -> Tenant:
        """The row as the rest of the program sees it."""
        return tenant_of(self)

    def pacing(self) -> Pacing:
        """How fast it shall send."""
        return _pacing_of(self)

    def set_pacing(self, pacing: Pacing) -> None:
        """Let it send so fast."""
        self.messages_per_minute = pacing.messages_per_minute
        self.new_chats_per_day = pacing.new_chats_per_day
        self.least_pause_ms = pacing.least_pause_ms
        self.most_pause_ms = pacing.most_pause_ms


class TombstoneRow(Base):
    """A tenant that is gone, so that whoever follows the changes learns of it.

    Kept for good: there is one at most per id that ever was, and creating the id again removes it.
    """

    __tablename__ = "tenant_tombstones"

    tenant_id: Mapped[str] = mapped_column(_tenant_id(), primary_key=True)
    updated_seq: Mapped[int] = mapped_column(BigInteger, index=True)
    delete_time: Mapped[datetime] = mapped_column(UtcDateTime)


# A row as it is read where nothing is changed: without a `TenantRow`, which takes far longer.
TENANT_COLUMNS = tuple(TenantRow.__table__.columns)


def tenant_of(row: Any) -> Tenant:
    """What a row says, a `TenantRow` or one of the `TENANT_COLUMNS`."""
    return Tenant(
        tenant_id=row.tenant_id,
        name=row.name,
        bot_port=row.bot_port,
        desired_state=DesiredState(row.desired_state),
        desired_generation=row.desired_generation,
        observed_state=ObservedState(row.observed_state),
        observed_generation=row.observed_generation,
        delete_data=row.delete_data,
        account=row.account,
        session_state=row.session_state,
        address=row.address,
        instance=row.instance,
        epoch=row.epoch,
        pid=row.pid,
        restarts=row.restarts,
        last_exit=row.last_exit,
        home=row.home,
        updated_seq=row.updated_seq,
        create_time=row.create_time,
        update_time=row.update_time,
        pacing=_pacing_of(row),
        proxy_url=row.proxy_url or "",
    )


def _pacing_of(row: Any) -> Pacing:
    return Pacing(
        messages_per_minute=row.messages_per_minute,
        new_chats_per_day=row.new_chats_per_day,
        least_pause_ms=row.least_pause_ms,
        most_pause_ms=row.most_pause_ms,
    )
