"""The tenants, the counter of changes, and tombstones of tenants that are gone."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _tenant_id() -> sa.types.TypeEngine[str]:
    return sa.String(63).with_variant(sa.String(63, collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "registry",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mesh", sa.String(63), nullable=False),
        sa.Column("updated_seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_registry_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry")),
    )
    op.create_table(
        "tenants",
        sa.Column("tenant_id", _tenant_id(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("bot_port", sa.Integer(), nullable=False),
        sa.Column("desired_state", sa.String(16), nullable=False),
        sa.Column("desired_generation", sa.BigInteger(), nullable=False),
        sa.Column("delete_data", sa.Boolean(), nullable=False),
        sa.Column("observed_state", sa.String(16), nullable=False),
        sa.Column("observed_generation", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(32), nullable=True),
        sa.Column("session_state", sa.String(32), nullable=True),
        sa.Column("address", sa.String(262), nullable=True),
        sa.Column("instance", sa.String(32), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("last_exit", sa.String(200), nullable=True),
        sa.Column("home", sa.String(64), nullable=True),
        sa.Column("updated_seq", sa.BigInteger(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenants")),
        sa.UniqueConstraint("bot_port", name=op.f("uq_tenants_bot_port")),
    )
    op.create_index(op.f("ix_tenants_updated_seq"), "tenants", ["updated_seq"])
    op.create_table(
        "tenant_tombstones",
        sa.Column("tenant_id", _tenant_id(), nullable=False),
        sa.Column("updated_seq", sa.BigInteger(), nullable=False),
        sa.Column("delete_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenant_tombstones")),
    )
    op.create_index(op.f("ix_tenant_tombstones_updated_seq"), "tenant_tombstones", ["updated_seq"])


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("tenant_tombstones")
    op.drop_table("tenants")
    op.drop_table("registry")
