"""How fast a tenant sends, and through which proxy it reaches WhatsApp."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "messages_per_minute": sa.Integer(),
    "new_chats_per_day": sa.Integer(),
    "least_pause_ms": sa.Integer(),
    "most_pause_ms": sa.Integer(),
    "proxy_url": sa.String(2000),
}


def upgrade() -> None:
    """Add columns that older code leaves alone."""
    for name, type_ in COLUMNS.items():
        op.add_column("tenants", sa.Column(name, type_, nullable=True))


def downgrade() -> None:
    """Drop them."""
    for name in COLUMNS:
        op.drop_column("tenants", name)
