"""A registry whose database fails says so, typed, and goes on when it is back."""

import sqlite3
from pathlib import Path

import pytest

from botmesh.errors import Reason
from registry import database as database_module
from registry.database import Database
from registry.service import RegistryUnavailableError, Tenants


async def test_a_database_that_is_locked_for_long_is_a_typed_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.05)
    database = Database.open(f"sqlite:///{tmp_path / 'registry.db'}", "blue")
    tenants = Tenants(database)
    other = sqlite3.connect(tmp_path / "registry.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RegistryUnavailableError) as caught:
        await tenants.create("norte")
    assert caught.value.reason is Reason.REGISTRY_UNAVAILABLE
    other.execute("ROLLBACK")
    other.close()
    assert (await tenants.create("norte")).tenant_id == "norte"
    database.close()
