"""The registry's migrations.

Rules: a migration only adds (expand); what it makes unneeded is removed two releases later
(contract), so that the release before still runs on the new tables while machines are upgraded
one after another. A new column has a default or may be null. Every migration runs on SQLite and
on PostgreSQL, in one transaction.

A new one is a module in `versions` that names the one before as its `down_revision`; `HEAD` goes up
with it. A test compares what the migrations make with what `registry.models` says.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

# The revision that the models describe. A process that finds it in the database starts without
# loading Alembic.
HEAD = "0002"


def configuration(connection: "Connection | None" = None) -> "Config":
    """Alembic's configuration for these migrations, wherever this package is installed."""
    from alembic.config import Config  # noqa: PLC0415 - only where something is migrated

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config
