"""Taking over a tenant's node.db: whose it is, and the epoch that says who writes it."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import DatabaseError, OperationalError

from botmesh.rpc.lifecycle import ConfigError, StartError
from botnode import disk_errors, schema
from botnode.clock import from_ms
from botnode.engine import make_engine
from botnode.identity import Identity
from botnode.lease import LeaseMark
from botnode.ports import Account
from botnode.statement import Statement
from botnode.states import SessionState
from botnode.tables import SCHEMA_VERSION, meta


@dataclass(frozen=True, slots=True)
class Owned:
    """A folder that this process owns, and what its last owner left.

    Attributes:
        fresh: the store was made just now.
        predecessor_is_dead: the process that owned the folder before, the one with the epoch
            before this, is dead for certain. False at the slightest doubt, and without one.
        account: the account that was linked when the last owner ended.
        pairing_since: when the pairing began that a renewed process goes on with.
    """

    epoch: int
    log_id: str
    fresh: bool
    predecessor_is_dead: bool
    account: Account | None
    session_state: SessionState | None
    ban_expire: datetime | None
    pairing_since: datetime | None


_META = Statement(select(meta))
_RAISE_EPOCH = Statement(update(meta).values(epoch=meta.c.epoch + 1).returning(meta))
_NO_MARK = LeaseMark("", "")


def take(path: Path, identity: Identity, *, sandbox: bool, lease: LeaseMark = _NO_MARK) -> Owned:
    """Open node.db, made first if there is none, check that it is ours and raise the epoch.

    The caller holds the tenant's lease; its mark tells whether the last owner can be alive.

    Raises:
        ConfigError: it is another tenant's, mesh's or kind's, or damaged, or of a newer botmesh.
        StartError: the disk takes nothing now, or another program holds the file's lock.
    """
    engine = make_engine(path)
    try:
        return _take(engine, path, identity, lease, sandbox=sandbox)
    except OperationalError as error:
        if (trouble := disk_errors.of_database(error)) is not None:
            trouble = disk_errors.look_closer(trouble, path.parent)
            raise StartError(f"{path} cannot be written: {trouble}") from error
        if disk_errors.is_lock(error):
            raise StartError(f"{path} is locked by another program") from error
        raise ConfigError(f"{path} cannot be used: {error.orig}") from error
    except DatabaseError as error:
        raise ConfigError(f"{path} cannot be used: {error.orig}") from error
    finally:
        engine.dispose()


def _take(
    engine: Engine, path: Path, identity: Identity, lease: LeaseMark, *, sandbox: bool
) -> Owned:
    with engine.begin() as connection:
        schema.upgrade(connection)
        row = _META.first(connection, {})
        fresh = row is None
        if fresh:
            _create(connection, identity, sandbox=sandbox)
        else:
            _check(row, path, identity, sandbox=sandbox)
        schema.note_version(connection)
        mine = {
            "instance": identity.instance,
            "lock_inode": lease.lock_inode,
            "boot_id": lease.boot_id,
            "pairing_since_ms": None,
        }
        now = _RAISE_EPOCH.first(connection, mine)
    return Owned(
        epoch=now.epoch,
        log_id=now.log_id,
        fresh=fresh,
        predecessor_is_dead=(not fresh and lease.follows(LeaseMark(row.lock_inode, row.boot_id))),
        account=Account(now.account_jid, now.account_lid) if now.account_jid else None,
        session_state=SessionState(now.session_state) if now.session_state else None,
        ban_expire=from_ms(now.ban_expire_ms),
        pairing_since=None if fresh else from_ms(row.pairing_since_ms),
    )


def _create(connection: Connection, identity: Identity, *, sandbox: bool) -> None:
    connection.execute(
        meta.insert().values(
            id=1,
            schema_version=SCHEMA_VERSION,
            tenant_id=identity.tenant_id,
            mesh=identity.mesh,
            sandbox=sandbox,
            log_id=secrets.token_hex(8),
            epoch=0,
            instance=identity.instance,
        )
    )


def _check(row: Any, path: Path, identity: Identity, *, sandbox: bool) -> None:
    if row.schema_version > SCHEMA_VERSION:
        raise ConfigError(f"{path} was written by a newer botmesh (schema {row.schema_version})")
    if row.tenant_id != identity.tenant_id:
        raise ConfigError(f"{path} belongs to tenant '{row.tenant_id}', not '{identity.tenant_id}'")
    if row.mesh != identity.mesh:
        raise ConfigError(f"{path} belongs to mesh '{row.mesh}', not '{identity.mesh}'")
    if row.sandbox != sandbox:
        kind = "a sandbox" if row.sandbox else "a real WhatsApp account"
        raise ConfigError(f"{path} was made for {kind}")
