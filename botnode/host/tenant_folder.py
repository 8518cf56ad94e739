"""Removing a deleted tenant's folder.

The folder is renamed first, to a name that no tenant can have: whatever interrupts the removal,
a half of it is never taken for a tenant's. What is left under such names is removed later.
"""

import fcntl
import os
import secrets
import shutil
from pathlib import Path

from botmesh.rpc.datadir import DataDir

_PREFIX = ".removed-"
_LEASE_FILE = "lease"


class FolderInUseError(Exception):
    """A process holds the tenant's lease."""


def remove_folder(data_dir: DataDir, tenant_id: str) -> None:
    """Remove a tenant's folder with everything in it; links in it are removed, not followed.

    Raises:
        FolderInUseError: a botnode that this host does not run is using it.
    """
    folder = data_dir.tenant(tenant_id)
    grave = data_dir.tenants / f"{_PREFIX}{tenant_id}-{secrets.token_hex(4)}"
    lease = None if folder.is_symlink() else _take_lease(folder)
    try:
        folder.rename(grave)
    except FileNotFoundError:
        return
    finally:
        if lease is not None:
            os.close(lease)
    _remove(grave)


def remove_remains(data_dir: DataDir) -> None:
    """Remove what interrupted removals left."""
    for grave in data_dir.tenants.glob(f"{_PREFIX}*"):
        _remove(grave)


def _remove(grave: Path) -> None:
    if grave.is_symlink() or not grave.is_dir():
        grave.unlink(missing_ok=True)
    else:
        shutil.rmtree(grave)


def _take_lease(folder: Path) -> int | None:
    try:
        lease = os.open(folder / _LEASE_FILE, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lease)
        raise FolderInUseError(f"a process that this host does not run uses {folder}") from error
    return lease
